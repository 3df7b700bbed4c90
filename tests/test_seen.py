"""The facts of training data, as sets of surfaces."""

from __future__ import annotations

import numpy as np
import pytest

from newsgold.corpus.model import Annotation, Entity, Mention, Relation
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Vocabulary, columns
from newsgold.metrics.seen import training_facts
from strategies import LABELS

MENTIONS = (
    Mention(id="m1", start=0, end=2, type="ORG", text="Guard"),
    Mention(id="m2", start=3, end=5, type="ORG", text="it"),
    Mention(id="m3", start=6, end=8, type="GPE", text="Belmar"),
    Mention(id="m4", start=9, end=11, type="GPE", text="Belmar"),
    Mention(id="m5", start=12, end=14, type="GPE"),
)
ENTITIES = (Entity(id="e1", mentions=("m1", "m2")), Entity(id="e2", mentions=("m3", "m4", "m5")))


@pytest.mark.parametrize(
    ("relation", "expected"),
    [
        ("controls", {("controls", "Guard", "Belmar"), ("controls", "it", "Belmar")}),
        (
            "fights",
            {
                ("fights", "Guard", "Belmar"),
                ("fights", "it", "Belmar"),
                ("fights", "Belmar", "Guard"),
                ("fights", "Belmar", "it"),
            },
        ),
    ],
)
def test_each_pair_of_surfaces_is_a_fact(relation: str, expected: set[tuple[str, str, str]]):
    value = Annotation(id="a", mentions=MENTIONS, entities=ENTITIES, relations=(Relation(type=relation, head="e1", tail="e2"),))
    vocabulary = Vocabulary(LABELS)
    resolved = columns(table_of([value]), ["a"], vocabulary, surfaces=True)
    symmetric = np.array([LABELS.symmetric(name) for name in vocabulary.names["relation"]])
    facts = training_facts(resolved, symmetric)
    names = vocabulary.names
    assert {(names["relation"][r], names["surface"][h], names["surface"][t]) for r, h, t in facts.tolist()} == expected
    assert len(facts) == len(expected)


def test_no_relations_are_no_facts():
    vocabulary = Vocabulary(LABELS)
    resolved = columns(table_of([Annotation(id="a", mentions=MENTIONS)]), ["a"], vocabulary, surfaces=True)
    assert training_facts(resolved, np.zeros(len(vocabulary.names["relation"]), dtype=bool)).shape == (0, 3)
