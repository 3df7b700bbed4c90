"""PURE at b1e9cad: names and relations of sentences, where lists stay lists.

Source: Zhong and Chen 2021; Rel wants the spans of both arguments, Rel+ their types too. Every prediction that gold
has is a true positive, a repeated one again, so that recall can pass 1.
"""

from __future__ import annotations

from typing import Any

from newsgold.metrics.compat.sentences import Inputs, boundaries, entities, read, strict
from newsgold.metrics.compat.shared import many, ours, scores, shown

__all__ = ["explain", "read", "score"]

Items = list[tuple[Any, ...]]

_LAYERS = {"ner": entities, "relation": boundaries, "strict_relation": strict}


def score(inputs: Inputs) -> dict[str, Any]:
    """Precision, recall and F1 of names, Rel and Rel+; 0/0 is 0."""
    return {layer: _row(items(inputs.gold), items(inputs.pred)) for layer, items in _LAYERS.items()}


def _row(gold: Items, pred: Items) -> dict[str, float]:
    known = set(gold)
    right = sum(item in known for item in pred)
    return scores(right, len(pred), right, len(gold))


def explain(inputs: Inputs) -> list[str]:
    """What repeated predictions are worth here."""
    out = []
    for layer, items in _LAYERS.items():
        gold, pred = items(inputs.gold), items(inputs.pred)
        own = ours(gold, pred).f1
        out.append(f"{layer} F1: pure {_row(gold, pred)['f1']:.4f}, ours {shown(own)}")
        known = set(gold)
        again = sum(item in known for item in pred) - len(known & set(pred))
        if again:
            out.append(f"{layer}: {many(again, 'repeated prediction')} counted as true positives; with us they match nothing")
    if len(out) == len(_LAYERS):
        out.append("nothing on this input parts pure from ours")
    return out
