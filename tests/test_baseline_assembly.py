"""How claims become relations: gathered by identity, ordered where they have no direction, and never against the inventory."""

from __future__ import annotations

from newsgold.benchmark.baselines.assembly import entities, entity_types, mention, numbered, relations
from newsgold.benchmark.baselines.predicates import Claim
from newsgold.benchmark.baselines.spotting import tokenise
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article, Entity, Relation

LABELS = default_labels()
TYPES = {0: "ORG", 1: "GPE", 2: "ORG"}


def gathered(*claims: Claim) -> tuple[Relation, ...]:
    """Four mentions: the first and the last are of one entity."""
    return relations(claims, [0, 1, 2, 0], TYPES, LABELS)


def test_pairs_of_one_claim_are_one_relation() -> None:
    found = gathered(*(Claim("controls", head, 1, "asserted") for head in (3, 0, 0)), Claim("controls", 0, 1, "denied"))
    assert found == (
        Relation(type="controls", head="e1", tail="e2", evidence=(("m1", "m2"), ("m4", "m2"))),
        Relation(type="controls", head="e1", tail="e2", factuality="denied", evidence=(("m1", "m2"),)),
    )


def test_a_relation_without_direction_begins_with_the_earlier_entity() -> None:
    assert gathered(Claim("fights", 2, 3)) == (Relation(type="fights", head="e1", tail="e3", evidence=(("m4", "m3"),)),)


def test_what_the_inventory_forbids_is_left_out() -> None:
    assert gathered(Claim("controls", 1, 2), Claim("controls", 0, 3), Claim("unheard_of", 0, 1)) == ()
    assert [r.type for r in gathered(Claim("fights", 0, 2), Claim("allied_with", 0, 2))] == ["fights"]
    kept = gathered(Claim("fights", 0, 2, "denied"), Claim("allied_with", 0, 2))
    assert [(r.type, r.factuality) for r in kept] == [("allied_with", "asserted"), ("fights", "denied")]


def test_entities_are_numbered_by_their_first_mention() -> None:
    assert numbered([7, 3, 7, 5]) == [0, 1, 0, 2]
    assert entities([0, 1, 0]) == (Entity(id="e1", mentions=("m1", "m3")), Entity(id="e2", mentions=("m2",)))
    assert entity_types(["NORP", "PERSON", "GPE"], [0, 1, 0], LABELS) == {0: "GPE", 1: "PERSON"}
    assert entity_types(["DATE", "GPE"], [0, 0], LABELS) == {0: ""}


def test_a_mention_has_the_words_of_its_tokens() -> None:
    tokens = tokenise(Article(id="a", text="The pro-Kestria\nGuard"))
    assert [(m.id, m.text) for m in (mention(tokens, 0, 1, 5, "ORG", "NAM"),)] == [("m1", "pro-Kestria\nGuard")]
