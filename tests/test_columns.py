"""Annotations as columns: defaults, what is set aside with a region, and rows at fault."""

from __future__ import annotations

import numpy as np
import pytest

from newsgold.corpus.model import Annotation, Entity, Mention, Relation, Stance
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Columns, Spans, Vocabulary, columns, ignored, mark_faulty, without
from newsgold.metrics.links import NOWHERE
from strategies import LABELS

ONE = Annotation(
    id="a",
    mentions=(
        Mention(id="m1", start=0, end=2, type="GPE", kind="NOM"),
        Mention(id="m2", start=3, end=5, type="ORG"),
        Mention(id="m3", start=6, end=8, type="DATE"),
    ),
    entities=(
        Entity(id="e1", mentions=("m1",)),
        Entity(id="e2", mentions=("m2",)),
        Entity(id="e3", mentions=("m3",)),
        Entity(id="e4", mentions=()),
    ),
    relations=(
        Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m1"),)),
        Relation(type="controls", head="m2", tail="m3"),
        Relation(type="fights", head="e2", tail="e1"),
    ),
    stances=(
        Stance(start=3, end=8, holder="AUTHOR", target="m2", polarity="favor"),
        Stance(start=0, end=2, holder="m2", target="e3", polarity="against"),
        Stance(holder="UNKNOWN", target="e4", polarity="neutral"),
        Stance(holder="e4", target="e9", polarity="neutral"),
    ),
)


def resolved(*values: Annotation) -> Columns:
    return columns(table_of(values), [v.id for v in values], Vocabulary(LABELS))


def test_a_mention_without_kind_has_the_kind_of_its_type():
    kinds = Vocabulary(LABELS).names["kind"]
    assert [kinds[i] for i in resolved(ONE).kind] == ["NOM", LABELS.kind("ORG"), LABELS.kind("DATE")]
    assert LABELS.kind("DATE") == "VAL"


@pytest.mark.parametrize(
    ("regions", "mentions", "clustered", "relations", "stances"),
    [
        ((), [0, 1, 2], [True, True, True, True], 3, 4),
        (((10, 12),), [0, 1, 2], [True, True, True, True], 3, 4),
        (((0, 1), (1, 2)), [0, 1, 2], [True, True, True, True], 3, 4),
        (((0, 2),), [1, 2], [False, True, True, True], 1, 3),
        (((0, 5),), [2], [False, False, True, True], 0, 2),
        (((6, 8),), [0, 1], [True, True, False, True], 2, 3),
        (((0, 9),), [], [False, False, False, True], 0, 2),
    ],
)
def test_what_a_region_takes_with_it(
    regions: tuple[tuple[int, int], ...], mentions: list[int], clustered: list[bool], relations: int, stances: int
):
    """An entity that never had a mention stays, as do the author, an unnamed source and what is dangling: none had any."""
    table = table_of([replace_ignore(ONE, regions)])
    whole = resolved(ONE)
    left = without(whole, ignored(table, ["a"]))
    assert left.mentions.start.tolist() == whole.mentions.start[mentions].tolist()
    assert left.kind.tolist() == whole.kind[mentions].tolist()
    assert left.entity.tolist() == whole.entity[mentions].tolist()
    assert left.clustered.tolist() == clustered
    assert (len(left.relations.doc), len(left.stances.doc)) == (relations, stances)
    set_aside = {"mentions": 3 - len(mentions), "relations": 3 - relations, "stances": 4 - stances}
    assert (left.removed or dict.fromkeys(set_aside, 0)) == set_aside


def replace_ignore(value: Annotation, regions: tuple[tuple[int, int], ...]) -> Annotation:
    return Annotation(id=value.id, ignore=regions)


def test_a_region_takes_no_item_of_another_document():
    two = resolved(ONE, Annotation(id="b", mentions=ONE.mentions))
    none = np.zeros(1, dtype=np.int64)
    left = without(two, Spans(none + 1, none, none + 9, none))
    assert left.mentions.doc.tolist() == [0, 0, 0]
    left = without(two, Spans(none, none, none + 9, none))
    assert left.mentions.doc.tolist() == [1, 1, 1]


@pytest.mark.parametrize("side", [0, 1])
def test_rows_at_fault_match_nothing_and_nothing_is_written_through(side: int):
    before, rows = resolved(ONE), np.array([1])
    found = mark_faulty(before, "mentions", np.array([0, 2]), side)
    assert found.mentions.start[[0, 2]].tolist() == found.mentions.end[[0, 2]].tolist() == [-2 - side, -6 - side]
    assert (found.mentions.start[1], found.mentions.end[1]) == (3, 5)
    found = mark_faulty(before, "relations", rows, side)
    for name in ("head", "tail", "head_name", "tail_name"):
        assert getattr(found.relations, name).tolist() == [
            getattr(before.relations, name)[i] if i != 1 else NOWHERE for i in range(3)
        ]
    touched = before.pairs.relation == 1
    assert touched.sum() == 1
    assert found.pairs.head.tolist() == np.where(touched, NOWHERE, before.pairs.head).tolist()
    assert found.pairs.tail.tolist() == np.where(touched, NOWHERE, before.pairs.tail).tolist()
    found = mark_faulty(before, "stances", rows, side)
    assert found.stances.holder.tolist() == [before.stances.holder[0], NOWHERE, *before.stances.holder[2:]]
    assert found.stances.target.tolist() == [before.stances.target[0], NOWHERE, *before.stances.target[2:]]
    again = resolved(ONE)
    assert (before.mentions.start == again.mentions.start).all()
    assert (before.relations.head == again.relations.head).all()
    assert (before.stances.holder == again.stances.holder).all()


def test_no_rows_at_fault_change_nothing_and_entities_cannot_be_marked():
    before = resolved(ONE)
    assert mark_faulty(before, "mentions", np.zeros(0, dtype=np.int64), 0) is before
    with pytest.raises(ValueError, match="no rows of the layer entities can be marked"):
        mark_faulty(before, "entities", np.array([0]), 0)


def test_no_region_changes_nothing():
    before = resolved(ONE)
    assert without(before, Spans(*(np.zeros(0, dtype=np.int64),) * 4)) is before


def test_a_relation_keeps_the_evidence_outside_the_region():
    value = Annotation(
        id="a",
        mentions=tuple(Mention(id=f"m{i}", start=2 * i, end=2 * i + 1, type="ORG") for i in range(4)),
        entities=(Entity(id="e0", mentions=("m0", "m2")), Entity(id="e1", mentions=("m1", "m3"))),
        relations=(Relation(type="controls", head="e0", tail="e1", evidence=(("m0", "m1"), ("m2", "m3"), ("m2", "m1"))),),
    )
    table = table_of([replace_ignore(value, ((0, 1),))])
    left = without(resolved(value), ignored(table, ["a"]))
    assert left.mentions.start.tolist() == [2, 4, 6]
    assert [part.tolist() for part in left.pairs] == [[0, 0], [1, 1], [2, 0]]
    assert left.removed == {"mentions": 1, "relations": 0, "stances": 0}
