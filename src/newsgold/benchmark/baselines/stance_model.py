"""The stance of the trained baseline: a judge for (target, polarity) in a sentence, one for its holder, one for its basis.

The span runs from the word that speaks loudest for the stance to its target.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from newsgold.benchmark.baselines.clauses import predicates
from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.judge import Judge, fit_judge, row
from newsgold.benchmark.baselines.lexicon import words
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN

_REACH = 7
"""Tokens before and after a target that are heard."""
_WORD = 0.4
"""The value of a word's feature; less than one, so that it must hold more often to weigh as much as the lexicon."""
_TRUST = 2.0
"""The value of what the rules say of target and polarity; more than one, so that the penalty weighs less on it."""
_VOICE_TRUST = 4.0
"""The same for holders, of which there are the fewest examples."""
_VOICES = (AUTHOR, UNKNOWN)


class Choices(NamedTuple):
    """What cross-validation chose for stance."""

    strength: float = 0.3
    """Inverse penalty of the judges of stance and basis."""
    holder_strength: float = 0.3
    """Inverse penalty of the judge of holders."""
    threshold: float = 0.2
    """A stance needs this probability."""


class Position(NamedTuple):
    """A stance: holder (a mention by index, AUTHOR or UNKNOWN), target (a mention by index), and its span in tokens."""

    holder: int | str
    target: int
    polarity: str
    basis: str
    first: int
    end: int


class StanceModel(NamedTuple):
    """Finds positions; made by :func:`fit_stance`."""

    judge: Judge
    holder: Judge
    basis: Judge
    threshold: float
    labels: Labels

    def positions(self, reading: Reading, spans: Sequence[Span]) -> list[Position]:
        """The positions of an article, at most one polarity for a target."""
        found: dict[int, tuple[float, str]] = {}
        for target, polarity, features in candidates(reading, spans, self.labels):
            p = self.judge.probability(features)
            if p >= max(self.threshold, found.get(target, (0.0, ""))[0]):
                found[target] = (p, polarity)
        return [self._position(reading, spans, target, polarity) for target, (_, polarity) in sorted(found.items())]

    def _position(self, reading: Reading, spans: Sequence[Span], target: int, polarity: str) -> Position:
        loudest = max(
            _heard(reading, spans[target]),
            key=lambda heard: sum(self.judge.weights.get(f, 0.0) for f in _saying(reading, heard, polarity)),
            default=None,
        )
        at = spans[target].first if loudest is None else loudest.at
        trigger = Trigger(at, polarity)
        voices = dict(holders(reading, spans, target, trigger, self.labels))
        rows = bases(reading, spans[target], trigger, self.labels)
        return Position(
            max(voices, key=lambda voice: self.holder.probability(voices[voice])),
            target,
            polarity,
            max(rows, key=lambda name: self.basis.probability(rows[name])),
            min(at, spans[target].first),
            max(at + 1, spans[target].end),
        )


class Trigger(NamedTuple):
    """Where a stance is expressed, and which."""

    at: int
    polarity: str


class Example(NamedTuple):
    """An article to learn from: its mentions, and the positions in it."""

    reading: Reading
    spans: Sequence[Span]
    positions: Sequence[Position]


def fit_stance(examples: Iterable[Example], labels: Labels, choices: Choices) -> StanceModel:
    """Learn which positions are taken, by whom, and on what basis."""
    stance, holder, basis = _Candidates(), _Candidates(), _Candidates()
    for reading, spans, found in examples:
        held = {(p.target, p.polarity) for p in found}
        for target, polarity, features in candidates(reading, spans, labels):
            stance.add(features, (target, polarity) in held)
        for p in found:
            own = spans[p.target]
            trigger = Trigger(p.first if p.first < own.first else min(p.end - 1, own.end), p.polarity)
            for voice, features in holders(reading, spans, p.target, trigger, labels):
                holder.add(features, voice == p.holder)
            for name, features in bases(reading, own, trigger, labels).items():
                basis.add(features, name == p.basis)
    return StanceModel(
        stance.judged(choices.strength),
        holder.judged(choices.holder_strength),
        basis.judged(choices.strength),
        choices.threshold,
        labels,
    )


class _Candidates:
    """Candidates and whether each is right."""

    def __init__(self) -> None:
        self.rows: list[Mapping[str, float]] = []
        self.right: list[bool] = []

    def add(self, features: Mapping[str, float], right: bool) -> None:
        self.rows.append(features)
        self.right.append(right)

    def judged(self, strength: float) -> Judge:
        return fit_judge(self.rows, self.right, strength=strength)


# ---------------------------------------------------------------- target and polarity


def candidates(reading: Reading, spans: Sequence[Span], labels: Labels) -> Iterator[tuple[int, str, dict[str, float]]]:
    """Each mention but values as a target, with each polarity, and features."""
    ruled = _ruled(reading)
    for target, span in enumerate(spans):
        label = labels.types.get(span.type)
        if label is None or label.value:
            continue
        said = {polarity for _, polarity in ruled.get(reading.twin(span), ())}
        heard = list(_heard(reading, span))
        for polarity in labels.polarities:
            found = row(rules=_TRUST * (polarity in said), rules_else=bool(said - {polarity}))
            found |= {f"rules {other} {polarity}": 1.0 for other in said}
            for each in heard:
                for feature in _saying(reading, each, polarity):
                    found[feature] = 1.0 if feature.startswith("lexicon") else _WORD
            found |= {f"kind {span.kind}": 1.0, f"type {span.type} {polarity}": 1.0, f"= {polarity}": 1.0}
            yield target, polarity, found


def _ruled(reading: Reading) -> Mapping[str | None, list[tuple[str, str]]]:
    """The rules' stances by target: holder and polarity."""
    found: dict[str | None, list[tuple[str, str]]] = defaultdict(list)
    for stance in reading.rules.stances or ():
        found[stance.target].append((stance.holder, stance.polarity))
    return found


class _Heard(NamedTuple):
    """A token near a target, and how far from it: negative before, positive after."""

    at: int
    distance: int


def _heard(reading: Reading, span: Span) -> Iterator[_Heard]:
    like = reading.sentence[span.first]
    for step in range(1, _REACH + 1):
        for at, distance in ((span.first - step, -step), (span.end + step - 1, step)):
            if 0 <= at < len(reading.lower) and reading.sentence[at] == like:
                yield _Heard(at, distance)


def _saying(reading: Reading, heard: _Heard, polarity: str) -> list[str]:
    """The features of a token near a target."""
    word = reading.plain(heard.at)
    side = "before" if heard.distance < 0 else "after"
    close = "close" if abs(heard.distance) < 3 else "off"
    if word.startswith("<"):
        return []
    found = [f"{side} {word} {polarity}"]
    said = _lexicon_polarity(reading, heard.at)
    if said:
        same = "same" if said == polarity else "other"
        found += [f"lexicon {same} {side}", f"lexicon {same} {side} {close}", f"lexicon {said} {polarity}"]
    return found


def _lexicon_polarity(reading: Reading, at: int) -> str:
    """The polarity of a stance word, by the lexicon; else nothing."""
    word = reading.lower[at]
    for row_ in predicates("stance").get(word, ()):
        if tuple(reading.lower[at + 1 : at + 1 + len(row_.rest)]) == row_.rest:
            return row_.says.split("_")[0]
    if word in words("stance", "evaluations_against") or word in words("stance", "nouns_against"):
        return "against"
    return "favor" if word in words("stance", "nouns_favor") else ""


# --------------------------------------------------------------- holder and basis


def holders(
    reading: Reading, spans: Sequence[Span], target: int, trigger: Trigger, labels: Labels
) -> Iterator[tuple[int | str, dict[str, float]]]:
    """Who may hold a stance: the mentions of its sentence but values and what overlaps the target, the author, nobody named."""
    own = spans[target]
    ruled = {holder for holder, polarity in _ruled(reading).get(reading.twin(own), ()) if polarity == trigger.polarity}
    sentence = reading.sentence_of(own)
    quoted = sum(w in '"“”' for w in reading.words[sentence.start : trigger.at]) % 2 == 1
    speech = words("cues", "speech")
    firsts = [s.first for s in spans]
    inside = range(bisect_left(firsts, sentence.start), bisect_left(firsts, sentence.stop))
    some = [i for i in inside if not spans[i].overlap(own) and not labels.types[spans[i].type].value]
    before = [i for i in some if spans[i].end <= trigger.at]
    outer = [i for i in before if not any(spans[k].overlap(spans[i]) for k in before if k < i)]
    for i in some:
        span = spans[i]
        early = span.end <= trigger.at
        after = reading.word(span.end, span.first)
        gap = trigger.at - span.end if early else span.first - trigger.at
        found = row(
            rules=_VOICE_TRUST * (reading.twin(span) in ruled),
            rules_else=_VOICE_TRUST * (bool(ruled) and reading.twin(span) not in ruled),
            nearest=outer[-1:] == [i], first=outer[:1] == [i], inner=early and i not in outer, touches=early and gap == 0,
            speaks=after in speech or reading.word(span.first - 1, span.first) in speech, gap=min(gap, 15) / 10,
        )  # fmt: skip
        found |= {f"kind {span.kind} {early}": 1.0, f"type {span.type}": 1.0, f"early {early}": 1.0}
        found[f"preceded {_before(reading, span)}"] = 1.0
        yield i, found
    for voice in _VOICES:
        found = row(
            rules=_VOICE_TRUST * (voice in ruled), rules_else=_VOICE_TRUST * (bool(ruled) and voice not in ruled),
            quoted=quoted, alone=not before,
        )  # fmt: skip
        spoken = any(reading.lower[i] in speech for i in sentence)
        yield voice, {f"{name} {voice}": value for name, value in (found | row(spoken=spoken)).items()} | {f"= {voice}": 1.0}


def _before(reading: Reading, span: Span) -> str:
    word = reading.word(span.first - 1, span.first)
    return word if word.startswith("<") else reading.plain(span.first - 1)


def bases(reading: Reading, target: Span, trigger: Trigger, labels: Labels) -> dict[str, dict[str, float]]:
    """For each basis of the inventory what speaks for it: the words from the trigger to the target."""
    first, end = min(trigger.at, target.first), max(trigger.at + 1, target.first)
    heard = sorted({reading.plain(i) for i in range(max(0, first - 1), end)})
    return {
        name: {f"= {name}": 1.0, f"{trigger.polarity} {name}": 1.0}
        | {f"lexicon {_basis(reading, trigger.at) == name}": 1.0}
        | {f"word {word} {name}": 1.0 for word in heard}
        for name in labels.allowed_bases
    }


def _basis(reading: Reading, at: int) -> str:
    """The basis that the lexicon gives a stance verb; else nothing."""
    return next((p.says.split("_")[1] for p in predicates("stance").get(reading.lower[at], ())), "")
