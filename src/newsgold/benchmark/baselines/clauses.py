"""A sentence as the patterns of relations and stance see it: its phrases, their roles, and the verbs known to them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Container
from functools import cache
from typing import NamedTuple

from newsgold.benchmark.baselines.clusters import Clusters
from newsgold.benchmark.baselines.lexicon import inflect, section, words
from newsgold.benchmark.baselines.phrases import PLACES, VALUES, Phrase
from newsgold.benchmark.baselines.spotting import Tokens

ACTORS = frozenset({"PERSON", "ORG", "GPE", "NORP"})
BE = frozenset({"is", "are", "was", "were", "be", "been", "being"})
_STOPS = frozenset({";", ".", ":", "!", "?"})
_CLAUSES = frozenset({"that", "which", "who", "whose", "because", "while", "when", "if", "after", "before", "until"})
_OBLIQUE = frozenset(
    {"in", "at", "of", "for", "on", "from", "near", "to", "with", "by", "over", "about", "between", "into", "under"}
)


class Predicate(NamedTuple):
    """What follows the first word of a verb phrase, and what the phrase says."""

    rest: tuple[str, ...]
    says: str
    """A relation, or the key of a stance such as ``against_explicit``."""
    verb: str


@cache
def predicates(name: str) -> dict[str, tuple[Predicate, ...]]:
    """The verb phrases of a section of the lexicon by each form of their verb, longest first."""
    found: dict[str, list[Predicate]] = {}
    for says, rows in section(name).items():
        if says in ("participles", "irregular") or says.startswith(("nouns", "evaluations")):
            continue
        for row in rows:
            verb, *rest = row.split()
            for form in inflect(verb):
                found.setdefault(form, []).append(Predicate(tuple(rest), says, verb))
    return {form: tuple(sorted(rows, key=lambda p: -len(p.rest))) for form, rows in found.items()}


class Sentence:
    """One sentence with its phrases, and the look-ups that patterns share."""

    def __init__(self, tokens: Tokens, first: int, end: int, clusters: Clusters, members: list[int]) -> None:
        self.tokens = tokens
        self.lower = tokens.lower
        self.first = first
        self.end = end
        self.all = clusters.phrases
        self.members = members
        self.outer = self._outermost()
        self.places = {i: place for place, i in enumerate(self.outer)}
        self.firsts = [self.all[i].first for i in self.outer]
        self.at = {self.all[i].first: i for i in reversed(members)}
        self.until = {self.all[i].end: i for i in reversed(members)}
        self.parents = self._parents()
        self.covered = {t for i in self.outer for t in range(self.all[i].first, self.all[i].end)}

    def _outermost(self) -> list[int]:
        found: list[int] = []
        reach = -1
        for i in self.members:
            if self.all[i].end > reach:
                found.append(i)
                reach = self.all[i].end
        return found

    def word(self, i: int) -> str:
        """The token at ``i`` in small letters, or nothing outside the sentence."""
        return self.lower[i] if self.first <= i < self.end else ""

    def where(self, wanted: Container[str]) -> list[int]:
        """The tokens that are among some words."""
        return [self.first + k for k, word in enumerate(self.lower[self.first : self.end]) if word in wanted]

    def _parents(self) -> dict[int, int]:
        """The smallest phrase around each nested phrase."""
        found: dict[int, int] = {}
        open_: list[int] = []
        for i in self.members:
            mine = self.all[i]
            around = [k for k in open_ if mine.end <= self.all[k].end]
            if around:
                found[i] = min(around, key=lambda k: self.all[k].end - self.all[k].first)
            open_ = [*(k for k in open_ if self.all[k].end > mine.first), i]
        return found

    def subject(self, at: int, types: frozenset[str] = ACTORS) -> int | None:
        """The nearest phrase before ``at`` that is no oblique, unless there is nothing else."""
        best = None
        distant = self.word(at - 1) in ("and", "or", "then") or (self.word(at).endswith("ing") and self.word(at - 1) == ",")
        at = at if distant else self._before_relative(at)
        for place in range(bisect_left(self.firsts, at) - 1, -1, -1):
            i = self.outer[place]
            phrase = self.all[i]
            if phrase.end > at or phrase.type not in types or self._possessive(phrase):
                continue
            if any(self.word(k) == ";" for k in range(phrase.end, at)):
                break
            best = i if best is None else best
            if not self._is_oblique(phrase):
                best = i
                if not distant:
                    break
        return best

    def _before_relative(self, at: int) -> int:
        """Where a relative clause begins whose closing comma stands right before ``at``."""
        if self.word(at - 1) != ",":
            return at
        for k in range(at - 2, self.first, -1):
            if self.lower[k] in ("which", "who") and self.lower[k - 1] == ",":
                return k
        return at

    def _possessive(self, phrase: Phrase) -> bool:
        """Whether the phrase only possesses something that is no mention."""
        if phrase.kind == "PRO" and self.lower[phrase.first] in words("pronouns", "possessive"):
            after = self.word(phrase.end)
            return self.lower[phrase.first] != "her" or (after.isalpha() and after not in words("heads", "blockers"))
        return self.word(phrase.end) in ("'s", "’s")

    def _is_oblique(self, phrase: Phrase) -> bool:
        before = phrase.first - 1
        before -= self.word(before) == "the"
        return self.word(before) in _OBLIQUE

    def object(self, at: int, *, near: bool = True) -> int | None:
        """The next phrase from ``at`` on: with only articles and adjectives between if ``near``, else with no clause."""
        for i in self.outer[bisect_left(self.firsts, at) :]:
            phrase = self.all[i]
            if phrase.type in VALUES or self._possessive(phrase) or self._describes(phrase):
                continue
            between = [self.lower[k] for k in range(at, phrase.first)]
            if len(between) > 5 or any(w in _STOPS or w in _CLAUSES or w in predicates("predicates") for w in between):
                return None
            return None if near and not all(_light(w) or k in self.covered for k, w in enumerate(between, at)) else i
        return None

    def _describes(self, phrase: Phrase) -> bool:
        """A demonym before a type word and a name, as in *the Marovian capital Tessen*, is no argument."""
        name = self.at.get(phrase.end + 1)
        return phrase.type == "NORP" and name is not None and self.all[name].kind == "NAM" and self.word(phrase.end).isalpha()

    def joined(self, i: int) -> list[int]:
        """A phrase with those that *and* or a comma before *and* joins to it, in either direction."""
        place = self.places.get(i, -1)
        out = [i]
        for step in (-1, 1):
            k = place
            while place >= 0 and 0 <= k + step < len(self.outer) and self._conjoined(min(k, k + step)):
                k += step
                out.append(self.outer[k])
        return sorted(out)

    def _conjoined(self, k: int) -> bool:
        left, right = self.all[self.outer[k]], self.all[self.outer[k + 1]]
        between = [w for w in self.lower[left.end : right.first] if w != "the"]
        return between == ["and"] and any({left.type, right.type} <= group for group in (ACTORS, PLACES))

    def factuality(self, start: int, at: int) -> str:
        """What the words from ``start`` to the predicate at ``at`` make of it (R20)."""
        window = [self.lower[k] for k in range(max(start, self.first), at) if k not in self.covered]
        if any(w in words("factuality", "denied") or w.endswith(("n't", "n’t")) for w in window):
            return "denied"
        cues = words("factuality", "prospective") - {"to"}
        before = {*self.lower[max(self.first, start - 12) : start]} & {"if", "unless", "until"}
        before |= {*self.lower[max(self.first, start - 5) : start]} & {"demanded", "urged"}
        return "prospective" if before or self.word(at - 1) == "to" or any(w in cues for w in window) else "asserted"


def _light(word: str) -> bool:
    """Whether a word may stand between a verb and its object."""
    return (
        word in ("the", "a", "an", "on", "both")
        or word in words("heads", "modifiers")
        or word in words("cues", "place_before")
        or word.endswith("ly")
    )
