"""Chance-corrected coefficients: published examples, other people's programs, slow readings of the definitions, laws."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.metrics.agreement import Parts, Sets, cohen, fleiss, masi, mean_of, nominal, only, paired, restricted
from newsgold.metrics.columns import Spans
from newsgold.metrics.unitizing import continuum, unitized


def column(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


def total(parts: Parts) -> float | None:
    value = parts.total()
    return None if math.isnan(value) else value


# ------------------------------------------------------------------ published examples


def test_cohen_by_hand():
    """20 and 15 agreed of 50, 5 and 10 not: p_o = 0.7, p_e = 0.5, kappa 0.4."""
    left, right = np.repeat([0, 0, 1, 1], [20, 5, 10, 15]), np.repeat([0, 1, 0, 1], [20, 5, 10, 15])
    parts = cohen(np.zeros(50, dtype=np.int64), left, right, 1, 2)
    assert total(parts) == pytest.approx(0.4)
    assert parts.items.tolist() == [50]


FLEISS = """0 0 0 0 14, 0 2 6 4 2, 0 0 3 5 6, 0 3 9 2 0, 2 2 8 1 1, 7 7 0 0 0, 3 2 6 3 0, 2 5 3 2 2, 6 5 2 1 0, 0 2 2 3 7"""


def test_fleiss_of_ten_subjects_and_fourteen_raters():
    """The worked example of the article on Fleiss' kappa in Wikipedia: 0.210."""
    table = [[int(n) for n in row.split()] for row in FLEISS.split(",")]
    unit = [u for u, row in enumerate(table) for n in row for _ in range(n)]
    label = [c for row in table for c, n in enumerate(row) for _ in range(n)]
    parts = fleiss(np.zeros(len(unit), dtype=np.int64), column(*unit), column(*label), 1, 5)
    assert total(parts) == pytest.approx(0.210, abs=5e-4)


def test_alpha_of_four_observers_and_twelve_units():
    """Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability", C: any number of observers, missing data: 0.743."""
    rows = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    cells = [(u, int(v)) for row in rows for u, v in enumerate(row.split()) if v != "."]
    unit, label = (column(*part) for part in zip(*cells, strict=True))
    parts = nominal(np.zeros(len(unit), dtype=np.int64), unit, label, 1, 6)
    assert total(parts) == pytest.approx(0.743, abs=5e-4)
    assert parts.items.tolist() == [11]  # the twelfth has one value


def test_alpha_of_the_reference_data(shared: Path):
    data = json.loads((shared / "goldens" / "krippendorff" / "expected.json").read_text())
    cells = [(u, v) for row in data["reliability_data"] for u, v in enumerate(row) if v is not None]
    unit, label = (column(*part) for part in zip(*cells, strict=True))
    # every unit a document of its own: the parts add up
    assert total(nominal(unit, unit, label, 40, 5)) == pytest.approx(data["results"]["nominal"], abs=1e-12)


ALEX = ((0, 7, 1), (7, 13, 2), (30, 32, 5), (32, 37, 6), (37, 44, 6), (44, 60, 7))
PAUL = ((0, 7, 1), (7, 13, 3), (13, 21, 5), (32, 44, 6))
SUZAN = ((0, 7, 1), (7, 13, 4), (13, 21, 5), (32, 37, 6), (37, 41, 6), (41, 44, 6))


def spans(*rows: tuple[int, int, int], doc: int = 0) -> Spans:
    table = np.array(rows, dtype=np.int64).reshape(-1, 3)
    return Spans(np.full(len(table), doc), table[:, 0], table[:, 1], table[:, 2])


def unitizing(sides: list[Spans], length: int, types: int, kind: int | None = None) -> float | None:
    part = np.ones((len(sides), 1), dtype=bool)
    line = continuum(sides, part, column(length), column(0))
    return total(unitized(line, types, kind).parts(range(len(sides))))


def test_unitizing_alpha_of_the_book():
    """Krippendorff 2019, Content Analysis, 4th ed., figure 12.11: uα 0.510, and 0.413 for marked or not."""
    sides = [spans(*rows) for rows in (ALEX, PAUL, SUZAN)]
    assert unitizing(sides, 60, 8) == pytest.approx(0.510, abs=5e-4)
    bare = [side._replace(type=np.zeros(len(side.doc), dtype=np.int64)) for side in sides]
    assert unitizing(bare, 60, 1) == pytest.approx(0.413, abs=1e-3)


# ------------------------------------------------------------------ other programs

labels = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30)


@given(labels)
def test_cohen_is_scikit_learn_s(pairs: list[tuple[int, int]]):
    from sklearn.metrics import cohen_kappa_score

    left, right = (column(*part) for part in zip(*pairs, strict=True))
    ours = total(cohen(np.arange(len(pairs)), left, right, len(pairs), 3))
    if len(set(left) | set(right)) == 1:
        assert ours is None  # scikit-learn warns, and gives NaN
    else:
        assert ours == pytest.approx(cohen_kappa_score(left, right), abs=1e-12)


@st.composite
def clusterings(draw: st.DrawFn) -> dict[str, dict[int, int]]:
    """For two or three annotators the cluster of each mention they marked."""
    out = {}
    for name in "abc"[: draw(st.integers(2, 3))]:
        marked = draw(st.lists(st.integers(0, 6), unique=True, max_size=7))
        out[name] = {mention: draw(st.integers(0, 3)) for mention in marked}
    return out


def sets_of(made: dict[str, dict[int, int]]) -> dict[str, dict[int, frozenset[int]]]:
    """For each annotator and mention the set of mentions in its cluster."""
    out: dict[str, dict[int, frozenset[int]]] = {}
    for name, cluster in made.items():
        members = defaultdict(set)
        for mention, number in cluster.items():
            members[number].add(mention)
        out[name] = {mention: frozenset(members[number]) for mention, number in cluster.items()}
    return out


def arrays_of(documents: list[dict[str, dict[int, int]]]) -> tuple[Sets, Any, Any]:
    doc, owner, element, unit, given_ = [], [], [], [], []
    for d, made in enumerate(documents):
        for judged in sets_of(made).values():
            number = {}
            for cluster in sorted(set(judged.values()), key=sorted):
                number[cluster] = len(doc)
                doc.append(d)
                owner += [number[cluster]] * len(cluster)
                element += [100 * d + m for m in sorted(cluster)]
            unit += [100 * d + m for m in judged]
            given_ += [number[cluster] for cluster in judged.values()]
    return Sets(column(*doc), column(*owner), column(*element)), column(*unit), column(*given_)


def distance(s: frozenset[int], t: frozenset[int]) -> float:
    shared = len(s & t)
    monotone = 1 if s == t else Fraction(2, 3) if s <= t or t <= s else Fraction(1, 3) if shared else 0
    return float(1 - Fraction(shared, len(s | t)) * monotone)


@given(clusterings())
def test_masi_alpha_of_a_document_is_nltk_s_alpha(made: dict[str, dict[int, int]]):
    from nltk.metrics import masi_distance
    from nltk.metrics.agreement import AnnotationTask

    judged = sets_of(made)
    times = Counter(mention for own in judged.values() for mention in own)
    data = [(name, str(m), s) for name, own in judged.items() for m, s in own.items() if times[m] > 1]
    ours = total(masi(*arrays_of([made]), 1))
    if not data or len({s for _, _, s in data}) == 1:
        assert ours is None
        return
    assert ours == pytest.approx(AnnotationTask(data, distance).alpha(), abs=1e-9)
    for (_, _, s), (_, _, t) in itertools.combinations(data, 2):
        assert distance(s, t) == pytest.approx(masi_distance(s, t), abs=0.0034)  # it has .67 for 2/3 and .33 for 1/3


# ------------------------------------------------------------------ slow readings


@st.composite
def passes(draw: st.DrawFn) -> tuple[list[list[list[tuple[int, int, int]]]], list[list[bool]], list[int]]:
    """Mentions of each annotator in each document, who took part, and the lengths; mentions nest, cross and coincide."""
    annotators, documents = draw(st.integers(2, 3)), draw(st.integers(1, 3))
    part = [[draw(st.booleans()) for _ in range(documents)] for _ in range(annotators)]
    span = st.tuples(st.integers(0, 8), st.integers(1, 4), st.integers(0, 2)).map(lambda s: (s[0], s[0] + s[1], s[2]))
    rows = [[draw(st.lists(span, max_size=4)) if took else [] for took in own] for own in part]
    return rows, part, [draw(st.integers(0, 15)) for _ in range(documents)]


def slow_unitizing(rows: Any, part: Any, lengths: list[int], who: list[int], kind: int | None = None) -> float | None:
    """uα character by character, from the formula: ℓ, S, ε, and their disagreements."""
    observed: Counter[tuple[Any, Any]] = Counter()
    squares: Counter[Any] = Counter()
    for d, length in enumerate(lengths):
        end = max([length, *(e for own in rows for _, e, _ in own[d])])
        here = [i for i in who if part[i][d]]
        if len(here) < 2:
            continue
        text = {}
        for i in here:
            own = [(s, e, t) for s, e, t in rows[i][d] if kind is None or t == kind]
            text[i] = [frozenset(t for s, e, t in own if s <= x < e) for x in range(end)]
            cuts = sorted({0, end, *(x for s, e, _ in own for x in (s, e))})
            for a, b in itertools.pairwise(cuts):
                squares[text[i][a]] += (b - a) ** 2 if text[i][a] else b - a
        for i, j in itertools.permutations(here, 2):
            for x in range(end):
                observed[text[i][x], text[j][x]] += Fraction(1, len(here) - 1)
    values = {c for pair in observed for c in pair}
    margin = {c: sum(n for (a, _), n in observed.items() if a == c) for c in values}
    whole = sum(margin.values())
    bottom = whole**2 - sum(squares.values())
    apart = sum(n for (a, b), n in observed.items() if a != b)
    if bottom == 0 or len(values) < 2:
        return None
    expected = sum(Fraction(whole * margin[a] * margin[b], bottom) for a in values for b in values if a != b)
    return float(1 - apart / expected)


@given(passes(), st.sampled_from([None, 0, 1]))
@settings(max_examples=200)
def test_unitizing_alpha_is_its_formula(made: Any, kind: int | None):
    rows, part, lengths = made
    sides = []
    for own in rows:
        parts = [spans(*sorted(set(r)), doc=d) for d, r in enumerate(own)]
        sides.append(Spans(*(np.concatenate(field) for field in zip(*parts, strict=True))))
    line = continuum(sides, np.array(part), np.array(lengths), np.zeros(len(lengths), dtype=np.int64))
    ready = unitized(line, 3, kind)
    for who in itertools.combinations(range(len(rows)), 2):
        assert total(ready.parts(who)) == pytest.approx(slow_unitizing(rows, part, lengths, list(who), kind), abs=1e-9)
    every = list(range(len(rows)))
    assert total(ready.parts(every)) == pytest.approx(slow_unitizing(rows, part, lengths, every, kind), abs=1e-9)


def test_many_types_are_told_apart():
    """More types than bits of a number: pieces with types 0 and 70 differ."""
    sides = [spans((0, 3, 0), (5, 8, 130)), spans((0, 3, 70), (5, 8, 130))]
    few = [spans((0, 3, 0), (5, 8, 2)), spans((0, 3, 1), (5, 8, 2))]
    assert unitizing(sides, 10, 131) == pytest.approx(unitizing(few, 10, 3))
    assert unitizing([sides[0], sides[0]], 10, 131) == 1


def test_skipped_text_is_taken_from_gaps():
    rows = [spans((0, 3, 0)), spans((0, 3, 0), (5, 8, 1))]
    part = np.ones((2, 1), dtype=bool)
    shorter = unitized(continuum(rows, part, column(20), column(8)), 2).parts([0, 1])
    assert total(shorter) == pytest.approx(unitizing(rows, 12, 2))
    none_left = unitized(continuum(rows, part, column(20), column(99)), 2).parts([0, 1])
    assert total(none_left) == pytest.approx(unitizing([spans((0, 3, 0)), spans((0, 3, 0), (3, 6, 1))], 6, 2))


@given(st.lists(clusterings(), min_size=1, max_size=3))
def test_masi_alpha_over_documents_is_a_ratio_of_sums(documents: list[dict[str, dict[int, int]]]):
    observed = expected = 0.0
    for made in documents:
        judged = sets_of(made)
        times = Counter(m for own in judged.values() for m in own)
        values = [s for own in judged.values() for m, s in own.items() if times[m] > 1]
        for m in (m for m, n in times.items() if n > 1):
            given_ = [own[m] for own in judged.values() if m in own]
            observed += sum(distance(s, t) for s, t in itertools.permutations(given_, 2)) / (len(given_) - 1)
        if len(values) > 1:
            expected += sum(distance(s, t) for s, t in itertools.product(values, values)) / (len(values) - 1)
    parts = masi(*arrays_of(documents), len(documents))
    assert total(parts) == (None if expected == 0 else pytest.approx(1 - observed / expected))
    assert parts.items.sum() == sum(n > 1 for made in documents for n in Counter(m for o in made.values() for m in o).values())


def test_sets_without_other_elements():
    sets = Sets(column(0, 0), column(0, 0, 1), column(3, 4, 5))
    left = restricted(sets, column(4))
    assert (left.owner.tolist(), left.element.tolist()) == ([0], [4])


# ------------------------------------------------------------------------- laws

judgements = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 2)), min_size=1, max_size=30)


def of_units(rows: list[tuple[int, int]], documents: int = 6) -> tuple[Parts, Parts]:
    unit, label = (column(*part) for part in zip(*rows, strict=True))
    return nominal(unit % documents, unit, label, documents, 3), fleiss(unit % documents, unit, label, documents, 3)


@given(judgements, st.randoms(use_true_random=False))
def test_order_means_nothing_and_documents_add_up(rows: list[tuple[int, int]], pick: Any):
    mixed = rows.copy()
    pick.shuffle(mixed)
    for first, second, one in zip(of_units(rows), of_units(mixed), of_units(rows, 1), strict=True):
        assert np.allclose(first.columns, second.columns)
        assert np.allclose(first.columns.sum(axis=0), one.columns.sum(axis=0))
        assert first.items.sum() == one.items.sum()


@given(judgements)
def test_who_all_say_the_same_agree(rows: list[tuple[int, int]]):
    same = [(unit, unit % 3) for unit, _ in rows]
    for parts in of_units(same):
        assert total(parts) in (None, pytest.approx(1))


@given(labels)
def test_alpha_of_pairs_is_alpha_of_units_of_two(pairs: list[tuple[int, int]]):
    left, right = (column(*part) for part in zip(*pairs, strict=True))
    n = len(pairs)
    zero = np.zeros(n, dtype=np.int64)
    units = nominal(np.zeros(2 * n, dtype=np.int64), np.tile(np.arange(n), 2), np.concatenate([left, right]), 1, 3)
    two = paired(zero, left, right, np.ones(n), 1, 3)
    assert np.allclose(two.columns, units.columns)
    assert two.value is units.value


@given(st.lists(st.tuples(*[st.integers(0, 2)] * 3), min_size=2, max_size=12))
def test_pairs_of_all_annotators_add_up_to_alpha_of_all(rows: list[tuple[int, int, int]]):
    """Where each unit was judged by all m, coincidences of pairs with weight 1/(m − 1) are those of all."""
    n = len(rows)
    table = np.array(rows, dtype=np.int64)
    units = nominal(np.zeros(3 * n, dtype=np.int64), np.repeat(np.arange(n), 3), table.ravel(), 1, 3)
    left, right = (
        np.concatenate(part) for part in zip(*((table[:, i], table[:, j]) for i, j in ((0, 1), (0, 2), (1, 2))), strict=True)
    )
    pairs = paired(np.zeros(3 * n, dtype=np.int64), left, right, np.full(3 * n, 0.5), 1, 3)
    assert np.allclose(pairs.columns, units.columns)


def test_a_mean_leaves_out_what_is_undefined():
    good = cohen(column(0, 0), column(0, 1), column(0, 1), 2, 2)
    none = cohen(column(), column(), column(), 2, 2)
    bad = cohen(column(1, 1), column(0, 1), column(1, 0), 2, 2)
    assert total(mean_of([good, none])) == 1
    assert total(mean_of([good, bad])) == 0
    assert total(mean_of([none, none])) is None
    heavy = mean_of([good, bad], lambda number, _: np.array(3.0 if number else 1.0))
    assert total(heavy) == -0.5
    assert total(only(np.array([True, False]), mean_of([good, bad]))) == 1
    assert mean_of([good, bad]).items.tolist() == [2, 2]


def test_values_of_many_sums_at_once():
    """A resample is a row."""
    parts = nominal(column(0, 0, 1, 1, 1, 1), column(0, 0, 1, 1, 2, 2), column(0, 0, 1, 1, 0, 1), 2, 2)
    weights = np.array([[1, 1], [2, 0], [0, 2], [0, 0]], dtype=np.float64)
    found = parts.value(weights @ parts.columns)
    assert found.shape == (4,)
    assert found[0] == pytest.approx(parts.total())
    assert np.isnan(found[[1, 3]]).all()
