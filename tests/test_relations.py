"""Relations: every metric against a slow version, worked cases, and the peers' numbers."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slow_facts as slow
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Entity, Mention, Relation
from newsgold.metrics import relations
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Vocabulary, mark_faulty
from newsgold.metrics.counts import prf
from newsgold.metrics.suite import METRICS, Evaluation, Side, evaluate, measure
from slow_facts import Resolved, counted, evaluation
from strategies import LABELS, pairs

Both = tuple[list[Annotation], list[Annotation]]


def slow_counts(key: str, gold: Annotation, pred: Annotation) -> list[Any]:
    g, p = Resolved(gold), Resolved(pred)
    if key in ("relations.boundaries", "relations.strict"):
        return slow.compared(*(slow.items(side, typed=key == "relations.strict") for side in (g, p)))
    mapped = (slow.alignment if key == "relations.entity" else slow.mapping)(g, p)
    sides = slow.triples(g, None), slow.triples(p, mapped)
    matched = sides[0].keys() & sides[1].keys()
    if key == "relations.factuality":
        # the second field of what tells a repetition is the factuality
        right = sum({row[1] for row in sides[0][k]} == {row[1] for row in sides[1][k]} for k in matched)
        return [right, len(matched), right, len(matched)]
    if key == "relations.evidence":
        return slow.compared(
            slow.items(g, typed=False, within=None, matched=matched), slow.items(p, typed=False, within=mapped, matched=matched)
        )
    return slow.compared(*sides)


KEYS = [key for key in METRICS if key.startswith("relations.") and key != "relations.gold_entities"]


@pytest.mark.parametrize("key", KEYS)
@given(both=pairs() | pairs(clustered=False))
@settings(deadline=None, max_examples=150)
def test_every_metric_equals_its_slow_version(key: str, both: Both):
    gold, pred = both
    assert counted(key, gold, pred) == [slow_counts(key, g, p) for g, p in zip(gold, pred, strict=True)]


@given(pairs(distinct=True), st.data())
@settings(deadline=None)
def test_given_golds_entities_ids_are_all_that_counts(both: Both, data: st.DataObject):
    gold = both[0]
    pred = []
    for a in gold:
        ids = st.sampled_from(["e0", "e1", "e2", "e3", "m0", "elsewhere"])
        rows = st.builds(Relation, type=st.sampled_from(["controls", "fights"]), head=ids, tail=ids)
        pred.append(Annotation(id=a.id, relations=tuple(data.draw(st.lists(rows, max_size=4)))))
    expected = []
    for g, p in zip(gold, pred, strict=True):
        side, own = Resolved(g), {e.id for e in g.entities or ()}
        facts = {(r.type, slow.unordered(r.type, side.entity(r.head), side.entity(r.tail))) for r in g.relations or ()}
        said = Counter(
            (r.type, slow.unordered(r.type, r.head, r.tail)) if {r.head, r.tail} <= own else i
            for i, r in enumerate(p.relations or ())
        )
        found = sum(f in said for f in facts)
        expected.append([found, said.total(), found, len(facts)])
    e = evaluation(gold, pred)
    if e.pred.attempted["relations"].any():
        assert set(measure(e)) == {"relations.gold_entities"}
    assert METRICS["relations.gold_entities"].counts(e).by_document().tolist() == expected


# ---------------------------------------------------------------------- worked cases

GOLD = Annotation(
    id="tessen",
    mentions=(
        Mention(id="m1", start=0, end=6, type="ORG", text="Tessen"),
        Mention(id="m2", start=12, end=18, type="GPE", text="Belmar"),
        Mention(id="m3", start=20, end=22, type="ORG", kind="PRO", text="it"),
        Mention(id="m4", start=30, end=36, type="GPE", text="Kestri"),
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
)


def with_relations(*rows: Relation, **changes: Any) -> list[Annotation]:
    return [msgspec.structs.replace(GOLD, relations=rows, **changes)]


def ratios(key: str, pred: list[Annotation], gold: Annotation = GOLD) -> list[float]:
    return counted(key, [gold], pred)[0]


def test_a_sentence_level_system_is_perfect_in_mapped_and_not_in_entity():
    rows = (
        Relation(type="controls", head="m1", tail="m2"),
        Relation(type="controls", head="m3", tail="m2"),
        Relation(type="adjacent_to", head="m2", tail="m4"),
    )
    pred = with_relations(*rows, entities=None)
    assert ratios("relations.mapped", pred) == [2, 2, 2, 2]
    assert ratios("relations.entity", pred) == [2, 3, 2, 2]


@pytest.mark.parametrize(
    ("said", "right"),
    [(("asserted",), 0), (("asserted", "denied"), 1), (("denied", "asserted", "denied"), 1), (("prospective", "denied"), 0)],
)
def test_factuality_wants_the_same_set(said: tuple[str, ...], right: int):
    rows = [Relation(type="controls", head="e1", tail="e2", factuality=f) for f in ("asserted", "denied")]
    gold = msgspec.structs.replace(GOLD, relations=tuple(rows))
    pred = with_relations(*(msgspec.structs.replace(rows[0], factuality=f) for f in said))
    assert ratios("relations.factuality", pred, gold) == [right, 1, right, 1]


def test_evidence_is_asked_of_matched_triples_alone():
    first, second = GOLD.relations or ()
    wrong = msgspec.structs.replace(second, type="located_in")
    assert ratios("relations.evidence", with_relations(msgspec.structs.replace(first, evidence=(("m1", "m2"),)), wrong)) == [
        1,
        1,
        1,
        2,
    ]
    assert ratios("relations.evidence", with_relations(msgspec.structs.replace(first, evidence=None))) == [0, 0, 0, 2]
    assert ratios("relations.evidence", with_relations(wrong)) == [0, 0, 0, 0]


def test_a_spurious_mention_can_raise_all_but_boundaries_and_strict():
    """It changes the gold entity that its cluster stands for."""
    rows = (Relation(type="controls", head="x", tail="e2", evidence=(("m4", "m2"),)),)
    entities = (Entity(id="x", mentions=("m4",)), Entity(id="e2", mentions=("m2",)))
    before = with_relations(*rows, mentions=(GOLD.mentions or ())[1::2], entities=entities)
    more = (*(GOLD.mentions or ())[1::2], *(GOLD.mentions or ())[0::2])
    after = with_relations(*rows, mentions=more, entities=(Entity(id="x", mentions=("m4", "m1", "m3")), entities[1]))
    for key in ("relations.mapped", "relations.entity"):
        assert [ratios(key, side)[0] for side in (before, after)] == [0, 1]
    for key in ("relations.boundaries", "relations.strict"):
        assert ratios(key, before) == ratios(key, after)


def test_a_spurious_relation_can_raise_evidence():
    first, second = GOLD.relations or ()
    partly = msgspec.structs.replace(first, evidence=(("m1", "m4"),))
    assert ratios("relations.evidence", with_relations(partly)) == [0, 1, 0, 2]
    assert ratios("relations.evidence", with_relations(partly, second)) == [1, 2, 1, 3]


def test_what_names_nothing_counts_and_matches_nothing():
    lost = Relation(type="controls", head="e1", tail="nobody", evidence=(("m1", "nobody"),))
    for key in ("relations.mapped", "relations.entity", "relations.boundaries", "relations.strict"):
        found, predicted, *_ = ratios(key, with_relations(lost, lost))
        assert [found, predicted] == [0, 2]
        assert counted(key, with_relations(lost), with_relations(lost))[0] == [0, 1, 0, 1]


def test_of_a_symmetric_relation_the_order_of_two_mentions_on_one_span_does_not_matter():
    mentions = (Mention(id="m1", start=0, end=6, type="ORG"), Mention(id="m2", start=0, end=6, type="GPE"))
    both = tuple(Relation(type="fights", head=a, tail=b) for a, b in (("m1", "m2"), ("m2", "m1")))
    gold = Annotation(id="d", mentions=mentions, relations=both[:1])
    assert counted("relations.boundaries", [gold], [msgspec.structs.replace(gold, relations=both)]) == [[1, 2, 1, 1]]
    assert counted("relations.strict", [gold], [msgspec.structs.replace(gold, relations=both)]) == [[1, 2, 1, 1]]


def test_a_relation_at_fault_is_not_found_by_its_ids_either():
    pred = Annotation(id="tessen", relations=(Relation(type="controls", head="e1", tail="e2"),))
    e = evaluation([GOLD], [pred])
    assert relations.gold_entities(e.gold, e.pred, e.symmetric, e.size("relation")).total().tolist() == [1, 1, 1, 2]
    marked = mark_faulty(e.pred, "relations", np.array([0]), 1)
    assert relations.gold_entities(e.gold, marked, e.symmetric, e.size("relation")).total().tolist() == [0, 1, 0, 2]


# ------------------------------------------------------------- facts seen in training


def surfaces(side: Annotation, texts: list[str]) -> np.ndarray:
    return np.array([texts.index(m.text) if m.text in texts else -1 for m in side.mentions or ()])


def ign(pred: Annotation, train: list[tuple[str, str, str]], **options: bool) -> list[float]:
    e = evaluation([GOLD], [pred])
    texts = ["Tessen", "Belmar", "it", "Kestri"]
    kinds = e.vocabulary.names["relation"]
    facts = np.array([(kinds.index(r), texts.index(h), texts.index(t)) for r, h, t in train], dtype=np.int64).reshape(-1, 3)
    seen = [relations.seen_rows(side, surfaces(a, texts), facts) for side, a in ((e.gold, GOLD), (e.pred, pred))]
    return relations.ign(e.triples, 1, len(kinds), *seen, **options).total().tolist()


def test_facts_seen_in_training_are_left_out_on_both_sides():
    wrong = Relation(type="controls", head="e3", tail="e2", evidence=(("m4", "m2"),))
    pred = msgspec.structs.replace(GOLD, relations=(*(GOLD.relations or ()), wrong))
    assert ign(pred, []) == [2, 3, 2, 2]
    assert ign(pred, [("controls", "it", "Belmar")]) == [1, 2, 1, 1]
    assert ign(pred, [("controls", "Belmar", "Tessen")]) == [2, 3, 2, 2], "direction matters"
    assert ign(pred, [("controls", "Kestri", "Belmar")]) == [2, 2, 2, 2], "wrong and remembered"
    assert ign(GOLD, [("controls", "Tessen", "Belmar"), ("adjacent_to", "Belmar", "Kestri")]) == [0, 0, 0, 0]


def test_docred_leaves_only_right_facts_out_and_only_of_precision():
    wrong = Relation(type="controls", head="e3", tail="e2", evidence=(("m4", "m2"),))
    pred = msgspec.structs.replace(GOLD, relations=(*(GOLD.relations or ()), wrong))
    train = [("controls", "Tessen", "Belmar"), ("controls", "Kestri", "Belmar")]
    assert ign(pred, train, asymmetric=True) == [1, 2, 2, 2]
    assert ign(pred, train) == [1, 1, 1, 1]


def test_a_fact_is_seen_through_golds_names_where_the_prediction_has_none():
    pred = msgspec.structs.replace(GOLD, mentions=tuple(msgspec.structs.replace(m, text=None) for m in GOLD.mentions or ()))
    assert ign(pred, [("controls", "Tessen", "Belmar")]) == [1, 1, 1, 1]


# ------------------------------------------------------------------- the peers' numbers


def inventory(types: list[str], kinds: list[str]) -> Labels:
    """Another team's labels, for the peers' data."""
    some_type, some_relation = next(iter(LABELS.types.values())), LABELS.relations["controls"]
    return msgspec.structs.replace(LABELS, types=dict.fromkeys(types, some_type), relations=dict.fromkeys(kinds, some_relation))


def foreign(gold: list[Annotation], pred: list[Annotation], labels: Labels) -> Evaluation:
    sides = Side(table_of(gold), {}), Side(table_of(pred), {})
    return evaluate(*sides, sorted(a.id for a in gold), Vocabulary(labels), ("NAM",))


def conll04(path: Path, *, once: bool) -> tuple[list[Annotation], list[Annotation]]:
    """The sentences of CoNLL04; ``once`` takes repeated entities and relations out."""
    sides: tuple[list[Annotation], list[Annotation]] = ([], [])
    for line in path.read_text().splitlines():
        record = json.loads(line)
        for name, out in zip(("gold", "pred"), sides, strict=True):
            given_entities = [(x["start"], x["end"], x["type"]) for x in record[name]["entities"]]
            rows = [(r["type"], r["head"], r["tail"]) for r in record[name]["relations"]]
            if once:
                rows = list({(k, given_entities[h], given_entities[t]): (k, h, t) for k, h, t in rows}.values())
            mentions = tuple(Mention(id=f"m{i}", start=s, end=e, type=t) for i, (s, e, t) in enumerate(given_entities))
            said = tuple(Relation(type=k, head=f"m{h}", tail=f"m{t}") for k, h, t in rows)
            out.append(Annotation(id=record["doc_id"], mentions=mentions, relations=said))
    return sides


CONLL04 = inventory(["Loc", "Org", "Other", "Peop"], ["Kill", "Live_In", "Located_In", "OrgBased_In", "Work_For"])


@pytest.mark.parametrize("mode", ["strict", "boundaries"])
def test_sincere(shared: Path, mode: str):
    expected = json.loads((shared / "goldens/sincere/rel-conll04.expected.json").read_text())["results"][mode]
    e = foreign(*conll04(shared / "goldens/inputs/rel-conll04/spans.jsonl", once=True), CONLL04)
    counts = METRICS[f"relations.{mode}"].counts(e)
    rows = {"ALL": counts.total(), **dict(zip(CONLL04.relations, counts.by_group(), strict=True))}
    for name, c in rows.items():
        want = expected[name]
        assert [c[0], c[1] - c[0], c[3] - c[2]] == [want["tp"], want["fp"], want["fn"]]
        got = prf(c)
        for value, letter in zip(got, ("p", "r", "f1"), strict=True):
            assert 100 * (value or 0) == pytest.approx(want[letter], abs=1e-9)


@pytest.mark.parametrize(("mode", "name"), [("strict", "strict_relation"), ("boundaries", "relation")])
def test_pure_where_it_is_well_defined(shared: Path, mode: str, name: str):
    """Without repetitions PURE's is the number of sincere; with them it counts each as a further true positive."""
    expected = json.loads((shared / "goldens/pure/rel-conll04.expected.json").read_text())["results"][name]
    path = shared / "goldens/inputs/rel-conll04/spans.jsonl"
    once, again = (METRICS[f"relations.{mode}"].counts(foreign(*conll04(path, once=o), CONLL04)).total() for o in (True, False))
    gold = again[3]
    predicted = sum(len(json.loads(line)["pred"]["relations"]) for line in path.read_text().splitlines())
    # what PURE has beyond ours is exactly the repetitions that are right
    inflated = expected["recall"] * gold
    assert inflated == pytest.approx(round(inflated), abs=1e-9)
    assert expected["precision"] == pytest.approx(round(inflated) / predicted, abs=1e-9)
    assert again[1] == predicted
    assert again[0] == once[0] <= round(inflated)


def docred(shared: Path, system: str) -> tuple[Evaluation, list[dict[str, Any]]]:
    folder = shared / "goldens/docred"
    documents = json.loads((folder / "dev_test.json").read_text())
    number = {d["title"]: f"d{i:03}" for i, d in enumerate(documents)}
    said: dict[str, dict[Any, Relation]] = {d["title"]: {} for d in documents}
    for r in json.loads((folder / f"result.{system}.json").read_text()):
        if r["title"] in said:
            fact = r["r"], r["h_idx"], r["t_idx"]
            said[r["title"]][fact] = Relation(type=r["r"], head=f"e{r['h_idx']}", tail=f"e{r['t_idx']}")
    gold, pred = [], []
    for d in documents:
        mentions, entities = [], []
        for i, vertex in enumerate(d["vertexSet"]):
            for m in vertex:
                start = 1000 * m["sent_id"] + m["pos"][0]
                end = 1000 * m["sent_id"] + m["pos"][1]
                mentions.append(Mention(id=f"m{len(mentions)}", start=start, end=end, type="ORG", text=m["name"]))
            entities.append(Entity(id=f"e{i}", mentions=tuple(m.id for m in mentions[-len(vertex) :])))
        facts = {(r["r"], r["h"], r["t"]) for r in d["labels"]}
        rows = tuple(Relation(type=k, head=f"e{h}", tail=f"e{t}") for k, h, t in sorted(facts))
        gold.append(Annotation(id=number[d["title"]], mentions=tuple(mentions), entities=tuple(entities), relations=rows))
        pred.append(Annotation(id=number[d["title"]], relations=tuple(said[d["title"]].values())))
    kinds = sorted({r.type for a in (*gold, *pred) for r in a.relations or ()})
    return foreign(gold, pred, inventory(list(LABELS.types), kinds)), documents


@pytest.mark.parametrize("system", ["sysA", "sysB"])
def test_docred(shared: Path, system: str):
    """Relation F1 with gold's entities, and Ign F1; the script adds 1e-5 to denominators."""
    expected = json.loads((shared / "goldens/docred/expected.json").read_text())["results"][system]
    e, documents = docred(shared, system)
    groups = e.size("relation")
    total = relations.gold_entities(e.gold, e.pred, e.symmetric, groups).total()
    assert prf(total).f1 == pytest.approx(expected["RE_F1"], abs=1e-6)
    said = relations.given(e.gold, e.pred, e.symmetric)
    texts = [m["name"] for d in documents for vertex in d["vertexSet"] for m in vertex]
    code = {text: i for i, text in enumerate(texts)}
    kinds = {name: i for i, name in enumerate(e.vocabulary.names["relation"])}
    for part in ("annotated", "distant"):
        train = json.loads((shared / f"goldens/docred/train_{part}.facts.json").read_text())
        rows = [(kinds[r], code[h], code[t]) for h, t, r in train if r in kinds and h in code and t in code]
        seen = relations.seen_rows(e.gold, np.array([code[text] for text in texts]), np.array(rows))
        # a predicted triple is seen where gold's is
        unseen = np.zeros(len(e.pred.relations.doc), dtype=bool)
        c = relations.ign(said, e.gold.documents, groups, seen, unseen, asymmetric=True).total()
        assert prf(c).f1 == pytest.approx(expected[f"RE_ignore_{part}_F1"], abs=1e-5)


def test_evidence_is_mixed_by_splitmix64():
    """Reference values: the first outputs of the generator with the seeds 0 and 1234567 (Vigna's splitmix64.c)."""
    assert relations._mix(np.array([0, 1234567], dtype=np.uint64)).tolist() == [0xE220A8397B1DCDAF, 6457827717110365317]


@pytest.mark.parametrize(
    ("first", "second", "times"),
    [
        ((("m0", "m1"),), (("m0", "m3"),), 1),
        ((("m0", "m1"),), (("m2", "m1"),), 1),
        ((("m0", "m1"),), (("m0", "m1"), ("m2", "m3")), 1),
        ((("m0", "m1"),), (("m0", "m1"),), 2),
        ((("m0", "m1"), ("m2", "m3")), (("m2", "m3"), ("m0", "m1")), 2),
        ((("m0", "m1"), ("m0", "m1")), (("m0", "m1"),), 2),
        ((("m0", "zz"),), (("m2", "zy"),), 2),
    ],
)
def test_said_anew_with_other_evidence_is_no_repetition(first: Any, second: Any, times: int):
    value = Annotation(
        id="d",
        mentions=tuple(Mention(id=f"m{i}", start=2 * i, end=2 * i + 1, type="ORG") for i in range(4)),
        entities=(Entity(id="e0", mentions=("m0", "m2")), Entity(id="e1", mentions=("m1", "m3"))),
        relations=tuple(Relation(type="controls", head="e0", tail="e1", evidence=e) for e in (first, second)),
    )
    gold = msgspec.structs.replace(value, relations=value.relations[:1] if value.relations else None)
    assert counted("relations.mapped", [gold], [value]) == [[1, times, 1, 1]]
