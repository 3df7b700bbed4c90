"""The systems every submission is compared with, and the degenerate ones that show what a score is worth.

:data:`SYSTEMS` answers as it is. :data:`FITTED` is made from gold: its functions take pairs of article and
gold with the inventory, and give a system; the heavy ones need an extra, and minutes. What each is, and what
it saw, is in ``cards.toml``.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module, resources
from typing import Any, NamedTuple

import msgspec

from newsgold.benchmark.baselines import degenerate
from newsgold.benchmark.baselines.rules import annotate
from newsgold.benchmark.baselines.simple import empty, gazetteer
from newsgold.benchmark.card import SystemCard
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article

__all__ = ["FITTED", "SYSTEMS", "Baseline", "Fitted", "Function", "Pairs", "card_of", "empty", "gazetteer"]

Function = Callable[[Article], Annotation]
Pairs = Sequence[tuple[Article, Annotation]]
"""Articles with their gold."""
Fit = Callable[[Pairs, Labels], Function]


class Baseline(NamedTuple):
    """A system that answers as it is."""

    name: str
    function: Function

    @property
    def version(self) -> str:
        """The version that its card gives."""
        return card_of(self.name).version


class Fitted(NamedTuple):
    """A system that has to be made from gold."""

    name: str
    fit: Fit
    """May raise :class:`ModuleNotFoundError` where the extra is missing."""
    splits: tuple[str, ...] = ("train",)
    """The splits it may learn from; never ``test``."""
    extra: str = ""
    """The extra of the package that it needs; those that need one are heavy, and are made only if asked for."""


@cache
def _cards() -> dict[str, Any]:
    return tomllib.loads(resources.files(__name__).joinpath("cards.toml").read_text("utf-8"))


def card_of(name: str) -> SystemCard:
    """The card of a baseline."""
    return msgspec.convert({**_cards()["defaults"], "name": name, **_cards()[name]}, SystemCard)


def _in(module: str, name: str) -> Fit:
    """A function of a module that is imported when the function is called."""

    def fit(pairs: Pairs, labels: Labels) -> Function:
        made: Function = getattr(import_module(f"{__name__}.{module}"), name)(pairs, labels)
        return made

    return fit


_READY: dict[str, Function] = {
    "empty": empty,
    "gazetteer": gazetteer,
    "rules": annotate,
    "whole-document": degenerate.whole_document,
    "random-spans": degenerate.random_spans,
    "rules-singletons": degenerate.singletons,
    "rules-one-cluster": degenerate.one_cluster,
}
SYSTEMS = {name: Baseline(name, function) for name, function in _READY.items()}
"""Every baseline that answers as it is, by its name."""

FITTED = {
    fitted.name: fitted
    for fitted in (
        Fitted("rules-every-pair", degenerate.fit_every_pair),
        Fitted("rules-majority-stance", degenerate.fit_majority_stance),
        Fitted("crf", _in("training", "fit"), extra="baselines"),
        Fitted("spacy-stock", _in("spacy_pipeline", "stock"), extra="spacy"),
        Fitted("spacy-trained", _in("spacy_pipeline", "fit"), extra="spacy"),
    )
}
"""Every baseline that is made from gold, by its name."""
