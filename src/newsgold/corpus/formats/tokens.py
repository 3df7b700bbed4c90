"""Between texts and tokens: cutting a text up, and making or finding the text of tokens.

Tokens of ours are runs of letters and digits; every other visible character is one by itself. White space is
never in a token. A text that is only there as tokens is made by one rule: a blank after a token unless the
file says that there is none, a line break after a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from newsgold.errors import quote

_TOKEN = re.compile(r"[^\W_]+|\S")


class Span(NamedTuple):
    """A token's place: half-open, in code points."""

    start: int
    end: int


class Laid(NamedTuple):
    """Tokens laid on a text."""

    text: str
    spans: tuple[Span, ...]


def tokenise(text: str, cuts: Sequence[int] = ()) -> list[Span]:
    """The places of a text's tokens; no token reaches over one of the ``cuts``."""
    spans = [Span(*match.span()) for match in _TOKEN.finditer(text)]
    if not cuts:
        return spans
    out: list[Span] = []
    marks = sorted(set(cuts))
    place = 0
    for start, end in spans:
        while place < len(marks) and marks[place] <= start:
            place += 1
        inside = place
        while inside < len(marks) and marks[inside] < end:
            out.append(Span(start, marks[inside]))
            start = marks[inside]
            inside += 1
        out.append(Span(start, end))
    return out


class Place(NamedTuple):
    """A token by its sentence and its number there."""

    sentence: int
    token: int


class Cut(NamedTuple):
    """A text cut into sentences of tokens, and which token starts or ends at an offset."""

    sentences: list[list[Span]]
    starts: dict[int, Place]
    ends: dict[int, Place]


def cut_lines(text: str, whole: Sequence[tuple[int, int]]) -> Cut:
    """The tokens of a text, a line a sentence.

    No token reaches over the edge of one of the spans that are to stay ``whole``, and none of those over the end of a sentence.
    """
    sentences: list[list[Span]] = [[]]
    places = sorted(whole)
    at = reach = 0
    for span in tokenise(text, [edge for place in places for edge in place]):
        while at < len(places) and places[at][0] < span.start:
            reach, at = max(reach, places[at][1]), at + 1
        line = sentences[-1]
        if line and reach <= span.start and "\n" in text[line[-1].end : span.start]:
            sentences.append([])
        sentences[-1].append(span)
    numbered = [(span, Place(i, j)) for i, line in enumerate(sentences) for j, span in enumerate(line)]
    return Cut(sentences, {span.start: p for span, p in numbered}, {span.end: p for span, p in numbered})


def join(tokens: Sequence[str], blanks: Sequence[bool]) -> Laid:
    """The text of a sentence's tokens, with a blank after each that has one, but none at the end."""
    parts: list[str] = []
    spans: list[Span] = []
    at = 0
    for token, blank in zip(tokens, blanks, strict=True):
        spans.append(Span(at, at + len(token)))
        parts.append(token + " " if blank else token)
        at += len(parts[-1])
    text = "".join(parts)
    return Laid(text[: spans[-1].end] if spans else "", tuple(spans))


def lay(tokens: Sequence[str], text: str) -> Laid | str:
    """The tokens on a text that holds them in order with nothing but white space between; or what stands there instead."""
    spans: list[Span] = []
    at = 0
    for token in tokens:
        while at < len(text) and text[at].isspace():
            at += 1
        if not text.startswith(token, at):
            return f"{quote(text[at : at + max(len(token), 1)], 40)} at {at}, not the token {quote(token, 40)}"
        spans.append(Span(at, at + len(token)))
        at += len(token)
    rest = text[at:].strip()
    return f"{quote(rest, 40)} after the last token" if rest else Laid(text, tuple(spans))
