"""Coreference: exact values, slow versions, and what other scorers say on the same data."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.corpus.model import Annotation, Entity, Mention
from newsgold.metrics import coref
from newsgold.metrics.alignment import entity_ranks
from newsgold.metrics.arrow import table_of
from newsgold.metrics.columns import Vocabulary
from newsgold.metrics.counts import Counts, mean_prf, prf
from newsgold.metrics.suite import METRICS, Evaluation, Side, evaluate
from readers_coref import Clusters, conll, corefud, dwie, neleval, once
from strategies import LABELS, annotations, pairs, slow_lea

NAMES = ("muc", "b_cubed", "ceaf_m", "ceaf_e", "lea", "blanc")
EXACT = 1e-9

Partition = Sequence[frozenset[Any]]
Side4 = tuple[Fraction | int, Fraction | int, Fraction | int, Fraction | int]
"""p_num, p_den, r_num, r_den."""


def annotation(
    name: str, clusters: Sequence[Sequence[tuple[int, int]]], *, event: str | None = None, links: Any = ()
) -> Annotation:
    """A document with these clusters, each a sequence of spans; ``links`` are those of the first ones."""
    number = itertools.count()
    mentions, entities = [], []
    for i, cluster in enumerate(clusters):
        ids = [f"m{next(number)}" for _ in cluster]
        mentions += [Mention(id=m, start=s, end=e, type="ORG") for m, (s, e) in zip(ids, cluster, strict=True)]
        entities.append(Entity(id=f"e{i}", mentions=tuple(ids), link=links[i] if i < len(links) else None))
    return Annotation(id=name, event=event, mentions=tuple(mentions), entities=tuple(entities))


def evaluation(gold: Sequence[Annotation], pred: Sequence[Annotation]) -> Evaluation:
    names = sorted({a.id for a in (*gold, *pred)})
    sides = (Side(table_of(side), {}) for side in (gold, pred))
    return evaluate(*sides, names, Vocabulary(LABELS), LABELS.kinds)


def counted(key: str, gold: Sequence[Annotation], pred: Sequence[Annotation]) -> Counts:
    return METRICS[key].counts(evaluation(gold, pred))


def compared(key: Clusters, response: Clusters) -> Evaluation:
    return evaluation([annotation("d", key)], [annotation("d", response)])


def value(key: str, counts: Counts) -> float | None:
    """The F1 that is printed under a key."""
    return (mean_prf(counts.by_group()) if METRICS[key].average == "mean" else prf(counts.total())).f1


def rpf(name: str, counts: Counts) -> tuple[float | None, float | None, float | None]:
    """Recall, precision and F1, in the peers' order."""
    p, r, f = mean_prf(counts.by_group()) if name == "blanc" else prf(counts.total())
    return r, p, f


# ------------------------------------------------------------------ slow versions


def one_side(side: Callable[[Partition, Partition], tuple[Any, Any]]) -> Callable[[Partition, Partition], list[Side4]]:
    def both(key: Partition, response: Partition) -> list[Side4]:
        return [(*side(response, key), *side(key, response))]

    return both


@one_side
def slow_muc(key: Partition, response: Partition) -> tuple[int, int]:
    """Vilain et al. 1995: |k| less the parts that the response cuts it into."""
    parts = [len({next((i for i, r in enumerate(response) if m in r), m) for m in k}) for k in key]
    return sum(len(k) - n for k, n in zip(key, parts, strict=True)), sum(len(k) - 1 for k in key)


@one_side
def slow_b_cubed(key: Partition, response: Partition) -> tuple[Fraction, int]:
    """Bagga and Baldwin 1998, mention by mention."""
    shares = [Fraction(len(k & r), len(k)) for k in key for m in k for r in response if m in r]
    return sum(shares, Fraction(0)), sum(map(len, key))


def slow_total(key: Partition, response: Partition, phi: Callable[[frozenset[Any], frozenset[Any]], Fraction]) -> Fraction:
    """The best total over every alignment, tried one by one."""
    small, large = sorted((list(key), list(response)), key=len)
    chosen = itertools.permutations(large, len(small))
    return max(sum((phi(a, b) for a, b in zip(small, c, strict=True)), Fraction(0)) for c in chosen)


def slow_ceaf_m(key: Partition, response: Partition) -> list[Side4]:
    total = slow_total(key, response, lambda k, r: Fraction(len(k & r)))
    return [(total, sum(map(len, response)), total, sum(map(len, key)))]


def slow_ceaf_e(key: Partition, response: Partition) -> list[Side4]:
    total = slow_total(key, response, lambda k, r: Fraction(2 * len(k & r), len(k) + len(r)))
    return [(total, len(response), total, len(key))]


def slow_blanc(key: Partition, response: Partition) -> list[Side4]:
    """Luo et al. 2014, with the links written out."""

    def links(clusters: Partition) -> tuple[set[frozenset[Any]], set[frozenset[Any]]]:
        every = {frozenset(pair) for pair in itertools.combinations(set().union(*clusters), 2)}
        inside = {pair for pair in every if any(pair <= c for c in clusters)}
        return inside, every - inside

    return [(len(k & r), len(r), len(k & r), len(k)) for k, r in zip(links(key), links(response), strict=True)]


SLOW: dict[str, Callable[[Partition, Partition], list[Side4]]] = {
    "muc": slow_muc,
    "b_cubed": slow_b_cubed,
    "ceaf_m": slow_ceaf_m,
    "ceaf_e": slow_ceaf_e,
    "lea": one_side(slow_lea),
    "blanc": slow_blanc,
    "conll": lambda k, r: [*slow_muc(k, r), *slow_b_cubed(k, r), *slow_ceaf_e(k, r)],
}


def frozen(clusters: Sequence[Sequence[Hashable]]) -> list[frozenset[Any]]:
    return [frozenset(c) for c in clusters]


@st.composite
def clusterings(draw: st.DrawFn) -> Clusters:
    """Up to five clusters of up to nine places, each place used once."""
    owner = draw(st.lists(st.integers(-1, 4), max_size=9))
    clusters = [[(2 * i, 2 * i + 1) for i, c in enumerate(owner) if c == number] for number in range(5)]
    return [c for c in clusters if c]


several = st.lists(st.tuples(clusterings(), clusterings()), min_size=1, max_size=3)


def documents(side: Sequence[Clusters], **options: Any) -> list[Annotation]:
    return [annotation(f"d{i}", clusters, **options) for i, clusters in enumerate(side)]


@pytest.mark.parametrize("name", SLOW)
@pytest.mark.parametrize("drop", [False, True], ids=["all", "no_singletons"])
@given(both=several)
@settings(max_examples=60, deadline=None)
def test_every_metric_equals_its_slow_version(name: str, drop: bool, both: list[tuple[Clusters, Clusters]]):
    gold, pred = (documents(side) for side in zip(*both, strict=True))
    counts = counted(f"coref{'_no_singletons' * drop}.{name}", gold, pred)
    for row, sides in enumerate(both):
        key, response = (frozen([c for c in side if len(c) > drop]) for side in sides)
        slow = SLOW[name](key, response)
        assert np.stack(counts, axis=2)[row] == pytest.approx(np.array(slow, dtype=float), abs=1e-12)


@given(st.lists(st.tuples(clusterings(), clusterings()), min_size=1, max_size=4), st.data())
@settings(max_examples=80, deadline=None)
def test_across_documents_equals_its_slow_version(both: list[tuple[Clusters, Clusters]], data: st.DataObject):
    events = data.draw(st.lists(st.sampled_from(["x", "y", None]), min_size=len(both), max_size=len(both)))
    links = st.lists(st.sampled_from(["Q1", "Q2", "Q3", None]), min_size=5, max_size=5)
    sides: list[list[Annotation]] = [[], []]
    merged: dict[Any, tuple[dict[Any, set[Any]], dict[Any, set[Any]]]] = defaultdict(lambda: (defaultdict(set), defaultdict(set)))
    for i, (pair, event) in enumerate(zip(both, events, strict=True)):
        for side, clusters in enumerate(pair):
            linked = data.draw(links)
            sides[side].append(annotation(f"d{i}", clusters, links=linked, event=event if side == 0 else None))
            for link, cluster in zip(linked, clusters, strict=False):
                if link is not None:
                    merged[event or i][side][link] |= {(i, *m) for m in cluster}
    e = evaluation(*sides)
    for name in ("muc", "b_cubed", "ceaf_e", "lea", "conll"):
        counts = METRICS[f"coref_cross.{name}"].counts(e)
        expected = np.zeros((len(both), *counts.p_num.shape[1:], 4))
        for event, (key, response) in merged.items():
            row = events.index(event) if isinstance(event, str) else event
            expected[row] += np.array(SLOW[name](frozen([*key.values()]), frozen([*response.values()])), dtype=float)
        assert np.stack(counts, axis=2) == pytest.approx(expected, abs=1e-12), name


# --------------------------------------------------------------------- properties

KEYS = [key for key in METRICS if key.startswith("coref")]


@pytest.mark.parametrize("key", KEYS)
@given(clusters=clusterings())
@settings(max_examples=30, deadline=None)
def test_gold_against_itself_is_one_or_undefined(key: str, clusters: Clusters):
    gold = [annotation("d", clusters, links=["Q1", None, "Q1", "Q2"])]
    assert value(key, counted(key, gold, gold)) in (None, pytest.approx(1))


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_precision_and_recall_swap_with_the_sides(both: tuple[list[Annotation], list[Annotation]]):
    """With repeated spans too, and with links on the repeated ones."""
    gold, pred = ([linked(a) for a in side] for side in both)
    one, other = evaluation(gold, pred), evaluation(pred, gold)
    for key in KEYS:
        a, b = METRICS[key].counts(one), METRICS[key].counts(other)
        for left, right in ((a.p_num, b.r_num), (a.p_den, b.r_den), (a.r_num, b.p_num), (a.r_den, b.p_den)):
            assert left == pytest.approx(right, abs=1e-12), key


def linked(a: Annotation) -> Annotation:
    """The annotation with every other entity linked."""
    entities = tuple(msgspec.structs.replace(e, link=[None, "Q1", "Q2"][int(e.id[1:]) % 3]) for e in a.entities or ())
    return msgspec.structs.replace(a, entities=entities)


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_nothing_found_exceeds_what_there_is(both: tuple[list[Annotation], list[Annotation]]):
    gold, pred = ([linked(a) for a in side] for side in both)
    e = evaluation(gold, pred)
    for key in KEYS:
        c = METRICS[key].counts(e)
        assert (c.p_num >= 0).all(), key
        assert (c.r_num >= 0).all(), key
        assert (c.p_num <= c.p_den + 1e-12).all(), key
        assert (c.r_num <= c.r_den + 1e-12).all(), key
        assert not any(np.signbit(part).any() for part in c), key


@given(several)
@settings(max_examples=40, deadline=None)
def test_documents_add_up(both: list[tuple[Clusters, Clusters]]):
    gold, pred = (documents(side, links=["Q1", "Q2"]) for side in zip(*both, strict=True))
    together, single = evaluation(gold, pred), [evaluation([g], [p]) for g, p in zip(gold, pred, strict=True)]
    for key in KEYS:
        whole, parts = METRICS[key].counts(together), [METRICS[key].counts(e) for e in single]
        assert np.concatenate(whole) == pytest.approx(np.concatenate([np.concatenate(p) for p in zip(*parts, strict=True)])), key


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_without_singletons_is_the_score_of_files_that_never_had_them(both: tuple[list[Annotation], list[Annotation]]):
    gold, pred = both
    e, bare = evaluation(gold, pred), evaluation(*([chains(a) for a in side] for side in both))
    for name in (*NAMES, "conll"):
        dropped, never = METRICS[f"coref_no_singletons.{name}"].counts(e), METRICS[f"coref.{name}"].counts(bare)
        assert np.stack(dropped) == pytest.approx(np.stack(never), abs=1e-12), name


def chains(a: Annotation) -> Annotation:
    entities = tuple(e for e in a.entities or () if len(e.mentions) > 1)
    kept = {m for e in entities for m in e.mentions}
    return Annotation(id=a.id, mentions=tuple(m for m in a.mentions or () if m.id in kept), entities=entities)


@given(clusterings(), clusterings(), st.data())
@settings(deadline=None)
def test_neither_names_nor_places_matter(key: Clusters, response: Clusters, data: st.DataObject):
    """Mentions may be exchanged for others and clusters listed in any order."""
    place = data.draw(st.permutations(range(9)))

    def moved(clusters: Clusters) -> Clusters:
        return data.draw(st.permutations([[(2 * place[s // 2], 2 * place[s // 2] + 1) for s, _ in c] for c in clusters]))

    before, after = compared(key, response), compared(moved(key), moved(response))
    for name in NAMES:
        metric = getattr(coref, name)
        assert metric(after.clusters).total() == pytest.approx(metric(before.clusters).total(), abs=1e-12), name


def test_a_copy_of_a_mention_is_matched_once_and_counts_where_it_stands():
    e = compared([[(0, 1), (2, 3)]], [[(0, 1), (2, 3)], [(0, 1), (4, 5)]])
    assert coref.b_cubed(e.clusters).total() == pytest.approx([2, 4, 2, 2])
    assert coref.muc(e.clusters).total() == pytest.approx([1, 2, 1, 1])
    assert coref.ceaf_m(e.clusters).total() == pytest.approx([2, 4, 2, 2])


def test_documents_without_entities_take_no_part():
    gold = annotation("d", [[(0, 1), (2, 3)]])
    none = msgspec.structs.replace(gold, entities=None)
    for name in NAMES:
        c = counted(f"coref.{name}", [gold, annotation("e", [])], [none, annotation("e", [])])
        assert c.p_den.sum() == 0
        assert prf(c.total()).precision is None


def test_no_documents_have_no_score():
    for key in KEYS:
        assert value(key, counted(key, [], [])) is None


def test_a_mention_left_out_of_the_entities_is_one_of_its_own():
    gold = annotation("d", [[(0, 1)], [(2, 3)]])
    pred = msgspec.structs.replace(gold, entities=gold.entities[:1] if gold.entities else None)
    assert value("coref.lea", counted("coref.lea", [gold], [pred])) == 1


@given(st.lists(annotations(mentions=6), min_size=1, max_size=2))
@settings(deadline=None)
def test_entities_are_ordered_by_their_mentions(side: list[Annotation]):
    """Ranks are places in the order of (document, mentions by start, −end, type); equal entities share the first."""
    gold = [msgspec.structs.replace(a, id=f"d{i}") for i, a in enumerate(side)]
    # entities of the same mentions twice over, and one of their first mention only
    gold += [msgspec.structs.replace(a, id=f"e{i}", **twice(a)) for i, a in enumerate(side)]
    c = evaluation(gold, []).gold
    content = []
    for e, doc in enumerate(c.entity_doc):
        rows = np.flatnonzero(c.entity == e)
        mentions = zip(*(column[rows].tolist() for column in (c.mentions.start, -c.mentions.end, c.mentions.type)), strict=True)
        content.append((int(doc), len(rows) == 0, sorted(mentions)))
    assert entity_ranks(c).tolist() == [sorted(content).index(one) for one in content]


def twice(a: Annotation) -> dict[str, Any]:
    mentions, entities = list(a.mentions or ()), list(a.entities or ())
    for e in a.entities or ():
        for name, kept in (("t", e.mentions), ("u", e.mentions[:1])):
            mentions += [msgspec.structs.replace(m, id=f"{name}{m.id}") for m in a.mentions or () if m.id in kept]
            entities.append(Entity(id=f"{name}{e.id}", mentions=tuple(f"{name}{m}" for m in kept)))
    return {"mentions": tuple(mentions), "entities": tuple(entities), "relations": None, "stances": None}


# ----------------------------------------------------------------- across documents


def test_one_entity_in_two_documents_of_an_event_is_one_cluster():
    """Gold: Q1 three times over two documents. Predicted: two of them as Q1, the third as Q2."""
    gold = [
        annotation("a", [[(0, 1), (2, 3)], [(4, 5)]], links=["Q1"], event="fire"),
        annotation("b", [[(0, 1)]], links=["Q1"], event="fire"),
        annotation("c", [[(0, 1)]], links=["Q1"], event="flood"),
    ]
    pred = [
        annotation("a", [[(0, 1)], [(2, 3)], [(4, 5)]], links=["Q1", "Q2"]),
        annotation("b", [[(0, 1), (8, 9)]], links=["Q1"]),
        annotation("c", [[(0, 1)]], links=["Q1"], event="fire"),
    ]
    c = counted("coref_cross.muc", gold, pred)
    assert np.stack(c)[:, :, 0].T.tolist() == [[1, 2, 1, 2], [0, 0, 0, 0], [0, 0, 0, 0]]
    c = counted("coref_cross.b_cubed", gold, pred)
    assert c.r_num[:, 0].tolist() == pytest.approx([2 * 2 / 3 + 1 / 3, 0, 1])
    assert c.r_den[:, 0].tolist() == [3, 0, 1]
    assert c.p_den[:, 0].tolist() == [4, 0, 1]


def test_the_gold_says_which_documents_are_one_event():
    gold = [annotation(n, [[(0, 1)]], links=["Q1"]) for n in "ab"]
    pred = [annotation(n, [[(0, 1)]], links=["Q1"], event="fire") for n in "ab"]
    assert counted("coref_cross.muc", gold, pred).r_den.sum() == 0
    assert counted("coref_cross.muc", pred, gold).r_den.sum() == 1


def test_the_event_of_a_document_is_its_first_document():
    gold = [annotation(n, [], event=e) for n, e in zip("abcde", ["y", None, "x", "y", "x"], strict=True)]
    assert evaluation(gold[::-1], []).gold.event.tolist() == [0, 1, 2, 0, 2]
    assert evaluation([], gold[:2]).gold.event.tolist() == [0, 1]


# ------------------------------------------------- the reference scorer's cases, inline

A = "a|bc|def"
"""The key of the reference scorer's case A, as clusters of letters (Luo 2005, Pradhan et al. 2014)."""
MARGINS: dict[str, tuple[str, str, dict[str, str]]] = {
    # case: key, response, {metric: recall and precision}
    "A1": (A, A, {"muc": "1 1", "b_cubed": "1 1", "ceaf_m": "1 1", "ceaf_e": "1 1", "lea": "1 1"}),
    "A2": (A, "a|de", {"muc": "1/3 1", "b_cubed": "7/18 1", "ceaf_m": "1/2 1", "ceaf_e": "3/5 9/10", "lea": "1/3 1"}),
    "A3": (A, "a|bcx|defy|z", {"muc": "1 3/5", "b_cubed": "1 55/108", "ceaf_m": "1 2/3", "ceaf_e": "31/35 93/140"}),
    "A10": (A, "a|b|c|d|e|f", {"muc": "0 -", "b_cubed": "1/2 1", "ceaf_m": "1/2 1/2", "ceaf_e": "13/18 13/36", "lea": "1/6 1/6"}),
    "A11": (A, "abcdef", {"muc": "1 3/5", "b_cubed": "1 7/18", "ceaf_m": "1/2 1/2", "ceaf_e": "2/9 2/3", "lea": "5/6 4/15"}),
    "B1": ("ab|cde", "bcx|de", {"muc": "1/3 1/3"}),
    "D1": ("abcde|fg|hijkl", "abcde|fghijkl", {"muc": "1 9/10", "b_cubed": "1 16/21", "ceaf_e": "11/18 11/12"}),
    "F1": ("abcd", "ab|cd", {"muc": "2/3 1", "b_cubed": "1/2 1", "ceaf_e": "2/3 1/3", "lea": "1/3 1"}),
    "J1": ("abc", "ab", {"muc": "1/2 1", "b_cubed": "4/9 1", "ceaf_e": "4/5 4/5", "lea": "1/3 1"}),
    "L1": ("abc|defg", "ab|cd|fgx", {"muc": "2/5 1/2"}),
    "M3": ("abcdef", "ab|cde|f", {"muc": "3/5 1", "b_cubed": "7/18 1", "ceaf_e": "2/3 2/9"}),
    "N3": ("a|b|c|d|e|f", "ab|cde|f", {"muc": "- 0", "b_cubed": "1 1/2", "ceaf_e": "13/36 13/18", "lea": "1/6 1/6"}),
}  # fmt: skip


def letters(text: str) -> Clusters:
    return [[(2 * ord(c), 2 * ord(c) + 1) for c in cluster] for cluster in text.split("|")]


@pytest.mark.parametrize("case", MARGINS)
def test_reference_cases_have_their_exact_values(case: str):
    key, response, expected = MARGINS[case]
    e = compared(letters(key), letters(response))
    for name, values in expected.items():
        recall, precision = (None if v == "-" else pytest.approx(float(Fraction(v)), abs=EXACT) for v in values.split())
        assert rpf(name, getattr(coref, name)(e.clusters))[:2] == (recall, precision), name


BLANC: dict[str, tuple[str, str, tuple[str, str, str]]] = {
    # case: key, response, (recall, precision, F1)
    "documented A2": (A, "a|de", ("19/88", "1", "23/65")),
    "documented A3": (A, "a|bcx|defy|z", ("1", "23/54", "295/494")),
    "documented A10": (A, "a|b|c|d|e|f", ("1/2", "11/15", "11/26")),
    "one kind on both sides": ("abc", "ab", ("1/3", "1", "1/2")),
    "the other kind on both sides": ("a|b|c", "a|b", ("1/3", "1", "1/2")),
    "all in one, the key is not": (A, "abcdef", ("1/2", "4/15", "4/19")),
    "the key is all in one, the response is not": ("abcdef", "ab|cde|f", ("4/15", "1/2", "4/19")),
}


@pytest.mark.parametrize("case", BLANC)
def test_blanc_follows_the_paper_at_its_boundaries(case: str):
    key, response, expected = BLANC[case]
    got = rpf("blanc", coref.blanc(compared(letters(key), letters(response)).clusters))
    assert got == tuple(pytest.approx(float(Fraction(v)), abs=EXACT) for v in expected)


def test_blanc_without_any_link_is_undefined():
    e = compared(letters("a"), letters("a"))
    assert rpf("blanc", coref.blanc(e.clusters)) == (None, None, None)


def test_the_conll_score_leaves_out_what_is_undefined():
    """Gold of singletons against itself: 1, where the reference scorers count MUC as 0 and print 66.67."""
    e = compared(letters("a|b"), letters("a|b"))
    assert mean_prf(coref.conll(e.clusters).by_group()).f1 == 1


def test_the_conll_score_is_the_mean_of_three():
    e = compared(letters(A), letters("a|de"))
    assert mean_prf(coref.conll(e.clusters).by_group()).f1 == pytest.approx(
        float((Fraction("1/2") + Fraction("14/25") + Fraction("18/25")) / 3)
    )


def test_muc_is_not_the_share_of_pairs():
    """metric4coref 0.0.2 calls its pairwise F1 MUC: .60 here, where Vilain's is 6/7."""
    key, response = letters("abcd"), letters("abc|d")
    counts = coref.muc(compared(letters("abcde"), letters("abcd|e")).clusters)
    assert prf(counts.total()).f1 == pytest.approx(6 / 7)
    pairwise = coref.blanc(compared(key, response).clusters).by_group()[0]
    assert prf(pairwise).f1 == pytest.approx(2 * 3 / (6 + 3))


def test_ceaf_m_of_gold_against_itself_is_one():
    """coval 87071a6 divides by the number of clusters: 2.5 for two clusters of five mentions."""
    e = compared(letters("ab|cde"), letters("ab|cde"))
    assert coref.ceaf_m(e.clusters).total().tolist() == [5, 5, 5, 5]


def test_clusters_that_share_nothing_score_zero_without_a_sign():
    """SciPy's solver gives −0.0 here, over which scorch 0.2.0 stumbles."""
    c = coref.ceaf_e(compared(letters("ab"), letters("c")).clusters)
    assert prf(c.total()) == (0, 0, 0)
    assert not np.signbit(c.p_num).any()


# ----------------------------------------------------------------- peers' own numbers

OURS = {"muc": "muc", "bcub": "b_cubed", "ceafm": "ceaf_m", "ceafe": "ceaf_e", "lea": "lea", "blanc": "blanc"}
"""Peers' names of the metrics."""

BLANC_DIFFERS = {"A11", "A13", "F1", "M3", "N3"}
"""Where the reference scorer's BLANC is not the paper's: one side alone lacks a kind of link."""
REPEATED = ("A7", "A9")
"""The cases in which a response repeats a mention; readers drop copies, each other ones."""


def expected(shared: Path, folder: str, name: str = "expected.json") -> dict[str, Any]:
    return json.loads((shared / "goldens" / folder / name).read_text(encoding="utf-8"))["results"]


def test_the_reference_scorers_cases(shared: Path):
    """Every number that scorer.pl 8.01 prints, as the fraction it prints; cases that repeat mentions after dropping copies."""
    met = 0
    for case, record in expected(shared, "conll-coref").items():
        key, response = (conll(shared / "goldens/conll-coref" / record[side]) for side in ("key", "response"))
        assert (once(response) == response) == (case not in REPEATED)
        e = compared(key, once(response))
        for peer, lines in record["perl"].items():
            counts, line = getattr(coref, OURS[peer])(e.clusters), lines[-1]
            if peer != "blanc":
                numbers = [float(line[part][n]) for part in ("Precision", "Recall") for n in ("num", "den")]
                assert counts.total() == pytest.approx(numbers, abs=EXACT), (case, peer)
            elif case not in BLANC_DIFFERS:
                numbers = [float(line[part]["num"]) for part in ("Recall", "Precision")]
                got = rpf("blanc", counts)
                assert [v or 0 for v in got[:2]] == pytest.approx(numbers, abs=EXACT), case
                # it prints percentages cut off after two digits
                assert 0 <= 100 * (got[2] or 0) - line["F1"]["pct"] < 0.01 + EXACT, case
            met += peer != "blanc" or case not in BLANC_DIFFERS
        for peer, numbers in record["documented_R_P_F"].items():
            if peer != "blanc" or case not in BLANC_DIFFERS:
                got = rpf(OURS[peer], getattr(coref, OURS[peer])(e.clusters))
                assert [v or 0 for v in got] == pytest.approx(numbers, abs=5.1e-6), (case, peer)
    assert met == 19 * 5 - len(BLANC_DIFFERS)


def test_where_the_reference_scorers_blanc_is_not_the_papers(shared: Path):
    """It leaves out a kind of links that the key lacks, and counts an undefined precision as 0."""
    records = expected(shared, "conll-coref")
    for case in BLANC_DIFFERS:
        record = records[case]
        e = compared(*(conll(shared / "goldens/conll-coref" / record[side]) for side in ("key", "response")))
        peer = [float(record["perl"]["blanc"][-1][part]["num"]) for part in ("Recall", "Precision")]
        groups = [prf(row) for row in coref.blanc(e.clusters).by_group()]
        lacking = [g.recall is None for g in groups]
        if any(lacking):  # the key lacks a kind: the reference scorer's numbers are those of the other kind alone
            other = groups[lacking.index(False)]
            assert [other.recall, other.precision] == pytest.approx(peer, abs=EXACT), case
            assert value("coref.blanc", coref.blanc(e.clusters)) == pytest.approx((other.f1 or 0) / 2), case
        else:
            assert [sum((g.recall or 0) for g in groups) / 2, sum((g.precision or 0) for g in groups) / 2] == pytest.approx(
                peer
            ), case
            assert 100 * (value("coref.blanc", coref.blanc(e.clusters)) or 0) == pytest.approx(
                record["perl"]["blanc"][-1]["F1"]["pct"], abs=0.01
            )


@pytest.mark.parametrize("case", REPEATED)
def test_repeated_mentions_lower_precision(shared: Path, case: str):
    """The reference scorer, coval and CorefUD each drop other copies, so they disagree; here all of them count."""
    record = expected(shared, "conll-coref")[case]
    key, response = (conll(shared / "goldens/conll-coref" / record[side]) for side in ("key", "response"))
    kept, dropped = compared(key, response), compared(key, once(response))
    for name in ("b_cubed", "ceaf_m", "lea"):
        with_copies, without = (prf(getattr(coref, name)(e.clusters).total()) for e in (kept, dropped))
        assert with_copies.precision is not None
        assert with_copies.precision < (without.precision or 0), name
    copies = sum(map(len, response)) - sum(map(len, once(response)))
    assert copies == {"A7": 1, "A9": 10}[case]
    assert coref.b_cubed(kept.clusters).p_den.sum() == coref.b_cubed(dropped.clusters).p_den.sum() + copies


@pytest.mark.parametrize(("folder", "cases"), [("conll-coref", 17), ("coval", 40)])
def test_coval(shared: Path, folder: str, cases: int):
    """coval 87071a6 with singletons kept; its CEAFm, which exceeds 1, was never recorded."""
    met = 0
    for case, record in expected(shared, folder).items():
        if case in REPEATED:
            continue
        place = shared / "goldens" / folder
        if folder == "coval":
            key, response, numbers = place / case.split("/")[0] / "key", place / case, record
        else:
            key, response, numbers = place / record["key"], place / record["response"], record["coval"]
        e = compared(conll(key), conll(response))
        assert set(numbers) == {"mentions", "muc", "bcub", "ceafe", "lea"}
        for peer in ("muc", "bcub", "ceafe", "lea"):
            got = rpf(OURS[peer], getattr(coref, OURS[peer])(e.clusters))
            # coval prints 0 for what is undefined
            assert [v or 0 for v in got] == pytest.approx(numbers[peer], abs=EXACT), (case, peer)
        met += 1
    assert met == cases


def test_corefud(shared: Path):
    """CorefUD scorer 4fd7b0e, exact match, singletons kept, in percent of two digits."""
    met = 0
    for case, record in expected(shared, "corefud").items():
        if not case.startswith("exact-match") or case.endswith("A-9.response"):
            continue
        response = shared / "goldens/corefud" / case
        e = compared(corefud(response.with_name(response.name[:4] + ".key")), corefud(response))
        for peer, name in OURS.items():
            got = [100 * (v or 0) for v in rpf(name, getattr(coref, name)(e.clusters))]
            if peer == "blanc":
                # a kind of links that one side alone lacks has a precision or recall of 0 there, and none here; F1 is the same
                groups = [prf(row) for row in coref.blanc(e.clusters).by_group()]
                zeros = [[v or 0 for v in (g.recall, g.precision)] for g in groups if g.f1 is not None]
                got[:2] = 100 * np.mean(zeros, axis=0)
            assert got == pytest.approx(record[peer], abs=0.00501), (case, peer)
        score = mean_prf(coref.conll(e.clusters).by_group()).f1
        if case.endswith("N-1.response"):  # no links anywhere: MUC is 0 there and undefined here
            assert (record["conll"], score) == (66.67, 1)
        else:
            assert 100 * (score or 0) == pytest.approx(record["conll"], abs=0.00501), case
        met += 1
    assert met == 6


@pytest.mark.parametrize("system", ["sysA", "sysB"])
def test_neleval(shared: Path, system: str):
    """neleval 3.1.1 on 30 documents of DWIE, as additive counts."""
    gold, pred = (neleval(shared / f"goldens/neleval/{name}.tsv") for name in ("gold", f"pred.{system}"))
    e = evaluation(*([annotation(name.lower(), c) for name, c in side.items()] for side in (gold, pred)))
    record = expected(shared, "neleval", "dwie.expected.json")[system]
    for peer, name in (("muc", "muc"), ("b_cubed", "b_cubed"), ("mention_ceaf", "ceaf_m"), ("entity_ceaf", "ceaf_e")):
        r = record[peer]
        numbers = [r["ptp"], r["ptp"] + r["fp"], r["rtp"], r["rtp"] + r["fn"]]
        assert getattr(coref, name)(e.clusters).total() == pytest.approx(numbers, rel=EXACT), peer


def dwie_side(clusters: Clusters, other: Clusters, *, links: bool) -> tuple[float, float]:
    """DWIE's numerator and denominator of MUC (``links``) or B³: copies of a mention are found as often as they are listed."""
    owner = {m: i for i, c in enumerate(other) for m in c}
    num = den = 0.0
    for c in clusters:
        owners = [owner[m] for m in c if m in owner]
        num += len(owners) - len(set(owners)) if links else sum(owners.count(o) ** 2 for o in set(owners)) / len(c)
        den += len(c) - 1 if links else len(c)
    return num, den


@pytest.mark.parametrize("system", ["sysA", "sysB"])
def test_dwie(shared: Path, system: str):
    """DWIE 575e0be counts copies of a mention as found each time. Its numbers are met by doing so; ours are lower."""
    gold, pred = (dwie(shared / f"goldens/dwie/{name}.jsonl") for name in ("gold", f"pred.{system}"))
    sides = [[annotation(name.lower(), c) for name, c in side.items()] for side in (gold, pred)]
    e = evaluation(*sides)
    record = expected(shared, "dwie")[system]
    for peer, name in (("coref_muc", "muc"), ("coref_b3", "b_cubed")):
        parts = [dwie_side(pred[d], gold[d], links=name == "muc") for d in gold]
        precision = sum(n for n, _ in parts) / sum(d for _, d in parts)
        ours = prf(getattr(coref, name)(e.clusters).total())
        assert precision == pytest.approx(record[peer]["precision"], abs=EXACT)
        assert ours.recall == pytest.approx(record[peer]["recall"], abs=EXACT)
        assert ours.precision is not None
        assert ours.precision < precision
    # its φ4 counts the gold's mentions, so a copy only makes its cluster larger, as here
    assert prf(coref.ceaf_e(e.clusters).total())._asdict() == pytest.approx(record["coref_ceafe"], abs=EXACT)


def test_dwie_unit_files(shared: Path):
    """The evaluator's own test files, which repeat no mention: precision, recall, F1."""
    folder = shared / "goldens/dwie/unit"
    records = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    assert len(records) == 11
    for name, record in records.items():
        ((_, key),), ((_, response),) = (dwie(folder / f).items() for f in (record["gold"], name))
        e = compared(key, response)
        for peer, ours in (("coref_muc", "muc"), ("coref_b3", "b_cubed"), ("coref_ceafe", "ceaf_e")):
            got = prf(getattr(coref, ours)(e.clusters).total())
            assert [v or 0 for v in got] == pytest.approx(record[peer], abs=EXACT), (name, peer)


def test_entities_that_share_a_repeated_first_mention_are_told_apart_by_the_next():
    first = next(iter(LABELS.types))
    places = [(0, 9)] * 4 + [(6, 8), (4, 6)]
    value = Annotation(
        id="d",
        mentions=tuple(Mention(id=f"m{i}", start=s, end=e, type=first) for i, (s, e) in enumerate(places)),
        entities=(Entity(id="e0", mentions=("m0", "m1", "m4")), Entity(id="e1", mentions=("m2", "m3", "m5"))),
    )
    assert entity_ranks(evaluation([value], []).gold).tolist() == [1, 0]


def test_entities_without_mentions_rank_last_and_alike():
    value = Annotation(
        id="d",
        mentions=(Mention(id="m0", start=3, end=4, type="ORG"), Mention(id="m1", start=0, end=1, type="ORG")),
        entities=(Entity(id="e0", mentions=("m0",)), *(Entity(id=f"e{i}", mentions=()) for i in (1, 2))),
    )
    # the mention that is in no entity is the last row
    assert entity_ranks(evaluation([value], []).gold).tolist() == [1, 2, 2, 0]
    clustered = msgspec.structs.replace(value, mentions=value.mentions[:1])
    assert entity_ranks(evaluation([clustered], []).gold).tolist() == [0, 1, 1]
