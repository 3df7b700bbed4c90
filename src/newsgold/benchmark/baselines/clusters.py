"""Coreference by rule: which phrases refer to one thing (R12 to R14)."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import NamedTuple

from newsgold.benchmark.baselines.lexicon import gazetteer, words
from newsgold.benchmark.baselines.phrases import VALUES, Phrase, Text

_PLURAL = frozenset({"ORG", "PERSON"})
_NO_STATE = frozenset({"people", "language", "culture", "songs", "food", "man", "woman", "men", "women"})


class Clusters(NamedTuple):
    """Phrases with the type of their cluster, and the cluster of each."""

    phrases: list[Phrase]
    cluster: list[int]
    """A number for each phrase; equal numbers, one thing."""


def cluster(text: Text) -> Clusters:
    """Cluster the phrases of an article from left to right; pronouns without antecedent are left out if empty."""
    return _Resolver(text).run()


class _Resolver:
    """Goes through the phrases once, keeping what was seen so far."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.lower = text.tokens.lower
        self.keys: dict[tuple[str, str], int] = {}
        self.phrases: list[Phrase] = []
        self.cluster: list[int] = []
        self.count = 0
        self.by_head: dict[tuple[str, str], list[int]] = defaultdict(list)
        countries = (p.entity for p in text.phrases if p.kind == "NAM" and p.type == "GPE" and len(p.entity) > 3)
        self.stems = list(dict.fromkeys(countries))

    def run(self) -> Clusters:
        for phrase in self.text.phrases:
            if phrase.kind == "PRO":
                self._pronoun(phrase)
            elif phrase.kind == "NAM":
                self._put(phrase, self._named(phrase))
            elif phrase.kind == "NOM":
                self._put(phrase, self._nominal(phrase))
            else:
                self._put(phrase, None)
        return Clusters(self.phrases, self.cluster)

    def _put(self, phrase: Phrase, number: int | None) -> None:
        if number is None:
            number = self.count
            self.count += 1
        if phrase.kind == "NOM":
            self.by_head[phrase.type, self.lower[phrase.head]].append(len(self.phrases))
        self.phrases.append(phrase)
        self.cluster.append(number)

    def _keyed(self, key: tuple[str, str]) -> int:
        """The cluster known by a key, a new one if there is none."""
        if key not in self.keys:
            self.keys[key] = self.count
            self.count += 1
        return self.keys[key]

    # ------------------------------------------------------------------------ names

    def _named(self, phrase: Phrase) -> int:
        appositive = self._appositive(phrase)
        key = self._demonym_key(phrase) if phrase.type == "NORP" else (phrase.type, phrase.entity)
        if appositive is not None and key not in self.keys:
            self.keys[key] = appositive
        return self._keyed(key)

    def _demonym_key(self, phrase: Phrase) -> tuple[str, str]:
        """A demonym before a noun stands for the state and has the country's key; by itself it is a people."""
        word = self.text.tokens.words[phrase.first]
        surface = " ".join(self.text.tokens.words[phrase.first : phrase.end])
        after = self._at(phrase.end, phrase.first)
        adjective = (after.isalpha() or after == "-") and after not in words("heads", "blockers") and after not in _NO_STATE
        country = gazetteer().country_of.get(surface)
        if not adjective or (country is None and phrase.entity in words_of_groups()):
            return ("NORP", phrase.entity)
        if country is None:
            country = next((s for s in self.stems if _related(word, s)), None)
        return ("GPE", country) if country is not None else ("GPE", f"of {word.lower()[:4]}")

    def _appositive(self, phrase: Phrase) -> int | None:
        """*The president, Ana Dorvik,*: the phrase right before the comma."""
        if not self.phrases or self._at(phrase.first - 1, phrase.first) != ",":
            return None
        for other, number in self._recent():
            if other.end == phrase.first - 1 and other.type == phrase.type:
                opposite = other.kind == "NOM" if phrase.kind == "NAM" else other.kind == "NAM"
                if phrase.kind == "NAM" and phrase.type != "PERSON":
                    return None
                singular = self.lower[(other if other.kind == "NOM" else phrase).head] not in _plural_heads()
                return number if opposite and singular and self._at(phrase.end, phrase.first) in (",", ".", "") else None
        return None

    def _at(self, i: int, like: int) -> str:
        same = 0 <= i < len(self.lower) and self.text.sentence[i] == self.text.sentence[like]
        return self.lower[i] if same else ""

    def _recent(self, window: int = 40) -> list[tuple[Phrase, int]]:
        """The last phrases with their clusters, latest first."""
        return list(zip(self.phrases[-window:], self.cluster[-window:], strict=True))[::-1]

    # --------------------------------------------------------------------- nominals

    def _nominal(self, phrase: Phrase) -> int | None:
        appositive = self._appositive(phrase)
        if appositive is not None:
            return appositive
        opener, head = self.lower[phrase.first], self.lower[phrase.head]
        if opener not in ("the", "this", "these", "its", "his", "her", "their") and not self._owned(phrase):
            return None
        if phrase.first == phrase.head:
            return None
        if (twin := self._same_head(phrase, head)) is not None:
            return twin
        plain = phrase.end - phrase.first == 2 and opener in ("the", "this")
        return self._by_class(phrase, head) if plain else None

    def _owned(self, phrase: Phrase) -> bool:
        return any(self.lower[i] in ("'s", "’s") for i in range(phrase.first, phrase.head))

    def _same_head(self, phrase: Phrase, head: str) -> int | None:
        """The latest nominal with the same head whose other words do not disagree."""
        mine = self._content(phrase)
        for i in reversed(self.by_head[phrase.type, head]):
            if self.phrases[i].end <= phrase.first and (not mine or mine == self._content(self.phrases[i])):
                return self.cluster[i]
        return None

    def _content(self, phrase: Phrase) -> frozenset[str]:
        span = (self.lower[i] for i in range(phrase.first, phrase.end) if i != phrase.head)
        return frozenset(span) - words("heads", "determiners")

    def _by_class(self, phrase: Phrase, head: str) -> int | None:
        """The one earlier name that a phrase like *the town* can stand for."""
        if head == "capital":
            return self._capital()
        if phrase.type == "EVENT":
            return next((n for p, n in self._recent(400) if p.type == "EVENT" and p.kind == "NAM"), None)
        if head in ("town", "city", "village", "group", "country", "party", "river") or head in words("heads", "human_singular"):
            numbers = {
                n for p, n in zip(self.phrases, self.cluster, strict=True) if p.kind == "NAM" and self._fits(p, phrase, head)
            }
            if len(numbers) > 1:
                numbers &= self._near(phrase)
            return numbers.pop() if len(numbers) == 1 else None
        return None

    def _near(self, phrase: Phrase) -> set[int]:
        """The clusters named in this sentence or the one before it."""
        here = self.text.sentence[phrase.first]
        return {n for p, n in self._recent() if here - self.text.sentence[p.first] <= 1 and p.kind == "NAM"}

    def _fits(self, name: Phrase, phrase: Phrase, head: str) -> bool:
        if name.type != phrase.type or name.end > phrase.first:
            return False
        if phrase.type == "PERSON":
            return name.title >= 0 and self.lower[name.title] == head
        if phrase.type == "GPE":
            country = name.entity in gazetteer().capital_of or name.entity.endswith(("ia", "stan", "land"))
            return country == (head == "country") and name.entity not in gazetteer().capital_of.values()
        return True

    def _capital(self) -> int | None:
        """The capital of the country that the article names most, if it names the capital."""
        named = [p.entity for p in self.phrases if p.kind == "NAM" and p.entity in gazetteer().capital_of]
        if not named:
            return None
        country = max(sorted(set(named)), key=named.count)
        return self.keys.get(("GPE", gazetteer().capital_of[country]))

    # --------------------------------------------------------------------- pronouns

    def _pronoun(self, phrase: Phrase) -> None:
        if phrase.entity == "we":
            self._put(phrase, None)
            return
        antecedent = self._antecedent(phrase)
        if antecedent is None:
            if phrase.entity != "it":
                self._put(phrase, None)
            return
        other, number = antecedent
        self._put(phrase._replace(type="GPE" if other.type == "NORP" else other.type), number)

    def _antecedent(self, phrase: Phrase) -> tuple[Phrase, int] | None:
        """The first fitting phrase of this sentence before the pronoun, else of the sentences before it."""
        here = self.text.sentence[phrase.first]
        by_distance: dict[int, tuple[Phrase, int]] = {}
        for other, number in self._recent():
            distance = here - self.text.sentence[other.first]
            if distance <= 3 and other.end <= phrase.first and self._agrees(phrase.entity, other):
                if distance == 0 and self._is_object(phrase):
                    return other, number
                by_distance[distance] = (other, number)
        return by_distance[min(by_distance)] if by_distance else None

    def _is_object(self, phrase: Phrase) -> bool:
        """Whether *it* stands right after a verb, where it takes the nearest antecedent."""
        before = self._at(phrase.first - 1, phrase.first)
        return self.lower[phrase.first] == "it" and before.endswith(("ed", "ing", "took", "held", "hit", "left"))

    def _agrees(self, person: str, other: Phrase) -> bool:
        if other.type in VALUES or other.type == "NORP":
            return False
        if other.kind == "PRO":
            return other.entity == person
        plural = self.lower[other.head] in _plural_heads() or (other.kind == "NOM" and self.lower[other.head].endswith("s"))
        if person in ("he", "she", "i"):
            return other.type == "PERSON" and (other.kind == "NAM" or not plural)
        if person == "they":
            return other.type in _PLURAL and (plural or other.type == "ORG")
        return other.type in ("ORG", "GPE") and not plural


@cache
def words_of_groups() -> frozenset[str]:
    """Names of faiths and peoples that are no demonyms of a state."""
    names = (n for row in gazetteer().by_first.values() for n in row if n.type == "NORP")
    return frozenset(n.entity for n in names if " ".join(n.words) not in gazetteer().country_of)


def _plural_heads() -> frozenset[str]:
    return words("heads", "plural_irregular")


def _related(demonym: str, country: str) -> bool:
    """Whether an unknown demonym is made from a country's name, as Marovian from Marovia."""
    common = 0
    for a, b in zip(demonym, country, strict=False):
        if a != b:
            break
        common += 1
    return common >= 3 and common >= len(country) - 2
