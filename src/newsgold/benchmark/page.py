"""The leaderboard as one HTML file: no scripts, nothing loaded, every text escaped."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from newsgold.errors import count_codes, printable

if TYPE_CHECKING:
    from newsgold.benchmark.card import Kind
    from newsgold.benchmark.leaderboard import Entry
    from newsgold.benchmark.score import Result

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --faint: #5f5f5f; --best: #0072b2; --band: #8881; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 78rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
.stays { display: inline-block; position: sticky; left: .4rem; max-width: calc(100vw - 4rem); white-space: normal; }
caption { text-align: left; padding-bottom: .5rem; }
th, td { padding: .35rem .4rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th[scope=row], [rowspan], [scope=rowgroup] { text-align: left; }
th[scope=row] { position: sticky; left: 0; background: Canvas; min-width: 8rem; white-space: normal; line-height: 1.25; }
th[scope=row] small { font-weight: 400; }
[scope=rowgroup] { background: var(--band); font-weight: 400; padding-top: .8rem; }
[scope=colgroup] { text-align: center; }
thead th { vertical-align: bottom; }
.best { font-weight: 700; color: var(--best); }
small, .faint { color: var(--faint); }
dt { margin-top: .8rem; }
dd { margin-left: 1.2rem; }
code { font-size: .85em; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { :root { --faint: #a8a8a8; --best: #56b4e9; } }
"""

_GROUPS: Mapping[Kind, str] = {
    "submission": "<strong>Systems</strong>, best first by the mean F1 of the headlines",
    "degenerate": "<strong>Degenerate</strong>, not ranked: what is earned without reading. The last layer that each attempts is"
    " the degenerate one; those before it are of rules",
    "annotator": "<strong>Annotators</strong>, not ranked: passes of single annotators. Against gold that was adjudicated from"
    " the pass a score is an upper bound; <em>left out</em> is against what was made without it",
}
"""What is said of the rows of a group, by the first kind in it."""


def page(
    entries: Sequence[Entry], about: Mapping[str, str], columns: Mapping[str, str], groups: Sequence[tuple[Kind, ...]]
) -> str:
    """The page of a board: its table, the cards, the signatures.

    Args:
        entries: In the order in which they are shown.
        about: ``corpus``, ``split``, ``documents`` and ``caution``.
        columns: The heading of each key that is shown.
        groups: The kinds that stand together; the best of the first group are marked.
    """
    heads = "".join(f'<th colspan="3" scope="colgroup">{html.escape(title)}</th>' for title in columns.values())
    subheads = '<th scope="col">P</th><th scope="col">R</th><th scope="col">F1</th>' * len(columns)
    best = {key: max((_f1(e.result, key) for e in entries if e.card.kind in groups[0]), default=-1.0) for key in columns}
    bodies = "\n".join(_body(kinds, entries, columns, best if kinds is groups[0] else {}) for kinds in groups)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>newsgold leaderboard</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>newsgold leaderboard</h1>
<p>Corpus {_safe(about["corpus"])}, split {_safe(about["split"])}, {_safe(about["documents"])} document(s).
{_safe(about["caution"])}</p>
<p>{_people(entries)}</p>
<div class="wide">
<table>
<caption class="faint"><span class="stays">Precision, recall and F1 in per cent; best F1 of a system in bold;
– where a layer was not attempted or a score is undefined.</span></caption>
<thead><tr><th rowspan="2" scope="col">System</th>{heads}</tr><tr>{subheads}</tr></thead>
{bodies}
</table>
</div>
<h2>What they are</h2>
<dl>
{chr(10).join(_card(e) for e in entries)}
</dl>
<h2>Signatures</h2>
<p>Scores compare only under equal signatures.</p>
{"".join(f"<p><code>{_safe(s)}</code></p>" for s in _signatures(entries))}
</main>
</body>
</html>
"""


def _people(entries: Sequence[Entry]) -> str:
    """Whether there is a row that a person made."""
    makers = {e.card.made_by for e in entries if e.card.kind == "annotator"}
    if None in makers:
        return "Of some annotators it is not stated whether they are people."
    if "people" in makers:
        return "What made an annotator's passes, people or a language model, is said below."
    passes = ": every annotator here is a language model" if makers else ""
    return f"There is no row of a human annotator{passes}. A round made by people gives one, by the same steps."


def _body(kinds: Sequence[Kind], entries: Sequence[Entry], columns: Mapping[str, str], best: Mapping[str, float]) -> str:
    rows = [row for e in entries if e.card.kind in kinds for row in _rows(e, columns, best)]
    if not rows:
        return ""
    head = f'<tr><th colspan="{1 + 3 * len(columns)}" scope="rowgroup"><span class="stays">{_GROUPS[kinds[0]]}</span></th></tr>'
    return "<tbody>\n" + "\n".join([head, *rows]) + "\n</tbody>"


def _rows(entry: Entry, columns: Mapping[str, str], best: Mapping[str, float]) -> Iterator[str]:
    card, result = entry.card, entry.result
    label = f"{entry.rank}. {card.name}" if entry.rank else card.name
    if result is None:
        codes = ", ".join(f"{code} × {n}" for code, n in count_codes(entry.findings).items())
        yield f'<tr>{_name(label, card.version)}<td colspan="{3 * len(columns)}">refused: {_safe(codes)}</td></tr>'
        return
    note = card.version
    if card.kind == "baseline":
        note += ", baseline"
    if card.kind == "annotator":
        note += f", against gold{'' if card.in_gold else ' made without it'}, {result.documents} document(s)"
    yield f"<tr>{_name(label, note)}{_scores(result, columns, best)}</tr>"
    if entry.without is not None:
        against = f"{card.version}, left out, against {', '.join(entry.without.against)}, {entry.without.documents} document(s)"
        yield f"<tr>{_name(label, against)}{_scores(entry.without.result, columns, {})}</tr>"


def _name(label: str, note: str) -> str:
    return f'<th scope="row">{_safe(label)} <small>{_safe(note)}</small></th>'


def _scores(result: Result, columns: Mapping[str, str], best: Mapping[str, float]) -> str:
    scores = result.to_dict()["scores"]
    cells = []
    for key in columns:
        values = [scores.get(key, {}).get(part) for part in ("precision", "recall", "f1")]
        style = ' class="best"' if values[2] is not None and values[2] == best.get(key) and values[2] > 0 else ""
        cells += [f"<td>{percent(v)}</td>" for v in values[:2]] + [f"<td{style}>{percent(values[2])}</td>"]
    return "".join(cells)


def _card(entry: Entry) -> str:
    card = entry.card
    said = {
        "Saw": card.saw, "Caution": card.caution, "Time and memory": card.cost, "Made anew by": card.command,
    }  # fmt: skip
    lines = "".join(f'<br><span class="faint">{what}: {_safe(text)}</span>' for what, text in said.items() if text)
    kind = card.kind if card.kind != "annotator" else f"annotator ({card.made_by or 'not stated what it is'})"
    return f"<dt><strong>{_safe(card.name)}</strong> {_safe(card.version)}, {kind}</dt><dd>{_safe(card.summary)}{lines}</dd>"


def _signatures(entries: Sequence[Entry]) -> list[str]:
    results = [r for e in entries for r in (e.result, e.without.result if e.without else None) if r is not None]
    return sorted({r.signature for r in results})


def _f1(result: Result | None, key: str) -> float:
    if result is None or key not in result.measured:
        return -1.0
    value = result.to_dict()["scores"][key]["f1"]
    return -1.0 if value is None else float(value)


def percent(value: float | None) -> str:
    """A ratio as per cent with one decimal, – where undefined."""
    return "–" if value is None else f"{100 * value:.1f}"


def _safe(text: str) -> str:
    return html.escape(printable(text))
