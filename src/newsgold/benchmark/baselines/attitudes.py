"""Stance by rule: verbs of praise, blame and demand, evaluating words, *pro-* and *anti-* (R21 to R24)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from newsgold.benchmark.baselines.clauses import Sentence
from newsgold.benchmark.baselines.lexicon import words
from newsgold.benchmark.baselines.phrases import VALUES
from newsgold.benchmark.baselines.predicates import matches


class Position(NamedTuple):
    """A stance: holder (a phrase, or ``None`` for the words' own voice), target, span of tokens."""

    holder: int | None
    target: int
    first: int
    end: int
    polarity: str
    basis: str


def positions(sentence: Sentence) -> Iterator[Position]:
    """The stances of a sentence, by verb, by evaluating words and by *pro-* and *anti-*."""
    for match in matches(sentence, "stance"):
        polarity, basis = match.says.split("_")
        if match.object is None or sentence.factuality(match.start, match.at) == "denied":
            continue
        for target in sentence.joined(match.object):
            first = min(match.at, sentence.all[target].first)
            end = max(match.end, sentence.all[target].end)
            yield Position(match.subject, target, first, end, polarity, basis)
    yield from _evaluations(sentence)
    yield from _sides(sentence)


def _evaluations(sentence: Sentence) -> Iterator[Position]:
    """*The brutal Guard*, *the Guard is a danger*."""
    against, favor = words("stance", "nouns_against"), words("stance", "nouns_favor")
    for at in sentence.where(words("stance", "evaluations_against") | against | favor):
        word = sentence.lower[at]
        if word in words("stance", "evaluations_against"):
            target = sentence.at.get(at + 1)
            if target is not None and sentence.all[target].type not in VALUES:
                yield Position(_speaker(sentence, target), target, at, sentence.all[target].end, "against", "explicit")
        else:
            copula = at - 1 - (sentence.word(at - 1) in ("a", "an", "the"))
            target = sentence.subject(copula) if sentence.word(copula) in words("heads", "copulas") else None
            if target is not None and sentence.word(copula - 1) not in words("factuality", "denied"):
                polarity = "against" if word in against else "favor"
                yield Position(_speaker(sentence, target), target, sentence.all[target].first, at + 1, polarity, "explicit")


def _speaker(sentence: Sentence, target: int) -> int | None:
    """The phrase to which the sentence's verb of saying attributes the words."""
    for at in sentence.where(words("cues", "speech")):
        if at not in sentence.covered:
            speaker = sentence.subject(at)
            if speaker is None or speaker == target:
                speaker = sentence.object(at + 1)
            return speaker if speaker != target else None
    return None


def _sides(sentence: Sentence) -> Iterator[Position]:
    """*Pro-X Y*, *anti-X Y*: the group so described is the holder."""
    polarities = {"pro": "favor", "anti": "against"}
    for at in sentence.where(polarities):
        polarity = polarities[sentence.lower[at]]
        target = sentence.at.get(at + 2) if sentence.word(at + 1) == "-" else None
        if target is None:
            continue
        inner = next((i for i in reversed(sentence.members) if sentence.all[i].first == at + 2), target)
        holder = sentence.parents.get(inner)
        if holder is None:
            holder = sentence.object(sentence.all[inner].end)
        yield Position(holder, inner, at, sentence.all[inner].end, polarity, "explicit")
