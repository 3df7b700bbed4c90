"""Names by their shape: capitalised sequences, typed by the words in and around them.

A name's type is voted on by all its occurrences in the article, so that one clear context
(*the town of Belmar*) decides for the unclear ones.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from newsgold.benchmark.baselines.lexicon import gazetteer, heads, words
from newsgold.benchmark.baselines.spotting import Spot, Tokens, known_names

NO_SENTENCE_END = re.compile(r"(?:mr|mrs|ms|dr|gen|col|maj|capt|lt|sgt|st|prof|no|[a-z])", re.IGNORECASE)
_QUOTES = frozenset("\"“”‘«»'’")
_ENDS = frozenset(".!?…")
_CLOSERS = _QUOTES | _ENDS


MAX_SENTENCE = 200
"""Tokens after which a sentence is cut, so that a text without full stops costs no more than another."""


class Name(NamedTuple):
    """A name in the article: a range of tokens, its type, a key of its entity, and the title before it."""

    first: int
    end: int
    type: str
    entity: str
    title: int = -1
    """Index of the title directly before it, or -1."""


def sentences(tokens: Tokens, borders: Iterable[int] = ()) -> list[int]:
    """The number of each token's sentence; lines that go on in small letters, and abbreviations, end none."""
    starts, ends, surfaces = tokens.starts, tokens.ends, tokens.words
    breaks = {bisect_left(starts, border) for border in borders}
    out = []
    number = began = 0
    for i, start in enumerate(starts):
        plain = i and start - ends[i - 1] == 1 and tokens.text[start - 1] == " " and surfaces[i - 1] not in _CLOSERS
        if i and (i in breaks or i - began >= MAX_SENTENCE or (not plain and _parted(tokens, i))):
            number += 1
            began = i
        out.append(number)
    return out


def _parted(tokens: Tokens, i: int) -> bool:
    """Whether a sentence ends before the token ``i``, going by the white space and the signs before it."""
    start, end = tokens.starts[i], tokens.ends[i - 1]
    gap = tokens.text[end:start]
    if not gap or ("\n" in gap and (gap.count("\n") > 1 or not tokens.words[i][0].islower())):
        return bool(gap)
    if not gap.isspace():
        return True
    k = i - 1
    while k > 0 and tokens.words[k] in _QUOTES and tokens.starts[k] == tokens.ends[k - 1]:
        k -= 1
    if tokens.words[k] not in _ENDS or tokens.words[i][0].islower():
        return False
    return not (tokens.words[k] == "." and k and NO_SENTENCE_END.fullmatch(tokens.words[k - 1]))


class Scan:
    """The names of an article, found once over its tokens."""

    def __init__(self, tokens: Tokens, sentence: list[int], dates: Iterable[Spot]) -> None:
        self.tokens = tokens
        self.sentence = sentence
        self.dates = {i for date in dates for i in range(date.first, date.end)}
        self.known = {spot.first: spot for spot in known_names(tokens, gazetteer())}
        self.headlines = self._headlines()
        self.small = {word for word in tokens.words if word[0].islower()}
        self.inner = {word for i, word in enumerate(tokens.words) if word[-1] == "s" and word[0].isupper() and not self._opens(i)}
        self.votes: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)

    def names(self) -> list[Name]:
        """Every name, nested ones included, in text order."""
        found: list[Name] = []
        for first, end in self._runs():
            found += self._split(first, end)
        for name in found:
            self._vote(name)
        types = {surface: _winner(votes) for surface, votes in self.votes.items()}
        typed = [name._replace(type=types[self._surface(name)]) for name in found]
        typed += self._in_headlines(types)
        typed = _resolved(self.tokens, typed)
        return sorted({*typed, *self._nested(typed)}, key=lambda n: (n.first, -n.end))

    # ------------------------------------------------------------ where names are

    def _headlines(self) -> frozenset[int]:
        """Sentences in which most words have a capital, so that it tells nothing."""
        stopped = {s for word, s in zip(self.tokens.words, self.sentence, strict=True) if word in _ENDS}
        big: Counter[int] = Counter()
        small: Counter[int] = Counter()
        for word, sentence in zip(self.tokens.words, self.sentence, strict=True):
            if sentence not in stopped and len(word) > 3:
                (big if word[0].isupper() else small)[sentence] += 1
        return frozenset(s for s in big if big[s] >= 4 and big[s] > 2 * small[s])

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Ranges of capitalised tokens with the small words inside them."""
        end = 0
        for i in [i for i, word in enumerate(self.tokens.words) if word[0].isupper() or word in ("al", "el")]:
            if i < end or self.sentence[i] in self.headlines or not self._begins(i):
                continue
            end = self._run_end(i)
            first = self._trimmed(i, end)
            if first < end:
                yield first, end

    def _begins(self, i: int) -> bool:
        word = self.tokens.words[i]
        if word in ("al", "el") and i + 2 < len(self.tokens.words):
            return self.tokens.words[i + 1] == "-" and self.tokens.words[i + 2][0].isupper() and self._tight(i, 3)
        return word[0].isupper() and word != "I" and i not in self.dates

    def _tight(self, i: int, count: int) -> bool:
        return all(self.tokens.starts[k + 1] == self.tokens.ends[k] for k in range(i, i + count - 1))

    def _run_end(self, first: int) -> int:
        """One past the last token of the name that begins at ``first``."""
        end = first + (3 if self.tokens.words[first] in ("al", "el") else 1)
        if first in self.known:
            end = max(end, self.known[first].end)
        while (more := self._continues(first, end)) > 0:
            end += more
        return end

    def _continues(self, first: int, end: int) -> int:
        """How many further tokens belong to the name that ends at ``end`` so far."""
        surfaces = self.tokens.words
        if end >= len(surfaces) or self.sentence[end] != self.sentence[first]:
            return 0
        word = surfaces[end]
        if end in self.dates:
            return 0
        if word[0].isupper():
            return 1 if self.tokens.starts[end] - self.tokens.ends[end - 1] <= 1 and surfaces[end - 1] != "." else 0
        for count in (1, 2):
            last = end + count
            if last < len(surfaces) and self.sentence[last] == self.sentence[first] and surfaces[last][0].isupper():
                return count + 1 if self._joins(first, end, last) else 0
        return 0

    def _joins(self, first: int, end: int, last: int) -> bool:
        """Whether the small words between ``end`` and the capital at ``last`` hold a name together."""
        lower = self.tokens.lower
        between = lower[end:last]
        if between == ["-"]:
            return self._tight(end - 1, 3)
        if between[0] in words("cues", "particles"):
            return len(between) == 1 or (between[1] == "-" and self._tight(end, 3))
        heads_seen = any(self.tokens.words[k] in _containers() for k in range(first, end))
        return heads_seen and between[0] in ("of", "for") and between[1:] in ([], ["the"])

    def _trimmed(self, first: int, end: int) -> int:
        """Where the name begins once a mere capital of the sentence's first word is left out."""
        while first < end and first not in self.known:
            word = self.tokens.lower[first]
            single = first + 1 == end
            if word in words("heads", "determiners") or word in words("heads", "blockers") or self._plain_opener(first, single):
                first += 1 + (first + 1 < end and self.tokens.words[first + 1] == "-")
            else:
                break
        return first

    def _plain_opener(self, i: int, single: bool) -> bool:
        """Whether a capital at the beginning of a sentence is all that makes the word look like a name."""
        if not self._opens(i) or i in self.known:
            return False
        word = self.tokens.lower[i]
        if word in _common() or word.endswith(("ing", "ly")):
            return True
        if word.endswith(words_tuple("cues", "demonym_endings")) or self.tokens.words[i][1:].isupper():
            return False
        return single and (word in self.small or (word.endswith("s") and self.tokens.words[i] not in self.inner))

    def _opens(self, i: int) -> bool:
        before = self.tokens.words[i - 1] if i else ""
        return i == 0 or self.sentence[i - 1] != self.sentence[i] or before in _QUOTES or before == ":"

    # --------------------------------------------------------------- titles, parts

    def _split(self, first: int, end: int) -> list[Name]:
        """The names of a run: without titles, with the name before a title as one of its own."""
        lower = self.tokens.lower
        titles = [i for i in range(first, end) if lower[i] in words("cues", "titles")]
        if not titles or any(self.tokens.words[i] in _containers() for i in range(first, end)):
            if first in self.known and self.known[first].type == "NORP" and self.known[first].end < end and not titles:
                middle = self.known[first].end
                if not any(self.tokens.words[i] in _containers() for i in range(first, end)):
                    return [self._name(first, middle), self._name(middle, end)]
            before = first - 1
            title = before if before >= 0 and self._is_title(before) else -1
            return [self._name(first, end, title)]
        found = []
        before = titles[0]
        while before > first and lower[before - 1] in _common():
            before -= 1
        if first < before:
            found.append(self._name(first, before))
        start = titles[-1] + 1
        start += start < end and lower[start] == "."
        return [*found, self._name(start, end, titles[-1])] if start < end else found

    def _is_title(self, i: int) -> bool:
        return self.tokens.lower[i] in words("cues", "titles") and self.tokens.adjoin(i, i + 2)

    def _name(self, first: int, end: int, title: int = -1) -> Name:
        spot = self.known.get(first)
        if spot is not None and spot.end == end:
            return Name(first, end, spot.type, spot.entity, title)
        return Name(first, end, "", " ".join(self.tokens.words[first:end]), title)

    def _surface(self, name: Name) -> tuple[str, ...]:
        return tuple(self.tokens.words[name.first : name.end])

    # ----------------------------------------------------------------------- types

    def _vote(self, name: Name) -> None:
        votes = self.votes[self._surface(name)]
        if name.type:
            votes[name.type] += 40
            return
        for rows in (_inside(self._surface(name)), self._around(name)):
            for type_name, count in rows.items():
                votes[type_name] += count

    def _around(self, name: Name) -> dict[str, int]:
        """What the words beside a name say of its type, as votes."""
        lower, count = self.tokens.lower, len(self.tokens.lower)
        before = lower[name.first - 1] if name.first else ""
        before2 = lower[name.first - 2] if name.first > 1 else ""
        after = lower[name.end] if name.end < count else ""
        single = name.end == name.first + 1
        votes = {"PERSON": 0 if single else 3, "GPE": 2 if single else 0, "ORG": 0, "LOC": 0, "NORP": 0}
        votes["PERSON"] += 30 * (name.title >= 0) + (8 - 4 * single) * (after in words("cues", "speech"))
        votes["PERSON"] += 6 * (before in words("cues", "speech")) + 3 * (after == "who")
        votes["GPE"] += 20 * (before == "of" and before2 in words("cues", "place_before"))
        votes["GPE"] += 12 * (after in words("cues", "place_after")) + 6 * (before in words("cues", "prepositions"))
        votes["LOC"] += 20 * (after in words("cues", "water_after")) + 9 * (
            before == "the" and before2 in ("over", "across", "along")
        )
        votes["ORG"] += 4 * (before == "the") + 10 * (after in words("cues", "group_after"))
        if single and lower[name.first].endswith(words_tuple("cues", "demonym_endings")):
            votes["NORP"] += 12 if self._is_common(name.end) or lower[name.first].endswith("ans") else 4
        return votes

    def _is_common(self, i: int) -> bool:
        """Whether the token is a small word that can be a noun or an adjective."""
        if i >= len(self.tokens.lower):
            return False
        word = self.tokens.lower[i]
        return word == "-" or (word.isalpha() and word not in words("heads", "blockers") and word not in words("cues", "speech"))

    # ------------------------------------------------------- headlines and nesting

    def _in_headlines(self, types: dict[tuple[str, ...], str]) -> list[Name]:
        """Names of the article's text, and known ones, where capitals tell nothing."""
        found = [Name(s.first, s.end, s.type, s.entity) for s in self.known.values() if self.sentence[s.first] in self.headlines]
        taken = {i for name in found for i in range(name.first, name.end)}
        by_first = _by_first(types)
        for i in [i for i, sentence in enumerate(self.sentence) if sentence in self.headlines]:
            if i in taken:
                continue
            for surface in by_first.get(self.tokens.words[i], ()):
                if tuple(self.tokens.words[i : i + len(surface)]) == surface:
                    found.append(Name(i, i + len(surface), types[surface], " ".join(surface)))
                    taken.update(range(i, i + len(surface)))
                    break
        return found

    def _nested(self, names: list[Name]) -> Iterator[Name]:
        """Names of other entities inside a name, demonyms left out (R4)."""
        alone = {self._surface(n): n for n in names if n.type in ("GPE", "LOC", "PERSON")}
        inner = {spot.first: spot for spot in self.known.values() if spot.type in ("GPE", "LOC")}
        for outer in names:
            if outer.type not in ("ORG", "FAC", "EVENT") or outer.end - outer.first < 2:
                continue
            for i in range(outer.first, outer.end):
                yield from self._nested_at(i, outer, alone, inner)

    def _nested_at(self, i: int, outer: Name, alone: dict[tuple[str, ...], Name], inner: dict[int, Spot]) -> Iterator[Name]:
        for end in range(min(outer.end, i + 3), i, -1):
            if (i, end) == (outer.first, outer.end):
                continue
            twin = alone.get(tuple(self.tokens.words[i:end]))
            if twin is not None:
                yield Name(i, end, twin.type, twin.entity)
                return
        if outer.type == "EVENT" and self.tokens.words[i - 1] == "of" and i > outer.first:
            yield Name(i, outer.end, "GPE", " ".join(self.tokens.words[i : outer.end]))
            return
        spot = inner.get(i)
        if spot is not None and spot.end <= outer.end and (i, spot.end) != (outer.first, outer.end):
            yield Name(i, spot.end, spot.type, spot.entity)


def _winner(votes: Counter[str]) -> str:
    return max(votes, key=lambda t: (votes[t], t)) if votes and max(votes.values()) > 0 else "GPE"


def _by_first(types: Iterable[tuple[str, ...]]) -> dict[str, list[tuple[str, ...]]]:
    out: dict[str, list[tuple[str, ...]]] = {}
    for surface in sorted(types, key=lambda s: (-len(s), s)):
        out.setdefault(surface[0], []).append(surface)
    return out


@cache
def words_tuple(section: str, key: str) -> tuple[str, ...]:
    """An entry of the lexicon as ``str.endswith`` takes it."""
    return tuple(sorted(words(section, key)))


@cache
def _containers() -> dict[str, str]:
    """Type by the capitalised word that makes a name one of that type."""
    rows = (("organisations", "ORG"), ("facilities", "FAC"), ("waters", "LOC"), ("places", "GPE"), ("events", "EVENT"))
    return {word: type_name for key, type_name in reversed(rows) for word in words("cues", key)}


@cache
def _common() -> frozenset[str]:
    """Small words that no capital makes a name."""
    keys = ("blockers", "determiners", "generic", "modifiers", "quantities", "compounds")
    common = frozenset(heads()).union(*(words("heads", key) for key in keys), words("cues", "titles"))
    return common.union(*(words("values", k) for k in ("numbers", "masses", "relative", "powers")), words("cues", "speech"))


@lru_cache(4096)
def _inside(surface: tuple[str, ...]) -> dict[str, int]:
    """What the words of a name say of its type, as votes."""
    votes: Counter[str] = Counter()
    containers = _containers()
    kinds = [containers[w] for w in surface if w in containers]
    if kinds and len(surface) > 1:
        votes[kinds[0] if containers.get(surface[0]) == "EVENT" or "of" in surface else kinds[-1]] += 30
    if len(surface) == 1 and surface[0] in words("cues", "organisations"):
        votes["ORG"] += 10
    if len(surface) > 1 and words("cues", "towns") & {surface[0], surface[-1]}:
        votes["GPE"] += 8
    if len(surface) == 1 and surface[0].endswith(("ia", "land", "stan")):
        votes["GPE"] += 3
    if surface[0] in words("cues", "first_names"):
        votes["PERSON"] += 6 if len(surface) == 1 else 15
    if len(surface) == 1 and surface[0].isupper() and 2 <= len(surface[0]) <= 6:
        votes["ORG"] += 15
    return dict(votes)


def _resolved(tokens: Tokens, names: list[Name]) -> list[Name]:
    """Short forms of longer names take their type and entity: a family name, a last word, an acronym, capitals."""
    family: dict[str, Name] = {}
    short: dict[str, Name] = {}
    places: dict[str, Name] = {}
    for name in names:
        surface = tokens.words[name.first : name.end]
        if len(surface) > 1 and name.type == "PERSON":
            family[surface[-1]] = name
        elif name.type == "GPE":
            places[" ".join(surface).upper()] = name
        elif len(surface) > 1 and name.type == "ORG":
            short[surface[-1]] = name
            short["".join(w[0] for w in surface if w[0].isupper())] = name
    shouted = [places.get(name.entity, name) if name.entity.isupper() and name.type == "ORG" else name for name in names]
    pairs = zip(names, shouted, strict=True)
    named = [n._replace(type=twin.type, entity=twin.entity) for n, twin in pairs]
    return [_short_form(tokens, name, family, short) for name in named]


def _short_form(tokens: Tokens, name: Name, family: dict[str, Name], short: dict[str, Name]) -> Name:
    word = tokens.words[name.first]
    if name.end - name.first > 1 or name.type == "NORP":
        return name
    if word in family:
        return name._replace(type="PERSON", entity=family[word].entity)
    if word in short and (word.isupper() or name.type == "ORG"):
        return name._replace(type="ORG", entity=short[word].entity)
    return name
