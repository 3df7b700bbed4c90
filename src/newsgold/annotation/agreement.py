"""How far annotators agree, layer by layer: each pair as in scoring, all of them together, and corrected for chance.

Any number of annotators may have made passes over any of the documents. A
document that an annotator has no pass of is missing data: a pair is compared on
the documents both have, and the alphas take who was there. A pass that found
nothing counts as what it is.

A pair is scored by the metrics of systems against gold, the first standing for
gold; metrics of relations and stance, which would come out a little otherwise
the other way round, are means of both ways. Pooled over pairs is the mean of
their values weighted by what they compare. Everything is a function of sums over
documents, and intervals are those of one bootstrap of documents or, as articles
on one event are not independent, of events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from newsgold import __version__
from newsgold.annotation.comparison import CHANCE, LIKE_SCORES, Comparison, layers, score_parts
from newsgold.annotation.passes import Passes, read_passes
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Article
from newsgold.errors import UsageError, count_codes
from newsgold.metrics import agreement as coefficients
from newsgold.metrics.agreement import Parts
from newsgold.metrics.arrays import Bools, Floats, Ints
from newsgold.metrics.batch import Source
from newsgold.metrics.columns import Spans
from newsgold.metrics.fingerprint import fingerprint
from newsgold.metrics.resampling import Clusters, bootstrap_sums
from newsgold.metrics.suite import METRICS, Measured
from newsgold.metrics.summary import summary
from newsgold.metrics.uncertainty import SEED, Interval, bootstrap_intervals, percentiles, scheme

RESAMPLES = 1_000
SHOWN = (
    "mentions.strict", "mentions.exact", "mentions.partial",
    "mentions.type_kappa", "mentions.type_alpha", "mentions.type_fleiss", "mentions.u_alpha", "mentions.gamma",
    "coref.conll", "coref.lea", "coref.masi_alpha", "coref.masi_alpha_shared", "linking.accuracy",
    "relations.mapped", "relations.boundaries", "relations.agreed", "relations.agreed_boundaries", "relations.type_kappa",
    "stance.pair", "stance.tuple", "stance.polarity", "stance.polarity_alpha",
)  # fmt: skip
"""The keys of tables and reports; JSON has every key."""
_CONFUSED = {"mentions.type": "type", "relations.type": "relation", "stance.polarity": "polarity"}
"""The confusions, and the section of labels of each."""


class Figure(NamedTuple):
    """One value with what it rests on."""

    value: float | None
    ci95: Interval
    documents: int
    """In how many documents two of the annotators attempted what it needs."""
    n: float
    """How many items were compared there."""
    why: str | None = None
    """Why there is no value, or no interval."""
    by_type: Mapping[str, Figure] = {}

    def to_dict(self) -> dict[str, Any]:
        """The figure as it is printed for machines."""
        out: dict[str, Any] = {**self._asdict(), "n": int(self.n) if float(self.n).is_integer() else self.n}
        out["by_type"] = {name: figure.to_dict() for name, figure in self.by_type.items()}
        return out


@dataclass(frozen=True)
class Pair:
    """Two annotators."""

    documents: int
    """How many both have."""
    chance: Mapping[str, Figure]
    summarised: Callable[[], dict[str, dict[str, Any]]]

    @cached_property
    def scores(self) -> dict[str, dict[str, Any]]:
        """As ``benchmark score`` prints them, with the numbers of documents and of compared items beside."""
        return self.summarised()


class Confusion(NamedTuple):
    """How often one annotator's label met another's."""

    labels: tuple[str, ...]
    """Those that occur."""
    pairs: Mapping[str, list[list[float]]]
    """For each pair a row a label of the first, a column a label of the second."""
    pooled: list[list[float]]
    """All pairs, both ways round, so that it is symmetric."""


@dataclass(frozen=True)
class Agreement:
    """What :func:`agree` finds."""

    signature: str
    passes: Passes
    labels: Labels
    kinds: tuple[str, ...]
    unit: str
    """What is drawn in a resample: ``document`` or ``event``."""
    pairs: Mapping[str, Pair]
    """By ``A × B``, in the order of the annotators."""
    pooled: Mapping[str, Figure]
    confusions: Mapping[str, Confusion]
    notes: tuple[str, ...] = ()
    """What could not be had, and why."""

    def figures(self, pair: str) -> dict[str, Figure]:
        """The figures of a pair that tables show, the scores among them as single values."""
        one = self.pairs[pair]
        return {key: one.chance.get(key) or _single(one.scores[key]) for key in SHOWN if key in one.scores or key in one.chance}

    def to_dict(self) -> dict[str, Any]:
        """The result as ``annotation agree --json`` prints it, without the list of disagreements."""
        attempted = self.passes.attempted
        return {
            "signature": self.signature,
            "documents": len(self.passes.documents),
            "annotators": {
                name: {"documents": len(batch.names), **{layer: int(attempted[layer][i].sum()) for layer in attempted}}
                for i, (name, batch) in enumerate(self.passes.annotators)
            },
            "findings": count_codes(self.passes.findings),
            "notes": list(self.notes),
            "pooled": {key: figure.to_dict() for key, figure in self.pooled.items()},
            "pairs": {
                name: {
                    "documents": pair.documents,
                    "scores": dict(pair.scores),
                    "chance": {key: figure.to_dict() for key, figure in pair.chance.items()},
                }
                for name, pair in self.pairs.items()
            },
            "confusions": {key: {**c._asdict(), "labels": list(c.labels)} for key, c in self.confusions.items()},
        }


def reasons(figures: Iterable[Figure]) -> list[str]:
    """Why some figures have no value or no interval, each reason once."""
    said = (f"no {'value' if f.value is None else 'interval'}: {f.why}" for f in figures if f.why)
    return sorted(dict.fromkeys(said))


def _single(score: Mapping[str, Any]) -> Figure:
    name = "f1" if score["kind"] == "prf" else "value"
    return Figure(score[name], score["ci95"][name], score["documents"], score["compared"])


def agree(
    sources: Sequence[Source] | Mapping[str, Source],
    *,
    kinds: Collection[str] | None = None,
    labels: Path | Labels | None = None,
    articles: Path | Mapping[str, Article] | None = None,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    by_event: bool = False,
    gamma: Callable[[Passes, Mapping[str, Spans], Labels], GammaResult] | None = None,
) -> Agreement:
    """The agreement of annotators on every layer that two of them attempted.

    Args:
        sources: See :func:`newsgold.annotation.passes.read_passes`.
        kinds: The mention kinds that ``mentions.*`` compares, by default all.
        labels: The inventory, by default the one found beside the passes, else the package's.
        articles: Texts: to hold spans against, and for the length of what was annotated.
        resamples: How many resamples of the documents; 0 leaves intervals out.
        seed: What the resamples depend on, beside the ids of documents or events.
        by_event: Draw the documents of an event together, as scoring does: wider intervals, and none of one event.
        gamma: Computes gamma; see :mod:`newsgold.annotation.gamma`.

    Raises:
        DataError: the passes have errors.
        UsageError: there are no two annotators, a kind is unknown, or resamples are negative.
    """
    places = [Path(s) for s in (() if isinstance(sources, Mapping) else sources) if isinstance(s, (str, Path))]
    inventory = labels if isinstance(labels, Labels) else find_labels(labels, *places)
    chosen = tuple(inventory.kinds) if kinds is None else tuple(kinds)
    for kind in chosen:
        if kind not in inventory.kinds:
            raise UsageError(f"no mention kind {kind!r}; kinds are {', '.join(inventory.kinds)}")
    if resamples < 0:
        raise UsageError("the number of resamples cannot be negative")
    passes = read_passes(sources, inventory, articles)
    if len(passes.annotators) < 2:
        raise UsageError("agreement needs two annotators or more, and these are the passes of one")
    return _Figures(Comparison(passes, inventory, chosen, by_event), resamples, seed).agreement(gamma)


class GammaResult(NamedTuple):
    """Gamma's parts, or why there are none."""

    observed: Floats
    """The disorder of the best alignment of each document, 0 where it was not computed."""
    expected: Floats
    done: Bools
    """In which documents it was computed."""
    items: Ints
    note: str | None = None


# ------------------------------------------------------------------- the figures


class _Key(NamedTuple):
    """What a figure is of."""

    who: tuple[int, ...]
    key: str
    part: str = ""
    """A type, or ``pair`` where two of all are compared, who may be all there are."""


@dataclass(frozen=True)
class _Figures:
    """The figures of a comparison."""

    of: Comparison
    resamples: int
    seed: int

    def figures(self, parts: Mapping[_Key, Parts], documents: Mapping[_Key, int]) -> dict[_Key, Figure]:
        """Values with their intervals, all from the same resamples."""
        names = self.of.clusters.names
        sums = _by_cluster([p.columns for p in parts.values()], self.of.clusters)
        drawn = bootstrap_sums(sums, names, self.resamples, self.seed) if self.resamples and len(names) > 1 else None
        out, at = {}, 0
        for key, p in parts.items():
            own = slice(at, at + p.columns.shape[1])
            at = own.stop
            value = float(p.value(sums[:, own].sum(axis=0)))
            replicates = None if drawn is None else p.value(drawn[:, own])
            informative = int((sums[:, own] != 0).any(axis=1).sum())
            out[key] = self._figure(value, replicates, informative, documents[key], float(p.items.sum()))
        return out

    def _figure(self, value: float, drawn: Floats | None, informative: int, documents: int, n: float) -> Figure:
        if math.isnan(value):
            why = "nothing to compare" if n == 0 else "chance alone would give perfect agreement"
            return Figure(None, None, documents, n, why)
        if not self.resamples:
            return Figure(value, None, documents, n, "no resamples were asked for")
        defined = np.zeros(0) if drawn is None else drawn[~np.isnan(drawn)]
        if informative < 2 or not len(defined):
            return Figure(value, None, documents, n, f"one {self.of.clusters.unit} cannot tell how much others differ")
        return Figure(value, percentiles(defined, value), documents, n)

    def agreement(self, gamma: Callable[[Passes, Mapping[str, Spans], Labels], GammaResult] | None) -> Agreement:
        """All of it."""
        names = self.of.passes.names
        title = {pair: f"{names[pair[0]]} × {names[pair[1]]}" for pair in self.of.couples}
        chance = {pair: self.of.chance(pair) for pair in self.of.couples}
        pooled, by_type = self.of.pooled(chance), self.of.by_type()
        every = tuple(range(len(names)))
        parts = {_Key(every, key): p for key, p in pooled.items()}
        parts |= {_Key(every, key, name): p for key, own in by_type.items() for name, p in own.items()}
        parts |= {_Key(pair, key, "pair"): p for pair, own in chance.items() for key, p in own.items()}
        documents = {k: self.of.shared(k.who, layers(k.key)) for k in parts}
        notes: tuple[str, ...] = ()
        if gamma is not None:
            spans = [side.mentions.take(rows) for side, rows in zip(self.of.sides, self.of.wanted, strict=True)]
            found = gamma(self.of.passes, dict(zip(names, spans, strict=True)), self.of.labels)
            notes = (found.note,) if found.note else ()
            if found.done.any():
                at = _Key(every, "mentions.gamma")
                columns = np.column_stack([found.observed, found.expected])
                parts[at] = Parts(columns, coefficients.disagreement, found.items.astype(np.float64))
                documents[at] = int(found.done.sum())
        if not parts:
            notes = (*notes, "nothing was compared: two annotators attempted no layer of the same document")
        figures = self.figures(parts, documents)
        order = [*METRICS, *LIKE_SCORES, *CHANCE]
        whole = {
            k.key: figures[k]._replace(by_type={t: figures[_Key(every, k.key, t)] for t in by_type.get(k.key, {})})
            for k in sorted(figures, key=lambda k: order.index(k.key))
            if k == _Key(every, k.key)
        }
        pairs = {}
        for pair, scored in self.of.couples.items():
            first, second = (self.of.passes.annotators[i].batch.places for i in pair)
            own = {key: figures[_Key(pair, key, "pair")] for key in chance[pair]}
            scores = partial(self._scores, scored.measured, pair)
            pairs[title[pair]] = Pair(len(first.keys() & second.keys()), own, scores)
        return Agreement(
            self._signature(), self.of.passes, self.of.labels, self.of.kinds, self.of.clusters.unit,
            pairs, whole, self._confusions(title), notes,
        )  # fmt: skip

    def _scores(self, measured: Mapping[str, Measured], pair: tuple[int, int]) -> dict[str, dict[str, Any]]:
        if self.resamples and len(self.of.clusters.names) > 1:
            ci = bootstrap_intervals(measured, self.of.clusters, resamples=self.resamples, seed=self.seed)
        else:
            ci = {
                key: dict.fromkeys(("value",) if m.kind != "prf" else ("precision", "recall", "f1"))
                for key, m in measured.items()
            }
        out = {}
        for key, m in measured.items():
            out[key] = summary(m, ci[key], self.of.clusters.of)
            out[key]["documents"] = self.of.shared(pair, layers(key))
            out[key]["compared"] = _whole(float(score_parts(m).items.sum()))
        return out

    def _confusions(self, title: Mapping[tuple[int, int], str]) -> dict[str, Confusion]:
        found: dict[str, dict[str, Floats]] = {key: {} for key in _CONFUSED}
        for pair, scored in self.of.couples.items():
            both = self.of.both_types(pair) if self.of.shared(pair, ("mentions",)) else None
            for key, labelled, weight in (
                ("mentions.type", both, 1.0), ("relations.type", scored.types, 0.5), ("stance.polarity", scored.polarities, 0.5),
            ):  # fmt: skip
                if labelled is not None:
                    size = len(self.of.vocabulary.names[_CONFUSED[key]])
                    cells = np.bincount(labelled.left * size + labelled.right, minlength=size * size)
                    found[key][title[pair]] = (cells * weight).astype(np.float64).reshape(size, size)
        out = {}
        for key, matrices in found.items():
            names = self.of.vocabulary.names[_CONFUSED[key]]
            whole = np.sum([m + m.T for m in matrices.values()] or [np.zeros((len(names), len(names)))], axis=0)
            there = np.flatnonzero(whole.sum(axis=1))
            if len(there):
                square = np.ix_(there, there)
                out[key] = Confusion(
                    tuple(names[i] for i in there),
                    {name: m[square].tolist() for name, m in matrices.items()},
                    whole[square].tolist(),
                )
        return out

    def _signature(self) -> str:
        """What the figures depend on, in one line."""
        documents = self.of.passes.documents
        digests = [fingerprint(side, self.of.ignore, documents, self.of.vocabulary)[:8] for side in self.of.sides]
        known = sum(name in self.of.passes.articles for name in documents)
        parts = [
            f"newsgold:{__version__}",
            "passes:" + ",".join(f"{_plain(name)}({digest})" for name, digest in zip(self.of.passes.names, digests, strict=True)),
            f"docs:{self.of.size}",
            f"kinds:{','.join(k for k in self.of.labels.kinds if k in self.of.kinds)}",
            f"labels:{self.of.labels.name}-{self.of.labels.version}",
            "continuum:" + ("text" if known == self.of.size else "last-mention" if not known else f"text({known})"),
            *(
                ["ci:bootstrap", *scheme(self.of.clusters, self.resamples, self.seed, "bootstrap")[1:]]
                if self.resamples
                else ["ci:none"]
            ),
        ]
        return "|".join(parts)


def _plain(name: str) -> str:
    return "".join(c if c.isprintable() and c not in "|,()" else "_" for c in name)


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _by_cluster(parts: Sequence[Floats], drawn: Clusters) -> Floats:
    """Columns side by side, summed over the documents of each cluster."""
    rows = np.hstack([np.zeros((len(drawn.of), 0)), *parts])
    out: Floats = np.zeros((len(drawn.names), rows.shape[1]))
    np.add.at(out, drawn.of, rows)
    return out
