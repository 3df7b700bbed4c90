"""Passages of documents that are generated, and the check that they are up to date.

    python -m newsgold.generated           write them
    python -m newsgold.generated --check   fail if one is stale

A passage stands between ``<!-- generated: NAME -->`` and ``<!-- /generated -->``;
what is around it is written by hand. Whole files that are generated:
``annotation/label_config.xml`` and ``annotation/agreement.md``.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click

from newsgold.annotation.agreement import SHOWN, Agreement, Figure, agree, reasons
from newsgold.annotation.label_studio import config, import_export
from newsgold.cli import cli
from newsgold.corpus.codec import read_bytes, write_atomic
from newsgold.corpus.formats import FIELDS, FORMATS, load
from newsgold.corpus.labels import Label, Labels, RelationLabel, TypeLabel, load_labels
from newsgold.corpus.release import stats
from newsgold.corpus.store import read_articles
from newsgold.errors import FAULTS, FileFault

_PASSAGE = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- /generated -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    lines = [list(head), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


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
        rows.append((f"{row['system']} {row['version']}", *shown))
    where = f"Corpus {board['corpus']}, split {board['split']}, {board['documents']} document(s)"
    about = f"\n{where}; P / R / F1 in per cent. {board['caution']}\n"
    return table(("system", *(f"`{key}`" for key in keys)), rows) + about


def _figures(repo: Path) -> str:
    counts = stats(repo / "corpus")
    units = ("documents", "words", "mentions", "entities", "relations", "stances")
    groups = {"all": counts, **{f"split {k}": v for k, v in counts["by_split"].items()}}
    groups |= {f"origin {k}": v for k, v in counts["by_origin"].items()}
    out = table(("", *units), ((name, *(row[u] for u in units)) for name, row in groups.items()))
    for layer, numbers in counts["by_type"].items():
        out += f"\n{layer}: " + ", ".join(f"{name} {n}" for name, n in numbers.items()) + "\n"
    return out


# --------------------------------------------------------------------- whole files


def agreement(repo: Path, labels: Labels) -> str:
    """``annotation/agreement.md``: inter-pass agreement of every round, from the raw exports."""
    articles = {r.value.id: r.value for r in read_articles(repo / "corpus").records}
    parts = [
        "# Agreement\n\nGenerated from `rounds/` by `make generated`; do not edit.\n\n"
        "Passes were made by a language model: this is **inter-pass** agreement, not agreement between people, and passes\n"
        "of one model share its mistakes. All mention kinds are compared. What the figures are and what becomes of edge cases\n"
        "is in [agreement_conventions.md](agreement_conventions.md). Documents of one event are drawn together, so that an\n"
        "interval needs two events, or documents without one.\n"
    ]
    for folder in sorted(p for p in (repo / "annotation" / "rounds").iterdir() if p.is_dir()):
        passes = {}
        for path in sorted(folder.glob("*.json")):
            if not path.name.endswith(".record.json"):
                done = import_export(path, articles, labels)
                passes[path.stem] = [p.annotation for p in done.passes if p.annotation is not None]
        if len(passes) > 1:
            result = agree(passes, labels=labels, articles=articles)
            parts.append(f"## Round {folder.name}: {' × '.join(passes)}\n\n{_agreed(result)}")
    return "\n".join(parts)


def _agreed(result: Agreement) -> str:
    rows = []
    for key in (key for key in SHOWN if key in result.pooled):
        rows.append((f"`{key}`", *_cells(result.pooled[key])))
        rows += [(f"– {name}", *_cells(f)) for name, f in result.pooled[key].by_type.items() if key == "mentions.strict"]
    out = table(("", "value", "95 %", "documents", "items"), rows)
    if len(result.pairs) > 1:
        pairs = {name: result.figures(name) for name in result.pairs}
        cells = ((f"`{key}`", *(_cells(own[key])[0] if key in own else "–" for own in pairs.values())) for key in SHOWN)
        out += "\n" + table(("value", *pairs), (row for row in cells if {*row[1:]} != {"–"}))
    return out + "".join(
        f"\n{note}.\n"
        for note in (*map(str.capitalize, reasons(result.pooled[key] for key in SHOWN if key in result.pooled)), *result.notes)
    )


def _cells(figure: Figure) -> tuple[str, str, str, str]:
    value = "–" if figure.value is None else f"{figure.value:.3f}"
    interval = "–" if figure.ci95 is None else f"{figure.ci95[0]:.3f} to {figure.ci95[1]:.3f}"
    return value, interval, str(figure.documents), f"{figure.n:.6g}"


# --------------------------------------------------------------------------- files


def render(repo: Path) -> dict[Path, bytes]:
    """Every file with generated content, as it should be."""
    labels = load_labels(repo / "corpus" / "labels.toml")
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
        "figures": lambda: _figures(repo),
    }
    files = {
        repo / "annotation" / "label_config.xml": config(labels),
        repo / "annotation" / "agreement.md": agreement(repo, labels).encode("utf-8"),
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
