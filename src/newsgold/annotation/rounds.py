"""Rounds on record, and the page that says how well the passes of each agreed.

A round is a folder: ``PASS.json``, a raw Label Studio export of one annotator each, and ``ID.record.json``, who decided what in
a document, by which rule. The passes that records name were adjudicated; a pass that no record names is a blind one,
made to see what gold lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.annotation.agreement import SHOWN, Agreement, Figure, agree, reasons
from newsgold.annotation.label_studio import import_export
from newsgold.annotation.records import NO_RULE, SUFFIX, AdjudicationRecord, read_record
from newsgold.corpus.labels import Labels
from newsgold.corpus.markdown import table
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import DataError, FileFault, Finding, has_errors

_HEADLINE = ("NAM", "VAL")
"""The kinds whose agreement has a bar of its own."""
_BY_TYPE = ("mentions.strict", "relations.mapped", "stance.tuple")
_GOLD = ("mentions.strict", "coref.conll", "linking.accuracy", "relations.mapped", "stance.pair", "stance.tuple")
_LAYERS = ("mentions", "entities", "links", "relations", "stances")
_INTRO = """\
# Agreement

Generated from `rounds/` by `make generated`; do not edit.

Passes were made by a language model: this is **inter-pass** agreement, not agreement between people, and passes
of one model share its mistakes. All mention kinds are compared unless a row says otherwise. What the figures are and what
becomes of edge cases is in [agreement_conventions.md](agreement_conventions.md). Intervals are of a bootstrap of documents and,
as articles on one event are not independent, of events; one document or event cannot tell how much others differ.
"""


class Round(NamedTuple):
    """A round as it is on record."""

    name: str
    passes: Mapping[str, Sequence[Annotation]]
    records: Sequence[AdjudicationRecord]

    @property
    def adjudicated(self) -> dict[str, Sequence[Annotation]]:
        """The passes that gold was made of; all, where nothing was decided yet."""
        named = {name for record in self.records for name in record.passes}
        return {name: rows for name, rows in self.passes.items() if name in named or not named}

    @property
    def blind(self) -> dict[str, Sequence[Annotation]]:
        """The passes that gold was not made of."""
        return {name: rows for name, rows in self.passes.items() if name not in self.adjudicated}


def read_rounds(folder: Path, articles: Mapping[str, Article], labels: Labels) -> list[Round]:
    """Every round of a folder, by name, with the passes that were submitted.

    Raises:
        FileFault: there is no such folder.
        DataError: an export or a record has errors; all of them.
    """
    if not folder.is_dir():
        raise FileFault(f"no rounds in {folder}: expected {folder}/<round>/<annotator>.json")
    found: list[Finding] = []
    rounds = [_round(f, articles, labels, found) for f in sorted(p for p in folder.iterdir() if p.is_dir())]
    if has_errors(found):
        raise DataError(f"the rounds of {folder} cannot all be read", found)
    return rounds


def _round(folder: Path, articles: Mapping[str, Article], labels: Labels, found: list[Finding]) -> Round:
    passes: dict[str, list[Annotation]] = {}
    records = []
    for path in sorted(folder.glob("*.json")):
        if path.name.endswith(SUFFIX):
            record, faults = read_record(path)
            found += faults
            records += [record] if record is not None else []
        else:
            done = import_export(path, articles, labels)
            found += done.findings
            for one in done.passes:
                if one.annotation is not None and one.status in ("submitted", "empty"):
                    passes.setdefault(one.annotator, []).append(one.annotation)
    return Round(folder.name, passes, records)


# ------------------------------------------------------------------------ the page


def agreement_page(
    rounds: Iterable[Round], gold: Mapping[str, Annotation], articles: Mapping[str, Article], labels: Labels
) -> str:
    """The page ``agreement.md``: each round before and after adjudication, what was decided, and what blind passes add."""
    parts = [_INTRO]
    for one in rounds:
        made = one.adjudicated
        if len(made) > 1:
            parts.append(f"## Round {one.name}: {' × '.join(made)}\n")
            parts.append(f"### Before adjudication\n\n{_before(made, articles, labels)}")
        if one.records:
            parts.append(f"### Adjudication\n\n{_decided(one.records)}")
        known = {name: [a for a in rows if a.id in gold] for name, rows in made.items()}
        if one.records and any(known.values()):
            parts.append(f"### After adjudication: each pass against gold\n\n{_against(known, gold, articles, labels)}")
        for name, rows in one.blind.items():
            parts.append(f"### Completeness: the blind pass {name}\n\n{_completeness(name, rows, gold, articles, labels)}")
    return "\n".join(parts)


def _before(passes: Mapping[str, Sequence[Annotation]], articles: Mapping[str, Article], labels: Labels) -> str:
    by_document, by_event = (agree(passes, labels=labels, articles=articles, by_event=events) for events in (False, True))
    headline = [agree(passes, labels=labels, articles=articles, kinds=_HEADLINE, by_event=events) for events in (False, True)]
    rows = list(_rows(by_document, by_event))
    at = next(i for i, row in enumerate(rows) if row[0] == "`mentions.exact`")
    pair = [result.pooled["mentions.strict"] for result in headline]
    rows.insert(at, (f"`mentions.strict`, {' and '.join(_HEADLINE)} only", *_cells(*pair)))
    out = table(("", "value", "95 % (documents)", "95 % (events)", "documents", "items"), rows)
    if len(by_document.pairs) > 1:
        pairs = {name: by_document.figures(name) for name in by_document.pairs}
        cells = ((f"`{key}`", *(_value(own.get(key)) for own in pairs.values())) for key in SHOWN)
        out += "\n" + table(("value", *pairs), (row for row in cells if {*row[1:]} != {"–"}))
    said = reasons(by_document.pooled[key] for key in SHOWN if key in by_document.pooled)
    return out + "".join(f"\n{note}.\n" for note in (*(s[0].upper() + s[1:] for s in said), *by_document.notes))


def _rows(by_document: Agreement, by_event: Agreement) -> Iterator[tuple[str, ...]]:
    for key in (key for key in SHOWN if key in by_document.pooled):
        first, second = by_document.pooled[key], by_event.pooled[key]
        yield (f"`{key}`", *_cells(first, second))
        if key in _BY_TYPE:
            types, again = (dict(_types(result, key)) for result in (by_document, by_event))
            yield from ((f"– {name}", *_cells(f, again[name])) for name, f in types.items() if f.n)


def _types(result: Agreement, key: str) -> Iterator[tuple[str, Figure]]:
    """The figures of each type; of relations and stance there are those of a pair alone."""
    yield from result.pooled[key].by_type.items()
    if len(result.pairs) == 1 and not result.pooled[key].by_type:
        (pair,) = result.pairs.values()
        documents = result.pooled[key].documents
        for name, score in pair.scores[key]["by_type"].items():
            counts = score["counts"]
            yield name, Figure(score["f1"], score["ci95"]["f1"], documents, counts["p_den"] + counts["r_den"])


def _cells(by_document: Figure, by_event: Figure) -> tuple[str, ...]:
    f = by_document
    return _value(f), _interval(f.ci95), _interval(by_event.ci95), str(f.documents), f"{f.n:.6g}"


def _value(figure: Figure | None) -> str:
    return "–" if figure is None or figure.value is None else f"{figure.value:.3f}"


def _interval(ci95: Sequence[float] | None) -> str:
    return "–" if ci95 is None else f"{ci95[0]:.3f} to {ci95[1]:.3f}"


def _decided(records: Sequence[AdjudicationRecord]) -> str:
    """What all passes had, and what became of the rest."""
    agreed = {layer: sum(len(getattr(r.agreed, layer)) for r in records) for layer in _LAYERS}
    what: Counter[tuple[str, str]] = Counter((d.layer, d.decision) for r in records for d in r.decisions)
    rows = [(layer, agreed[layer], *(what[layer, word] for word in ("kept", "dropped", "added"))) for layer in _LAYERS]
    out = table(("", "all passes had", "of one pass, kept", "dropped", "added or mended by the adjudicator"), rows)
    rules = [d.rule for r in records for d in r.decisions]
    who = ", ".join(sorted({r.adjudicator for r in records}))
    silent = sum(rule == NO_RULE for rule in rules)
    return f"{out}\n{len(rules)} decision(s) in {len(records)} document(s) by: {who}. No rule decided {silent} of them.\n"


def _against(
    known: Mapping[str, Sequence[Annotation]],
    gold: Mapping[str, Annotation],
    articles: Mapping[str, Article],
    labels: Labels,
) -> str:
    columns = {name: _scores(rows, gold, articles, labels) for name, rows in known.items() if rows}
    body = [(f"`{key}`", *(_main(scores.get(key)) for scores in columns.values())) for key in _GOLD]
    note = "\nGold was made of these passes, so this is what adjudication changed, not how well a further annotator would do.\n"
    return table(("", *columns), body) + note


def _main(score: Mapping[str, Any] | None) -> str:
    value = None if score is None else score["f1" if score["kind"] == "prf" else "value"]
    return "–" if value is None else f"{value:.3f}"


def _scores(
    rows: Sequence[Annotation], gold: Mapping[str, Annotation], articles: Mapping[str, Article], labels: Labels
) -> Mapping[str, dict[str, Any]]:
    """A pass against the gold of its documents, by key."""
    sides = {"gold": [gold[a.id] for a in rows], "pass": list(rows)}
    (pair,) = agree(sides, labels=labels, articles=articles, resamples=0).pairs.values()
    return pair.scores


def _completeness(
    name: str,
    rows: Sequence[Annotation],
    gold: Mapping[str, Annotation],
    articles: Mapping[str, Article],
    labels: Labels,
) -> str:
    """How much of what a blind pass found gold has."""
    rows = [a for a in rows if a.id in gold]
    scores = _scores(rows, gold, articles, labels)
    body = []
    for key in ("mentions.strict", "relations.mapped", "stance.tuple"):
        counts = scores[key]["counts"]
        found, there, wanted = (round(counts[part]) for part in ("p_den", "p_num", "r_den"))
        body.append((f"`{key}`", found, there, *_share(there, found), wanted))
    head = ("", f"found by {name}", "of these in gold", "share", "95 % (Wilson)", "in gold")
    documents = ", ".join(sorted(a.id for a in rows))
    return (
        f"{len(rows)} document(s): {documents}.\n\n{table(head, body)}\n"
        "The share is an estimate of how complete gold is if what the pass found is right and it misses what it misses\n"
        "independently; passes of one model do not, so it is an upper bound of what a person would find.\n"
    )


def _share(part: int, whole: int) -> tuple[str, str]:
    """A share and its Wilson interval."""
    from scipy.stats import binomtest

    if not whole:
        return "–", "–"
    ci95 = binomtest(part, whole).proportion_ci(method="wilson")
    return f"{part / whole:.3f}", _interval((ci95.low, ci95.high))
