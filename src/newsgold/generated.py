"""Passages of documents that are generated, and the check that they are up to date.

    python -m newsgold.generated           write them
    python -m newsgold.generated --check   fail if one is stale

A passage stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``;
what is around it is written by hand. Whole files that are generated:
``annotation/label_config.xml``, ``annotation/agreement.md`` and the pictures of
the datasheet in ``annotation/figures/``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import click

from newsgold.annotation.label_studio import config
from newsgold.annotation.rounds import agreement_page, read_rounds
from newsgold.cli import cli
from newsgold.corpus.codec import read_bytes, write_atomic
from newsgold.corpus.formats import FIELDS, FORMATS, load
from newsgold.corpus.labels import Label, RelationLabel, TypeLabel, load_labels
from newsgold.corpus.markdown import table
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.datasheet import FOLDER, gather, pictures, tables
from newsgold.errors import FAULTS, DataError, FileFault, has_errors

_PASSAGE = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


# ------------------------------------------------------------------------ passages


def _labels(section: Mapping[str, Label]) -> str:
    rows = []
    for label in section.values():
        notes = ""
        if isinstance(label, TypeLabel):
            notes = "value type" if label.value else f"counts as {label.counts_as}" if label.counts_as else ""
        rows.append((f"**{label.name}**", label.definition, label.test, notes))
    noted = any(row[3] for row in rows)
    return table(("label", "definition", "test", "notes")[: 3 + noted], (row[: 3 + noted] for row in rows))


def _relations(section: Mapping[str, RelationLabel]) -> str:
    rows = []
    for label in section.values():
        flags = [word for word, on in (("symmetric", label.symmetric), ("transitive", label.transitive)) if on]
        flags += [f"excludes {other}" for other in label.excludes]
        arrow = f"{' '.join(label.domain)} → {' '.join(label.range)}"
        rows.append((f"**{label.name}**", arrow, ", ".join(flags), label.definition, label.test))
    return table(("relation", "domain → range", "flags", "definition", "test"), rows)


def _findings() -> str:
    """The reference of finding codes: a paragraph each."""
    parts = []
    for code, fault in FAULTS.items():
        parts.append(f"### {code}\n\n*{fault.severity}*: {fault.message}. {fault.about}\n**Remedy:** {fault.hint}\n")
    return "\n" + "\n".join(parts) + "\n"


def _commands() -> str:
    rows = []
    for room, group in cli.commands.items():
        if isinstance(group, click.Group):
            rows += [(f"`newsgold {room} {verb}`", command.get_short_help_str(120)) for verb, command in group.commands.items()]
    return table(("command", "does"), rows)


def _formats() -> str:
    """What each foreign format is, what it does not carry, and its options."""
    rows = []
    for name in FORMATS:
        form = load(name)
        lost = ", ".join(field for field in FIELDS if field not in form.CARRIES)
        options = "; ".join(f"`{option}`: {about}" for option, about in form.OPTIONS.items())
        rows.append((f"`{name}`", form.ABOUT, lost or "nothing", options or "–"))
    return table(("format", "is", "does not carry", "options"), rows)


def _results(repo: Path) -> str:
    board = json.loads(read_bytes(repo / "benchmark" / "results" / "leaderboard.json"))
    keys = list(dict.fromkeys(key for row in board["systems"] for key in row.get("scores", {})))
    rows = []
    for row in board["systems"]:
        cells = [[row.get("scores", {}).get(key, {}).get(part) for part in ("precision", "recall", "f1")] for key in keys]
        shown = [" / ".join("–" if v is None else f"{100 * v:.1f}" for v in cell) for cell in cells]
        rank = f"{row['rank']}. " if row["rank"] else ""
        rows.append((f"{rank}{row['system']} {row['version']}", row["kind"], *shown))
    where = f"Corpus {board['corpus']}, split {board['split']}, {board['documents']} document(s)"
    about = f"\n{where}; P / R / F1 in per cent. {board['caution']}\n"
    return table(("system", "kind", *(f"`{key}`" for key in keys)), rows) + about


# --------------------------------------------------------------------------- files


def render(repo: Path) -> dict[Path, bytes]:
    """Every file with generated content, as it should be."""
    labels = load_labels(repo / "corpus" / "labels.toml")
    found = read_articles(repo / "corpus"), read_annotations(repo / "corpus")
    if has_errors(faults := [fault for decoded in found for fault in decoded.findings]):
        raise DataError("figures cannot be made of records that cannot be read", faults)
    articles, gold = {r.value.id: r.value for r in found[0].records}, {r.value.id: r.value for r in found[1].records}
    rounds = read_rounds(repo / "annotation" / "rounds", articles, labels)
    sheet = gather(articles.values(), gold, rounds, labels)
    passages: dict[str, Callable[[], str]] = {
        "kinds": lambda: _labels(labels.kinds),
        "types": lambda: _labels(labels.types),
        "relations": lambda: _relations(labels.relations),
        "factualities": lambda: _labels(labels.factualities),
        "polarities": lambda: _labels(labels.polarities),
        "bases": lambda: _labels(labels.bases),
        "findings": _findings,
        "commands": _commands,
        "formats": _formats,
        "results": lambda: _results(repo),
        **tables(sheet),
    }
    files = {
        repo / "annotation" / "label_config.xml": config(labels),
        repo / "annotation" / "agreement.md": agreement_page(rounds, gold, articles, labels).encode("utf-8"),
        **{repo / FOLDER / name: data for name, data in pictures(sheet).items()},
    }
    for name in ("README.md", "DATASHEET.md", "REFERENCE.md", "annotation/guidelines.md"):
        files[repo / name] = _fill(repo / name, passages)
    return files


def _fill(path: Path, passages: Mapping[str, Callable[[], str]]) -> bytes:
    text = read_bytes(path).decode("utf-8")

    def passage(match: re.Match[str]) -> str:
        if match[2] not in passages:
            raise FileFault(f"{path} asks for the passage {match[2]!r}, which nothing generates")
        return match[1] + passages[match[2]]() + match[3]

    return _PASSAGE.sub(passage, text).encode("utf-8")


def main() -> int:
    """Write or check every generated file; 1 if a check fails."""
    stale = 0
    for path, data in render(Path()).items():
        if "--check" in sys.argv:
            if not path.is_file() or path.read_bytes() != data:
                click.echo(f"stale: {path}; run make generated")
                stale = 1
        elif write_atomic(path, data):
            click.echo(f"wrote {path}")
    return stale


if __name__ == "__main__":
    sys.exit(main())
