"""What the baselines know: names from ``gazetteer.toml``, common words from ``lexicon.toml``.

Both are read once, on first use.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

TOKEN = re.compile(r"(?:[A-Z]\.){2,}|\d+(?:[.,]\d+)*\w*|['’]s\b|[^\W_]\w*(?:['’](?!s\b)\w+)*|\S")
"""A word, a number, a possessive 's or a single sign; hyphens part words (R5), no token begins or ends inside a word."""


class Name(NamedTuple):
    """A known name: its tokens, its type, and the name by which its entity is known."""

    words: tuple[str, ...]
    type: str
    entity: str


class Gazetteer(NamedTuple):
    """The known names, found by their first word."""

    by_first: dict[str, tuple[Name, ...]]
    """Longest first."""
    country_of: dict[str, str]
    """Country by demonym, singular and plural."""
    capital_of: dict[str, str]
    """Capital by country."""


@cache
def _table(file: str) -> dict[str, Any]:
    return tomllib.loads(resources.files("newsgold.benchmark.baselines").joinpath(file).read_text("utf-8"))


@cache
def phrases(section: str, key: str) -> tuple[str, ...]:
    """An entry of the lexicon in its order, be it words or phrases."""
    entry: str | list[str] = _table("lexicon.toml")[section][key]
    return tuple(entry.split() if isinstance(entry, str) else entry)


@cache
def words(section: str, key: str) -> frozenset[str]:
    """An entry of the lexicon, for look-up."""
    return frozenset(phrases(section, key))


@cache
def section(name: str) -> dict[str, tuple[str, ...]]:
    """A whole section of the lexicon."""
    return {key: phrases(name, key) for key in _table("lexicon.toml")[name]}


@cache
def heads() -> dict[str, str]:
    """Type by head noun, singular and plural; a noun in several lists has the first one's type."""
    out: dict[str, str] = {}
    for type_name, nouns in section("heads").items():
        if type_name.isupper():
            for noun in nouns:
                out.setdefault(noun, type_name)
    return out


@cache
def gazetteer() -> Gazetteer:
    """The known names."""
    table = _table("gazetteer.toml")
    names: dict[str, Name] = {}
    country_of: dict[str, str] = {}
    for country, (capital, *demonyms) in table["countries"].items():
        _add(names, country, "GPE", country)
        _add(names, capital, "GPE", capital)
        for demonym in demonyms:
            for form in (demonym, plural(demonym)):
                _add(names, form, "NORP", demonym)
                country_of.setdefault(form, country)
    _add_others(names, table)
    by_first: dict[str, list[Name]] = {}
    for name in sorted(names.values(), key=lambda n: -len(n.words)):
        by_first.setdefault(name.words[0], []).append(name)
    capitals = {country: row[0] for country, row in table["countries"].items()}
    return Gazetteer({k: tuple(v) for k, v in by_first.items()}, country_of, capitals)


def _add_others(names: dict[str, Name], table: dict[str, Any]) -> None:
    for alias, country in table["aliases"].items():
        _add(names, alias, "GPE", country)
    for type_name, places in table["places"].items():
        for place in places:
            _add(names, place, type_name, place)
    for organisation, aliases in table["organisations"].items():
        for name in (organisation, *aliases):
            _add(names, name, "ORG", organisation)
    for word in table["groups"]["words"]:
        for form in (word, plural(word)):
            _add(names, form, "NORP", word)


def _add(names: dict[str, Name], surface: str, type_name: str, entity: str) -> None:
    names.setdefault(surface, Name(tuple(TOKEN.findall(surface)), type_name, entity))


def plural(noun: str) -> str:
    """The plural of a demonym or of the name of a group; those in a hiss have none."""
    if re.search(r"(?:[sc]h|[sz]|ese)$", noun):
        return noun
    return re.sub(r"(?<=[^aeiou])y$", "ie", noun) + "s"


@cache
def inflections() -> dict[str, tuple[str, ...]]:
    """The forms of the irregular verbs, by their first."""
    rows = (row.split() for row in phrases("predicates", "irregular"))
    return {row[0]: tuple(row) for row in rows}


@cache
def inflect(verb: str) -> tuple[str, ...]:
    """The forms of a verb, with the base form first."""
    stem = re.sub(r"e$", "", verb)
    past = re.sub(r"(?<=[^aeiou])y$", "i", stem) + "ed"
    third = re.sub(r"(?<=[^aeiou])y$", "ie", verb) + ("es" if re.search(r"(?:[sc]h|[sxz])$", verb) else "s")
    irregular = inflections().get(verb, (verb,))
    regular = () if any(form != verb and not form.endswith("ing") for form in irregular) else (past,)
    return tuple(dict.fromkeys((verb, third, stem + "ing", *regular, *irregular)))
