"""What the lint looks at and what it finds: a document with its mentions in the order of the text, and suspects in it."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

from newsgold.corpus.formats.tokens import tokenise
from newsgold.corpus.labels import Labels
from newsgold.errors import quote

if TYPE_CHECKING:
    from newsgold.corpus.tables import Document

Code = Literal["label-varies", "name-unmarked", "cluster-split", "relation-missing", "link-varies"]


class Suspect(NamedTuple):
    """A place worth a look."""

    id: str
    """Twelve hex digits; the same for the same suspect, whatever else the corpus holds."""
    code: Code
    doc: str
    line: int
    """1-based line of the article's text."""
    start: int
    end: int
    """Half-open, in code points of the article's text."""
    what: str
    """What speaks against it, safe to print."""
    sentence: str
    """The sentence it stands in, as in the text; of a long one no more than 500 characters on either side."""
    score: float
    """Between 0 and 1; suspects are ranked by it."""


def plain(surface: str) -> str:
    """A surface without regard to case and to how its blanks are written."""
    return " ".join(surface.casefold().split())


class Marked(NamedTuple):
    """A mention with its cluster, by number, and its link."""

    start: int
    end: int
    name: str
    """The surface without regard to case and blanks."""
    type: str
    kind: str
    entity: int
    """Number of its cluster, or -1."""
    link: str | None


_CUT = re.compile(r"""[.!?…]["'”’)\]]*\s+(?=["'“‘(\[]*[^\W\d_a-z])|\n\s*""")
_AROUND = 500
_SHORT = re.compile(r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|Gen|Col|Maj|Capt|Lt|Sgt|St|No)\.\Z")


class View:
    """A document with its mentions in the order of the text."""

    def __init__(self, document: Document, labels: Labels) -> None:
        self.article, self.gold = document
        self.id, self.text = self.article.id, self.article.text
        entities = (self.gold and self.gold.entities) or ()
        mentions = (self.gold and self.gold.mentions) or ()
        self.event = self.article.event or (self.gold and self.gold.event) or None
        self.ignore = {*self.article.ignore, *((self.gold and self.gold.ignore) or ())}
        self.owner = {m: n for n, e in enumerate(entities) for m in e.mentions}
        self.named = {e.id: n for n, e in enumerate(entities) if e.id is not None} | self.owner
        self.links = [e.link for e in entities]
        rows = []
        for m in mentions:
            entity = -1 if m.id is None else self.owner.get(m.id, -1)
            link = self.links[entity] if entity >= 0 else None
            rows.append(
                Marked(
                    m.start, m.end, plain(self.text[m.start : m.end]), m.type, labels.kind(m.type, m.kind), entity, link or None
                )
            )
        self.marked = sorted(rows, key=lambda m: (m.start, -m.end, m.type, m.kind, m.name))
        self.tokens = tokenise(self.text)

    @cached_property
    def _token_starts(self) -> list[int]:
        return [t.start for t in self.tokens]

    @cached_property
    def _breaks(self) -> list[int]:
        return [match.start() for match in re.finditer("\n", self.text)]

    @cached_property
    def sentences(self) -> list[int]:
        """Where sentences start; none inside a mention."""
        starts = [0]
        reach, at = 0, 0
        for match in _CUT.finditer(self.text):
            while at < len(self.marked) and self.marked[at].start < match.end():
                reach, at = max(reach, self.marked[at].end), at + 1
            cut_short = "\n" not in match[0] and _SHORT.search(self.text[max(0, match.start() - 5) : match.start() + 1])
            if reach <= match.end() and not cut_short:
                starts.append(match.end())
        return starts

    def sentence(self, start: int) -> int:
        """The number of the sentence that holds an offset."""
        return bisect_right(self.sentences, start) - 1

    def around(self, m: Marked) -> tuple[str, str]:
        """The tokens before and after a mention, empty at the ends of the text."""
        before = bisect_left(self._token_starts, m.start) - 1
        after = bisect_left(self._token_starts, m.end)
        return tuple(  # type: ignore[return-value]  # the elements were filtered above
            self.text[self.tokens[i].start : self.tokens[i].end].casefold() if 0 <= i < len(self.tokens) else ""
            for i in (before, after)
        )

    @cached_property
    def _names(self) -> dict[int, set[tuple[str, ...]]]:
        out: dict[int, set[tuple[str, ...]]] = {}
        for m in self.marked:
            if m.kind == "NAM" and m.entity >= 0:
                out.setdefault(m.entity, set()).add(tuple(m.name[t.start : t.end] for t in tokenise(m.name)))
        return out

    def names_of(self, entity: int) -> set[tuple[str, ...]]:
        """The names of a cluster, as words without regard to case."""
        return self._names.get(entity, set())

    def surface(self, m: Marked) -> str:
        """The words of a mention, safe to print."""
        return quote(self.text[m.start : m.end])

    def suspect(self, code: Code, start: int, end: int, what: str, score: float, *key: str) -> Suspect:
        """A suspect whose id comes from its code, its place and the ``key``."""
        digest = hashlib.sha256("\0".join((code, self.id, str(start), str(end), *key)).encode("utf-8", "backslashreplace"))
        first, last = self.sentence(start), self.sentence(max(start, end - 1))
        stop = self.sentences[last + 1] if last + 1 < len(self.sentences) else len(self.text)
        shown = self.text[max(self.sentences[first], start - _AROUND) : min(stop, end + _AROUND)].strip()
        line = 1 + bisect_left(self._breaks, start)
        return Suspect(digest.hexdigest()[:12], code, self.id, line, start, end, what, shown, round(score, 3))
