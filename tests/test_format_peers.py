"""Every file of public projects' data is read or refused with a reason; the counts are those of REFERENCE.md.

Run as a script it prints the lines of that table.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from newsgold.corpus.formats import import_files
from newsgold.corpus.formats.exchange import tallies
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.model import LAYERS
from newsgold.errors import count_codes

REPO = Path(__file__).parent.parent


class Peers(NamedTuple):
    """A set of files, the format to read them with, and its options; ``{}`` in a value stands for the folder of all sets."""

    name: str
    format: str
    options: tuple[tuple[str, str], ...] = ()


SETS = (
    Peers("brat-samples", "brat"),
    Peers("litbank", "brat"),
    Peers("doccano-examples", "doccano"),
    Peers("prodigy-news", "prodigy"),
    Peers("prodigy-rel", "prodigy"),
    Peers("crossner-politics", "conll"),
    Peers("hipe2022-en", "conll"),
    Peers("uner-ewt", "conll"),
    Peers("wikineural-en", "conll"),
    Peers("wnut17", "conll"),
    Peers("conll04", "conll"),
    Peers("gum-news", "conll"),
    Peers("scierc-mini", "conll"),
)


def line(peers: Peers, home: Path) -> str:
    """The line of a set in the table."""
    files = [f for f in sorted((home / peers.name).rglob("*")) if f.is_file() and f != home / peers.name / "README.md"]
    options = {key: value.format(home) for key, value in peers.options}
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for file in files:
        if peers.format == "brat" and file.suffix == ".txt" and file.with_suffix(".ann").exists():
            continue  # it is the other half of that one
        imported = import_files(peers.format, [file], Terms(), **options)
        errors = [f for f in imported.findings if f.severity == "error"]
        counts.update(tallies(imported.documents))
        lost.update({loss.what: loss.n for loss in imported.losses})
        if imported.documents:
            codes.update(count_codes(imported.findings))
        else:
            assert errors, f"{file} gave neither documents nor a finding"
            first = errors[0]
            reason = first.got.partition(", which")[0].partition(":")[0] if first.code == "WRONG_FORMAT" else first.code
            refused[reason] += 1
    cells = [peers.name, f"`{peers.format}`", len(files), counts["documents"], *(counts[layer] for layer in LAYERS)]
    cells += [", ".join(f"{n} {code}" for code, n in sorted(part.items())) or "–" for part in (codes, lost)]
    cells.append("; ".join(f"{n} {reason}" for reason, n in sorted(refused.items())) or "–")
    return f"| {' | '.join(map(str, cells))} |"


@pytest.mark.parametrize("peers", SETS, ids=lambda peers: f"{peers.name}-{peers.format}")
def test_the_counts_in_the_reference_are_those_of_the_files(peers: Peers, shared: Path) -> None:
    assert line(peers, shared / "peers") in (REPO / "REFERENCE.md").read_text(encoding="utf-8").split("\n")


def test_every_line_of_the_table_is_tested() -> None:
    section = (REPO / "REFERENCE.md").read_text(encoding="utf-8").partition("\n## Other formats\n")[2].partition("\n## ")[0]
    rows = section.partition("| set |")[2].split("\n")[2:]
    assert [row.split("|")[1].strip() for row in rows if row.startswith("|")] == [peers.name for peers in SETS]


if __name__ == "__main__":
    for peers in SETS:
        print(line(peers, Path(os.environ.get("NEWSGOLD_SHARED", REPO.parent / "shared")) / "peers"))  # noqa: T201
