"""Intervals and paired tests: reference numbers, and what must hold whatever the counts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from newsgold.metrics import uncertainty
from newsgold.metrics.counts import Counts, mean_prf, prf
from newsgold.metrics.resampling import Clusters, clusters
from newsgold.metrics.suite import Measured
from newsgold.metrics.uncertainty import (
    Difference,
    bootstrap_intervals,
    detectable,
    differences,
    estimates,
    holm,
    influences,
    intervals,
    intervals_by_group,
    paired_bootstrap,
    sample,
    scheme,
    standard_errors,
    t_quantile,
    with_groups,
)


def measured(rows: Any, *, kind: Any = "prf", average: str = "sum") -> Measured:
    """Of rows (documents, groups, 4), or (documents, 4)."""
    values = np.array(rows, dtype=np.float64)
    values = values[:, None] if values.ndim == 2 else values
    names = tuple(f"g{i}" for i in range(values.shape[1]))
    return Measured(Counts(*np.moveaxis(values, 2, 0)), names, kind, average)


def matched(rows: Any) -> Measured:
    """Of rows (right, gold, predicted), as the reference data have them."""
    right, gold, pred = np.array(rows, dtype=np.float64).T
    return measured(np.stack([right, pred, right, gold], axis=1))


def each(documents: int) -> Clusters:
    return clusters([f"d{i:05}" for i in range(documents)], {})


def random_counts(rng: np.random.Generator, documents: int, groups: int = 1, skill: float = 0.7) -> np.ndarray:
    gold = rng.poisson(5.0, (documents, groups))
    right = rng.binomial(gold, skill)
    return np.stack([right, right + rng.poisson(1.5, gold.shape), right, gold], axis=2).astype(np.float64)


cells = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)).map(lambda c: (c[0], c[0] + c[1], c[0], c[0] + c[2]))


def tables(documents: tuple[int, int] = (0, 12)) -> st.SearchStrategy[np.ndarray]:
    """Counts of a few documents and one to three groups, many of them empty."""

    def of_groups(groups: int) -> st.SearchStrategy[np.ndarray]:
        row = st.lists(cells, min_size=groups, max_size=groups)
        rows = st.lists(row, min_size=documents[0], max_size=documents[1])
        return rows.map(lambda r: np.array(r, dtype=np.float64).reshape(-1, groups, 4))

    return st.integers(1, 3).flatmap(of_groups)


# ------------------------------------------------------------------ reference numbers


@pytest.fixture(scope="module")
def golden(shared: Path) -> dict[str, Any]:
    folder = shared / "goldens" / "significance"
    return {
        "expected": json.loads((folder / "expected.json").read_text())["results"],
        "sentences": json.loads((folder / "per_sentence_counts.json").read_text()),
        "groups": json.loads((folder / "grouped16_counts.json").read_text()),
    }


def test_the_linearised_standard_error_is_the_reference(golden):
    expected = golden["expected"]["linearised"]
    system = matched(golden["sentences"]["arcada"])
    error = standard_errors(sample(system, each(643).of).counts)[2]
    assert error == pytest.approx(expected["se"], abs=expected["tolerance"])
    low, high = intervals(system, each(643).of)["f1"]
    # the reference takes the normal quantile, we take Student's, by the sentences that have anything to count
    wider = t_quantile(0.975, int(system.counts.by_document().any(axis=1).sum()) - 1) / 1.959963984540054
    middle, half = sum(expected["ci"]) / 2, (expected["ci"][1] - expected["ci"][0]) / 2
    assert [low, high] == pytest.approx([middle - half * wider, middle + half * wider], abs=1e-9)


@pytest.mark.parametrize(
    ("data", "units", "resamples", "key"),
    [
        ("sentences", 643, 100_000, "bootstrap_percentile95_200k"),
        ("groups", 16, 200_000, "bootstrap_percentile95_16units_200k"),
    ],
)
def test_percentile_intervals_are_the_reference(golden, data: str, units: int, resamples: int, key: str):
    expected = golden["expected"][key]
    got = bootstrap_intervals({"x": matched(golden[data]["arcada"])}, each(units), resamples=resamples)["x"]["f1"]
    assert got == pytest.approx(expected["ci"], abs=expected["tolerance"])


def test_bca_intervals_are_the_reference(golden):
    expected = golden["expected"]["scipy_BCa_9999"]
    got = bootstrap_intervals({"x": matched(golden["sentences"]["arcada"])}, each(643), resamples=50_000, method="bca")
    assert got["x"]["f1"] == pytest.approx(expected["ci"], abs=expected["tolerance"])


def systems(golden: dict[str, Any], data: str) -> tuple[dict[str, Measured], dict[str, Measured]]:
    """The reference's difference is arcada less flytxt, so flytxt comes first."""
    return {"x": matched(golden[data]["flytxt"])}, {"x": matched(golden[data]["arcada"])}


def test_going_through_all_swaps_is_the_reference(golden):
    first, second = systems(golden, "groups")
    expected = golden["expected"]["exact_paired_permutation_16_units"]
    found = differences(first, {"b": second}, each(16))["b"]["x"]
    assert found.delta == pytest.approx(expected["observed_diff"], abs=1e-12)
    assert found.p == expected["p_two_sided"]


def test_approximate_randomisation_is_the_reference(golden):
    first, second = systems(golden, "sentences")
    expected = golden["expected"]["approx_randomisation_100k"]
    found = differences(first, {"b": second}, each(643), resamples=400_000)["b"]["x"]
    assert found.p == pytest.approx(expected["p_two_sided"], abs=expected["tolerance"])


def test_the_paired_bootstrap_is_the_reference(golden):
    first, second = systems(golden, "sentences")
    expected = golden["expected"]["paired_bootstrap_diff_200k"]
    drawn_together = each(643)
    found = differences(first, {"b": second}, drawn_together, test="bootstrap", resamples=200_000)["b"]["x"]
    assert found.ci95 == pytest.approx(expected["ci"], abs=expected["tolerance"])
    a, b = ({"x": sample(side["x"], drawn_together.of)} for side in (first, second))
    below = (paired_bootstrap(a, b, drawn_together.names, 200_000, 1)["x"] <= 0).mean()
    assert below == pytest.approx(expected["share_le_0"], abs=expected["tolerance"])


@pytest.mark.parametrize("level", [0.8, 0.975, 0.995])
def test_students_quantile_is_scipys(level: float):
    for df in (*range(1, 131), 1000, 50_000):
        assert t_quantile(level, df) == pytest.approx(stdtrit(df, level), rel=1e-8)


# ------------------------------------------------------------------ scores and influences


@given(tables(), st.sampled_from(["sum", "mean"]))
def test_estimates_are_the_scores(rows: np.ndarray, average: str):
    system = measured(rows, average=average)
    got = [None if np.isnan(v) else v for v in estimates(sample(system, np.arange(len(rows))).counts.sum(axis=0))]
    counts = system.counts
    wanted = mean_prf(counts.by_group()) if average == "mean" else prf(counts.total())
    assert got == [v if v is None else pytest.approx(v, abs=1e-15) for v in wanted]


@given(tables((1, 6)))
def test_influences_are_the_slope_of_the_score_in_each_documents_weight(rows: np.ndarray):
    totals, step = rows.sum(axis=0), 1e-6
    analytic = influences(rows)
    for i, row in enumerate(rows):
        slope = (estimates(totals + step * row) - estimates(totals - step * row)) / (2 * step)
        assert analytic[i] == pytest.approx(slope, abs=1e-8, nan_ok=True)


@given(tables((1, 8)))
def test_influences_add_up_to_nothing(rows: np.ndarray):
    assert np.nan_to_num(influences(rows).sum(axis=0)) == pytest.approx(np.zeros(3), abs=1e-12)


def test_documents_of_a_cluster_are_added_up():
    rows = random_counts(np.random.default_rng(0), 6)
    got = sample(measured(rows), np.array([2, 0, 1, 2, 0, 2])).counts
    assert (got == np.stack([rows[[1, 4]].sum(0), rows[2], rows[[0, 3, 5]].sum(0)])).all()
    assert sample(measured(rows[:0].reshape(0, 1, 4)), np.zeros(0, dtype=np.int64)).counts.shape == (0, 1, 4)


# ------------------------------------------------------------------ intervals

KINDS = [("prf", "sum"), ("prf", "mean"), ("accuracy", "sum"), ("mean", "mean")]


@given(tables(), st.sampled_from(KINDS), st.data())
@settings(deadline=None)
def test_every_interval_holds_the_score_and_lies_between_0_and_1(rows: np.ndarray, kind: tuple[Any, str], data: st.DataObject):
    system = measured(rows, kind=kind[0], average=kind[1])
    events = {f"d{i:05}": data.draw(st.sampled_from(["e1", "e2", None])) for i in range(len(rows))}
    drawn_together = clusters(list(events), events)
    values = estimates(sample(system, drawn_together.of).counts.sum(axis=0))
    found = [
        intervals(system, drawn_together.of),
        *(bootstrap_intervals({"x": system}, drawn_together, resamples=50, method=m)["x"] for m in ("percentile", "bca")),
    ]
    for one in found:
        assert list(one) == list(uncertainty.FIELDS[kind[0]])
        for (name, i), between in zip(uncertainty.FIELDS[kind[0]].items(), one.values(), strict=True):
            if np.isnan(values[i]):
                assert one[name] is None
            elif between is not None:
                assert 0 <= between[0] <= values[i] <= between[1] <= 1
    assert [one is None for one in found[0].values()] == [one is None for one in found[1].values()]


def test_there_is_no_interval_where_fewer_than_two_clusters_have_anything():
    row, empty = [1, 2, 1, 3], [0, 0, 0, 0]
    for rows in ([row], [row, empty, empty], [empty, empty]):
        system = measured(rows)
        assert set(intervals(system, np.arange(len(rows))).values()) == {None}
        assert set(bootstrap_intervals({"x": system}, each(len(rows)), resamples=20)["x"].values()) == {None}
    assert intervals(measured([row, row]), np.array([0, 0]))["f1"] is None
    only_gold = intervals(measured([row, [0, 0, 0, 3]]), np.arange(2))
    assert only_gold["precision"] is None
    assert only_gold["recall"] is not None


def test_degrees_of_freedom_are_those_of_the_clusters_with_anything_to_count():
    rows = random_counts(np.random.default_rng(0), 3)
    padded = np.concatenate([rows, np.zeros((30, 1, 4))])
    error = standard_errors(padded)[2]
    low, _ = intervals(measured(padded), np.arange(33))["f1"]
    assert low == pytest.approx(max(0, estimates(rows.sum(axis=0))[2] - stdtrit(2, 0.975) * error))


def test_groups_have_the_intervals_of_their_own_scores():
    rows = random_counts(np.random.default_rng(1), 20, groups=3)
    by_group = intervals_by_group(measured(rows, kind="accuracy"), np.arange(20))
    assert by_group == [intervals(measured(rows[:, [i]]), np.arange(20)) for i in range(3)]


def test_a_bootstrap_whose_every_replicate_is_undefined_gives_no_interval(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uncertainty, "bootstrap_sums", lambda columns, names, n, seed: np.zeros((n, columns.shape[1])))
    system = measured(random_counts(np.random.default_rng(0), 5))
    assert set(bootstrap_intervals({"x": system}, each(5), resamples=9)["x"].values()) == {None}
    other = measured(random_counts(np.random.default_rng(1), 5))
    found = differences({"x": system}, {"b": {"x": other}}, each(5), test="bootstrap", resamples=9)["b"]["x"]
    assert (found.ci95, found.p) == (None, 1)


def test_no_scores_no_intervals():
    assert bootstrap_intervals({}, each(3), resamples=9) == {}


def test_the_three_intervals_are_close_where_documents_are_many():
    system = measured(random_counts(np.random.default_rng(0), 2000))
    plain = intervals(system, np.arange(2000))
    for method in ("percentile", "bca"):
        drawn = bootstrap_intervals({"x": system}, each(2000), method=method)["x"]
        for name, between in plain.items():
            assert drawn[name] == pytest.approx(between, abs=0.001)


def test_doubling_every_document_inside_its_cluster_does_not_narrow_the_interval():
    rows = random_counts(np.random.default_rng(0), 30)
    twice = measured(np.concatenate([rows, rows]))
    together = intervals(twice, np.concatenate([np.arange(30)] * 2))
    assert together == intervals(measured(rows), np.arange(30))
    apart = intervals(twice, np.arange(60))
    for name, (low, high) in together.items():
        assert apart[name][1] - apart[name][0] < 0.75 * (high - low)


def test_clusters_widen_the_interval_where_their_documents_are_alike():
    rng = np.random.default_rng(0)
    rows = np.concatenate([random_counts(rng, 10, skill=s) for s in (0.3, 0.5, 0.6, 0.7, 0.9)])
    together, apart = (standard_errors(sample(measured(rows), of).counts) for of in (np.repeat(np.arange(5), 10), np.arange(50)))
    assert all(a > b for a, b in zip(together, apart, strict=True))


def shuffled(rows: np.ndarray, order: np.ndarray, events: dict[str, str | None]) -> tuple[Measured, Clusters]:
    return measured(rows[order]), clusters([f"d{i:05}" for i in order], events)


@pytest.mark.parametrize("documents", [12, 300])
def test_the_order_of_documents_changes_nothing(documents: int):
    rng = np.random.default_rng(0)
    events = {f"d{i:05}": f"e{i % 40}" if i % 3 else None for i in range(documents)}
    first, second = (rng.random((documents, 1, 4)).cumsum(axis=2)[:, :, [0, 2, 1, 3]] for _ in range(2))
    straight, mixed = np.arange(documents), rng.permutation(documents)
    found = []
    for order in (straight, mixed):
        (a, drawn_together), (b, _) = (shuffled(rows, order, events) for rows in (first, second))
        drawn = bootstrap_intervals({"x": a}, drawn_together, resamples=99)["x"]
        numbers = [*intervals(a, drawn_together.of).values(), *drawn.values()]
        for test in uncertainty.TESTS:
            d = differences({"x": a}, {"b": {"x": b}}, drawn_together, test=test, resamples=99)["b"]["x"]
            numbers.append([d.delta, d.p, d.detectable, *d.ci95])
        found.append(np.concatenate(numbers))
    assert found[0] == pytest.approx(found[1], abs=1e-12)


def test_coverage_of_the_intervals():
    """Of 95 % intervals over simulated corpora of 12 to 60 documents, 92 to 98 % hold the true score."""
    rng = np.random.default_rng(7)
    big = random_counts(np.random.default_rng(8), 400_000)
    truth = estimates(big.sum(axis=0))[2]
    hits = 0
    for _ in range(300):
        rows = random_counts(rng, int(rng.integers(12, 60)))
        low, high = intervals(measured(rows), np.arange(len(rows)))["f1"]
        hits += low <= truth <= high
    assert 0.92 <= hits / 300 <= 0.98


# ------------------------------------------------------------------ two systems


def two(seed: int = 0, documents: int = 40, skill: float = 0.8) -> tuple[dict[str, Measured], dict[str, Measured]]:
    """Two systems with two scores over the same gold."""
    rng = np.random.default_rng(seed)
    out: tuple[dict[str, Measured], ...] = ({}, {})
    for key, kind, average in (("a", "prf", "sum"), ("b", "mean", "mean")):
        gold = rng.poisson(4.0, (documents, 2))
        for side, s in zip(out, (0.7, skill), strict=True):
            right = rng.binomial(gold, s)
            rows = np.stack([right, right + rng.poisson(1.0, gold.shape), right, gold], axis=2)
            side[key] = measured(rows, kind=kind, average=average)
    return out[0], out[1]


@pytest.mark.parametrize("test", uncertainty.TESTS)
@pytest.mark.parametrize("documents", [10, 40, 300])
def test_exchanging_two_systems_turns_the_difference_round(test: Any, documents: int):
    first, second = two(documents=documents)
    for key in first:
        there = differences(first, {"x": second}, each(documents), test=test, resamples=499)["x"][key]
        back = differences(second, {"x": first}, each(documents), test=test, resamples=499)["x"][key]
        assert there.p == back.p
        assert there.delta == pytest.approx(-back.delta, abs=1e-15)
        assert there.ci95 == pytest.approx([-back.ci95[1], -back.ci95[0]], abs=1e-12)
        assert there.detectable == pytest.approx(back.detectable, abs=1e-12)
        assert there.ci95[0] <= there.delta <= there.ci95[1]


@pytest.mark.parametrize("test", uncertainty.TESTS)
@pytest.mark.parametrize("documents", [10, 40])
def test_a_system_does_not_differ_from_itself(test: Any, documents: int):
    first, _ = two(documents=documents)
    for found in differences(first, {"x": first}, each(documents), test=test, resamples=99)["x"].values():
        assert found == Difference(0, [0, 0], 1, 1, None)


@pytest.mark.parametrize("test", uncertainty.TESTS)
def test_another_system_changes_nothing_but_the_adjusted_p(test: Any):
    first, second = two()
    third = two(seed=3, skill=0.6)[1]
    alone = differences(first, {"x": second}, each(40), test=test, resamples=999)["x"]
    both = differences(first, {"x": second, "y": third}, each(40), test=test, resamples=999)["x"]
    assert {key: d._replace(p_holm=None) for key, d in alone.items()} == {k: d._replace(p_holm=None) for k, d in both.items()}
    assert all(d.p == d.p_holm for d in alone.values())
    assert all(d.p <= d.p_holm for d in both.values())


def test_the_tests_agree_on_what_is_plain():
    first, better = two(documents=80, skill=0.95)
    for test in uncertainty.TESTS:
        assert all(d.p < 0.01 and d.ci95[0] > 0 for d in differences(first, {"x": better}, each(80), test=test)["x"].values())


def test_a_score_that_a_system_lacks_is_left_out():
    first, second = two()
    found = differences({"b": first["b"]}, {"x": second, "y": {"a": second["a"]}}, each(40), resamples=9)
    assert {name: list(d) for name, d in found.items()} == {"x": ["b"], "y": []}


@pytest.mark.parametrize("test", uncertainty.TESTS)
def test_groups_are_compared_by_their_names(test: Any):
    first, second = two()
    turned = {key: with_groups(m, ("g1", "new", "g0")) for key, m in second.items()}
    assert turned["b"].counts.p_den[:, 1].sum() == 0
    a, b = (differences(first, {"x": side}, each(40), test=test, resamples=99)["x"]["b"] for side in (second, turned))
    assert a.delta == pytest.approx(b.delta, abs=1e-15)
    assert (a.p, a.ci95) == (b.p, pytest.approx(b.ci95, abs=1e-12))


@pytest.mark.parametrize("test", uncertainty.TESTS)
def test_nothing_is_said_of_an_undefined_score(test: Any):
    nothing, some = measured(np.zeros((20, 4))), measured([[1, 2, 1, 2]] * 20)
    for a, b in ((nothing, some), (some, nothing)):
        found = differences({"x": a}, {"s": {"x": b}}, each(20), test=test, resamples=9)["s"]["x"]
        assert found == Difference(None, None, None, None, None)


@pytest.mark.parametrize("test", uncertainty.TESTS)
def test_one_cluster_gives_a_difference_and_no_more(test: Any):
    first, second = (measured([[n, 4, n, 4]]) for n in (1, 3))
    found = differences({"x": first}, {"s": {"x": second}}, each(1), test=test, resamples=9)["s"]["x"]
    p = 1 if test == "randomisation" else None
    assert found == Difference(0.5, None, p, p, None)


def test_false_alarms_are_as_rare_as_promised():
    alarms = dict.fromkeys(uncertainty.TESTS, 0)
    for seed in range(200):
        first, second = two(seed=seed, documents=24, skill=0.7)
        for test in alarms:
            alarms[test] += differences({"a": first["a"]}, {"x": second}, each(24), test=test, resamples=199)["x"]["a"].p <= 0.05
    assert all(count <= 20 for count in alarms.values())  # 10 expected


def test_a_detectable_difference_is_detected_four_times_in_five():
    """Systems as far apart as ``detectable`` says are told apart in about 80 % of test sets."""
    first, second = two(documents=100_000, skill=0.76)
    a, b = (sample(side["a"], each(100_000).of).counts for side in (first, second))
    gap = (estimates(b.sum(axis=0)) - estimates(a.sum(axis=0)))[2]
    influence = influences(b)[:, 2] - influences(a)[:, 2]
    spread = influence.std() * 100_000
    documents = round((2.8 * spread / gap) ** 2)
    rng, seen = np.random.default_rng(0), []
    for _ in range(200):
        rows = rng.integers(0, 100_000, documents)
        pair = [{"x": measured(side[rows])} for side in (a, b)]
        seen.append(differences(pair[0], {"s": pair[1]}, each(documents), resamples=199)["s"]["x"])
    assert np.median([d.detectable for d in seen]) == pytest.approx(gap, rel=0.1)
    assert 0.72 <= np.mean([d.p <= 0.05 for d in seen]) <= 0.88


def test_detectable_is_about_three_standard_errors():
    assert detectable(0.01, 1000) == pytest.approx(0.028, abs=1e-4)
    assert detectable(0.01, 2) > 0.05
    assert detectable(None, 5) is None
    assert detectable(0.0, 5) is None


def test_holm_by_hand():
    """Holm 1979, with undefined ones left out of the family."""
    assert holm([0.01, None, 0.04, 0.03, 0.9]) == [0.04, None, 0.09, 0.09, 0.9]
    assert holm([0.6, 0.7]) == [1, 1]
    assert holm([]) == []


def test_the_scheme_says_what_was_done():
    assert scheme(each(10), 99, 1, "randomisation") == ["test:randomisation", "resamples:all", "cluster:document(10)"]
    assert scheme(each(17), 99, 1, "randomisation")[1:4] == ["resamples:99", "weights:swap", "seed:1"]
    assert scheme(each(10), 99, 1, "bootstrap")[2] == "weights:multinomial"
    assert scheme(each(201), 99, 1, "bootstrap")[2] == "weights:poisson"


def test_bca_falls_back_where_it_has_nothing_to_correct_by():
    tails = pytest.approx((0.025, 0.975))
    assert uncertainty._bca_levels(np.array([0.1, 0.2]), 0.5, np.array([0.1, -0.1])) == tails
    assert uncertainty._bca_levels(np.array([0.5, 0.5]), 0.5, np.zeros(2)) == tails


# Abramowitz and Stegun 26.7.5: denominators, and the coefficients of z, z³, z⁵, …
EXPANSION = ((4, 1, 1), (96, 3, 16, 5), (384, -15, 17, 19, 3), (92160, -945, -1920, 1482, 776, 79))


@pytest.mark.parametrize("df", [1, 2, 3])
@pytest.mark.parametrize("z", [0.5, 1.0, 2.0])
def test_the_expansion_of_students_quantile_is_the_handbooks(z: float, df: int):
    expected = z
    for i, (below, *coefficients) in enumerate(EXPANSION, 1):
        expected += sum(c * z ** (2 * k + 1) for k, c in enumerate(coefficients)) / below / df**i
    assert uncertainty._t_expansion(z, df) == pytest.approx(expected, rel=1e-14)


def test_what_published_numbers_depend_on():
    """Whoever changes one of these changes intervals that were published under the same signature."""
    assert (uncertainty.SEED, uncertainty.LEVEL, uncertainty.POWER) == (42, 0.95, 0.8)
