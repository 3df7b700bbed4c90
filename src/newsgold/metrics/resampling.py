"""Random weights for documents that depend on nothing but the seed, the document and the number of the replicate.

Every cluster of documents has its own stream of random bits: SplitMix64
(Steele, Lea and Flood 2014) started at a hash of the seed and the cluster's
name. So all systems, metrics and slices are resampled alike, which pairs them,
and neither the order of documents, nor other documents, nor the shard a
document is counted in changes a weight.

Bootstrap weights are Poisson(1), by a table of 256 entries: one 64-bit word
gives eight. The table holds the weights 0 to 5 with 94, 95, 46, 16, 4 and 1
entries, whose mean and variance are exactly 1 and whose shares lie within
0.005 of Poisson's. Independent weights do not add up to the number of
clusters; in effect the size of each resample varies, which widens the
distribution of a ratio by a factor of about 1 + 1/2n. To spare small test sets
that, up to :data:`SMALL` clusters only those replicates are used whose weights
do add up, and Poisson weights on that condition are the multinomial weights of
the textbook.

Sums are matrix products over blocks small enough for a processor's cache. Sums
of whole numbers are exact: in single precision within a block where they are
small enough, and in double precision everywhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from newsgold.metrics.arrays import Bools, Floats, Ints

SMALL = 200
"""Up to so many clusters the weights are multinomial, beyond it Poisson."""
ENUMERABLE = 16
"""Up to so many clusters every one of the 2^n ways to swap them is gone through."""

Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_AT_LEAST = (162, 67, 21, 5, 1)  # of 256 entries, how many hold a weight of at least 1, 2, 3, 4, 5
_CLUSTERS, _REPLICATES, _CANDIDATES = 1024, 512, 4096  # sizes of blocks


class Clusters(NamedTuple):
    """Documents that are drawn together, because what is true of one tells something of the others."""

    names: tuple[str, ...]
    """Sorted; ``event:`` and the event, or ``document:`` and the document where it has no event."""
    of: Ints
    """The number of each document's cluster."""

    @property
    def unit(self) -> str:
        """``event`` where any document has one, else ``document``."""
        return "event" if any(name.startswith("event:") for name in self.names) else "document"


def clusters(documents: Sequence[str], events: Mapping[str, str | None]) -> Clusters:
    """The clusters of documents: one an event, and one for each document without an event."""
    named = [f"event:{events[d]}" if events.get(d) else f"document:{d}" for d in documents]
    names = sorted(set(named))
    number = {name: i for i, name in enumerate(names)}
    return Clusters(tuple(names), np.array([number[name] for name in named], dtype=np.int64))


def streams(names: Sequence[str], seed: int, purpose: str) -> Words:
    """Where each cluster's stream of random words begins; what is drawn for one purpose tells nothing of another."""
    digests = (hashlib.sha256(f"{purpose}:{seed}:{name}".encode()).digest()[:8] for name in names)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def words(starts: Words, first: int, count: int) -> Words:
    """Words ``first`` to ``first + count`` of each stream: shape (streams, count)."""
    z = starts[:, None] + np.arange(first + 1, first + count + 1, dtype=np.uint64) * _STEP
    for shift, factor in _MIX:
        z ^= z >> shift
        z *= factor
    z ^= z >> np.uint64(31)
    return z


def poisson(starts: Words, first: int, count: int) -> Bytes:
    """Weights of each cluster in ``count`` replicates from ``first`` on, both multiples of 8."""
    entry = words(starts, first // 8, count // 8).astype("<u8", copy=False).view(np.uint8)
    weight, reached = np.zeros(entry.shape, dtype=np.uint8), np.empty(entry.shape, dtype=bool)
    for below in _AT_LEAST:
        weight += np.less(entry, below, out=reached).view(np.uint8)
    return weight


def swaps(starts: Words, first: int, count: int) -> Bytes:
    """Whether each cluster is swapped, 0 or 1, in ``count`` replicates from ``first`` on, both multiples of 64."""
    bits = words(starts, first // 64, count // 64).astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(bits, axis=1, bitorder="little")


def bootstrap_sums(columns: Floats, names: Sequence[str], resamples: int, seed: int) -> Floats:
    """The sums of columns of shape (clusters, columns) over each bootstrap sample: shape (resamples, columns)."""
    starts = streams(names, seed, "bootstrap")
    if len(names) <= SMALL:
        return _distinct(columns, lambda some: _multinomial_sums(starts, some, resamples))
    return _distinct(columns, lambda some: _sums(poisson, starts, some, resamples))


def swapped_sums(columns: Floats, names: Sequence[str], resamples: int, seed: int) -> Floats:
    """The sums of columns over a random half of the clusters, or over every subset where there are few clusters.

    Shape (resamples, columns), or (2^clusters, columns) up to :data:`ENUMERABLE` clusters.
    """
    if len(names) <= ENUMERABLE:
        subsets = np.arange(2 ** len(names))[:, None] >> np.arange(len(names)) & 1
        return _distinct(columns, lambda some: subsets.astype(np.float64) @ some)
    starts = streams(names, seed, "swap")
    return _distinct(columns, lambda some: _sums(swaps, starts, some, resamples))


def _distinct(columns: Floats, sums: Callable[[Floats], Floats]) -> Floats:
    """The sums of all columns, computed once for equal ones: many metrics share their numerators or denominators."""
    number: dict[bytes, int] = {}
    place = [number.setdefault(column.tobytes(), len(number)) for column in columns.T]
    chosen = np.zeros(len(number), dtype=np.int64)
    chosen[place] = np.arange(len(place))
    from threadpoolctl import threadpool_limits

    # the products are small: a second thread gains nothing, and on a busy machine waits burning several times the work
    with threadpool_limits(1, user_api="blas"):
        return sums(np.ascontiguousarray(columns[:, chosen]))[:, place]


def _sums(draw: Callable[[Words, int, int], Bytes], starts: Words, columns: Floats, resamples: int) -> Floats:
    out = np.zeros((resamples, columns.shape[1]))
    single = _exact_in_single(columns)
    parts: list[tuple[Ints, NDArray[Any]]] = [
        (np.flatnonzero(single), columns[:, single].astype(np.float32)),
        (np.flatnonzero(~single), columns[:, ~single]),
    ]
    for b in range(0, resamples, _REPLICATES):
        for row in range(0, len(starts), _CLUSTERS):
            weight = draw(starts[row : row + _CLUSTERS], b, _REPLICATES)
            for at, part in parts:
                block = weight.astype(part.dtype).T @ part[row : row + _CLUSTERS]
                out[b : b + _REPLICATES, at] += block[: resamples - b]
    return out


def _exact_in_single(columns: Floats) -> Bools:
    """Which columns hold whole numbers so small that their sum over a block is exact in single precision."""
    largest = np.abs(columns).max(axis=0, initial=0) * len(_AT_LEAST) * _CLUSTERS
    return np.asarray((columns == np.rint(columns)).all(axis=0) & (largest < 2**24))


def _multinomial_sums(starts: Words, columns: Floats, resamples: int) -> Floats:
    """The same over the first replicates whose weights add up to the number of clusters."""
    out = np.zeros((resamples, columns.shape[1]))
    done = first = 0
    while done < resamples:
        weight = poisson(starts, first, _CANDIDATES)
        chosen = weight[:, weight.sum(axis=0, dtype=np.int64) == len(starts)]
        part = chosen[:, : resamples - done].T.astype(np.float64) @ columns
        out[done : done + len(part)] = part
        done, first = done + len(part), first + _CANDIDATES
    return out
