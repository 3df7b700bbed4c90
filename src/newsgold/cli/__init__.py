"""The command line: ``newsgold <room> <verb>``.

Results go to stdout (``--json`` for machines), progress and messages to
stderr. The exit code is 0 if all is well, 1 for findings or a missed gate, 2 for
a wrong call, 3 where a file cannot be read or written, 130 after Ctrl-C. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

import os
import sys

import click

from newsgold import __version__
from newsgold.cli.annotation import annotation
from newsgold.cli.benchmark import benchmark
from newsgold.cli.corpus import corpus
from newsgold.cli.output import SHOWN, print_findings, say
from newsgold.errors import DataError, NewsgoldError, printable


def main() -> None:
    """Run the command and turn every outcome into its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    try:
        code = cli.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        code = 2
    except DataError as error:
        say(f"newsgold: {error.args[0]}")
        print_findings(error.findings, err=True, most=SHOWN)
        code = error.exit_code
    except NewsgoldError as error:
        say(f"newsgold: {printable(str(error))}")
        code = error.exit_code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (KeyboardInterrupt, click.Abort):
        say("newsgold: interrupted")
        code = 130
    except OSError as error:
        say(f"newsgold: {printable(str(error))}")
        code = 3
    sys.exit(code if isinstance(code, int) else 0)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="newsgold")
def cli() -> None:
    """An annotated news corpus and its benchmark."""


for room in (corpus, annotation, benchmark):
    cli.add_command(room)
