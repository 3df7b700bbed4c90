"""What the commands of all rooms share: options, findings, tables, JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from newsgold.errors import DataError, Finding, count_codes, has_errors

PATH = click.Path(path_type=Path)
CORPUS = Path("corpus")
SHOWN = 100
"""How many findings are printed where they are not the result of the command."""


def say(text: str) -> None:
    """A message for the person at the terminal."""
    click.echo(text, err=True)


def print_findings(found: Iterable[Finding], *, err: bool = False, most: int | None = None) -> None:
    """Print findings, errors first where there are more than ``most``; the rest as numbers of their codes."""
    shown = list(found)
    left: list[Finding] = []
    if most is not None and len(shown) > most:
        shown.sort(key=lambda f: f.severity != "error")
        shown, left = shown[:most], shown[most:]
    for item in shown:
        click.echo(f"{item.severity}: {item}", err=err)
    if left:
        click.echo("and " + ", ".join(f"{n} more {code}" for code, n in count_codes(left).items()), err=err)


def judge(found: Sequence[Finding]) -> None:
    """Print a summary of findings and end with 1 if any is an error."""
    errors = sum(f.severity == "error" for f in found)
    say(f"{errors} error(s), {len(found) - errors} warning(s)")
    if errors:
        raise click.exceptions.Exit(1)


def print_json(value: Any) -> None:
    """Print a value for machines."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns: the first to the left, the others to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


as_json = click.option("--json", "as_json", is_flag=True, help="Print for machines.")
labels_option = click.option("--labels", type=PATH, help="Another label inventory (TOML).")


def scored(command: Any) -> Any:
    """The options that say what is scored."""
    for option in (
        labels_option,
        click.option("--articles", type=PATH, help="Texts to check offsets against; by default those of the gold's corpus."),
        click.option("--kinds", help="Mention kinds that mentions.* compares, by default NAM,VAL."),
        click.option("--split", type=click.Choice(["train", "validation", "test"])),
    ):
        command = option(command)
    return command


def dash(value: object) -> str:
    """A value, or a dash where there is none."""
    return "–" if value is None else str(value)


def whole(decoded: Any) -> list[Any]:
    """The values of what was read, if all of it could be."""
    if has_errors(decoded.findings):
        raise DataError("not everything can be read", decoded.findings)
    return [r.value for r in decoded.records]


def scores_table(scores: dict[str, Any]) -> str:
    """Scores as a table in per cent, with their intervals and the counts behind them."""
    rows = [["", "P", "R", "F1", "95 %", "right/predicted", "found/gold"]]
    for key, s in scores.items():
        if s["kind"] != "prf":
            value = "–" if s["value"] is None else f"{100 * s['value']:.1f}"
            rows.append([key, "", "", value, interval(s["ci95"]["value"]), f"of {s['n']}" if "n" in s else "mean", ""])
            continue
        c = s["counts"]
        parts = ["–" if s[p] is None else f"{100 * s[p]:.1f}" for p in ("precision", "recall", "f1")]
        counted = [f"{c['p_num']:.6g}/{c['p_den']:.6g}", f"{c['r_num']:.6g}/{c['r_den']:.6g}"]
        rows.append([key, *parts, interval(s["ci95"]["f1"]), *counted])
    return table(rows)


def interval(ci: list[float] | None, sign: str = "") -> str:
    """An interval of shares, in per cent."""
    return "–" if ci is None else f"[{100 * ci[0]:{sign}.1f}, {100 * ci[1]:{sign}.1f}]"
