"""Every metric at once: what holds for all of them, whatever the annotations."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.benchmark.score import Result, score
from newsgold.corpus.model import Annotation, Entity, Mention, Relation, Stance
from newsgold.metrics.counts import Counts
from newsgold.metrics.suite import METRICS
from strategies import LABELS, clusters, corpora, pairs, shuffled, slow_lea, slow_mapping, slow_strict

KINDS = ("NAM", "NOM", "PRO", "VAL")
SWAPPABLE = ("mentions.strict", "relations.boundaries", "relations.strict")


def counts(gold: list[Annotation], pred: list[Annotation], **options: Any) -> dict[str, dict[str, float]]:
    """The counts of every key; findings are allowed, since repeated items are warnings only."""
    result = score(gold, pred, kinds=KINDS, labels=LABELS, allow_findings=True, **options)
    return {key: dict(zip(Counts._fields, m.counts.total().tolist(), strict=True)) for key, m in result.measured.items()}


def f1s(gold: list[Annotation], pred: list[Annotation]) -> dict[str, float | None]:
    """The F1 of every key, or the value of those that have none."""
    return values(score(gold, pred, kinds=KINDS, labels=LABELS, allow_findings=True))


def values(result: Result) -> dict[str, float | None]:
    return {key: s["value" if "value" in s else "f1"] for key, s in result.to_dict()["scores"].items()}


@given(corpora(distinct=True))
def test_sound_gold_against_itself_is_one_or_undefined_in_every_key(gold: list[Annotation]):
    """Sound: nothing repeated, and evidence for every relation, as gold must have."""
    complete = [msgspec.structs.replace(g, relations=tuple(r for r in g.relations or () if r.evidence)) for g in gold]
    result = f1s(complete, complete)
    n = counts(complete, complete)
    assert set(result) == {key for key, metric in METRICS.items() if not metric.given and not metric.train}
    for key, value in result.items():
        if value is None:
            assert n[key]["p_den"] == 0, key
        else:
            assert value == pytest.approx(1), key


@given(pairs(), st.data())
@settings(max_examples=60)
def test_order_and_ids_change_nothing(both: tuple[list[Annotation], list[Annotation]], data: st.DataObject):
    gold, pred = both
    before = counts(gold, pred)
    after = counts(data.draw(shuffled(gold)), data.draw(shuffled(pred)))
    assert before.keys() == after.keys()
    for key, expected in before.items():
        assert after[key] == pytest.approx(expected), key


@given(pairs())
@settings(max_examples=60)
def test_shards_add_up(both: tuple[list[Annotation], list[Annotation]]):
    gold, pred = both
    whole = counts(gold, pred)
    parts = [counts([g], [p]) for g, p in zip(gold, pred, strict=True)]
    for key, expected in whole.items():
        total = {name: sum(part[key][name] for part in parts if key in part) for name in expected}
        assert total == pytest.approx(expected), key


@given(pairs())
@settings(max_examples=60)
def test_scores_are_within_bounds(both: tuple[list[Annotation], list[Annotation]]):
    for key, c in counts(*both).items():
        assert -1e-9 <= c["p_num"] <= c["p_den"] + 1e-9, key
        assert -1e-9 <= c["r_num"] <= c["r_den"] + 1e-9, key


@given(pairs())
@settings(max_examples=60)
def test_precision_and_recall_swap_with_the_sides(both: tuple[list[Annotation], list[Annotation]]):
    one, other = counts(*both), counts(both[1], both[0])
    for key in SWAPPABLE:
        assert (one[key]["p_num"], one[key]["p_den"]) == (other[key]["r_num"], other[key]["r_den"]), key


@given(pairs(distinct=True), st.integers(0, 20))
@settings(max_examples=60)
def test_a_repeated_or_spurious_item_never_raises_a_score(both: tuple[list[Annotation], list[Annotation]], pick: int):
    gold, pred = both
    before = f1s(gold, pred)
    first = pred[0]
    mentions, relations = list(first.mentions or ()), list(first.relations or ())
    if mentions:
        again = mentions[pick % len(mentions)]
        mentions.append(msgspec.structs.replace(again, id="copy"))
    mentions.append(Mention(id="new", start=50, end=51, type="ORG", kind="NAM"))
    if relations:
        relations.append(relations[pick % len(relations)])
    worse = msgspec.structs.replace(first, mentions=tuple(mentions), relations=tuple(relations))
    after = f1s(gold, [worse, *pred[1:]])
    for key in SWAPPABLE:
        assert (after[key] or 0) <= (before[key] if before[key] is not None else 1) + 1e-12, key


@given(pairs())
@settings(max_examples=60)
def test_strict_mentions_are_the_multiset_intersection(both: tuple[list[Annotation], list[Annotation]]):
    gold, pred = both
    expected = [sum(part) for part in zip(*(slow_strict(g, p, KINDS) for g, p in zip(gold, pred, strict=True)), strict=True)]
    c = counts(gold, pred)["mentions.strict"]
    assert [c["p_num"], c["p_den"], c["r_den"]] == expected


def spread(annotation: Annotation) -> Annotation:
    """The annotation with every span used once, so that the slow versions need no rule for copies."""
    seen: dict[tuple[int, int], Mention] = {}
    for m in annotation.mentions or ():
        seen.setdefault((m.start, m.end), m)
    kept = {m.id for m in seen.values()}
    entities = [(e, tuple(m for m in e.mentions if m in kept)) for e in annotation.entities or ()]
    return Annotation(
        id=annotation.id,
        mentions=tuple(seen.values()),
        entities=tuple(Entity(id=e.id, mentions=members) for e, members in entities if members),
        relations=tuple(
            r for r in annotation.relations or () if {r.head, r.tail} <= {e.id for e, members in entities if members}
        ),
    )


@given(pairs())
@settings(max_examples=100)
def test_lea_equals_its_slow_version(both: tuple[list[Annotation], list[Annotation]]):
    gold, pred = [spread(a) for a in both[0]], [spread(a) for a in both[1]]
    r = [slow_lea(clusters(g), clusters(p)) for g, p in zip(gold, pred, strict=True)]
    p = [slow_lea(clusters(p), clusters(g)) for g, p in zip(gold, pred, strict=True)]
    c = counts(gold, pred)["coref.lea"]
    assert c["r_num"] == pytest.approx(float(sum(n for n, _ in r)))
    assert c["r_den"] == sum(d for _, d in r)
    assert c["p_num"] == pytest.approx(float(sum(n for n, _ in p)))
    assert c["p_den"] == sum(d for _, d in p)


@given(pairs())
@settings(max_examples=100)
def test_mapped_relations_equal_their_slow_version(both: tuple[list[Annotation], list[Annotation]]):
    gold, pred = spread(both[0][0]), spread(both[1][0])
    gold = msgspec.structs.replace(gold, relations=tuple(msgspec.structs.replace(r, evidence=None) for r in gold.relations or ()))
    pred = msgspec.structs.replace(pred, relations=tuple(msgspec.structs.replace(r, evidence=None) for r in pred.relations or ()))
    mapping = slow_mapping(gold, pred)

    def triple(r: Relation, names: dict[str, str]) -> tuple[Any, ...]:
        head, tail = names.get(r.head, f"own {r.head}"), names.get(r.tail, f"own {r.tail}")
        return (r.type, frozenset((head, tail))) if LABELS.symmetric(r.type) else (r.type, head, tail)

    own = {e.id: e.id for e in gold.entities or ()}
    g = {triple(r, own) for r in gold.relations or ()}
    p = {triple(r, mapping) for r in pred.relations or ()}
    repeated = len(pred.relations or ()) - len(
        {(triple(r, {e.id: e.id for e in pred.entities or ()}), r.factuality) for r in pred.relations or ()}
    )
    c = counts([gold], [pred])["relations.mapped"]
    assert c["p_num"] == len(g & p)
    assert c["p_den"] == len(p) + repeated


# ------------------------------------------------------------------ worked examples

GOLD = Annotation(
    id="tessen",
    mentions=(
        Mention(id="m1", start=0, end=6, type="ORG"),
        Mention(id="m2", start=12, end=18, type="GPE"),
        Mention(id="m3", start=20, end=22, type="ORG", kind="PRO"),
        Mention(id="m4", start=30, end=36, type="GPE"),
    ),
    entities=(
        Entity(id="e1", mentions=("m1", "m3")),
        Entity(id="e2", mentions=("m2",)),
        Entity(id="e3", mentions=("m4",)),
    ),
    relations=(
        Relation(type="controls", head="e1", tail="e2", evidence=(("m1", "m2"), ("m3", "m2"))),
        Relation(type="adjacent_to", head="e2", tail="e3", evidence=(("m2", "m4"),)),
    ),
    stances=(Stance(id="s1", start=20, end=30, holder="m3", target="m4", polarity="against"),),
)


def test_a_perfect_sentence_level_system_without_clusters_loses_nothing_in_mapped():
    relations = (
        Relation(type="controls", head="m1", tail="m2"),
        Relation(type="controls", head="m3", tail="m2"),
        Relation(type="adjacent_to", head="m4", tail="m2"),
    )
    pred = msgspec.structs.replace(GOLD, entities=None, relations=relations)
    result = f1s([GOLD], [pred])
    assert "coref.lea" not in result
    keys = ("mentions.strict", "relations.mapped", "relations.boundaries", "relations.strict", "stance.tuple")
    assert [result[key] for key in keys] == [1] * 5
    assert result["relations.entity"] < 1


def test_one_of_three_pairs_found_is_a_third_of_recall():
    pred = msgspec.structs.replace(GOLD, relations=(Relation(type="controls", head="m1", tail="m2"),))
    c = counts([GOLD], [pred])
    assert c["relations.strict"] == {"p_num": 1, "p_den": 1, "r_num": 1, "r_den": 3}
    assert c["relations.mapped"] == {"p_num": 1, "p_den": 1, "r_num": 1, "r_den": 2}


def test_an_entity_argument_without_evidence_never_matches_a_pair():
    pred = msgspec.structs.replace(GOLD, relations=(Relation(type="controls", head="e1", tail="e2"),))
    c = counts([GOLD], [pred])
    assert c["relations.strict"] == {"p_num": 0, "p_den": 1, "r_num": 0, "r_den": 3}
    assert c["relations.mapped"]["p_num"] == 1


def test_the_direction_matters_unless_the_relation_is_symmetric():
    wrong = (Relation(type="controls", head="e2", tail="e1"), Relation(type="adjacent_to", head="e3", tail="e2"))
    c = counts([GOLD], [msgspec.structs.replace(GOLD, relations=wrong)])
    assert c["relations.mapped"] == {"p_num": 1, "p_den": 2, "r_num": 1, "r_den": 2}


def test_a_type_error_fails_strict_but_not_boundaries():
    mentions = (msgspec.structs.replace(GOLD.mentions[0], type="PERSON"), *GOLD.mentions[1:])
    pred = msgspec.structs.replace(GOLD, mentions=mentions)
    c = counts([GOLD], [pred])
    assert c["relations.boundaries"]["p_num"] == 3
    assert c["relations.strict"]["p_num"] == 2


def test_relations_asserted_and_denied_are_one_relation_here():
    both = (*GOLD.relations, msgspec.structs.replace(GOLD.relations[0], factuality="denied"))
    gold = msgspec.structs.replace(GOLD, relations=both)
    assert counts([gold], [gold])["relations.mapped"]["r_den"] == 2


def test_a_relation_repeated_with_its_evidence_counts_twice_and_matches_once():
    pred = msgspec.structs.replace(GOLD, relations=(*GOLD.relations, GOLD.relations[0]))
    c = counts([GOLD], [pred])
    assert c["relations.mapped"] == {"p_num": 2, "p_den": 3, "r_num": 2, "r_den": 2}
    assert c["relations.strict"] == {"p_num": 3, "p_den": 5, "r_num": 3, "r_den": 3}


def test_author_and_unknown_match_only_themselves():
    author = msgspec.structs.replace(GOLD, stances=(msgspec.structs.replace(GOLD.stances[0], holder="AUTHOR"),))
    unknown = msgspec.structs.replace(GOLD, stances=(msgspec.structs.replace(GOLD.stances[0], holder="UNKNOWN"),))
    assert f1s([author], [author])["stance.tuple"] == 1
    assert f1s([author], [unknown])["stance.tuple"] == 0
    assert f1s([GOLD], [author])["stance.tuple"] == 0


def test_a_holder_counts_through_its_cluster():
    pred = msgspec.structs.replace(GOLD, stances=(msgspec.structs.replace(GOLD.stances[0], holder="m1"),))
    assert f1s([GOLD], [pred])["stance.tuple"] == 1


def test_neutral_is_scored_apart():
    neutral = msgspec.structs.replace(GOLD, stances=(msgspec.structs.replace(GOLD.stances[0], polarity="neutral"),))
    c = counts([GOLD], [neutral])["stance.tuple"]
    assert (c["p_den"], c["r_den"]) == (0, 1)


def test_predictions_in_duplicate_regions_are_set_aside_with_what_hangs_on_them():
    copy = Mention(id="m9", start=41, end=47, type="ORG")
    inside = Mention(id="m8", start=50, end=56, type="GPE")
    gold = msgspec.structs.replace(GOLD, ignore=((40, 60),))
    pred = msgspec.structs.replace(
        gold,
        mentions=(*GOLD.mentions, copy, inside),
        entities=(Entity(id="e1", mentions=("m1", "m3", "m9")), *GOLD.entities[1:], Entity(id="e9", mentions=("m8",))),
        relations=(*GOLD.relations, Relation(type="controls", head="e1", tail="e9", evidence=(("m9", "m8"),))),
        stances=(*GOLD.stances, Stance(id="s9", start=42, end=58, holder="m9", target="m2", polarity="favor")),
    )
    result = score([gold], [pred], labels=LABELS)
    assert set(values(result).values()) <= {1, None}
    assert "set-aside:4" in result.signature


def test_a_span_that_only_touches_a_duplicate_region_counts():
    gold = msgspec.structs.replace(GOLD, ignore=((40, 60),))
    pred = msgspec.structs.replace(gold, mentions=(*GOLD.mentions, Mention(id="m9", start=39, end=47, type="ORG")))
    assert counts([gold], [pred])["mentions.strict"]["p_den"] == 5


def test_layers_not_attempted_are_not_scored():
    pred = Annotation(id="tessen", mentions=GOLD.mentions)
    assert {key.split(".")[0] for key in f1s([GOLD], [pred])} == {"mentions"}


def test_degenerate_clusterings_rank_below_an_honest_one():
    mentions = tuple(Mention(id=f"m{i}", start=10 * i, end=10 * i + 5, type="ORG") for i in range(8))
    groups = (("m0", "m1", "m2", "m3"), ("m4", "m5"), ("m6",), ("m7",))

    def system(*clusters: tuple[str, ...]) -> list[Annotation]:
        entities = tuple(Entity(id=f"e{i}", mentions=c) for i, c in enumerate(clusters))
        return [Annotation(id="d", mentions=mentions, entities=entities)]

    gold = system(*groups)
    giant = system(tuple(m for g in groups for m in g))
    alone = system(*((f"m{i}",) for i in range(8)))
    honest = system(("m0", "m1", "m2"), ("m3", "m4", "m5"), ("m6",), ("m7",))
    scores = [f1s(gold, p)["coref.lea"] or 0 for p in (giant, alone, honest)]
    assert scores[2] > max(scores[:2])


def test_scores_that_are_means_of_their_groups():
    means = {key for key, metric in METRICS.items() if metric.average == "mean"}
    assert means == {f"{family}.{name}" for family in ("coref", "coref_no_singletons") for name in ("blanc", "conll")} | {
        "coref_cross.conll",
        "stance.tuple.by_target",
        *(key for key in METRICS if key.endswith("_macro_f1")),
    }
    assert {key for key, metric in METRICS.items() if metric.kind == "mean"} == {
        key for key in means if not key.endswith(".blanc")
    }


def test_only_relations_may_be_given_golds_entities():
    given_layers = {key: metric.given for key, metric in METRICS.items() if metric.given}
    assert given_layers == {"relations.gold_entities": ("mentions", "entities")}
    result = score([GIVEN], [Annotation(id="d", relations=GIVEN.relations)], labels=LABELS, allow_findings=True)
    assert "relations.gold_entities" in result.measured
    result = score([GIVEN], [GIVEN], labels=LABELS, allow_findings=True)
    assert "relations.gold_entities" not in result.measured


GIVEN = Annotation(
    id="d",
    mentions=(Mention(id="m0", start=0, end=1, type="ORG"), Mention(id="m1", start=2, end=3, type="ORG")),
    entities=(Entity(id="e0", mentions=("m0",)), Entity(id="e1", mentions=("m1",))),
    relations=(Relation(type="controls", head="e0", tail="e1"),),
)


@pytest.mark.parametrize("spurious", [1, 2, 3])
@pytest.mark.parametrize("holder", ["AUTHOR", "UNKNOWN"])
def test_no_predicted_entity_is_taken_for_the_author_or_an_unnamed_source(spurious: int, holder: str):
    mentions = tuple(Mention(id=f"m{i}", start=2 * i, end=2 * i + 1, type="ORG") for i in range(spurious + 1))
    gold = Annotation(id="d", mentions=mentions[:1], entities=(), stances=(Stance(holder=holder, target="m0", polarity="favor"),))
    pred = msgspec.structs.replace(
        gold, mentions=mentions, stances=tuple(Stance(holder=m.id, target="m0", polarity="favor") for m in mentions[1:])
    )
    assert counts([gold], [gold])["stance.tuple"]["p_num"] == 1
    assert counts([gold], [pred])["stance.tuple"] == {"p_num": 0, "p_den": spurious, "r_num": 0, "r_den": 1}


@given(pairs(), st.permutations(["PERSON", "ORG", "GPE"]), st.permutations(["controls", "located_in"]))
@settings(max_examples=60)
def test_renaming_labels_on_both_sides_changes_no_total(
    both: tuple[list[Annotation], list[Annotation]], types: list[str], kinds: list[str]
):
    new_type = dict(zip(["PERSON", "ORG", "GPE"], types, strict=True))
    new_kind = dict(zip(["controls", "located_in"], kinds, strict=True))

    def renamed(a: Annotation) -> Annotation:
        mentions = tuple(msgspec.structs.replace(m, type=new_type.get(m.type, m.type)) for m in a.mentions or ())
        relations = tuple(msgspec.structs.replace(r, type=new_kind.get(r.type, r.type)) for r in a.relations or ())
        return msgspec.structs.replace(a, mentions=mentions, relations=relations)

    # of copies of one span, which is matched in coreference is settled by the inventory's order of types
    gold, pred = ([spread(a) for a in side] for side in both)
    before = counts(gold, pred)
    after = counts([renamed(a) for a in gold], [renamed(a) for a in pred])
    for key, expected in before.items():
        assert after[key] == pytest.approx(expected), key


@given(pairs())
@settings(max_examples=60)
def test_the_looser_schema_never_finds_less(both: tuple[list[Annotation], list[Annotation]]):
    found = {key: c["p_num"] for key, c in counts(*both).items()}
    assert found["mentions.strict"] <= found["mentions.exact"] + 1e-9
    assert found["mentions.strict"] <= found["mentions.type"] + 1e-9
    assert found["mentions.exact"] <= found["mentions.partial"] + 1e-9
    assert found["relations.strict"] <= found["relations.boundaries"] + 1e-9
