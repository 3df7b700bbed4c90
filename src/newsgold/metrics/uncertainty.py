"""How sure a score is, and whether one system is better than another: arithmetic over counts per document.

Intervals of 95 % are *linearised*, without resampling: a score is a smooth
function of summed counts, so its variance is that of the sum of the clusters'
influence values (the delta method, or infinitesimal jackknife; Efron 1982, ch.
6). The unit is the cluster: documents on one event are not independent, and
taking them for it makes intervals too narrow. The quantile is Student's, with
one degree of freedom less than the clusters that have anything to count.
Bootstrap intervals, percentile or BCa (Efron 1987), are there on request.

Two systems are compared on the same documents: by approximate randomisation
(Noreen 1989; Yeh 2000), which swaps the two systems' counts of whole clusters,
or by the paired bootstrap, whose null distribution is the resampled difference
less the observed one (Riezler and Maxwell 2005). Both are two-sided and, unless
every swap is gone through, take the observed difference as one more replicate.

An interval of no width says that no document disagreed, not that none would.
Where fewer than two clusters have anything to count there is no interval.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from statistics import NormalDist
from typing import Literal, NamedTuple, get_args

import numpy as np

from newsgold.metrics.arrays import Floats, Ints
from newsgold.metrics.counts import Counts
from newsgold.metrics.resampling import ENUMERABLE, SMALL, Clusters, bootstrap_sums, swapped_sums
from newsgold.metrics.suite import Kind, Measured

RESAMPLES = 10_000
SEED = 42
LEVEL = 0.95
POWER = 0.8

Test = Literal["randomisation", "bootstrap"]
Method = Literal["percentile", "bca"]
Interval = list[float] | None

TESTS: tuple[str, ...] = get_args(Test)

FIELDS: dict[Kind, dict[str, int]] = {
    "prf": {"precision": 0, "recall": 1, "f1": 2},
    "accuracy": {"value": 0},
    "mean": {"value": 2},
}
"""For each kind of score its values, and which of precision, recall and F1 each is."""
HEADLINE: dict[Kind, int] = {"prf": 2, "accuracy": 0, "mean": 2}
"""The one value of a score by which systems are compared."""

_TIE = 1e-12
_NORMAL = NormalDist()


class Sample(NamedTuple):
    """The counts of one score by cluster: shape (clusters, parts, 4). The score is the mean over parts, mostly one."""

    counts: Floats
    kind: Kind


def sample(measured: Measured, of: Ints) -> Sample:
    """The counts of a score, summed over the documents of each cluster."""
    by_part = measured.counts if measured.average == "mean" else Counts(*(c.sum(axis=1)[:, None] for c in measured.counts))
    rows = np.stack(by_part, axis=2)
    if np.array_equal(of, np.arange(len(of))):
        return Sample(rows, measured.kind)
    flat = rows.reshape(len(of), 4 * rows.shape[1])
    size = int(of.max(initial=-1)) + 1
    sums: list[Floats] = [np.bincount(of, weights=column, minlength=size).astype(np.float64) for column in flat.T]
    return Sample(np.stack(sums, axis=1).reshape(size, *rows.shape[1:]), measured.kind)


def with_groups(measured: Measured, groups: tuple[str, ...]) -> Measured:
    """A score with other groups, or its own in another order; those it does not have count nothing.

    Labels that no inventory knows become groups where they occur, so two scores of one key may have different ones.
    """
    if measured.groups == groups:
        return measured
    place = {name: i for i, name in enumerate(measured.groups)}
    column = [place.get(name, len(place)) for name in groups]
    counts = (np.pad(part, ((0, 0), (0, 1)))[:, column] for part in measured.counts)
    return measured._replace(counts=Counts(*counts), groups=groups)


def all_groups(of: Iterable[Measured]) -> tuple[str, ...]:
    """The groups of any of some scores, in the order in which they come."""
    return tuple(dict.fromkeys(name for measured in of for name in measured.groups))


# ------------------------------------------------------------------ scores and their influence values


def estimates(sums: Floats) -> Floats:
    """Precision, recall and F1 of counts of shape (…, parts, 4), the mean over parts: shape (…, 3).

    As :func:`newsgold.metrics.counts.prf` and ``mean_prf``, with NaN for undefined.
    """
    return _mean_of_defined(_ratios(sums))


def _ratios(sums: Floats) -> Floats:
    p_num, p_den, r_num, r_den = (sums[..., i] for i in range(4))
    p, r = _divide(p_num, p_den), _divide(r_num, r_den)
    f = np.where((p > 0) & (r > 0), _divide(2 * p * r, p + r), 0.0)
    f[np.isnan(p) & np.isnan(r)] = np.nan
    return np.stack([p, r, f], axis=-1)


def _divide(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.divide(a, b, out=np.full(np.shape(a), np.nan), where=b > 0))


def _mean_of_defined(values: Floats) -> Floats:
    defined = ~np.isnan(values)
    return _divide(np.where(defined, values, 0.0).sum(axis=-2), defined.sum(axis=-2).astype(np.float64))


def influences(counts: Floats) -> Floats:
    """How much each cluster pulls on precision, recall and F1: the gradient in the summed counts times the cluster's own.

    For counts of shape (clusters, parts, 4); shape (clusters, 3). They add up to zero.
    """
    totals = counts.sum(axis=0)
    values = _ratios(totals)
    p, r, f = (values[:, i] for i in range(3))
    of_p = _divide(counts[:, :, 0] - p * counts[:, :, 1], np.broadcast_to(totals[:, 1], counts.shape[:2]))
    of_r = _divide(counts[:, :, 2] - r * counts[:, :, 3], np.broadcast_to(totals[:, 3], counts.shape[:2]))
    of_f = _divide(f, p) ** 2 / 2 * of_p + _divide(f, r) ** 2 / 2 * of_r
    of_f = np.where(np.isnan(of_f) & ~np.isnan(f), 0.0, of_f)  # F1 is 0 where nothing can match
    return _mean_of_defined(np.stack([of_p, of_r, of_f], axis=-1))


def _standard_error(influence: Floats) -> Floats:
    """Of influence values of shape (clusters, …)."""
    clusters = len(influence)
    variance = (influence**2).sum(axis=0) * clusters / (clusters - 1)
    return np.asarray(np.sqrt(variance))


def _informative(counts: Floats) -> list[int]:
    """How many clusters have anything to count for precision, recall and F1."""
    p, r = (counts[:, :, 1] > 0).any(axis=1), (counts[:, :, 3] > 0).any(axis=1)
    return [int(p.sum()), int(r.sum()), int((p | r).sum())]


def standard_errors(counts: Floats) -> list[float | None]:
    """The linearised standard errors of precision, recall and F1; ``None`` where undefined or known from one cluster only."""
    if len(counts) < 2:
        return [None] * 3
    errors = _standard_error(influences(counts))
    return [float(e) if n >= 2 and not np.isnan(e) else None for e, n in zip(errors, _informative(counts), strict=True)]


# ------------------------------------------------------------------ intervals


def intervals(measured: Measured, of: Ints) -> dict[str, Interval]:
    """The linearised 95 % interval of each value of a score; ``of`` is the number of each document's cluster."""
    return _linearised(sample(measured, of))


def intervals_by_group(measured: Measured, of: Ints) -> list[dict[str, Interval]]:
    """The same for each group, scored by itself as precision, recall and F1."""
    apart = sample(measured._replace(kind="prf", average="mean"), of)
    return [_linearised(Sample(apart.counts[:, [i]], "prf")) for i in range(apart.counts.shape[1])]


def _linearised(one: Sample) -> dict[str, Interval]:
    values, errors = estimates(one.counts.sum(axis=0)), standard_errors(one.counts)
    informative = _informative(one.counts)
    return {name: _around(float(values[i]), errors[i], informative[i] - 1, (0.0, 1.0)) for name, i in FIELDS[one.kind].items()}


def _around(value: float, error: float | None, df: int, limits: tuple[float, float]) -> Interval:
    if error is None:
        return None
    half = t_quantile((1 + LEVEL) / 2, df) * error
    return [max(limits[0], value - half), min(limits[1], value + half)]


def bootstrap_intervals(
    measured: Mapping[str, Measured],
    clusters: Clusters,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    method: Method = "percentile",
) -> dict[str, dict[str, Interval]]:
    """Bootstrap 95 % intervals of every score, all from the same resamples.

    Resamples in which a score is undefined are left out of its interval; where the score itself lies outside,
    as in few clusters it may, the interval is widened to it.
    """
    samples = {key: sample(m, clusters.of) for key, m in measured.items()}
    replicates = bootstrap(samples, clusters.names, resamples, seed)
    return {key: _bootstrapped(one, replicates[key], method) for key, one in samples.items()}


def bootstrap(samples: Mapping[str, Sample], names: Sequence[str], resamples: int, seed: int) -> dict[str, Floats]:
    """Precision, recall and F1 of every score in each resample: shape (resamples, 3)."""
    sums = bootstrap_sums(_columns((one.counts for one in samples.values()), len(names)), names, resamples, seed)
    return {key: estimates(part) for key, part in _apart(sums, samples).items()}


def _columns(counts: Iterable[Floats], clusters: int) -> Floats:
    return np.concatenate([np.zeros((clusters, 0)), *(c.reshape(clusters, 4 * c.shape[1]) for c in counts)], axis=1)


def _apart(sums: Floats, samples: Mapping[str, Sample]) -> dict[str, Floats]:
    """The columns of each score again: shape (resamples, parts, 4)."""
    out: dict[str, Floats] = {}
    at = 0
    for key, one in samples.items():
        parts = one.counts.shape[1]
        out[key] = sums[:, at : at + 4 * parts].reshape(len(sums), parts, 4)
        at += 4 * parts
    return out


def _bootstrapped(one: Sample, replicates: Floats, method: Method) -> dict[str, Interval]:
    values, errors = estimates(one.counts.sum(axis=0)), standard_errors(one.counts)
    influence = influences(one.counts)
    out: dict[str, Interval] = {}
    for name, i in FIELDS[one.kind].items():
        drawn = replicates[~np.isnan(replicates[:, i]), i]
        if errors[i] is None or not len(drawn):
            out[name] = None
            continue
        levels = _bca_levels(drawn, float(values[i]), influence[:, i]) if method == "bca" else _tails()
        out[name] = percentiles(drawn, float(values[i]), levels)
    return out


def percentiles(drawn: Floats, value: float, levels: tuple[float, float] | None = None) -> list[float]:
    """The interval between two quantiles of a value's replicates, by default those of 95 %, widened to the value."""
    low, high = (float(q) for q in np.quantile(drawn, levels or _tails()))
    return [min(low, value), max(high, value)]


def _tails() -> tuple[float, float]:
    return (1 - LEVEL) / 2, (1 + LEVEL) / 2


def _bca_levels(drawn: Floats, value: float, influence: Floats) -> tuple[float, float]:
    """The percentiles that BCa reads off: corrected for the bias of the resamples and for the skewness of the influences."""
    below = float((drawn < value).mean() + (drawn == value).mean() / 2)
    if not 0 < below < 1:
        return _tails()
    bias = _NORMAL.inv_cdf(below)
    spread = float((influence**2).sum())
    skew = float((influence**3).sum()) / (6 * spread**1.5) if spread else 0.0
    shifted = [bias + _NORMAL.inv_cdf(tail) for tail in _tails()]
    low, high = (_NORMAL.cdf(bias + z / max(1 - skew * z, 0.01)) for z in shifted)
    return low, high


# ------------------------------------------------------------------ two systems


class Difference(NamedTuple):
    """A system's score less the reference's; ``None`` where either is undefined or nothing can be said."""

    delta: float | None
    ci95: Interval
    p: float | None
    p_holm: float | None
    """Adjusted for the number of systems compared with the reference on this score."""
    detectable: float | None
    """The smallest true difference that a test set like this shows at 5 % four times in five; see :func:`detectable`."""


def differences(
    reference: Mapping[str, Measured],
    systems: Mapping[str, Mapping[str, Measured]],
    clusters: Clusters,
    *,
    test: Test = "randomisation",
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> dict[str, dict[str, Difference]]:
    """Every system against the reference, on every score both have; what one system gets depends on no other but ``p_holm``.

    With ``randomisation`` the interval is linearised, with ``bootstrap`` it is the percentiles of the resampled difference.
    """
    found = {name: _pairwise(reference, measured, clusters, test, resamples, seed) for name, measured in systems.items()}
    for key in reference:
        names = [name for name, differs in found.items() if key in differs]
        for name, p in zip(names, holm([found[name][key].p for name in names]), strict=True):
            found[name][key] = found[name][key]._replace(p_holm=p)
    return found


def _pairwise(
    reference: Mapping[str, Measured],
    measured: Mapping[str, Measured],
    clusters: Clusters,
    test: Test,
    resamples: int,
    seed: int,
) -> dict[str, Difference]:
    shared = [key for key in reference if key in measured]
    groups = {key: all_groups((reference[key], measured[key])) for key in shared}
    first, second = (
        {key: sample(with_groups(side[key], groups[key]), clusters.of) for key in shared} for side in (reference, measured)
    )
    if test == "bootstrap":
        drawn = paired_bootstrap(first, second, clusters.names, resamples, seed)
        return {key: _from_bootstrap(first[key], second[key], drawn[key]) for key in shared}
    drawn = randomised(first, second, clusters.names, resamples, seed)
    exact = len(clusters.names) <= ENUMERABLE
    return {key: _from_randomisation(first[key], second[key], drawn[key], exact) for key in shared}


def paired_bootstrap(
    first: Mapping[str, Sample], second: Mapping[str, Sample], names: Sequence[str], resamples: int, seed: int
) -> dict[str, Floats]:
    """For every score the second's less the first's in each resample."""
    both = {f"{side}:{key}": one for side, samples in (("a", first), ("b", second)) for key, one in samples.items()}
    drawn = bootstrap(both, names, resamples, seed)
    column = {key: HEADLINE[one.kind] for key, one in first.items()}
    return {key: drawn[f"b:{key}"][:, i] - drawn[f"a:{key}"][:, i] for key, i in column.items()}


def randomised(
    first: Mapping[str, Sample], second: Mapping[str, Sample], names: Sequence[str], resamples: int, seed: int
) -> dict[str, Floats]:
    """For every score the second's less the first's, after the counts of random clusters have changed sides."""
    columns = _columns((second[key].counts - one.counts for key, one in first.items()), len(names))
    moved = _apart(swapped_sums(columns, names, resamples, seed), first)
    out = {}
    for key, one in first.items():
        a, b = (estimates(side) for side in (one.counts.sum(axis=0) + moved[key], second[key].counts.sum(axis=0) - moved[key]))
        out[key] = b[:, HEADLINE[one.kind]] - a[:, HEADLINE[one.kind]]
    return out


def _from_bootstrap(first: Sample, second: Sample, drawn: Floats) -> Difference:
    delta, error, df = _difference(first, second)
    if delta is None:
        return Difference(None, None, None, None, None)
    if error is None:
        return Difference(delta, None, None, None, None)
    defined = drawn[~np.isnan(drawn)]
    interval = percentiles(defined, delta) if len(defined) else None
    return Difference(delta, interval, _p_value(delta, drawn - delta, exact=False), None, detectable(error, df))


def _from_randomisation(first: Sample, second: Sample, drawn: Floats, exact: bool) -> Difference:
    delta, error, df = _difference(first, second)
    if delta is None:
        return Difference(None, None, None, None, None)
    interval = _around(delta, error, df, (-1.0, 1.0))
    return Difference(delta, interval, _p_value(delta, drawn, exact=exact), None, detectable(error, df))


def _difference(first: Sample, second: Sample) -> tuple[float | None, float | None, int]:
    """The difference, its linearised standard error, and the degrees of freedom of that."""
    i = HEADLINE[first.kind]
    a, b = (float(estimates(side.counts.sum(axis=0))[i]) for side in (first, second))
    df = _informative(np.concatenate([first.counts, second.counts], axis=1))[i] - 1
    if math.isnan(a) or math.isnan(b):
        return None, None, df
    if df < 1:
        return b - a, None, df
    influence = influences(second.counts)[:, i] - influences(first.counts)[:, i]
    return b - a, float(_standard_error(influence)), df


def _p_value(delta: float, drawn: Floats, *, exact: bool) -> float:
    """The share of differences under the null at least as large as the observed; undefined ones count as large."""
    extreme = int((~(np.abs(drawn) < abs(delta) - _TIE)).sum())
    return extreme / len(drawn) if exact else (1 + extreme) / (1 + len(drawn))


def detectable(error: float | None, df: int) -> float | None:
    """The smallest true difference that a test at 5 % finds with 80 % power: (t(0.975) + t(0.8)) standard errors.

    Roughly 2.8 standard errors of the paired difference. ``None`` where the systems do not differ in any document, which
    tells nothing of systems that do.
    """
    return (t_quantile((1 + LEVEL) / 2, df) + t_quantile(POWER, df)) * error if error else None


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for their number so that one false alarm among them stays at the level (Holm 1979)."""
    order = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
    out: list[float | None] = [None] * len(p_values)
    worst = 0.0
    for rank, (p, i) in enumerate(order):
        worst = max(worst, min(1.0, (len(order) - rank) * p))
        out[i] = worst
    return out


def scheme(clusters: Clusters, resamples: int, seed: int, test: Test) -> list[str]:
    """The parts of a signature that say how resampling was done."""
    unit = f"cluster:{clusters.unit}({len(clusters.names)})"
    if test == "randomisation" and len(clusters.names) <= ENUMERABLE:
        return [f"test:{test}", "resamples:all", unit]
    weights = {"randomisation": "swap", "bootstrap": "multinomial" if len(clusters.names) <= SMALL else "poisson"}[test]
    return [f"test:{test}", f"resamples:{resamples}", f"weights:{weights}", f"seed:{seed}", unit]


# ------------------------------------------------------------------ Student's t


@lru_cache(maxsize=1024)
def t_quantile(level: float, df: int) -> float:
    """The quantile of Student's t for a level above one half.

    Up to 100 degrees of freedom by bisection of the distribution, which is a finite series (Abramowitz and Stegun 26.7.3
    and 26.7.4); beyond by their expansion 26.7.5, there exact to nine digits. Scipy would take a quarter of a second to load.
    """
    if df > 100:
        return _t_expansion(_NORMAL.inv_cdf(level), df)
    low, high = 0.0, math.pi / 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if _t_share(middle, df) < 2 * level - 1 else (low, middle)
    return math.tan(low) * math.sqrt(df)


def _t_share(angle: float, df: int) -> float:
    """The probability of |t| < sqrt(df) tan(angle)."""
    odd = df % 2
    term = total = 0.0 if df == 1 else math.cos(angle) if odd else 1.0
    for k in range(2 + odd, df - 1, 2):
        term *= math.cos(angle) ** 2 * (k - 1) / k
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total


def _t_expansion(z: float, df: int) -> float:
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / float(df) ** i for i, term in enumerate(terms, 1))
