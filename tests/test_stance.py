"""Stance: every metric against a slow version, worked cases, and the official numbers of SemEval-2016."""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slow_facts as slow
from newsgold.corpus.model import Annotation, Entity, Mention, Stance
from newsgold.metrics.counts import mean_prf, prf
from newsgold.metrics.suite import METRICS
from slow_facts import Resolved, counted, evaluation
from strategies import LABELS, pairs

Both = tuple[list[Annotation], list[Annotation]]
SIDED = ("favor", "against")
KEYS = [key for key in METRICS if key.startswith("stance.")]


def slow_counts(key: str, gold: Annotation, pred: Annotation) -> list[Any]:
    g, p = Resolved(gold), Resolved(pred)
    mapped = slow.mapping(g, p)
    sides = slow.positions(g, None), slow.positions(p, mapped)
    if key == "stance.span":
        return characters(spans(gold, g, None), spans(pred, p, mapped))
    if key in TUPLES:
        chosen = TUPLES[key]
        return slow.compared(*({k: rows for k, rows in side.items() if chosen(k)} for side in sides))
    return slow_pairs(key, *(pairs_of(side) for side in sides))


TUPLES: dict[str, Callable[[Any], bool]] = {
    "stance.tuple": lambda k: k[2] in SIDED,
    "stance.tuple.by_target": lambda k: k[2] in SIDED,
    "stance.tuple.author": lambda k: k[2] in SIDED and k[0] == "AUTHOR",
    "stance.tuple.quoted": lambda k: k[2] in SIDED and k[0] != "AUTHOR",
    "stance.neutral": lambda k: k[2] == "neutral",
}


def slow_pairs(key: str, gold: dict[Any, dict[str, int]], pred: dict[Any, dict[str, int]]) -> list[Any]:
    if key == "stance.pair":
        g, p = (Counter({k: 1 + sum(n - 1 for n in v.values()) for k, v in side.items()}) for side in (gold, pred))
        return [(g & p).total(), p.total(), (g & p).total(), g.total()]
    matched = gold.keys() & pred.keys()
    single = [(*gold[k], *pred[k]) for k in matched if len(gold[k]) == len(pred[k]) == 1]
    if key == "stance.polarity":
        right = sum(a == b for a, b in single)
        return [right, len(single), right, len(matched)]
    right = sum(a == b and a in SIDED for a, b in single)
    return [right, sum(b in SIDED for _, b in single), right, sum(a in SIDED for a, _ in single)]


def pairs_of(said: slow.Stated) -> dict[Any, dict[str, int]]:
    """For each pair its polarities, and how often each counts."""
    out: dict[Any, dict[str, int]] = defaultdict(dict)
    for (holder, target, polarity), n in slow.times(said).items():
        out[holder, target][polarity] = n
    return out


def spans(annotation: Annotation, side: Resolved, mapped: Any) -> dict[Any, set[int]]:
    """For each tuple the characters it stands on."""
    out: dict[Any, set[int]] = defaultdict(set)
    for s in annotation.stances or ():
        if s.polarity in SIDED:
            key = *(slow.meaning(side, mapped, a) for a in (s.holder, s.target)), s.polarity
            out[key] |= set(range(s.start, s.end)) if s.start is not None and s.end is not None else set()
    return out


def characters(gold: dict[Any, set[int]], pred: dict[Any, set[int]]) -> list[int]:
    matched = gold.keys() & pred.keys()
    common = sum(len(gold[k] & pred[k]) for k in matched)
    return [common, sum(len(pred[k]) for k in matched), common, sum(len(gold[k]) for k in matched)]


@pytest.mark.parametrize("key", KEYS)
@given(both=pairs() | pairs(clustered=False))
@settings(deadline=None, max_examples=150)
def test_every_metric_equals_its_slow_version(key: str, both: Both):
    gold, pred = both
    assert counted(key, gold, pred) == [slow_counts(key, g, p) for g, p in zip(gold, pred, strict=True)]


@given(pairs())
@settings(deadline=None)
def test_groups_equal_their_slow_versions(both: Both):
    gold, pred = both
    e = evaluation(gold, pred)
    by_target = METRICS["stance.tuple.by_target"].counts(e).by_group()
    macro = METRICS["stance.polarity_macro_f1"].counts(e).by_group()
    types: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 4)
    classes = {name: [0] * 4 for name in SIDED}
    for g, p in ((Resolved(a), Resolved(b)) for a, b in zip(gold, pred, strict=True)):
        mapped = slow.mapping(g, p)
        sides = slow.positions(g, None), slow.positions(p, mapped)
        for name in slow.TYPES:
            chosen = [{k: v for k, v in s.items() if k[2] in SIDED and type_of(k[1], p) == name} for s in sides]
            types[name] = [a + b for a, b in zip(types[name], slow.compared(*chosen), strict=True)]
        a, b = pairs_of(sides[0]), pairs_of(sides[1])
        for k in a.keys() & b.keys():
            if len(a[k]) == len(b[k]) == 1:
                (x,), (y,) = a[k], b[k]
                for name, c in classes.items():
                    c[:] = [n + int(m) for n, m in zip(c, (x == y == name, y == name, x == y == name, x == name), strict=True)]
    assert by_target.tolist() == [types[name] for name in LABELS.types]
    assert macro.tolist() == list(classes.values())


def type_of(target: Any, pred: Resolved) -> str:
    """The type of a target: of the content it stands for, or of the predicted entity itself."""
    return slow.entity_type(pred.content[target[1]] if target[0] == "own" else target)


@given(pairs())
@settings(deadline=None)
def test_author_and_quoted_add_up_to_all(both: Both):
    parts = [counted(f"stance.tuple{part}", *both) for part in ("", ".author", ".quoted")]
    for whole, author, quoted in zip(*parts, strict=True):
        assert whole == [a + b for a, b in zip(author, quoted, strict=True)]


@given(pairs(distinct=True), st.integers(0, 9), st.booleans())
@settings(deadline=None)
def test_a_repeated_or_spurious_stance_never_raises_tuple_pair_or_neutral(both: Both, pick: int, again: bool):
    gold, pred = both
    stances = list(pred[0].stances or ())
    if again and stances:
        stances.append(stances[pick % len(stances)])
    else:
        mentions = (*(pred[0].mentions or ()), Mention(id="new", start=50, end=51, type="ORG"))
        pred = [msgspec.structs.replace(pred[0], mentions=mentions), *pred[1:]]
        stances.append(Stance(holder="AUTHOR", target="new", polarity=["favor", "neutral"][pick % 2]))
    worse = [msgspec.structs.replace(pred[0], stances=tuple(stances)), *pred[1:]]
    for key in ("stance.tuple", "stance.pair", "stance.neutral"):
        before, after = (prf(METRICS[key].counts(evaluation(gold, p)).total()) for p in (pred, worse))
        assert (after.f1 or 0) <= (1 if before.f1 is None else before.f1)


# ---------------------------------------------------------------------- worked cases

MENTIONS = tuple(
    Mention(id=name, start=10 * i, end=10 * i + 5, type=kind)
    for i, (name, kind) in enumerate([("halm", "PERSON"), ("guard", "ORG"), ("kestria", "GPE"), ("kestrians", "NORP")])
)
ENTITIES = (
    Entity(id="e1", mentions=("halm",)),
    Entity(id="e2", mentions=("guard",)),
    Entity(id="e3", mentions=("kestria", "kestrians")),
)


def says(*rows: tuple[Any, ...], entities: tuple[Entity, ...] = ENTITIES) -> list[Annotation]:
    """Stances from (holder, target, polarity[, start, end])."""
    stances = [
        Stance(holder=h, target=t, polarity=p, start=span[0] if span else None, end=span[1] if span else None)
        for h, t, p, *span in rows
    ]
    return [Annotation(id="d", mentions=MENTIONS, entities=entities, stances=tuple(stances))]


def test_a_pair_is_found_whatever_its_polarity():
    gold, pred = says(("halm", "guard", "against")), says(("halm", "guard", "favor"), ("halm", "kestria", "neutral"))
    assert counted("stance.pair", gold, pred) == [[1, 2, 1, 1]]
    assert counted("stance.tuple", gold, pred) == [[0, 1, 0, 1]]
    assert counted("stance.neutral", gold, pred) == [[0, 1, 0, 0]]
    assert counted("stance.polarity", gold, pred) == [[0, 1, 0, 1]]


def test_pairs_with_two_polarities_are_counted_apart():
    gold = says(("halm", "guard", "against"), ("halm", "guard", "favor"), ("halm", "kestria", "favor"))
    pred = says(("halm", "guard", "against"), ("halm", "kestrians", "favor"))
    assert counted("stance.polarity", gold, pred) == [[1, 1, 1, 2]], "1 of 1; of 2 matched pairs one is left out"
    assert counted("stance.polarity_macro_f1", gold, pred) == [[1, 1, 1, 1]]
    assert counted("stance.pair", gold, pred) == [[2, 2, 2, 2]]


def test_neutral_counts_against_the_sides_but_is_no_part_of_their_mean():
    gold = says(("halm", "guard", "favor"), ("AUTHOR", "guard", "neutral"), ("UNKNOWN", "guard", "favor"))
    pred = says(("halm", "guard", "favor"), ("AUTHOR", "guard", "favor"), ("UNKNOWN", "guard", "neutral"))
    counts = METRICS["stance.polarity_macro_f1"].counts(evaluation(gold, pred))
    assert counts.by_group().tolist() == [[1, 2, 1, 2], [0, 0, 0, 0]]
    assert mean_prf(counts.by_group()).f1 == 0.5, "against occurs on neither side and is left out"


def test_spans_of_a_tuple_are_united_and_compared_by_character():
    gold = says(("halm", "guard", "against", 0, 10), ("halm", "guard", "against", 20, 30), ("AUTHOR", "guard", "favor", 0, 9))
    pred = says(("halm", "guard", "against", 5, 12), ("halm", "guard", "against", 8, 25), ("AUTHOR", "guard", "against", 0, 9))
    assert counted("stance.span", gold, pred) == [[10, 20, 10, 20]]
    assert counted("stance.span", gold, says(("halm", "guard", "against"))) == [[0, 0, 0, 20]]


def test_repetitions_count_for_pairs_and_tuples_but_not_for_polarity():
    gold = says(("halm", "guard", "against", 0, 5))
    pred = says(*[("halm", "guard", "against", 0, 5)] * 3, ("halm", "guard", "against", 7, 9))
    assert counted("stance.tuple", gold, pred) == counted("stance.pair", gold, pred) == [[1, 3, 1, 1]]
    assert counted("stance.polarity", gold, pred) == [[1, 1, 1, 1]]


def test_holders_and_targets():
    gold = says(("AUTHOR", "kestrians", "favor"), ("UNKNOWN", "guard", "against"), ("halm", "guard", "against"))
    assert counted("stance.tuple.author", gold, gold) == [[1, 1, 1, 1]]
    assert counted("stance.tuple.quoted", gold, gold) == [[2, 2, 2, 2]]
    assert counted("stance.tuple", gold, says(("AUTHOR", "guard", "against"))) == [[0, 1, 0, 3]]
    groups = METRICS["stance.tuple.by_target"].counts(evaluation(gold, gold)).by_group()[:, 0]
    assert dict(zip(LABELS.types, groups, strict=True)) == {**dict.fromkeys(LABELS.types, 0), "GPE": 1, "ORG": 2}


def test_what_names_nothing_counts_and_matches_nothing():
    lost = says(("nobody", "guard", "favor"), ("halm", "nobody", "favor"), ("AUTHOR", "nobody", "favor"))
    for key in ("stance.tuple", "stance.pair", "stance.tuple.quoted"):
        assert counted(key, lost, lost) == [[0, 3, 0, 3]]
    assert counted("stance.tuple.author", lost, lost) == [[0, 0, 0, 0]]
    assert counted("stance.tuple.by_target", lost, lost) == [[0, 0, 0, 0]]
    assert counted("stance.span", lost, lost) == counted("stance.polarity", lost, lost) == [[0, 0, 0, 0]]


def test_a_spurious_mention_can_raise_a_stance_by_changing_what_its_target_stands_for():
    gold = says(("AUTHOR", "kestria", "favor"))
    wrong = (Entity(id="x", mentions=("guard",)),)
    grown = (Entity(id="x", mentions=("guard", "kestria", "kestrians")),)
    before, after = (says(("AUTHOR", "x", "favor"), entities=e) for e in (wrong, grown))
    assert [counted("stance.tuple", gold, p)[0][0] for p in (before, after)] == [0, 1]


# -------------------------------------------------------------------- official numbers


def tweets(path: Path) -> dict[str, tuple[str, str]]:
    with path.open(newline="", encoding="utf-8", errors="replace") as file:
        return {row["ID"]: (row["Target"], row["Stance"]) for row in csv.DictReader(file, delimiter="\t")}


def as_stance(rows: dict[str, tuple[str, str]], target: str | None) -> list[Annotation]:
    polarity = {"FAVOR": "favor", "AGAINST": "against", "NONE": "neutral"}
    mention = (Mention(id="m", start=0, end=5, type="ORG"),)
    return [
        Annotation(id=f"t{n}", mentions=mention, stances=(Stance(holder="AUTHOR", target="m", polarity=polarity[label]),))
        for n, (topic, label) in rows.items()
        if target in (topic, None)
    ]


@pytest.mark.parametrize("system", ["all_against", "all_none", "emsrc_run1", "gold", "noisy"])
def test_semeval_2016(shared: Path, system: str):
    """eval.pl prints four digits, and counts a class that does not occur as 0, where we leave it out."""
    folder = shared / "goldens/semeval2016-stance"
    expected = json.loads((folder / "expected.json").read_text())["results"][system]
    gold, pred = tweets(folder / "gold.tsv"), tweets(folder / f"pred.{system}.tsv")
    cases = {None: expected["official_all_targets_pooled"], **expected["official_per_target"]}
    for target, want in cases.items():
        counts = METRICS["stance.polarity_macro_f1"].counts(evaluation(as_stance(gold, target), as_stance(pred, target)))
        for name, row in zip(("FAVOR", "AGAINST"), counts.by_group(), strict=True):
            for field, value in zip(("precision", "recall", "f1"), prf(row), strict=True):
                assert value or pytest.approx(want[name][field], abs=5e-5) == 0
        assert mean_prf(counts.by_group()).f1 == pytest.approx(want["macroF_favor_against"], abs=5e-5)
