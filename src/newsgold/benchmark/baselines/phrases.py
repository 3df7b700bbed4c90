"""Phrases of an article: its names, values, pronouns and the noun phrases around known head nouns.

A noun phrase is grown from its head to the left over determiner and modifiers, then to the right
over the prepositional phrases that belong to it (R2), and over the quantity of a partitive (R6).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from newsgold.benchmark.baselines.lexicon import heads, inflect, section, words
from newsgold.benchmark.baselines.names import Scan, sentences, words_tuple
from newsgold.benchmark.baselines.spotting import Tokens, tokenise, values
from newsgold.corpus.model import Article

VALUES = frozenset({"DATE", "CARDINAL"})
PLACES = frozenset({"GPE", "LOC", "FAC"})


class Phrase(NamedTuple):
    """A mention to be: a range of tokens with type, kind and head."""

    first: int
    end: int
    type: str
    kind: str
    head: int
    entity: str = ""
    """Of a name: the key of its entity. Of a pronoun: its person, such as ``they``."""
    title: int = -1
    """Of a name: index of the title directly before it, or -1."""


class Text(NamedTuple):
    """An article as the rules read it."""

    tokens: Tokens
    sentence: list[int]
    """The number of each token's sentence."""
    phrases: list[Phrase]
    """In the order of mentions: by first token, longer ones first."""


def read(article: Article) -> Text:
    """Find the phrases of an article."""
    tokens = tokenise(article)
    borders = [border for r in article.regions for border in (r.start, r.end)]
    sentence = sentences(tokens, borders)
    spotted = values(tokens)
    scan = Scan(tokens, sentence, [v for v in spotted if v.type == "DATE"])
    names = [Phrase(n.first, n.end, n.type, "NAM", n.end - 1, n.entity, n.title) for n in scan.names()]
    taken = {i for name in names for i in range(name.first, name.end)}
    found = [Phrase(v.first, v.end, v.type, "VAL", v.end - 1) for v in spotted if v.first not in taken]
    grower = Grower(tokens, sentence, [*names, *found], scan.headlines)
    nominals = grower.nominals()
    phrases = {(p.first, p.end): p for p in (*grower.pronouns(), *nominals, *found, *names)}
    return Text(tokens, sentence, sorted(phrases.values(), key=lambda p: (p.first, -p.end)))


@cache
def _verbs() -> frozenset[str]:
    """Forms of the verbs of relations and stance, which cannot stand inside a noun phrase."""
    rows = [row for name in ("predicates", "stance") for key, row in section(name).items() if key not in _NO_VERBS]
    verbs = {phrase.split()[0] for row in rows for phrase in row}
    forms = frozenset(form for verb in verbs for form in inflect(verb))
    return forms.union(words("cues", "speech")) - words("heads", "modifiers") - words("values", "approximators")


@cache
def person_by_form() -> dict[str, str]:
    """The person of each form of the pronouns."""
    return {form: person for person in ("he", "she", "it", "they", "i", "we") for form in words("pronouns", person)}


_NO_VERBS = frozenset({"participles", "irregular", "evaluations_against", "nouns_against", "nouns_favor"})


class Grower:
    """Grows noun phrases around heads; every method speaks of token indices."""

    def __init__(self, tokens: Tokens, sentence: list[int], fixed: list[Phrase], headlines: frozenset[int]) -> None:
        self.tokens = tokens
        self.lower = tokens.lower
        self.sentence = sentence
        self.headlines = headlines
        self.ending: dict[int, Phrase] = {}
        self.beginning: dict[int, Phrase] = {}
        self.inside: set[int] = set()
        names = {w for p in fixed if p.type == "EVENT" for w in self.lower[p.first : p.end]}
        self.events = names & {w.lower() for w in words("cues", "events")}
        for phrase in fixed:
            self._note(phrase)
            if phrase.type not in VALUES:
                self.inside.update(range(phrase.first, phrase.end))

    def _note(self, phrase: Phrase) -> None:
        """Remember the longest phrase that begins, and that ends, at a token."""
        other = self.ending.get(phrase.end)
        if other is None or phrase.first <= other.first:
            self.ending[phrase.end] = phrase
        other = self.beginning.get(phrase.first)
        if other is None or phrase.end >= other.end:
            self.beginning[phrase.first] = phrase

    def _word(self, i: int, like: int) -> str:
        """The small-letter token at ``i`` if it is in the sentence of the token ``like``, else nothing."""
        return self.lower[i] if 0 <= i < len(self.lower) and self.sentence[i] == self.sentence[like] else ""

    def nominals(self) -> list[Phrase]:
        """Every noun phrase with a known head."""
        found = []
        known, extra = heads(), words("heads", "directions") | self.events
        for i in [i for i, word in enumerate(self.lower) if (word in known or word in extra) and i not in self.inside]:
            type_name = self._type(i, self.lower[i])
            if type_name and self._is_head(i):
                phrase = self._grown_left(i, type_name)
                if phrase is not None:
                    self._note(phrase)
                    found.append(phrase)
        found = [self._grown_right(p) for p in reversed(found)]
        return _without_partitive_copies([self._partitive(p) for p in found])

    def _type(self, i: int, word: str) -> str:
        """The type of the head at ``i``; a direction before a name is LOC, a building that speaks is ORG."""
        if word in words("heads", "directions"):
            beside = self.beginning.get(i + 1)
            return "LOC" if beside is not None and beside.type in PLACES and beside.kind == "NAM" else ""
        if word in self.events:
            return "EVENT" if self._word(i - 1, i) == "the" else ""
        type_name = heads().get(word, "")
        if type_name == "FAC" and self._word(i + 1, i) in words("heads", "speaking"):
            return "ORG"
        return type_name

    # ----------------------------------------------------------------------- heads

    def _is_head(self, i: int) -> bool:
        word, after = self.lower[i], self._word(i + 1, i)
        if self.tokens.words[i][0].isupper() and not self._may_open(i):
            return False
        if word in words("heads", "directions"):
            return True
        if after == "of" and word in words("heads", "quantities"):
            return False
        if after in heads() or after in words("heads", "compounds") or (after == "-" and self._glued(i)):
            return self._glued_noun(i)
        return not self._type_word(i, word) and not self._title(i)

    def _may_open(self, i: int) -> bool:
        """A capital head is the first word of a sentence or of a quotation, in a headline, or a title by itself."""
        opens = i == 0 or self.sentence[i - 1] != self.sentence[i] or not self.lower[i - 1][0].isalnum()
        return opens or self.sentence[i] in self.headlines or self.lower[i - 1] in words("heads", "determiners")

    def _glued(self, i: int) -> bool:
        return self.tokens.starts[i + 1] == self.tokens.ends[i]

    def _glued_noun(self, i: int) -> bool:
        """The common noun of a compound like *government-affiliated* is marked alone (R5)."""
        return self._word(i + 1, i) == "-" and self._word(i + 2, i) in words("predicates", "participles")

    def _type_word(self, i: int, word: str) -> bool:
        """A type word beside a name that could stand alone (R3)."""
        before = self.ending.get(i)
        if before is not None and before.kind == "NAM" and self._word(i - 1, i):
            pairs = (("ORG", "group_after"), ("GPE", "place_after"), ("LOC", "water_after"))
            return any(before.type == t and word in words("cues", key) for t, key in pairs)
        after = self.beginning.get(i + 2)
        is_place = word in words("cues", "place_before") or word in ("towns", "cities", "districts", "villages", "provinces")
        return is_place and self._word(i + 1, i) == "of" and after is not None and after.kind == "NAM" and after.type == "GPE"

    def _title(self, i: int) -> bool:
        """A title or role noun directly before a person's name, a type word before a place's or a group's (R2, R3)."""
        after = self.beginning.get(i + 1)
        if after is None or after.kind != "NAM" or not self._word(i + 1, i):
            return False
        group = after.type == "ORG" and self.lower[i] in words("cues", "group_after")
        return after.type == "PERSON" or group or after.type == self._type(i, self.lower[i]) == "GPE"

    # ------------------------------------------------------------------ to the left

    def _grown_left(self, i: int, type_name: str) -> Phrase | None:
        if self._word(i + 1, i) == "-" and self._glued_noun(i):
            return Phrase(i, i + 1, type_name, "NOM", i)
        if self.lower[i] in words("heads", "directions"):
            return self._direction(i)
        first, closed = self._left_end(i)
        opener = self.lower[first]
        before = self._word(first - 1, i)
        if opener in words("heads", "generic") or before in words("heads", "generic") or before in words("heads", "copulas"):
            return None
        bare = first == i and not closed
        if bare and not self._may_be_bare(i):
            return None
        return Phrase(first, i + 1, type_name, "NOM", i)

    def _direction(self, i: int) -> Phrase:
        """*Northern Marovia*: a nominal although no common noun is its head (R3)."""
        name = self.beginning[i + 1]
        first = i - 1 if self._word(i - 1, i) == "the" else i
        return Phrase(first, name.end, "LOC", "NOM", i)

    def _may_be_bare(self, i: int) -> bool:
        word = self.lower[i]
        plural = word.endswith("s") or word in words("heads", "plural_irregular")
        return plural or word in words("heads", "bare") or self.sentence[i] in self.headlines

    def _left_end(self, i: int) -> tuple[int, bool]:
        """Where the phrase with this head begins, and whether a determiner or a possessor closes it."""
        first = i
        while (k := first - 1) >= 0 and self.sentence[k] == self.sentence[i]:
            word = self.lower[k]
            if word in ("'s", "’s"):
                owner = self.ending.get(k)
                if owner is None:
                    return first, True
                return owner.first - (self._word(owner.first - 1, i) == "the"), True
            phrase = self.ending.get(first)
            if phrase is not None and phrase.first < first:
                if phrase.type in ("DATE", "PERSON") or (phrase.kind == "NOM" and self.lower[first] != "-"):
                    break
                first = self._coordinated(phrase)
            elif word in words("heads", "determiners") and word not in ("several", "many", "few", "other", "most"):
                return k, True
            elif self._modifies(k, first):
                first = k
            elif (determiner := self._determiner(k)) is not None:
                return determiner, True
            else:
                break
        return first, False

    def _coordinated(self, phrase: Phrase) -> int:
        """Where *Marovian and Kestrian* before one head begins (R6)."""
        if phrase.type == "NORP" and self._word(phrase.first - 1, phrase.first) == "and":
            other = self.ending.get(phrase.first - 1)
            if other is not None and other.type == "NORP":
                return other.first
        return phrase.first

    def _modifies(self, k: int, first: int) -> bool:
        """Whether the token at ``k`` modifies what begins at ``first``."""
        word = self.lower[k]
        if word == "-":
            return (
                bool(self._word(k - 1, first))
                and self.lower[k - 1][0].isalpha()
                and self.tokens.starts[k] == self.tokens.ends[k - 1]
            )
        if self._word(first, k) == "-" or (self._word(k - 1, k) == "-" and self.tokens.ends[k - 1] == self.tokens.starts[k]):
            return word[0].isalpha()
        if k in self.inside or word in words("heads", "blockers") or not word.isalpha():
            return False
        if word in words("heads", "modifiers") or word in words("cues", "first_names"):
            return True
        if word in _verbs():
            return False
        return word in heads() or word.endswith(words_tuple("heads", "modifier_endings"))

    def _determiner(self, k: int) -> int | None:
        """A determiner at most two unknown words before ``k``, with nothing between that ends a phrase."""
        for at in range(k, max(k - 3, -1), -1):
            word = self._word(at, k)
            if word in words("heads", "determiners"):
                return at
            unknown = word.isalpha() and word not in words("heads", "blockers") and word not in _verbs() and at not in self.inside
            if not unknown or at + 1 in self.ending:
                return None
        return None

    # ----------------------------------------------------------------- to the right

    def _grown_right(self, phrase: Phrase) -> Phrase:
        """With the prepositional phrase that belongs to the noun, if there is one."""
        at = phrase.end
        preposition = self._word(at, phrase.head)
        if preposition not in self._prepositions(phrase) or not self._word(at + 1, phrase.head):
            return phrase
        inner = self.beginning.get(at + 1) or (self.beginning.get(at + 2) if self._word(at + 1, at) == "the" else None)
        if inner is None or inner.type in VALUES or self.sentence[inner.end - 1] != self.sentence[phrase.head]:
            return phrase
        grown = phrase._replace(end=inner.end)
        self._note(grown)
        return grown

    def _prepositions(self, phrase: Phrase) -> frozenset[str]:
        word = self.lower[phrase.head]
        if phrase.type in PLACES:
            return words("heads", "inner_prepositions_place")
        if phrase.type == "ORG":
            return words("heads", "inner_prepositions_body")
        if word in words("offices", "represents") or word in words("offices", "leads"):
            return frozenset({"of", "for", "to"})
        return frozenset({"of", "from"})

    def _partitive(self, phrase: Phrase) -> Phrase:
        """*Hundreds of* or *a group of* before a phrase belongs to it."""
        if self._word(phrase.first - 1, phrase.first) != "of":
            return phrase
        k = phrase.first - 2
        count = self.ending.get(k + 1)
        if count is not None and count.type == "CARDINAL":
            return phrase._replace(first=count.first)
        if self._word(k, phrase.first) in words("heads", "quantities"):
            return phrase._replace(first=self._left_end(k)[0])
        return phrase

    # -------------------------------------------------------------------- pronouns

    def pronouns(self) -> list[Phrase]:
        """Personal and possessive pronouns; the type is that of the antecedent, found later."""
        found = []
        persons = person_by_form()
        for i, word in [(i, word) for i, word in enumerate(self.lower) if word in persons and i not in self.inside]:
            person = persons[word]
            shouted = word in ("us", "it") and self.tokens.words[i].isupper()
            if shouted or (person == "it" and self._empty_it(i)):
                continue
            found.append(Phrase(i, i + 1, "PERSON", "PRO", i, person))
        return found

    def _empty_it(self, i: int) -> bool:
        """Whether *it* is empty, as in *it is raining* or *it was said that*."""
        if self.lower[i] != "it":
            return False
        if self._word(i - 1, i) in words("cues", "speech"):
            return True
        after = [self._word(k, i) for k in range(i + 1, i + 5)]
        if after[0] in ("is", "was", "'s", "’s", "will", "would", "has"):
            return any(w in words("pronouns", "weather") for w in after[1:]) or "that" in after
        return False


def _without_partitive_copies(phrases: list[Phrase]) -> list[Phrase]:
    """Of phrases with one head the longest: the part after *of* is not marked once more."""
    longest: dict[int, Phrase] = {}
    for phrase in phrases:
        other = longest.get(phrase.head)
        if other is None or phrase.end - phrase.first > other.end - other.first:
            longest[phrase.head] = phrase
    return list(longest.values())
