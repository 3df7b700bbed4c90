"""Tokens of an article, and what can be spotted in it without its grammar: known names and values.

Spans here are half-open ranges of token indices. Duplicate regions have no tokens, so that
nothing can be found in them.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from newsgold.benchmark.baselines.lexicon import TOKEN, Gazetteer, phrases, words
from newsgold.corpus.model import Article


class Tokens(NamedTuple):
    """The tokens of an article, as columns."""

    text: str
    words: list[str]
    lower: list[str]
    starts: list[int]
    ends: list[int]

    def adjoin(self, first: int, end: int) -> bool:
        """Whether the tokens from ``first`` to ``end`` follow each other with no more than a line break between."""
        starts, ends = self.starts, self.ends
        return all(starts[i + 1] - ends[i] <= 2 for i in range(first, end - 1))


class Spot(NamedTuple):
    """A name or value found: a range of tokens, its type, and a key of the entity."""

    first: int
    end: int
    type: str
    entity: str


def tokenise(article: Article) -> Tokens:
    """The tokens of an article outside its duplicate regions."""
    text = article.text
    found = TOKEN.findall(text)
    starts, ends = [], []
    at = 0
    for word in found:
        at = text.index(word, at)
        starts.append(at)
        at += len(word)
        ends.append(at)
    for start, end in article.ignore:
        keep = [i for i in range(len(found)) if ends[i] <= start or end <= starts[i]]
        found, starts, ends = [found[i] for i in keep], [starts[i] for i in keep], [ends[i] for i in keep]
    return Tokens(text, found, [word.lower() for word in found], starts, ends)


def known_names(tokens: Tokens, names: Gazetteer) -> list[Spot]:
    """The longest known name at each place, from left to right."""
    found: list[Spot] = []
    by_first, surfaces = names.by_first, tokens.words
    for i in [i for i, word in enumerate(surfaces) if word in by_first]:
        if found and i < found[-1].end:
            continue
        for name in by_first[surfaces[i]]:
            end = i + len(name.words)
            if tuple(surfaces[i:end]) == name.words and tokens.adjoin(i, end):
                found.append(Spot(i, end, name.type, name.entity))
                break
    return found


# ------------------------------------------------------------------------- values


def _any(options: tuple[str, ...]) -> str:
    return "(?:" + "|".join(re.escape(o) for o in sorted(options, key=len, reverse=True)) + ")"


class Grammar(NamedTuple):
    """The compiled patterns of values, and the words with which one can begin."""

    date: re.Pattern[str]
    cardinal: re.Pattern[str]
    openers: frozenset[str]
    """Lower-case words that may begin a value."""
    followers: frozenset[str]
    """What must follow where the opener is an article or a demonstrative."""


_ARTICLES = frozenset({"a", "an", "the", "this", "that", "these", "some", "about", "over", "around", "more", "at", "up", "as"})
_MONTH_CONTEXT = frozenset({"in", "since", "until", "by", "of", "last", "next", "from", "during", "for", "and"})
_YEAR_CONTEXT = frozenset({"in", "since", "until", "by", "of", "from", "during", "before", "after", "and", "to", "(", "between"})
_AMBIGUOUS_MONTHS = frozenset({"May", "March", "August"})


@cache
def grammar() -> Grammar:
    """The patterns of rule R10, put together from the lexicon."""
    number = _number()
    approx = f"(?:{_any(phrases('values', 'approximators'))} )?"
    parts = {"number": number, "approx": approx, "month": f"(?-i:{_any(phrases('values', 'months'))})"}
    date = "|".join((*_calendar(parts["month"]), *_durations(number, approx)))
    barred = "|".join(map(re.escape, (*phrases("values", "money"), *phrases("values", "clock"))))
    after = rf"(?! ?%| ?per ?cent\b|[:.]\d|[ -](?:{barred})\b|[ -]years?[ -]old\b)"
    openers = {o.split()[0] for key in ("approximators", "vague") for o in phrases("values", key)}
    for key in ("weekdays", "months", "days", "numbers", "powers", "masses", "relative", "parts", "units", "seasons"):
        openers |= {w.lower() for w in phrases("values", key)}
    openers |= {f"{w.lower()}s" for w in phrases("values", "weekdays")} | _ARTICLES
    followers = openers | {f"{u}s" for u in phrases("values", "units")}
    return Grammar(
        re.compile(_spaced(rf"(?:{date})(?![\w])(?!-old\b| old\b)"), re.IGNORECASE),
        re.compile(_spaced(rf"{approx}{number}(?!\w){after}"), re.IGNORECASE),
        frozenset(openers),
        frozenset(followers - {"a", "an", "some"} | {"a", "than", "least", "most", "to", "many"}),
    )


def _spaced(pattern: str) -> str:
    """A blank in a pattern stands for any white space."""
    return pattern.replace("\\ ", " ").replace(" ", r"\s")


def _number() -> str:
    single = _any(phrases("values", "numbers"))
    power = _any(phrases("values", "powers"))
    mass = _any(phrases("values", "masses"))
    figures = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?)(?![\d,.]*\d)"
    spelt = rf"{single}(?:(?: and |[ -])(?:{single}|{power})\b)*"
    return rf"(?:{figures}(?: {power}\b)*|{spelt}|an? {power}|{mass} of {mass}|{mass})"


def _calendar(month: str) -> tuple[str, ...]:
    day = r"\d{1,2}(?:st|nd|rd|th)?(?!\d)"
    year = r"(?:19|20)\d\d(?!\d)"
    full = rf"(?:{day} (?:of )?{month}(?:,? {year})?|{month} {day}(?:, ?{year})?|{month},? {year})"
    weekday = rf"(?-i:{_any(phrases('values', 'weekdays'))})s?"
    part = rf"(?:{_any(phrases('values', 'parts'))}[ -])?"
    return (
        rf"(?:(?:last|next|this) )?{weekday}(?:,? {full})?",
        rf"(?:the )?{part}(?:{full}|(?:last |next )?{month}|{year}s?)",
        r"\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{2,4}",
        _any(phrases("values", "days")),
    )


def _durations(number: str, approx: str) -> tuple[str, ...]:
    unit = _any(phrases("values", "units"))
    season = _any(phrases("values", "seasons"))
    relative = _any(phrases("values", "relative"))
    vague = _any(phrases("values", "vague"))
    return (
        rf"{approx}(?:(?:the|this|these) )?(?:{relative} )?(?:{number}|{vague}) (?:more )?{unit}s?(?: ago)?",
        rf"(?:the )?{relative} (?:{unit}s?|{season})|(?:this|that) (?:{unit}|{season})|the weekend",
        rf"{approx}(?:a|an) {unit}(?!-)(?: ago)?",
        rf"(?:{number}-)?{unit}s?-long|{number}-{unit}",
        rf"{approx}(?:24|48|72|96)[ -]hours?",
    )


def values(tokens: Tokens) -> list[Spot]:
    """Dates and counts, from left to right."""
    found: list[Spot] = []
    rules = grammar()
    openers, lower = rules.openers, tokens.lower
    for i in [i for i, word in enumerate(lower) if word in openers or word[0] in "0123456789"]:
        if found and i < found[-1].end:
            continue
        if lower[i] in _ARTICLES and not (i + 1 < len(lower) and _follows(lower[i + 1], rules)):
            continue
        spot = _value_at(tokens, i, rules)
        if spot is not None:
            found.append(spot)
    return found


def _follows(word: str, rules: Grammar) -> bool:
    return word in rules.followers or word[0] in "0123456789"


def _value_at(tokens: Tokens, i: int, rules: Grammar) -> Spot | None:
    start = tokens.starts[i]
    match = rules.date.match(tokens.text, start)
    if match is not None and not _no_date(tokens, i, match.group()):
        return _spot(tokens, i, match.end(), "DATE")
    match = rules.cardinal.match(tokens.text, start)
    if match is not None and not _no_count(tokens, i, match.group()):
        return _spot(tokens, i, match.end(), "CARDINAL")
    return None


def _spot(tokens: Tokens, first: int, end: int, type_name: str) -> Spot | None:
    """The tokens up to the offset ``end``, or ``None`` if it falls inside one or jumps over a gap."""
    for last in range(first, len(tokens.ends)):
        if tokens.ends[last] >= end:
            whole = tokens.ends[last] == end and tokens.adjoin(first, last + 1)
            return Spot(first, last + 1, type_name, "") if whole else None
    return None


def _no_date(tokens: Tokens, i: int, surface: str) -> bool:
    """A month that may be another word, or a number that may be no year, needs a preposition before it."""
    before = tokens.lower[i - 1] if i else ""
    if surface in _AMBIGUOUS_MONTHS:
        return before not in _MONTH_CONTEXT
    return surface.isdigit() and before not in _YEAR_CONTEXT


def _no_count(tokens: Tokens, i: int, surface: str) -> bool:
    before = tokens.lower[i - 1] if i else ""
    if before in {"aged", "age", "$", "€", "£", "#", ":"} or (before == "," and i > 1 and tokens.lower[i - 2][0].isdigit()):
        return True
    after = next((w for w in tokens.lower[i + 1 : i + 2]), "")
    return surface.lower() == "one" and (before in words("values", "not_one") or after == "another")
