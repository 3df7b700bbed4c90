"""SemEval-2022 task 10: F1 of opinion tuples (holder, target, expression, polarity).

Source: Barnes et al. 2021, section 4 on sentiment graph F1, and Barnes et al. 2022. A tuple is right if all three spans
share a token with those of some tuple of the other side; weighted, it earns the mean share of its tokens that the
best such tuple has. Many predictions may be right by one gold tuple.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.shared import PeerFault, field, json_records, listed, many, ours, repeats, scores, shown

POLARITIES = ("positive", "negative", "neutral")
_OFFSETS = re.compile(r"([0-9]{1,9}):([0-9]{1,9})")
NOBODY = frozenset([-1])
"""The tokens of a holder or a target that is not named; it matches only one that is not named either."""

Tokens = frozenset[int]


class Opinion(NamedTuple):
    """An opinion of a sentence: numbers of tokens, and the polarity."""

    holder: Tokens
    target: Tokens
    expression: Tokens
    polarity: str


class Inputs(NamedTuple):
    """The opinions of the sentences of gold, in list order."""

    gold: list[list[Opinion]]
    pred: list[list[Opinion]]


def read(gold: Path, pred: Path) -> Inputs:
    """Sentences with ``sent_id``, ``text`` and ``opinions``; both files must have the same sentences."""
    g, p = _sentences(gold), _sentences(pred)
    if g.keys() != p.keys():
        odd = min(g.keys() ^ p.keys())
        raise PeerFault(f"{pred} and {gold} do not have the same sentences: {quote(odd)} is in one only")
    return Inputs(list(g.values()), [p[name] for name in g])


def _sentences(path: Path) -> dict[str, list[Opinion]]:
    out = {}
    for record in json_records(path):
        name = field(record, "sent_id", str, str(path))
        where = f"{path}: {quote(name)}"
        tokens = list(_tokens(field(record, "text", str, where)))
        out[name] = [_opinion(item, tokens, where) for item in field(record, "opinions", list, where)]
    return out


def _tokens(text: str) -> Iterator[tuple[int, int]]:
    at = 0
    for word in text.split():
        at = text.index(word, at)
        yield at, at + len(word)
        at += len(word)


def _opinion(item: Any, tokens: list[tuple[int, int]], where: str) -> Opinion:
    polarity = field(item, "Polarity", str, where).lower()
    if polarity not in POLARITIES:
        raise PeerFault(f"{where}: the polarity should be one of {', '.join(POLARITIES)}, got {quote(polarity)}")
    source, target, expression = (_covered(item, key, tokens, where) for key in ("Source", "Target", "Polar_expression"))
    return Opinion(source or NOBODY, target or NOBODY, expression or NOBODY, polarity)


def _covered(item: Any, key: str, tokens: list[tuple[int, int]], where: str) -> Tokens:
    """The tokens that the spans of a field touch; spans are written as "start:end"."""
    found: set[int] = set()
    parts = listed(item, key, list, where)
    for span in parts[1] if len(parts) == 2 else ():
        offsets = _OFFSETS.fullmatch(str(span))
        if not offsets:
            raise PeerFault(f'{where}: {key} should have offsets as "start:end", got {quote(span)}')
        start, end = map(int, offsets.groups())
        found |= {i for i, (a, b) in enumerate(tokens) if a < end and start < b}
    return frozenset(found)


def score(inputs: Inputs, *, weighted: str = "yes", polarity: str = "yes") -> dict[str, Any]:
    """Precision, recall and F1 of the tuples; the task's own number is the weighted one with polarity. 0/0 is 0."""
    sides = list(zip(*inputs, strict=True))
    p_num = sum(_credit(item, gold, weighted, polarity) for gold, pred in sides for item in pred)
    r_num = sum(_credit(item, pred, weighted, polarity) for gold, pred in sides for item in gold)
    return dict(scores(p_num, sum(map(len, inputs.pred)), r_num, sum(map(len, inputs.gold))))


def _credit(own: Opinion, others: list[Opinion], weighted: str, polarity: str) -> float:
    """What a tuple earns. As in the task, the best share is looked for among tuples of any polarity."""
    touching = [other for other in others if all(a & b for a, b in zip(own[:3], other[:3], strict=True))]
    if not any(other.polarity == own.polarity or polarity == "no" for other in touching):
        return 0.0
    return max(_share(own, other) for other in touching) if weighted == "yes" else 1.0


def _share(own: Opinion, other: Opinion) -> float:
    """The mean share of the tokens of the three spans that the other tuple has."""
    return sum(len(a & b) / len(a) for a, b in zip(own[:3], other[:3], strict=True)) / 3


def explain(inputs: Inputs, *, weighted: str = "yes", polarity: str = "yes") -> list[str]:
    """What overlap and many-to-one matching are worth here."""
    numbers = score(inputs, weighted=weighted, polarity=polarity)
    gold, pred = ([(i, *item) for i, opinions in enumerate(side) for item in opinions] for side in inputs)
    out = [f"tuple F1: structured-sentiment {numbers['f1']:.4f}, ours {shown(ours(gold, pred).f1)} on tuples with equal tokens"]
    known = set(gold)
    touching = sum(item not in g and _credit(item, g, "no", polarity) > 0 for g, p in zip(*inputs, strict=True) for item in p)
    if touching:
        out.append(f"{many(touching, 'prediction')} right by overlap, or by polarity left out, equal no gold tuple")
    if again := repeats(pred):
        found = sum(item in known for item in pred) - len(known & set(pred))
        out.append(f"{many(again, 'repeated prediction')}, of which {found} with full credit again; with us they match nothing")
    if len(out) == 1:
        out.append("nothing on this input parts structured-sentiment from ours")
    return out
