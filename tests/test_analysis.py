"""Error analysis: every item has one class, classes cost what they cost, and each rule has its worked example."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.corpus.model import AUTHOR, Annotation, Entity, Mention, Relation, Stance
from newsgold.metrics import mentions, taxonomy
from newsgold.metrics.analysis import Analysis, analyse, error_counts, to_dict
from newsgold.metrics.batch import examine, read
from newsgold.metrics.columns import Vocabulary
from newsgold.metrics.counts import prf
from newsgold.metrics.overlaps import Line
from newsgold.metrics.suite import METRICS, Evaluation, Side, evaluate
from newsgold.metrics.taxonomy import CLASSES
from strategies import LABELS, pairs, shuffled, slow_strict

KINDS = ("NAM", "NOM", "PRO", "VAL")
Both = tuple[list[Annotation], list[Annotation]]


def evaluation(gold: Sequence[Annotation], pred: Sequence[Annotation]) -> Evaluation:
    """Both sides resolved; items at fault match nothing, as with --allow-findings."""
    sides = []
    for values, role in ((gold, "gold"), (pred, "predictions")):
        batch = read(values, role)
        sides.append(Side(batch.table, examine(batch, LABELS, None).faulty))
    return evaluate(*sides, sorted({a.id for a in (*gold, *pred)}), Vocabulary(LABELS), KINDS)


def analyses(gold: Sequence[Annotation], pred: Sequence[Annotation]) -> dict[str, Analysis]:
    return analyse(evaluation(gold, pred))


def everything(gold: Sequence[Annotation], pred: Sequence[Annotation], limit: int | None = None) -> dict[str, Any]:
    names = sorted({a.id for a in (*gold, *pred)})
    return to_dict(analyses(gold, pred), names, limit)


# ------------------------------------------------------------------- properties


@given(pairs())
@settings(max_examples=150)
def test_every_item_has_one_class_and_the_correct_ones_are_the_metrics(both: Both):
    e = evaluation(*both)
    for key, analysis in analyse(e).items():
        metric = METRICS[key].counts(e).by_document()
        if key == "stance.tuple":
            assert np.all(metric[:, 0] == metric[:, 2])
        tally, correct = analysis.tally, analysis.classes.index("correct")
        assert tally[:, 0].sum(axis=1).tolist() == metric[:, 3].tolist(), key
        assert tally[:, 1].sum(axis=1).tolist() == metric[:, 1].tolist(), key
        assert tally[:, 0, correct].tolist() == tally[:, 1, correct].tolist() == metric[:, 0].tolist(), key
        assert analysis.fixed().by_document().tolist() == metric.tolist(), key
        assert not tally[:, 1, analysis.classes.index("missed")].any()
        assert not tally[:, 0, analysis.classes.index("spurious")].any()


@given(pairs())
@settings(max_examples=150)
def test_to_fix_a_class_never_lowers_f1_and_to_fix_all_makes_it_one(both: Both):
    for analysis in analyses(*both).values():
        before = prf(analysis.fixed().total()).f1
        for name in analysis.classes:
            after = prf(analysis.fixed(name).total()).f1
            assert after is None or after >= (before or 0) - 1e-12
        assert analysis.fixed("correct").by_document().tolist() == analysis.fixed().by_document().tolist()
        gold = analysis.tally[:, 0].sum()
        assert prf(analysis.fixed(*analysis.classes).total()).f1 == (1 if gold else None)


@given(pairs(), st.data())
@settings(max_examples=150)
def test_order_and_ids_change_no_class_and_no_item(both: Both, data: st.DataObject):
    gold, pred = both
    assert everything(data.draw(shuffled(gold)), data.draw(shuffled(pred))) == everything(gold, pred)


@given(pairs())
@settings(max_examples=60)
def test_documents_do_not_touch_each_other(both: Both):
    gold, pred = both
    parts = [error_counts(evaluation([g], [p])) for g, p in zip(gold, pred, strict=True)]
    total = Counter[str]()
    for part in parts:
        total.update(part)
    assert +total == +Counter(error_counts(evaluation(gold, pred)))


@given(pairs())
@settings(max_examples=100)
def test_partners_are_mutual_and_one_to_one_but_for_splits_and_merges(both: Both):
    for analysis in analyses(*both).values():
        items = analysis.items
        for row in np.flatnonzero(items.partner >= 0).tolist():
            other = int(items.partner[row])
            assert items.code[row] == items.code[other]
            assert items.side[row] != items.side[other]
            assert items.doc[row] == items.doc[other]
            if analysis.classes[items.code[row]] not in ("split", "merge"):
                assert items.partner[other] == row


@given(pairs(distinct=True))
@settings(max_examples=60)
def test_gold_against_itself_has_no_errors(both: Both):
    assert not any(error_counts(evaluation(both[0], both[0])).values())


@given(pairs())
@settings(max_examples=60)
def test_small_blocks_change_nothing(both: Both):
    whole = everything(*both)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mentions, "BLOCK", 1)
        patch.setattr(taxonomy, "PAIRS", 1)
        assert everything(*both) == whole


@given(pairs(), st.integers(1, 3))
@settings(max_examples=60)
def test_a_limit_leaves_the_first_items_of_each_class(both: Both, limit: int):
    whole, part = everything(*both), everything(*both, limit)
    for key, analysis in whole.items():
        assert part[key]["classes"] == analysis["classes"]
        kept: Counter[str] = Counter()
        expected = []
        for item in analysis["items"]:
            kept[item["class"]] += 1
            if kept[item["class"]] <= limit:
                expected.append(item)
        assert part[key]["items"] == expected


@given(pairs())
@settings(max_examples=100)
def test_mention_classes_are_what_their_definitions_say(both: Both):
    """Each listed pair, checked against the definition in plain code."""
    gold, pred = both
    for item in everything(gold, pred)["mentions.strict"]["items"]:
        here, there = item, item["partner"]
        if item["class"] in ("missed", "spurious", "duplicate"):
            assert there is None
            continue
        same = here["type"] == there["type"]
        overlaps = here["start"] < there["end"] and there["start"] < here["end"]
        spans_equal = (here["start"], here["end"]) == (there["start"], there["end"])
        assert overlaps
        assert spans_equal == (item["class"] == "type")
        if item["class"] in ("type", "boundary_type"):
            assert not same
        if item["class"] == "boundary":
            assert same
    matched = sum(slow_strict(g, p, KINDS)[0] for g, p in zip(gold, pred, strict=True))
    assert analyses(gold, pred)["mentions.strict"].tally[:, 0, 0].sum() == matched


def test_nothing_at_all():
    assert analyses([], []) == {}
    empty = [Annotation(id="d", mentions=(), relations=(), stances=())]
    result = everything(empty, empty)
    assert set(result) == set(CLASSES)
    for key, part in result.items():
        assert part == {
            "classes": {name: {"gold": 0, "predicted": 0, "f1_if_fixed": None} for name in CLASSES[key]},
            "items": [],
        }


def test_layers_not_attempted_are_not_analysed():
    gold = Annotation(id="d", mentions=(), relations=(), stances=())
    assert set(analyses([gold], [Annotation(id="d", mentions=(), stances=())])) == {"mentions.strict", "stance.tuple"}


# ------------------------------------------------------------- mentions, by hand


def spans(*values: str) -> tuple[Mention, ...]:
    """Mentions out of ``start-end type``."""
    out = []
    for i, value in enumerate(values):
        place, label = value.split()
        start, end = place.split("-")
        out.append(Mention(id=f"m{i}", start=int(start), end=int(end), type=label))
    return tuple(out)


def document(*mentions: str, **layers: Any) -> list[Annotation]:
    return [Annotation(id="belmar", mentions=spans(*mentions), **layers)]


def classes(gold: list[Annotation], pred: list[Annotation], key: str = "mentions.strict") -> dict[str, tuple[int, int]]:
    """The classes other than correct that occur, with their numbers of gold and predicted items."""
    summary = everything(gold, pred)[key]["classes"]
    return {n: (v["gold"], v["predicted"]) for n, v in summary.items() if n != "correct" and (v["gold"] or v["predicted"])}


MENTIONS = {
    "correct": (("0-6 GPE",), ("0-6 GPE",), {}),
    "missed": (("0-6 GPE",), (), {"missed": (1, 0)}),
    "spurious": ((), ("0-6 GPE",), {"spurious": (0, 1)}),
    "touching is not overlapping": (("0-6 GPE",), ("6-9 GPE",), {"missed": (1, 0), "spurious": (0, 1)}),
    "type": (("0-6 GPE",), ("0-6 LOC",), {"type": (1, 1)}),
    "type once": (("0-6 GPE",), ("0-6 LOC", "0-6 ORG"), {"type": (1, 1), "spurious": (0, 1)}),
    "both types": (("0-6 GPE", "0-6 ORG"), ("0-6 LOC", "0-6 PERSON"), {"type": (2, 2)}),
    "boundary": (("0-6 GPE",), ("0-9 GPE",), {"boundary": (1, 1)}),
    "boundary, not the nearer": (("0-6 GPE",), ("0-7 LOC", "0-9 GPE"), {"boundary": (1, 1), "spurious": (0, 1)}),
    "boundary and type": (("0-6 GPE",), ("3-9 LOC",), {"boundary_type": (1, 1)}),
    "split": (("0-20 ORG",), ("0-6 GPE", "7-20 ORG"), {"split": (1, 2)}),
    "split with nested parts": (("0-20 ORG",), ("0-6 GPE", "0-4 GPE", "7-20 ORG"), {"split": (1, 3)}),
    "parts that overlap are no split": (("0-20 ORG",), ("0-6 ORG", "0-4 GPE"), {"boundary": (1, 1), "spurious": (0, 1)}),
    "a part that is gold is none": (("0-20 ORG", "0-6 GPE"), ("0-6 GPE", "7-20 ORG"), {"boundary": (1, 1)}),
    "parts of the shorter": (("0-30 ORG", "0-20 ORG"), ("0-6 GPE", "7-20 GPE"), {"split": (1, 2), "missed": (1, 0)}),
    "parts of their type": (("0-20 ORG", "0-20 GPE"), ("0-6 GPE", "7-19 GPE"), {"split": (1, 2), "missed": (1, 0)}),
    "merge": (("0-6 GPE", "10-16 GPE"), ("0-16 GPE",), {"merge": (2, 1)}),
    "no merge of crossing spans": (("0-6 GPE", "10-16 GPE"), ("0-12 GPE",), {"boundary": (1, 1), "missed": (1, 0)}),
    "duplicate": (("0-6 GPE",), ("0-6 GPE", "0-6 GPE", "0-6 GPE"), {"duplicate": (0, 2)}),
    "duplicate of an error": (("0-6 GPE",), ("0-6 LOC", "0-6 LOC"), {"type": (1, 1), "duplicate": (0, 1)}),
    "duplicate in gold": (("0-6 GPE", "0-6 GPE"), ("0-6 GPE",), {"duplicate": (1, 0)}),
    "an empty span overlaps nothing": (("0-6 GPE", "3-9 GPE"), ("4-4 GPE",), {"missed": (2, 0), "spurious": (0, 1)}),
}


@pytest.mark.parametrize("case", MENTIONS)
def test_mentions(case: str):
    gold, pred, expected = MENTIONS[case]
    assert classes(document(*gold), document(*pred)) == expected


def test_a_split_is_shown_with_the_first_of_its_parts_and_counts_as_one_error():
    both = document("0-20 ORG"), document("0-6 GPE", "7-20 ORG")
    first, whole, second = everything(*both)["mentions.strict"]["items"]
    own = {"doc": "belmar", "class": "split"}
    assert first == {**own, "side": "predicted", "start": 0, "end": 6, "type": "GPE", "partner": _content(whole)}
    assert whole == {**own, "side": "gold", "start": 0, "end": 20, "type": "ORG", "partner": _content(first)}
    assert second == {**own, "side": "predicted", "start": 7, "end": 20, "type": "ORG", "partner": _content(whole)}
    assert error_counts(evaluation(*both))["mentions.split"] == 1


def _content(item: dict[str, Any]) -> dict[str, Any]:
    return {name: item[name] for name in ("start", "end", "type")}


def test_f1_if_a_split_were_fixed():
    summary = everything(document("0-20 ORG", "30-36 GPE"), document("0-6 GPE", "7-20 ORG"))["mentions.strict"]["classes"]
    assert summary["correct"]["f1_if_fixed"] == 0
    assert summary["split"]["f1_if_fixed"] == pytest.approx(2 / 3)  # P 1/1, R 1/2
    assert summary["missed"]["f1_if_fixed"] == pytest.approx(2 / 5)  # P 1/3, R 1/2


def test_a_mention_at_fault_is_listed_without_a_place():
    items = everything(document("0-6 GPE"), document("9-3 GPE"))["mentions.strict"]["items"]
    assert [(i["class"], i["start"]) for i in items] == [("spurious", None), ("missed", 0)]


def test_the_example_of_the_document_is_as_it_says(repo: Path):
    text = (repo / "benchmark" / "errors.md").read_text()
    for names in CLASSES.values():
        assert all(f"`{name}`" in text for name in names)
    gold, pred = (
        [msgspec.json.decode(re.findall(rf"```json {side}\n(.*)\n", text)[0], type=Annotation)] for side in ("gold", "pred")
    )
    summary = everything(gold, pred)["mentions.strict"]["classes"]
    occurring = {name: f"{v['f1_if_fixed']:.3f}" for name, v in summary.items() if v["gold"] or v["predicted"]}
    assert dict(re.findall(r"\| `(\w+)` \| ([\d.]+) \|", text)) == occurring


# ------------------------------------------------------------ relations, by hand

PEOPLE = ("0-6 ORG", "10-16 GPE", "20-26 ORG", "30-36 GPE")
ALONE = tuple(Entity(id=f"e{i}", mentions=(f"m{i}",)) for i in range(4))


def told(*relations: str, mentions: Sequence[str] = PEOPLE, entities: Sequence[Entity] | None = ALONE) -> list[Annotation]:
    """A document with relations out of ``head type tail``."""
    values = [Relation(type=t, head=h, tail=k) for h, t, k in (value.split() for value in relations)]
    return document(*mentions, entities=None if entities is None else tuple(entities), relations=tuple(values))


# m0 and m2 in one cluster, which stands for e0 because its mention comes first
JOINED = (Entity(id="e0", mentions=("m0", "m2")), ALONE[1], ALONE[3])
SHIFTED = ("0-6 ORG", "10-16 GPE", "20-27 ORG", "30-36 GPE")

RELATIONS: dict[str, tuple[list[Annotation], list[Annotation], dict[str, tuple[int, int]]]] = {
    "correct": (told("e0 controls e1"), told("m0 controls m1"), {}),
    "missed": (told("e0 controls e1"), told(), {"missed": (1, 0)}),
    "spurious": (told(), told("e0 controls e1"), {"spurious": (0, 1)}),
    "direction": (told("e0 attacks e2"), told("e2 attacks e0"), {"direction": (1, 1)}),
    "both directions": (told("e0 attacks e2"), told("e0 attacks e2", "e2 attacks e0"), {"spurious": (0, 1)}),
    "symmetric relations have no direction": (told("e0 fights e2"), told("e2 fights e0"), {}),
    "type": (told("e0 attacks e2"), told("e0 supports e2"), {"type": (1, 1)}),
    "type once": (told("e0 attacks e2"), told("e0 supports e2", "e0 leads e2"), {"type": (1, 1), "spurious": (0, 1)}),
    "type, the other way round": (told("e2 attacks e0"), told("e0 fights e2"), {"type": (1, 1)}),
    "other arguments": (told("e0 attacks e2"), told("e0 attacks e3"), {"missed": (1, 0), "spurious": (0, 1)}),
    "duplicate": (told("e0 attacks e2"), told("e0 attacks e2", "e0 attacks e2"), {"duplicate": (0, 1)}),
    "duplicate in gold": (told("e0 attacks e2", "e0 attacks e2"), told("e0 attacks e2"), {"duplicate": (1, 0)}),
    "duplicate of an error": (
        *(told("e0 attacks e2"), told("e2 attacks e0", "e2 attacks e0")),
        {"direction": (1, 1), "duplicate": (0, 1)},
    ),
    "inherited from a mention": (
        *(told("e2 controls e1"), told("e2 controls e1", mentions=SHIFTED)),
        {"inherited_mention": (1, 1)},
    ),
    "inherited from a mention, though not predicted": (
        *(told("e2 controls e1"), told(mentions=PEOPLE[:2], entities=ALONE[:2])),
        {"inherited_mention": (1, 0)},
    ),
    "inherited from a cluster": (
        *(told("e2 controls e1"), told("e0 controls e1", entities=JOINED)),
        {"inherited_cluster": (1, 1)},
    ),
    "inherited from a cluster, symmetric": (
        *(told("e3 fights e2"), told("e0 fights e3", entities=JOINED)),
        {"inherited_cluster": (1, 1)},
    ),
    "inherited from a cluster, though not predicted": (
        *(told("e2 controls e1"), told(entities=JOINED)),
        {"inherited_cluster": (1, 0)},
    ),
    "a cluster error explains one relation only once": (
        *(told("e2 controls e1"), told("e0 controls e1", "e0 controls e3", entities=JOINED)),
        {"inherited_cluster": (1, 1), "spurious": (0, 1)},
    ),
    "without clusters nothing is inherited from them": (
        *(told("e2 controls e1"), told("m0 controls m1", entities=None)),
        {"missed": (1, 0), "spurious": (0, 1)},
    ),
}


@pytest.mark.parametrize("case", RELATIONS)
def test_relations(case: str):
    gold, pred, expected = RELATIONS[case]
    assert classes(gold, pred, "relations.mapped") == expected


def test_relations_are_listed_by_the_first_mentions_of_their_arguments():
    items = everything(told("e0 attacks e2"), told("e2 attacks e0"))["relations.mapped"]["items"]
    own = {"type": "attacks", "head": [0, 6], "tail": [20, 26]}
    swapped = {"type": "attacks", "head": [20, 26], "tail": [0, 6]}
    assert items == [
        {"doc": "belmar", "side": "gold", "class": "direction", **own, "partner": swapped},
        {"doc": "belmar", "side": "predicted", "class": "direction", **swapped, "partner": own},
    ]


def test_a_relation_at_fault_is_spurious_and_has_no_place():
    items = everything(told("e0 attacks e2"), told("e0 attacks e9"))["relations.mapped"]["items"]
    assert [(i["class"], i["tail"]) for i in items] == [("spurious", None), ("missed", [20, 26])]


# --------------------------------------------------------------- stance, by hand


def held(*stances: str) -> list[Annotation]:
    """A document with stances out of ``holder polarity target``."""
    values = [Stance(id=f"s{i}", holder=h, target=t, polarity=p) for i, (h, p, t) in enumerate(s.split() for s in stances)]
    return document(*PEOPLE, entities=ALONE, stances=tuple(values))


STANCES = {
    "correct": (("m0 against m2",), ("m0 against m2",), {}),
    "missed": (("m0 against m2",), (), {"missed": (1, 0)}),
    "spurious": ((), ("m0 against m2",), {"spurious": (0, 1)}),
    "flip": (("m0 against m2",), ("m0 favor m2",), {"flip": (1, 1)}),
    "flip of a neutral one": (("m0 neutral m2",), ("m0 favor m2",), {"flip": (0, 1)}),
    "flip to a neutral one": (("m0 favor m2",), ("m0 neutral m2",), {"flip": (1, 0)}),
    "flip, rather not of the neutral one": (("m0 favor m2",), ("m0 neutral m2", "m0 against m2"), {"flip": (1, 1)}),
    "neutral alone is not scored": (("m0 neutral m2",), ("m1 neutral m2",), {}),
    "wrong holder": (("m0 against m2",), ("m1 against m2",), {"wrong_holder": (1, 1)}),
    "author": (("m0 against m2",), (f"{AUTHOR} against m2",), {"wrong_holder": (1, 1)}),
    "wrong holder once": (
        *(("m0 against m2",), ("m1 against m2", "m3 against m2")),
        {"wrong_holder": (1, 1), "spurious": (0, 1)},
    ),
    "wrong target": (("m0 against m2",), ("m0 against m3",), {"wrong_target": (1, 1)}),
    "wrong in two ways": (("m0 against m2",), ("m1 favor m2",), {"missed": (1, 0), "spurious": (0, 1)}),
    "duplicate": (("m0 against m2",), ("m0 against m2", "m0 against m2"), {"duplicate": (0, 1)}),
}


@pytest.mark.parametrize("case", STANCES)
def test_stances(case: str):
    gold, pred, expected = STANCES[case]
    assert classes(held(*gold), held(*pred), "stance.tuple") == expected


def test_stances_are_listed_with_holder_and_target():
    items = everything(held("m0 against m2"), held(f"{AUTHOR} against m2"))["stance.tuple"]["items"]
    gold = {"holder": [0, 6], "target": [20, 26], "polarity": "against"}
    pred = {"holder": "AUTHOR", "target": [20, 26], "polarity": "against"}
    assert items == [
        {"doc": "belmar", "side": "predicted", "class": "wrong_holder", **pred, "partner": gold},
        {"doc": "belmar", "side": "gold", "class": "wrong_holder", **gold, "partner": pred},
    ]


def test_authors_of_two_documents_are_two():
    gold = [*held(f"{AUTHOR} against m2"), Annotation(id="tessen", mentions=spans(*PEOPLE), stances=())]
    pred = [msgspec.structs.replace(gold[1], id="belmar"), msgspec.structs.replace(gold[0], id="tessen")]
    assert classes(gold, pred, "stance.tuple") == {"missed": (1, 0), "spurious": (0, 1)}


@pytest.mark.parametrize("turned", [False, True])
def test_of_rows_that_mean_the_same_the_first_in_the_text_is_shown(turned: bool):
    """A split entity gives several predicted relations that stand for one; their heads decide before their tails."""

    def side(*clusters: tuple[str, ...], relations: tuple[Relation, ...] = ()) -> list[Annotation]:
        entities = tuple(Entity(id=f"e{i}", mentions=names) for i, names in enumerate(clusters))
        return document("0-2 ORG", "10-12 ORG", "4-6 GPE", "20-22 GPE", entities=entities, relations=relations)

    rows = (("controls", 0, 3), ("located_in", 2, 1), ("controls", 1, 2), ("located_in", 3, 0))
    said = [Relation(type=kind, head=f"e{head}", tail=f"e{tail}") for kind, head, tail in rows]
    gold = side(("m0", "m1"), ("m2", "m3"))
    pred = side(("m0",), ("m1",), ("m2",), ("m3",), relations=tuple(reversed(said) if turned else said))
    items = everything(gold, pred)["relations.mapped"]["items"]
    assert {i["class"] for i in items} == {"spurious"}
    shown = {(i["type"], *i["head"], *i["tail"]) for i in items}
    assert shown == {("controls", 0, 2, 20, 22), ("located_in", 4, 6, 10, 12)}


def test_an_inner_span_belongs_to_the_shortest_around_it():
    """Not to the one that begins or ends first; of equal lengths to one of its type."""
    outer = Line(np.array([0, 6, 7]), np.array([16, 20, 21]))
    inner = Line(np.array([8, 20]), np.array([10, 21]))
    assert taxonomy._owners(outer, inner, np.array([0, 1, 0]), np.array([1, 0])).tolist() == [1, 2]
    assert taxonomy._owners(outer, inner, np.array([0, 1, 0]), np.array([0, 0])).tolist() == [2, 2]
    assert taxonomy._owners(outer, Line(np.array([3, 30]), np.array([18, 31])), np.zeros(3), np.zeros(2)).tolist() == [-1, -1]


def test_what_is_right_is_no_partner_of_what_is_missed():
    """The predicted relation shares mentions with both of gold's; it is found for one, and so cannot stand for the other."""

    def side(*clusters: tuple[str, ...], heads: Sequence[str], tail: str) -> list[Annotation]:
        entities = tuple(Entity(id=f"e{i}", mentions=names) for i, names in enumerate(clusters))
        relations = tuple(Relation(type="controls", head=head, tail=tail) for head in heads)
        return document("0-2 ORG", "4-6 ORG", "8-10 GPE", entities=entities, relations=relations)

    gold, pred = (
        side(("m0",), ("m1",), ("m2",), heads=("e0", "e1"), tail="e2"),
        side(("m0", "m1"), ("m2",), heads=("e0",), tail="e1"),
    )
    (item,) = everything(gold, pred)["relations.mapped"]["items"]
    assert (item["class"], item["head"], item["partner"]) == ("inherited_cluster", [4, 6], None)
