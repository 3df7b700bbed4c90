"""Mentions: the schemas against their slow versions, their properties, and the numbers of other scorers."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from newsgold.metrics import mentions
from newsgold.metrics.columns import Spans
from newsgold.metrics.counts import Counts, prf
from newsgold.metrics.mentions import Compared

Row = tuple[int, int, int, int]
"""A mention: document, start, end, type."""

SCHEMAS: dict[str, Callable[[Compared], Counts]] = {
    "strict": mentions.strict,
    "exact": mentions.exact,
    "type": mentions.type_,
    "partial": mentions.partial,
    "iou": mentions.iou,
}
DOCUMENTS, TYPES = 3, 3

row = st.builds(
    lambda doc, start, width, kind: (doc, start, start + width, kind),
    st.integers(0, DOCUMENTS - 1), st.integers(0, 9), st.integers(1, 6), st.integers(0, TYPES - 1),
)  # fmt: skip
rows = st.lists(row, max_size=24)


def spans(items: Sequence[Row]) -> Spans:
    return Spans(*np.array(items, dtype=np.int64).reshape(-1, 4).T)


def counts(name: str, gold: Sequence[Row], pred: Sequence[Row], documents: int = DOCUMENTS, types: int = TYPES) -> Counts:
    return SCHEMAS[name](mentions.compare(spans(gold), spans(pred), documents, types))


def total(name: str, gold: Sequence[Row], pred: Sequence[Row]) -> list[float]:
    return counts(name, gold, pred).total().tolist()


def credit(name: str, g: Row, p: Row) -> float:
    """What a pair is worth."""
    shared = min(g[2], p[2]) - max(g[1], p[1])
    if g[0] != p[0] or (shared <= 0 and g[1:3] != p[1:3]):
        return 0
    equal = g[1:3] == p[1:3]
    return {
        "strict": float(equal and g[3] == p[3]),
        "exact": float(equal),
        "type": float(g[3] == p[3]),
        "partial": 1 if equal else 0.5,
        "iou": shared / (max(g[2], p[2]) - min(g[1], p[1])),
    }[name]


def slow(name: str, gold: Sequence[Row], pred: Sequence[Row]) -> float:
    """The largest credit, over all one-to-one pairs of all mentions but idle copies."""
    g, p = Counter(gold), Counter(pred)
    left = [r for r in g for _ in range(max(1, min(g[r], p[r])))]
    right = [r for r in p for _ in range(max(1, min(g[r], p[r])))]
    table = np.array([[credit(name, a, b) for b in right] for a in left]).reshape(len(left), len(right))
    return float(table[linear_sum_assignment(table, maximize=True)].sum())


# ------------------------------------------------------------------ properties


@pytest.mark.parametrize("name", SCHEMAS)
@given(gold=rows, pred=rows)
@settings(max_examples=150)
def test_the_credit_is_the_largest_there_is(name: str, gold: list[Row], pred: list[Row]):
    found = total(name, gold, pred)
    expected = slow(name, gold, pred)
    assert found == pytest.approx([expected, len(pred), expected, len(gold)])


@given(rows, rows)
def test_strict_is_the_multiset_intersection(gold: list[Row], pred: list[Row]):
    assert total("strict", gold, pred)[0] == (Counter(gold) & Counter(pred)).total()


@given(rows, rows)
def test_looser_schemas_give_no_less(gold: list[Row], pred: list[Row]):
    found = {name: total(name, gold, pred)[0] for name in SCHEMAS}
    assert found["strict"] <= found["exact"] <= found["partial"]
    assert found["strict"] <= found["type"]
    assert found["exact"] <= found["iou"] + 1e-9


@pytest.mark.parametrize("name", SCHEMAS)
@given(gold=rows, pred=rows)
def test_precision_and_recall_swap_with_the_sides(name: str, gold: list[Row], pred: list[Row]):
    one, other = counts(name, gold, pred), counts(name, pred, gold)
    assert other.total()[[2, 3, 0, 1]] == pytest.approx(one.total())
    if name != "iou":
        assert np.array_equal(other.by_group()[:, [2, 3, 0, 1]], one.by_group())


@pytest.mark.parametrize("name", SCHEMAS)
@given(gold=rows, pred=rows, data=st.data())
@settings(max_examples=50)
def test_the_order_of_rows_changes_nothing_even_by_type(name: str, gold: list[Row], pred: list[Row], data: st.DataObject):
    again = counts(name, data.draw(st.permutations(gold)), data.draw(st.permutations(pred)))
    for one, other in zip(counts(name, gold, pred), again, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", SCHEMAS)
@given(gold=rows, pred=rows)
@settings(max_examples=50)
def test_documents_add_up(name: str, gold: list[Row], pred: list[Row]):
    whole = counts(name, gold, pred)
    for doc in range(DOCUMENTS):
        alone = counts(name, [r for r in gold if r[0] == doc], [r for r in pred if r[0] == doc])
        assert alone.total() == pytest.approx(whole.by_document()[doc])


@pytest.mark.parametrize("name", SCHEMAS)
@given(gold=rows, pred=rows, names=st.permutations(range(TYPES)))
@settings(max_examples=50)
def test_other_names_for_the_types_change_no_total(name: str, gold: list[Row], pred: list[Row], names: list[int]):
    renamed = [[(*r[:3], names[r[3]]) for r in side] for side in (gold, pred)]
    assert total(name, *renamed) == pytest.approx(total(name, gold, pred))


@pytest.mark.parametrize("name", SCHEMAS)
@given(gold=st.lists(row, unique=True, max_size=24), pred=rows, pick=st.integers(0, 99))
@settings(max_examples=50)
def test_a_repeated_or_spurious_prediction_never_pays(name: str, gold: list[Row], pred: list[Row], pick: int):
    before = prf(counts(name, gold, pred).total()).f1 or 0
    worse = [*pred, (0, 50, 51, 0), *([pred[pick % len(pred)]] if pred else [])]
    assert total(name, gold, worse)[0] == pytest.approx(total(name, gold, pred)[0])
    assert (prf(counts(name, gold, worse).total()).f1 or 0) <= before + 1e-12


@pytest.mark.parametrize("name", SCHEMAS)
@given(items=rows)
@settings(max_examples=50)
def test_a_side_against_itself_is_all_right_even_by_type(name: str, items: list[Row]):
    found = counts(name, items, items).by_group()
    assert np.array_equal(found[:, 0], found[:, 1])
    assert np.array_equal(found[:, 2], found[:, 3])


@given(rows, rows, st.integers(1, 8))
@settings(max_examples=50)
def test_the_size_of_blocks_changes_nothing(gold: list[Row], pred: list[Row], size: int):
    with pytest.MonkeyPatch.context() as patch:
        whole = [counts(name, gold, pred) for name in SCHEMAS]
        patch.setattr(mentions, "BLOCK", size)
        for name, expected in zip(SCHEMAS, whole, strict=True):
            for one, other in zip(expected, counts(name, gold, pred), strict=True):
                assert one == pytest.approx(other)


# ----------------------------------------------------------------------- cases


def test_no_documents_and_no_mentions():
    assert counts("partial", [], [], documents=0).total().tolist() == [0, 0, 0, 0]
    assert counts("iou", [], []).by_document().tolist() == [[0, 0, 0, 0]] * DOCUMENTS


def test_type_is_not_bound_to_equal_spans_but_partial_is():
    gold, pred = [(0, 0, 10, 0), (0, 0, 2, 0)], [(0, 0, 10, 0), (0, 8, 10, 0)]
    assert total("type", gold, pred)[0] == 2
    assert total("partial", gold, pred)[0] == 1


def test_a_copy_does_not_take_a_second_overlapping_mention():
    gold = [(0, 0, 5, 0), (0, 4, 9, 0)]
    assert [total(name, gold, [(0, 3, 6, 0)] * 2)[:2] for name in ("type", "partial")] == [[1, 2], [0.5, 2]]
    assert total("exact", [(0, 0, 5, 0), (0, 0, 5, 1)], [(0, 0, 5, 0)] * 2)[:2] == [1, 2]


def test_a_copy_finds_a_copy():
    assert [total(name, [(0, 0, 5, 0)] * 3, [(0, 0, 5, 0)] * 2)[0] for name in SCHEMAS] == [2] * 5


def test_the_credit_goes_to_the_type_of_each_side():
    found = counts("partial", [(0, 0, 5, 0), (0, 10, 20, 2)], [(0, 0, 5, 1), (0, 15, 25, 2)])
    assert found.by_group().tolist() == [[0, 0, 1, 1], [1, 1, 0, 0], [0.5, 1, 0.5, 1]]


def test_equal_types_are_paired_first_where_spans_are_equal():
    found = counts("exact", [(0, 0, 5, 1), (0, 0, 5, 2)], [(0, 0, 5, 2)])
    assert found.by_group().tolist() == [[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 1]]


def test_iou_is_of_characters():
    assert total("iou", [(0, 0, 4, 0)], [(0, 2, 6, 1)]) == pytest.approx([1 / 3, 1, 1 / 3, 1])


def test_empty_spans_of_faulty_rows_overlap_nothing():
    gold, pred = [(0, -2, -2, 0), (1, 0, 9, 0)], [(0, -3, -3, 0), (1, 4, 4, 0), (0, -9, 9, 0)]
    assert [total(name, gold, pred)[0] for name in SCHEMAS] == [0] * 5


def test_wide_offsets_still_fit_a_key():
    far = 2**40
    gold = [(doc, far * doc, far * doc + 2**33, 0) for doc in range(DOCUMENTS)]
    assert total("strict", gold, gold[:2]) == [2, 2, 2, 3]


# --------------------------------------------------------------- other scorers


class Golden:
    """Documents of the reference data, and what another scorer made of them."""

    def __init__(self, path: Path) -> None:
        documents = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        assert documents
        self.documents = len(documents)
        self.names = sorted({m["type"] for d in documents for m in (*d["gold"], *d["pred"])})
        number = {name: i for i, name in enumerate(self.names)}
        self.gold, self.pred = (
            [(i, m["start"], m["end"], number[m["type"]]) for i, d in enumerate(documents) for m in d[side]]
            for side in ("gold", "pred")
        )

    def counts(self, name: str) -> Counts:
        return counts(name, self.gold, self.pred, self.documents, len(self.names))

    def of_type(self, name: str, kind: str) -> list[float]:
        """The counts with mentions of one type alone."""
        gold, pred = ([r for r in side if r[3] == self.names.index(kind)] for side in (self.gold, self.pred))
        return counts(name, gold, pred, self.documents, len(self.names)).total().tolist()


SYSTEMS = ("arcada", "drexel_cci", "flytxt", "mic-cis")


def results(shared: Path, name: str, case: str = "ner-wnut17") -> dict[str, Any]:
    return json.loads((shared / "goldens" / name / f"{case}.expected.json").read_text(encoding="utf-8"))["results"]


@pytest.fixture(params=SYSTEMS)
def system(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def wnut(shared: Path, system: str) -> Golden:
    return Golden(shared / f"goldens/inputs/ner-wnut17/spans.{system}.jsonl")


@pytest.fixture
def nested(shared: Path) -> Golden:
    return Golden(shared / "goldens/inputs/ner-overlap-dwie/spans.jsonl")


SEMEVAL = {"strict": "strict", "exact": "exact", "type": "ent_type", "partial": "partial"}


def semeval(row: dict[str, Any]) -> list[float]:
    """The counts of nervaluate as ours."""
    right = row["correct"] + row["partial"] / 2
    return [right, row["actual"], right, row["possible"]]


def scored(counts: Any) -> list[float]:
    return [value or 0 for value in prf(np.asarray(counts))]


def test_nervaluate_on_flat_data(shared: Path, system: str, wnut: Golden):
    expected = results(shared, "nervaluate")[system]
    for ours, theirs in SEMEVAL.items():
        assert wnut.counts(ours).total().tolist() == semeval(expected["overall"][theirs])
        for kind, row in expected["per_type"].items():
            # theirs are of each type alone; where schemas pair types, so must ours be
            assert wnut.of_type(ours, kind) == semeval(row[theirs]), (ours, kind)
            if ours in ("strict", "type"):
                assert wnut.counts(ours).by_group()[wnut.names.index(kind)].tolist() == semeval(row[theirs])


def test_annotations_evaluate_on_flat_data(shared: Path, system: str, wnut: Golden):
    for ours, theirs in SEMEVAL.items():
        row = results(shared, "annotations-evaluate")[system]["flat"][theirs]
        assert scored(wnut.counts(ours).total()) == pytest.approx([row["precision"], row["recall"], row["f1"]])


def test_strict_scorers_on_flat_data(shared: Path, system: str, wnut: Golden):
    total, by_type = wnut.counts("strict").total(), wnut.counts("strict").by_group()
    seqeval = results(shared, "seqeval")[system]["default"]
    seqscore = results(shared, "seqscore")[system]["conlleval"]
    spacy = results(shared, "spacy")[system]
    neleval = results(shared, "neleval")[system]
    for theirs in (
        [seqeval["micro avg"][k] for k in ("precision", "recall", "f1-score")],
        [seqscore[k] for k in ("precision", "recall", "f1")],
        [spacy[k] for k in ("ents_p", "ents_r", "ents_f")],
        [neleval["strong_typed_mention_match"][k] for k in ("precision", "recall", "fscore")],
    ):
        assert scored(total) == pytest.approx(theirs, abs=1e-9)
    for name, row in zip(wnut.names, by_type, strict=True):
        assert scored(row) == pytest.approx([seqeval[name][k] for k in ("precision", "recall", "f1-score")])
        assert scored(row) == pytest.approx([seqscore["per_type"][name][k] for k in "prf"])
        assert scored(row) == pytest.approx([spacy["ents_per_type"][name][k] for k in "prf"])
    strong = neleval["strong_mention_match"]
    assert scored(wnut.counts("exact").total()) == pytest.approx([strong[k] for k in ("precision", "recall", "fscore")])


def test_spaneval_differs_in_precision_only(shared: Path, system: str, wnut: Golden):
    """Its recall is right; its denominator of precision is not the number of predictions, since it groups them."""
    row = results(shared, "spaneval")[system]["Strict"]
    assert prf(wnut.counts("strict").total()).recall == pytest.approx(row["recall"])


BRATEVAL = {"strict": "span=exact,type=exact", "exact": "span=exact,type=inexact", "type": "span=overlap,type=exact"}


@pytest.mark.parametrize("name", BRATEVAL)
def test_brateval_on_nested_data(shared: Path, nested: Golden, name: str):
    lines = results(shared, "brateval", "ner-overlap-dwie")[BRATEVAL[name]]
    table = {
        row[0]: [int(v) for v in row[1:4]] for row in (line.split("|") for line in lines) if row[0] in (*nested.names, "all")
    }
    found = dict(zip(nested.names, nested.counts(name).by_group().tolist(), strict=True))
    found["all"] = nested.counts(name).total().tolist()
    for kind in table if name != "exact" else ("all",):
        tp, fp, fn = table[kind]
        assert found[kind] == [tp, tp + fp, tp, tp + fn], kind
    assert len(table) == 8


def test_brateval_overlaps_of_any_type_on_nested_data(shared: Path, nested: Golden):
    line = results(shared, "brateval", "ner-overlap-dwie")["span=overlap,type=inexact"][-1]
    assert line.startswith("all|1395|")
    assert nested.counts("exact").total()[0] + 2 * (nested.counts("partial").total() - nested.counts("exact").total())[0] == 1395


def test_nervaluate_on_nested_data_falls_short_and_depends_on_order(shared: Path, nested: Golden):
    expected = results(shared, "nervaluate", "ner-overlap-dwie")
    truth = expected["reference"]["multiset_one_to_one_strict"]
    assert nested.counts("strict").total().tolist() == [truth["tp"], truth["pred"], truth["tp"], truth["gold"]]
    assert scored(nested.counts("strict").total()) == pytest.approx([truth[k] for k in ("precision", "recall", "f1")])
    for ours, theirs in SEMEVAL.items():
        given, turned = (expected[order][theirs] for order in ("as_given", "pred_order_reversed"))
        assert given["correct"] != turned["correct"]
        best = nested.counts(ours).total()[0]
        assert best >= max(row["correct"] + row["partial"] / 2 for row in (given, turned))
        forth = counts(ours, nested.gold, nested.pred[::-1], nested.documents, len(nested.names)).total()[0]
        assert forth == best
