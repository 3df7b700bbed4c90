"""The leaderboard: every submission rescored, as files in git and one static page.

    submissions/<system>/<version>/system.json + predictions.jsonl   what was submitted
    results/<system>/<version>.json                                   its scores, made here
    results/leaderboard.json                                          the table
    site/index.html                                                   the page

Numbers come from rescoring only; a submission states none. A faulty submission
is listed with its fault and disturbs no other.
"""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from newsgold.benchmark.baselines import SYSTEMS
from newsgold.benchmark.score import Result, score
from newsgold.benchmark.systems import predict
from newsgold.corpus.codec import encode_jsonl, read_bytes, read_part, write_atomic
from newsgold.corpus.model import DOCUMENT_ID
from newsgold.corpus.store import corpus_version, read_annotations, read_articles
from newsgold.errors import DataError, FileFault, Finding, count_codes, finding, has_errors, printable, quote
from newsgold.metrics.suite import HEADLINES

COLUMNS = {
    "mentions.strict": "Entities",
    "coref.lea": "Coreference",
    "relations.mapped": "Relations",
    "relations.strict": "Relations, strict",
    "stance.tuple": "Stance",
}
"""The scores that the table shows, with their headings; all scores are in the results."""


class SystemCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``system.json``: what a submission says of itself."""

    name: str
    version: str
    summary: str
    saw: str
    """What it was made from or trained on, in words; whether it saw any document of the corpus."""
    authors: tuple[str, ...]
    url: str | None = None
    licence: str | None = None


class Entry(NamedTuple):
    """A submission and what became of it."""

    card: SystemCard
    result: Result | None
    findings: tuple[Finding, ...]

    @property
    def path(self) -> str:
        """Where its results are kept, below results/."""
        return f"{self.card.name}/{self.card.version}.json"


def write_submission(benchmark: Path, card: SystemCard, predictions: bytes) -> list[Path]:
    """Write a submission folder; the paths that changed."""
    folder = benchmark / "submissions" / card.name / card.version
    files = ((folder / "predictions.jsonl", predictions), (folder / "system.json", _pretty(msgspec.to_builtins(card))))
    return [path for path, data in files if write_atomic(path, data)]


def submit_baselines(benchmark: Path, gold: Path) -> list[Path]:
    """Run the package's baselines over the corpus and write them as submissions; the paths that changed."""
    if not benchmark.is_dir():
        raise FileFault(f"no benchmark folder {benchmark}: make it first, or check its name")
    decoded = read_articles(gold)
    if has_errors(decoded.findings):
        raise DataError(f"the articles of {gold} cannot all be read", decoded.findings)
    articles = [r.value for r in decoded.records]
    changed: list[Path] = []
    for baseline in SYSTEMS.values():
        card = SystemCard(
            name=baseline.name, version=baseline.version, summary=baseline.summary, saw=baseline.saw,
            authors=("newsgold maintainers",), licence="Apache-2.0",
        )  # fmt: skip
        predictions = encode_jsonl(predict(baseline.function, articles, name=baseline.name))
        changed += write_submission(benchmark, card, predictions)
    return changed


def about(gold: Path, split: str) -> dict[str, str]:
    """What the table says of the data it was made on."""
    documents = sum(r.value.split == split for r in read_annotations(gold).records)
    caution = "So few documents cannot rank systems: read the scores as a worked example." if documents < 30 else ""
    return {
        "corpus": corpus_version(gold) or "unversioned",
        "split": split,
        "documents": str(documents),
        "caution": caution,
    }


def text_table(entries: list[Entry]) -> list[list[str]]:
    """The table for a terminal: system by score, each as P / R / F1 in per cent."""
    rows = [["system", *COLUMNS.values()]]
    for entry in entries:
        scores = entry.result.to_dict()["scores"] if entry.result else {}
        cells = [" / ".join(percent(scores.get(key, {}).get(part)) for part in ("precision", "recall", "f1")) for key in COLUMNS]
        rows.append([f"{entry.card.name} {entry.card.version}", *(cells if entry.result else ["refused"] * len(COLUMNS))])
    return rows


def read_submissions(benchmark: Path, gold: Path, *, split: str | None = None) -> list[Entry]:
    """Every submission, rescored against the gold; best first by the mean of the headline F1, then by name."""
    if not (benchmark / "submissions").is_dir():
        raise FileFault(f"no submissions in {benchmark}: expected submissions/<system>/<version>/system.json")
    entries = [_entry(path.parent, gold, split) for path in sorted((benchmark / "submissions").glob("*/*/system.json"))]
    return sorted(entries, key=lambda e: (-_mean_f1(e), e.card.name, e.card.version))


def _entry(folder: Path, gold: Path, split: str | None) -> Entry:
    where = folder / "system.json"
    try:
        card = msgspec.json.decode(read_bytes(where), type=SystemCard)
    except msgspec.DecodeError as error:
        card = SystemCard(name=folder.parent.name, version=folder.name, summary="", saw="", authors=())
        return Entry(card, None, (finding("BAD_SHAPE", str(where), got=quote(str(error), 160)),))
    if (card.name, card.version) != (folder.parent.name, folder.name) or not all(
        DOCUMENT_ID.fullmatch(part) for part in (card.name, card.version)
    ):
        fault = finding(
            "FILE_NAME", str(where), got=quote(f"{card.name}/{card.version}"), wanted=quote(f"{folder.parent.name}/{folder.name}")
        )
        return Entry(msgspec.structs.replace(card, name=folder.parent.name, version=folder.name), None, (fault,))
    predictions = folder / "predictions.jsonl"
    raw = read_part(predictions)
    if isinstance(raw, Finding):
        return Entry(card, None, (raw,))
    try:
        result = score(gold, predictions, split=split)
    except DataError as error:
        return Entry(card, None, error.findings)
    return Entry(card, result, result.findings)


def _mean_f1(entry: Entry) -> float:
    """Mean of the headline F1 scores; a layer not attempted counts 0."""
    if entry.result is None:
        return -1.0
    scores = entry.result.to_dict()["scores"]
    return sum(scores[key]["f1"] or 0.0 for key in HEADLINES if key in scores) / len(HEADLINES)


def render(entries: list[Entry], about: Mapping[str, str]) -> dict[str, bytes]:
    """Every generated file by its path below the benchmark folder."""
    files = {f"results/{e.path}": _pretty(_result(e)) for e in entries}
    files["results/leaderboard.json"] = _pretty({**about, "systems": [_row(e) for e in entries]})
    files["site/index.html"] = _page(entries, about).encode("utf-8")
    return files


def write(benchmark: Path, files: Mapping[str, bytes]) -> list[Path]:
    """Write the generated files and remove results of submissions that are gone; the paths that changed."""
    changed = [benchmark / name for name, data in files.items() if write_atomic(benchmark / name, data)]
    for path in _strays(benchmark, files):
        path.unlink()
        changed.append(path)
    return changed


def check(benchmark: Path, files: Mapping[str, bytes]) -> list[Finding]:
    """A finding for each generated file that is not what the submissions give today."""
    stale = [p for name, data in files.items() if not (p := benchmark / name).is_file() or p.read_bytes() != data]
    return [finding("RELEASE_STALE", str(path)) for path in [*stale, *_strays(benchmark, files)]]


def _strays(benchmark: Path, files: Mapping[str, bytes]) -> list[Path]:
    return [p for p in sorted((benchmark / "results").glob("**/*.json")) if p.relative_to(benchmark).as_posix() not in files]


def _pretty(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def _result(entry: Entry) -> dict[str, Any]:
    card = msgspec.to_builtins(entry.card)
    if entry.result is None:
        return {"system": card, "refused": [printable(str(f)) for f in entry.findings[:20]]}
    return {"system": card, **entry.result.to_dict()}


def _row(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"system": entry.card.name, "version": entry.card.version, "findings": count_codes(entry.findings)}
    if entry.result is None:
        return {**row, "refused": True}
    scores = entry.result.to_dict()["scores"]
    shown = {key: {p: scores[key][p] for p in ("precision", "recall", "f1")} for key in COLUMNS if key in scores}
    return {**row, "scores": shown, "signature": entry.result.signature}


# --------------------------------------------------------------------------- page

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --faint: #6b6b6b; --best: #0072b2; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.wide { overflow-x: auto; }
th, td { padding: .35rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th[scope=row], [rowspan] { text-align: left; }
[scope=colgroup] { text-align: center; }
thead th { vertical-align: bottom; }
.best { font-weight: 700; color: var(--best); }
small, .faint { color: var(--faint); }
code { font-size: .85em; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) { :root { --faint: #a0a0a0; --best: #56b4e9; } }
"""


def _page(entries: list[Entry], about: Mapping[str, str]) -> str:
    """The leaderboard as one HTML file: no scripts, nothing loaded, every text escaped."""
    best = {key: max((_f1(e, key) for e in entries), default=-1.0) for key in COLUMNS}
    heads = "".join(f'<th colspan="3" scope="colgroup">{html.escape(title)}</th>' for title in COLUMNS.values())
    subheads = '<th scope="col">P</th><th scope="col">R</th><th scope="col">F1</th>' * len(COLUMNS)
    rows = "\n".join(_page_row(e, best) for e in entries)
    signatures = sorted({e.result.signature for e in entries if e.result is not None})
    cards = "\n".join(
        f"<dt><strong>{_safe(e.card.name)}</strong> {_safe(e.card.version)}</dt><dd>{_safe(e.card.summary)}"
        f' <span class="faint">Saw: {_safe(e.card.saw)}</span></dd>'
        for e in entries
    )
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
<div class="wide">
<table>
<caption class="faint">Precision, recall and F1 in per cent; best F1 in bold;
– where a layer was not attempted or a score is undefined.</caption>
<thead><tr><th rowspan="2" scope="col">System</th>{heads}</tr><tr>{subheads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
<h2>Systems</h2>
<dl>
{cards}
</dl>
<h2>Signature</h2>
<p>Scores compare only under equal signatures.</p>
{"".join(f"<p><code>{_safe(s)}</code></p>" for s in signatures)}
</main>
</body>
</html>
"""


def _page_row(entry: Entry, best: Mapping[str, float]) -> str:
    name = f'<th scope="row">{_safe(entry.card.name)} <small>{_safe(entry.card.version)}</small></th>'
    if entry.result is None:
        codes = ", ".join(f"{code} × {n}" for code, n in count_codes(entry.findings).items())
        return f'<tr>{name}<td colspan="{3 * len(COLUMNS)}">refused: {_safe(codes)}</td></tr>'
    scores = entry.result.to_dict()["scores"]
    cells = []
    for key in COLUMNS:
        values = [scores.get(key, {}).get(part) for part in ("precision", "recall", "f1")]
        style = ' class="best"' if values[2] is not None and values[2] == best[key] > 0 else ""
        cells += [f"<td>{percent(v)}</td>" for v in values[:2]] + [f"<td{style}>{percent(values[2])}</td>"]
    return f"<tr>{name}{''.join(cells)}</tr>"


def _f1(entry: Entry, key: str) -> float:
    if entry.result is None or key not in entry.result.measured:
        return -1.0
    value = entry.result.to_dict()["scores"][key]["f1"]
    return -1.0 if value is None else float(value)


def percent(value: float | None) -> str:
    """A ratio as per cent with one decimal, – where undefined."""
    return "–" if value is None else f"{100 * value:.1f}"


def _safe(text: str) -> str:
    return html.escape(printable(text))
