"""sincere at dd1c349: names, and relations strict or by boundaries (Taillé et al. 2020).

Source: Taillé et al. 2020, "Let's Stop Incorrect Comparisons in End-to-end Relation Extraction". Items are sets for each
sentence: what is repeated counts once. Scores are in per cent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from newsgold.metrics.compat.sentences import Inputs, Sentence, boundaries, entities, read, strict
from newsgold.metrics.compat.shared import f1, many, ours, ratio, repeats, shown

__all__ = ["explain", "read", "score"]

Items = list[tuple[Any, ...]]

_LAYERS: dict[str, tuple[Callable[[list[Sentence]], Items], int]] = {
    "ner": (entities, 3),
    "strict": (strict, 1),
    "boundaries": (boundaries, 1),
}
"""What is compared in each layer, and where an item has its type."""


def score(inputs: Inputs) -> dict[str, Any]:
    """For names, strict relations and relations by boundaries: each type's counts and scores, and ALL with micro and macro.

    Edge cases: 0/0 is 0. Macro is the mean over every type that either side has.
    """
    return {layer: _layer(items(inputs.gold), items(inputs.pred), at) for layer, (items, at) in _LAYERS.items()}


def _layer(gold: Items, pred: Items, at: int) -> dict[str, Any]:
    g, p = set(gold), set(pred)
    types = sorted({item[at] for item in g | p})
    rows = {name: _row({x for x in g if x[at] == name}, {x for x in p if x[at] == name}) for name in types}
    macro = {f"Macro_{key}": ratio(sum(row[key] for row in rows.values()), len(rows)) for key in ("p", "r", "f1")}
    return {**rows, "ALL": {**_row(g, p), **macro}}


def _row(gold: set[tuple[Any, ...]], pred: set[tuple[Any, ...]]) -> dict[str, float]:
    right = len(gold & pred)
    p, r = 100 * ratio(right, len(pred)), 100 * ratio(right, len(gold))
    return {"tp": right, "fp": len(pred) - right, "fn": len(gold) - right, "p": p, "r": r, "f1": f1(p, r)}


def explain(inputs: Inputs) -> list[str]:
    """What collapsed repetitions and empty types do here."""
    out = []
    for layer, (items, at) in _LAYERS.items():
        gold, pred = items(inputs.gold), items(inputs.pred)
        numbers = _layer(gold, pred, at)
        out.append(f"{layer} F1: sincere {numbers['ALL']['f1'] / 100:.4f}, ours {shown(ours(gold, pred).f1)}")
        if again := repeats(pred):
            out.append(
                f"{layer}: {many(again, 'repeated prediction')} merged; with us each counts as predicted and matches nothing"
            )
        absent = sorted({item[at] for item in pred} - {item[at] for item in gold})
        if absent:
            out.append(f"{layer}: {many(len(absent), 'type')} not in gold ({', '.join(absent)}) in the macro mean as 0")
    if len(out) == len(_LAYERS):
        out.append("nothing on this input parts sincere from ours")
    return out
