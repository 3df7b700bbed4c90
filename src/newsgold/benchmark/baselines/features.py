"""What the trained baselines see of an article: its tokens, their looks, and what the rules say of them.

The rules (:mod:`newsgold.benchmark.baselines.rules`) were written without any annotation, so their findings are
as good on the articles that a model is trained on as on others, and may be features. Labels of theirs that an
inventory does not have are then no more than strings.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, cached_property
from itertools import pairwise
from typing import NamedTuple, TypeVar

from newsgold.benchmark.baselines.lexicon import gazetteer, heads, section
from newsgold.benchmark.baselines.phrases import read
from newsgold.benchmark.baselines.rules import annotate
from newsgold.benchmark.baselines.spotting import known_names, values
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article, Mention

T = TypeVar("T")

_AFTER_HEAD = frozenset(
    (
        *("of", "in", "on", "at", "from", "with", "to", "by", "for", "near", "between", "under", "over", "against"),
        *("who", "whom", "whose", "which", "that", ",", "(", "-", ":", ";"),
    )
)


class Span(NamedTuple):
    """A mention as a half-open range of token indices, with its type and kind."""

    first: int
    end: int
    type: str
    kind: str

    @property
    def label(self) -> str:
        """Type and kind in one; no name holds a tab."""
        return f"{self.type}\t{self.kind}"

    def overlap(self, other: Span) -> float:
        """Shared tokens over all tokens of both, 0 to 1."""
        shared = min(self.end, other.end) - max(self.first, other.first)
        return max(shared, 0) / (max(self.end, other.end) - min(self.first, other.first))


class Reading:
    """An article as the trained baselines read it; everything is worked out once, when it is first asked for."""

    def __init__(self, article: Article) -> None:
        self.article = article
        text = read(article)
        self.tokens = text.tokens
        self.words = text.tokens.words
        self.lower = text.tokens.lower
        self.sentence = text.sentence

    @cached_property
    def sentences(self) -> list[range]:
        """The token indices of each sentence, in text order."""
        starts = [i for i, s in enumerate(self.sentence) if i == 0 or s != self.sentence[i - 1]]
        return [range(a, b) for a, b in pairwise([*starts, len(self.sentence)])]

    @cached_property
    def rules(self) -> Annotation:
        """What the rules make of the article."""
        return annotate(self.article)

    @cached_property
    def ruled(self) -> dict[str, Span]:
        """The rules' mentions by their ids."""
        return self.spans(self.rules.mentions or ())

    def spans(self, mentions: Iterable[Mention], labels: Labels | None = None) -> dict[str, Span]:
        """The mentions by id as ranges of tokens; one that begins or ends inside a token, or has no id, is left out."""
        first = {start: i for i, start in enumerate(self.tokens.starts)}
        end = {stop: i + 1 for i, stop in enumerate(self.tokens.ends)}
        found = {}
        for m in mentions:
            if m.id is not None and m.start in first and m.end in end:
                kind = labels.kind(m.type, m.kind) if labels is not None else str(m.kind)
                found[m.id] = Span(first[m.start], end[m.end], m.type, kind)
        return found

    def head(self, span: Span) -> int:
        """The token that most likely heads the span: the last one before a preposition, a relative or a sign."""
        for i in range(span.first + 1, span.end):
            if self.lower[i] in _AFTER_HEAD and span.kind == "NOM":
                return i - 1
        return span.end - 1

    @cached_property
    def _ruled_at(self) -> dict[int, list[str]]:
        """The rules' mentions that cover each token."""
        return covering((m, span.first, span.end) for m, span in self.ruled.items())

    def twin(self, span: Span) -> str | None:
        """The rules' mention that is most like the span: the same, or with at least half their tokens shared."""
        near = dict.fromkeys(m for i in range(span.first, span.end) for m in self._ruled_at.get(i, ()))
        best = max(near, key=lambda m: self.ruled[m].overlap(span), default=None)
        return best if best is not None and self.ruled[best].overlap(span) >= 0.5 else None

    def sentence_of(self, span: Span) -> range:
        """The token indices of the sentence in which a span begins."""
        number = self.sentence[span.first]
        return range(bisect_left(self.sentence, number), bisect_right(self.sentence, number))

    @cached_property
    def small(self) -> Counter[str]:
        """How often each word stands in small letters."""
        return Counter(w for w in self.words if w[0].islower())

    @cached_property
    def capital(self) -> Counter[str]:
        """How often each word, by its small letters, has a capital where it begins no sentence."""
        inner = (w for i, w in enumerate(self.words) if i and self.sentence[i - 1] == self.sentence[i])
        return Counter(w.lower() for w in inner if w[0].isupper())

    def plain(self, i: int) -> str:
        """The token in small letters; ``<name>`` for a capitalised word that no lexicon has, ``<9>`` for a number."""
        word = self.words[i]
        if word[0].isdigit():
            return "<9>"
        return "<name>" if word[0].isupper() and self.lower[i] not in _common() else self.lower[i]

    def word(self, i: int, like: int) -> str:
        """The small-letter token at ``i`` if it is in the sentence of the token ``like``, else a border sign."""
        inside = 0 <= i < len(self.lower) and self.sentence[i] == self.sentence[like]
        return self.lower[i] if inside else "<s>" if i < like else "</s>"


# ------------------------------------------------------------------------- layers


def layers(spans: Iterable[Span], *, outermost_first: bool) -> list[list[Span]]:
    """Spans in layers within which none overlap; a span lies in a later layer than the longer (or shorter) ones it overlaps."""
    sign = -1 if outermost_first else 1
    placed: list[list[Span]] = []
    next_free: dict[int, int] = {}
    for span in sorted(spans, key=lambda s: (sign * (s.end - s.first), s)):
        depth = max((next_free.get(i, 0) for i in range(span.first, span.end)), default=0)
        if depth == len(placed):
            placed.append([])
        placed[depth].append(span)
        next_free.update((i, depth + 1) for i in range(span.first, span.end))
    return placed


def covering(spans: Iterable[tuple[T, int, int]]) -> dict[int, list[T]]:
    """What covers each token, from things with their first token and the token after their last."""
    found: dict[int, list[T]] = defaultdict(list)
    for thing, first, end in spans:
        for i in range(first, end):
            found[i].append(thing)
    return found


def tags(spans: Iterable[Span], length: int) -> list[str]:
    """BIO tags of spans that do not overlap, over ``length`` tokens."""
    out = ["O"] * length
    for span in spans:
        out[span.first : span.end] = [f"B-{span.label}"] + [f"I-{span.label}"] * (span.end - span.first - 1)
    return out


def spans_of(tagged: Sequence[str], offset: int = 0) -> Iterator[Span]:
    """The spans of BIO tags; an I that continues nothing begins a span."""
    first, label = 0, ""
    for i, tag in enumerate([*tagged, "O"]):
        if label and tag != f"I-{label}":
            yield Span(offset + first, offset + i, *label.split("\t"))
            label = ""
        if tag != "O" and not label:
            first, label = i, tag[2:]


# ------------------------------------------------------------------------- tokens

_SECTIONS = ("values", "cues", "heads", "pronouns", "predicates", "participles", "parties", "offices", "factuality", "stance")


@cache
def _common() -> frozenset[str]:
    """Every word of the lexicon, in small letters."""
    phrases = (phrase for name in _SECTIONS for entry in section(name).values() for phrase in entry)
    return frozenset(word.lower() for phrase in phrases for word in phrase.split())


def shape(word: str) -> str:
    """The look of a word: X, x and 9 for runs of capitals, small letters and digits."""
    look = "".join("X" if c.isupper() else "x" if c.islower() else "9" if c.isdigit() else c for c in word)
    return re.sub(r"(.)\1+", r"\1", look)


def token_features(reading: Reading) -> list[list[str]]:
    """The features of each token, as strings ``name=value``.

    A name or number is seen by its shape alone: the names of one event occur in all its articles and in no other
    event, so a model that knew them would look better in training than it is.
    """
    own = [_looks(reading, i) for i in range(len(reading.lower))]
    rows = [[f"0:{f}" for f in looks] for looks in own]
    for i, row in enumerate(rows):
        for step in (-2, -1, 1, 2):
            j = i + step
            if not (0 <= j < len(own) and reading.sentence[j] == reading.sentence[i]):
                row.append(f"{step}:border")
            else:
                row += [f"{step}:{f}" for f in own[j] if abs(step) == 1 or f[0] in "sh"]
    for column in _knowledge(reading):
        for row, feature in zip(rows, column, strict=True):
            row.append(feature)
    return rows


def _looks(reading: Reading, i: int) -> list[str]:
    word = reading.plain(i)
    found = [f"s={shape(reading.words[i])}"]
    if word in heads():
        found.append(f"h={heads()[word]}")
    if not word.startswith("<"):
        found.append(f"w={word}")
        found += [f"e{n}={word[-n:]}" for n in (1, 2, 3) if len(word) > n]
    return found


def _knowledge(reading: Reading) -> Iterator[list[str]]:
    """Columns of features: what the rules, the list of names and the patterns of values say of each token."""
    n = len(reading.lower)
    for outermost in (True, False):
        found = layers(reading.ruled.values(), outermost_first=outermost)
        name = "out" if outermost else "in"
        columns = [tags(layer, n) for layer in (*found, (), (), ())[:3]]
        for depth, column in enumerate(columns):
            padded = ["O", *column, "O"]
            for where, shift in (("", 1), ("+1", 2), ("-1", 0)):
                yield [f"{name}{depth}{where}={padded[i + shift]}" for i in range(n)]
            yield [f"{name}{depth}|+1={padded[i + 1]}|{padded[i + 2]}" for i in range(n)]
        yield [f"{name}01={a}|{b}" for a, b in zip(columns[0], columns[1], strict=True)]
    known = [Span(s.first, s.end, s.type, "NAM") for s in known_names(reading.tokens, gazetteer())]
    yield [f"known={tag}" for tag in tags(known, n)]
    yield [f"value={tag}" for tag in tags([Span(s.first, s.end, s.type, "VAL") for s in values(reading.tokens)], n)]
    yield [f"cap={min(reading.capital[w], 2)}|{min(reading.small[w], 2)}" for w in reading.lower]
    cues = _cues()
    yield [f"cue={cues.get(w) or cues.get(w.lower(), '-')}" for w in reading.words]


@cache
def _cues() -> dict[str, str]:
    """The lists of the lexicon in which each cue and pronoun stands; the last one where it stands in several."""
    return {word: key for name in ("cues", "pronouns") for key, row in section(name).items() for word in row}
