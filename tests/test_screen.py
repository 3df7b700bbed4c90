"""The screen against the validator: it may name a sound record, never leave out a faulty one."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from newsgold.corpus.codec import Record, encode, sha256
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.validate import check_annotation
from newsgold.metrics.arrow import table_of
from newsgold.metrics.links import links
from newsgold.metrics.screen import suspects, texts_of
from strategies import LABELS, corpora

TEXT = "Tessen 🏛 fell. The Guard holds it."
ARTICLES = {f"d{i}": Article(id=f"d{i}", text=TEXT[i:], text_sha256=sha256(TEXT[i:])) for i in range(3)}


def explained(values: list[Annotation], articles: dict[str, Article] | None) -> set[int]:
    """The rows in which the validator finds anything."""
    rows = enumerate(values)
    return {i for i, a in rows if check_annotation(Record(a, "p", 1), LABELS, "prediction", articles and articles.get(a.id))}


def screened(values: list[Annotation], articles: dict[str, Article] | None) -> set[int]:
    table = table_of(values)
    texts = None if articles is None else texts_of(table["id"].to_pylist(), articles)
    return set(suspects(table, links(table), LABELS, texts).tolist())


def spoil(value: Annotation, pick: random.Random) -> Annotation:
    """One thing of the annotation changed, for worse or not."""
    change = msgspec.structs.replace
    layer = pick.choice(["mentions", "entities", "relations", "stances", "record"])
    if layer == "record":
        return change(value, **pick.choice([{"split": "dev"}, {"text_sha256": "00"}, {"schema_version": 2}, {"split": "test"}]))
    items = list(getattr(value, layer) or ())
    if not items:
        return value
    at = pick.randrange(len(items))
    ids = ["m0", "m1", "e0", "e1", "zz", "AUTHOR", "a b"]
    changes: dict[str, list[dict[str, Any]]] = {
        "mentions": [
            {"id": pick.choice([*ids, None])},
            {"start": -1},
            {"end": 0},
            {"end": 10**6 + 1},
            {"end": 500},
            {"type": "CITY"},
            {"kind": "NAME"},
            {"kind": "VAL"},
            {"text": "Tess"},
            {"text": TEXT[items[at].start : items[at].end]} if layer == "mentions" else {},
        ],
        "entities": [
            {"id": pick.choice(ids)},
            {"mentions": ()},
            {"mentions": ("m0", "m0")},
            {"mentions": ("zz",)},
            {"link": "Q0"},
            {"link": "Q7"},
        ],
        "relations": [
            {"type": "likes"},
            {"head": pick.choice(ids)},
            {"tail": pick.choice(ids)},
            {"factuality": "maybe"},
            {"evidence": ((pick.choice(ids), pick.choice(ids)),)},
            {"evidence": ()},
        ],
        "stances": [
            {"id": pick.choice(ids)},
            {"start": 5, "end": 5},
            {"start": 3, "end": None},
            {"end": 900, "start": 0},
            {"holder": pick.choice(ids)},
            {"target": pick.choice(ids)},
            {"polarity": "love"},
            {"basis": "none"},
        ],
    }
    items[at] = change(items[at], **pick.choice(changes[layer]))
    if pick.random() < 0.2:
        items.append(items[at])
    return change(value, **{layer: tuple(items)})


@given(corpora(distinct=True), st.integers(0, 10**6), st.integers(0, 3), st.booleans())
@settings(max_examples=300)
@example([Annotation(id="d0", stances=(Stance(holder="AUTHOR", target="AUTHOR", polarity="favor"),))], 0, 0, True)
@example([Annotation(id="d 0", relations=())], 0, 0, False)
def test_no_faulty_record_is_left_out(values: list[Annotation], seed: int, times: int, known: bool):
    pick = random.Random(seed)
    for _ in range(times):
        at = pick.randrange(len(values))
        values = [spoil(v, pick) if i == at else v for i, v in enumerate(values)]
    articles = ARTICLES if known else None
    assert explained(values, articles) <= screened(values, articles)


@given(corpora(distinct=True))
def test_sound_records_are_let_through(values: list[Annotation]):
    assert screened(values, None) == explained(values, None)


def test_surfaces_are_compared_in_code_points():
    good = Annotation(
        id="d0", mentions=(Mention(start=7, end=8, type="FAC", text="🏛"), Mention(start=9, end=13, type="ORG", text="fell"))
    )
    bad = msgspec.structs.replace(good, id="d1", mentions=(Mention(start=7, end=8, type="FAC", text="🏠"),))
    assert screened([good, bad], ARTICLES) == {1}


@pytest.mark.parametrize("head", ["m0", "e0"])
def test_evidence_of_another_entity_is_seen(head: str):
    raw = (
        b'{"id":"d0","mentions":[{"id":"m0","start":0,"end":1,"type":"ORG"},{"id":"m1","start":2,"end":3,"type":"GPE"}],'
        b'"entities":[{"id":"e0","mentions":["m0"]},{"id":"e1","mentions":["m1"]}]}'
    )
    value = msgspec.json.decode(raw, type=Annotation)
    right = msgspec.structs.replace(value, relations=(Relation(type="controls", head=head, tail="e1", evidence=(("m0", "m1"),)),))
    wrong = msgspec.structs.replace(value, relations=(Relation(type="controls", head=head, tail="e1", evidence=(("m1", "m0"),)),))
    assert screened([right, wrong], None) == {1}
    assert encode(right)


@pytest.mark.parametrize(("text", "wrong"), [("Tessen", False), ("Tesset", True), ("Dessen", True), ("Tisset", True)])
def test_one_wrong_character_of_the_first_surface_is_enough(text: str, wrong: bool):
    value = Annotation(id="d0", mentions=(Mention(start=0, end=6, type="GPE", text=text),))
    assert screened([value], ARTICLES) == explained([value], ARTICLES) == ({0} if wrong else set())


@pytest.mark.parametrize(
    ("evidence", "wrong"), [(("m0", "m2"), False), (("m1", "m2"), True), (("m0", "m3"), True), (("m0", "m0"), True)]
)
@pytest.mark.parametrize("clustered", [False, True])
def test_mentions_of_no_entity_are_not_of_the_same_one(evidence: tuple[str, str], wrong: bool, clustered: bool):
    names = ("m0", "m1", "m2", "m3")
    value = Annotation(
        id="d0",
        mentions=tuple(Mention(id=name, start=2 * i, end=2 * i + 1, type="ORG") for i, name in enumerate(names)),
        entities=(Entity(id="e0", mentions=("m3",)), Entity(id="e1", mentions=("m2",))) if clustered else (),
        relations=(Relation(type="controls", head="m0", tail="e1" if clustered else "m2", evidence=(evidence,)),),
    )
    assert screened([value], None) == explained([value], None) == ({0} if wrong else set())


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({}, False),
        ({"mentions": (Mention(id="a b", start=0, end=1, type="ORG"),)}, True),
        ({"mentions": (Mention(id="AUTHOR", start=0, end=1, type="ORG"),)}, True),
        ({"mentions": (Mention(start=0, end=1, type="ORG"),)}, False),
        ({"entities": (Entity(id="UNKNOWN", mentions=("m0",)),)}, True),
        ({"stances": (Stance(id="s 1", holder="AUTHOR", target="m0", polarity="favor"),)}, True),
        ({"stances": (Stance(id="s1", holder="AUTHOR", target="m0", polarity="favor"),)}, False),
        ({"relations": (Relation(type="controls", head="m0", tail="m0"),)}, True),
        ({"relations": (Relation(type="controls", head="e0", tail="e0"),)}, True),
        ({"relations": (Relation(type="controls", head="m0", tail="e0"),)}, True),
        ({"relations": (Relation(type="controls", head="e1", tail="m0"),)}, False),
        ({"relations": (Relation(type="controls", head="m1", tail="m0"),)}, False),
    ],
    ids=str,
)
def test_ids_have_their_alphabet_and_arguments_differ(change: dict[str, Any], wrong: bool):
    value = Annotation(
        id="d0",
        mentions=(Mention(id="m0", start=0, end=1, type="ORG"), Mention(id="m1", start=2, end=3, type="ORG")),
        entities=(Entity(id="e0", mentions=("m0",)), Entity(id="e1", mentions=("m1",))),
    )
    if "mentions" in change:
        change = {**change, "entities": ()}
    value = msgspec.structs.replace(value, **change)
    assert screened([value], None) == explained([value], None) == ({0} if wrong else set())
