"""Suspects in gold: places that look wrong beside the rest of the corpus, ranked, for somebody to look at.

A suspect is no error; the validator has those. Five things are looked for:

    label-varies      a surface has another type or kind here than mostly elsewhere, in a like context
    name-unmarked     a name of the corpus or of the knowledge base stands here without a mention
    cluster-split     two clusters of one document hold one name, or have one link
    relation-missing  another version of the event states a relation whose two entities share a sentence here
    link-varies       a name is linked to something else than mostly elsewhere, or not at all

Every score is between 0 and 1, and larger is more suspicious: it is the share of places that speak against this one,
lowered where the guidelines often allow both. What was decided about a suspect is a verdict, kept in a file of its own.
The id of a suspect depends on its document, its place and what it says, not on the rest of the corpus.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from newsgold.corpus.codec import read_bytes, strict_json
from newsgold.corpus.formats.tokens import tokenise
from newsgold.corpus.labels import Labels
from newsgold.corpus.shapes import shape_faults
from newsgold.corpus.store import KB, find_kb
from newsgold.corpus.suspects import Marked, Suspect, View, plain
from newsgold.errors import DataError, Finding, quote

if TYPE_CHECKING:
    from newsgold.corpus.tables import Document


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An entity of the knowledge base; other fields of its line are not looked at."""

    id: str
    name: str
    type: str | None = None
    aliases: tuple[str, ...] = ()


def read_known(*places: Path) -> tuple[Known, ...]:
    """The knowledge base of the corpus folder that one of the places is, or lies in; empty where there is none.

    Raises :class:`DataError` with its faults.
    """
    if find_kb(*places) is None:
        return ()
    path = next(path for place in places for f in (place, *place.absolute().parents[:3]) if (path := f / KB).is_file())
    rows: list[Known] = []
    found: list[Finding] = []
    for number, line in enumerate(read_bytes(path).split(b"\n"), 1):
        if line.strip():
            value, _ = strict_json(line, str(path), number)
            try:
                rows.append(msgspec.convert(value, Known))
            except msgspec.ValidationError as error:
                schema, said = msgspec.json.schema(Known), str(error)
                # a default of a lambda binds the loop variable
                found += shape_faults(value, schema, path=str(path), line_of=lambda _, n=number: n, otherwise=said)  # type: ignore[misc]
    if found:
        raise DataError(f"the knowledge base {path} cannot be used", found)
    return tuple(rows)


def lint(documents: Iterable[Document], labels: Labels, kb: Sequence[Known] = ()) -> list[Suspect]:
    """The suspects of a corpus, most suspicious first; documents without gold are passed over.

    Args:
        documents: Articles with gold whose spans lie in the text; their order means nothing.
        labels: Tells names from values, demonyms, and which relations have no direction.
        kb: The knowledge base, for its names and aliases.
    """
    views = sorted((View(d, labels) for d in documents if d.gold is not None), key=lambda v: v.id)
    found = [
        *_label_varies(views),
        *_name_unmarked(views, labels, kb),
        *_cluster_split(views, labels),
        *_relation_missing(views, labels),
        *_link_varies(views, labels, kb),
    ]
    return sorted({s.id: s for s in found}.values(), key=lambda s: (-s.score, s.code, s.doc, s.start, s.end, s.id))


def _usual(counts: Mapping[str, int]) -> str:
    return max(counts, key=lambda name: (counts[name], name))


def _demonym(type_name: str, labels: Labels) -> bool:
    label = labels.types.get(type_name)
    return label is not None and label.counts_as is not None


def _lenience(type_name: str, labels: Labels) -> float:
    """A demonym stands for its state in one sentence and for its people in the next."""
    return 0.5 if _demonym(type_name, labels) else 1.0


# -------------------------------------------------------------------------------------- label-varies


def _label(m: Marked) -> str:
    # what a pronoun is depends on what it stands for
    return "PRO" if m.kind == "PRO" else f"{m.type} {m.kind}"


def _shape(text: str) -> str:
    shape = "".join("X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in text)
    return re.sub(r"(.)\1+", r"\1", shape)


def _label_varies(views: Sequence[View]) -> Iterator[Suspect]:
    by_name: defaultdict[str, list[tuple[View, Marked]]] = defaultdict(list)
    for view in views:
        for m in view.marked:
            by_name[m.name].append((view, m))
    for rows in by_name.values():
        counts = Counter(_label(m) for _, m in rows)
        if len(counts) == 1:
            continue
        usual = _usual(counts)
        like = [(view, m) for view, m in rows if _label(m) == usual]
        befores, afters = ({words[i] for words in [v.around(m) for v, m in like]} for i in (0, 1))
        surfaces = {view.text[m.start : m.end] for view, m in like}
        shapes, named = {_shape(surface) for surface in surfaces}, {_is_name(surface) for surface in surfaces}
        for view, m in rows:
            own = _label(m)
            if own == usual:
                continue
            before, after = view.around(m)
            near = (before in befores) + (after in afters)
            surface = view.text[m.start : m.end]
            shaped = _shape(surface) in shapes
            # a name is worth a look wherever it stands, but "US" is no "us"
            if (_is_name(surface) in named and (near or shaped)) if "NAM" in (m.kind, usual[-3:]) else near:
                share = counts[usual] / (counts[usual] + counts[own])
                what = f"{quote(surface)} is {own} {_times(counts[own])} and {usual} {_times(counts[usual])}"
                yield view.suspect("label-varies", m.start, m.end, what, share * (0.4 * shaped + 0.3 * near), own)


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


# ------------------------------------------------------------------------------------- name-unmarked


class _Name:
    """What is known of a name."""

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words
        self.types: Counter[str] = Counter()
        self.links: set[str] = set()
        self.known = False


class _Node:
    """A step in the tree of names, word by word."""

    def __init__(self) -> None:
        self.next: dict[str, _Node] = {}
        self.name: _Name | None = None

    def at(self, words: Iterable[str]) -> _Node:
        node = self
        for word in words:
            node = node.next.setdefault(word, _Node())
        return node


def _words(text: str) -> tuple[str, ...]:
    return tuple(text[t.start : t.end] for t in tokenise(text))


def _is_name(text: str) -> bool:
    """A capital, or a letter of a script that has none; what is all small is found too often in other senses."""
    return any(c.isalpha() and not c.islower() for c in text)


def _names(views: Sequence[View], kb: Sequence[Known]) -> _Node:
    root = _Node()
    names: dict[tuple[str, ...], _Name] = {}
    for view in views:
        for m in view.marked:
            surface = view.text[m.start : m.end]
            if m.kind == "NAM" and _is_name(surface):
                words = _words(surface)
                name = names.setdefault(words, _Name(words))
                name.types[m.type] += 1
                name.links |= {m.link} if m.link else set()
    for row in kb:
        for surface in filter(_is_name, (row.name, *row.aliases)):
            words = _words(surface)
            name = names.setdefault(words, _Name(words))
            name.known = True
            name.links.add(row.id)
            if row.type is not None and not name.types:
                name.types[row.type] = 0
    for words, name in names.items():
        root.at(words).name = name
    for words, name in sorted(names.items()):
        loud = tuple(w.upper() for w in words)
        # headlines; a short name in capitals is more likely an acronym
        if loud != words and sum(map(len, words)) > 3:
            node = root.at(loud)
            node.name = node.name or name
    return root


def _name_unmarked(views: Sequence[View], labels: Labels, kb: Sequence[Known]) -> Iterator[Suspect]:
    root = _names(views, kb)
    bare = [(view, place, name) for view in views for place, name in _unmarked(view, root, labels)]
    missed = Counter(id(name) for _, _, name in bare)
    for view, (start, end, inside), name in bare:
        marked = name.types.total()
        behind = marked + name.known
        score = behind / (behind + missed[id(name)]) * (0.5 if inside else 1.0)
        of = " and ".join(
            part for part in (marked and f"marked {_times(marked)}", name.known and "in the knowledge base") if part
        )
        what = f"{quote(view.text[start:end])} is a name ({of}) and has no mention" + (f" inside {inside}" if inside else "")
        yield view.suspect("name-unmarked", start, end, what, score)


class _Bare(NamedTuple):
    start: int
    end: int
    inside: str
    """The name that it is part of, as text, or nothing."""


def _unmarked(view: View, root: _Node, labels: Labels) -> Iterator[tuple[_Bare, _Name]]:
    """Names in a text that no mention covers exactly, the longest of those that start at one word."""
    if view.gold is None or view.gold.mentions is None:
        return
    exact = {(m.start, m.end) for m in view.marked}
    ignore = view.ignore
    names = [m for m in view.marked if m.kind == "NAM"]
    open_names: list[Marked] = []
    after = reach = 0
    for at, token in enumerate(view.tokens):
        while after < len(names) and names[after].start <= token.start:
            open_names.append(names[after])
            after += 1
        open_names = [m for m in open_names if m.end > token.start]
        for stop, name in reversed([*_matches(view, root, at)]):
            end = view.tokens[stop].end
            if (token.start, end) in exact or end <= reach or any(s < end and token.start < e for s, e in ignore):
                continue
            outer = [m for m in open_names if m.end >= end]
            if not any(_left_out(name, m, view, labels) for m in outer):
                reach = max(reach, end)
                yield _Bare(token.start, end, view.surface(outer[-1]) if outer else ""), name


def _matches(view: View, root: _Node, at: int) -> Iterator[tuple[int, _Name]]:
    node: _Node | None = root
    for stop in range(at, len(view.tokens)):
        token = view.tokens[stop]
        node = node.next.get(view.text[token.start : token.end]) if node is not None else None
        if node is None:
            return
        if node.name is not None:
            yield stop, node.name


def _left_out(name: _Name, outer: Marked, view: View, labels: Labels) -> bool:
    """Whether the guidelines mark no such name inside that one: a demonym, or the same thing again."""
    type_name = _usual(name.types) if name.types else ""
    if _demonym(type_name, labels) or outer.link in name.links:
        return True
    if tuple(w.casefold() for w in name.words) in view.names_of(outer.entity):
        return True
    return type_name == outer.type and not (outer.link and name.links)


# ------------------------------------------------------------------------------------- cluster-split


def _cluster_split(views: Sequence[View], labels: Labels) -> Iterator[Suspect]:
    for view in views:
        first: dict[tuple[str, ...], Marked] = {}
        told: set[tuple[int, int]] = set()
        for m in view.marked:
            if m.entity < 0 or (m.type in labels.types and labels.types[m.type].value):
                continue
            keys = [("link", m.link, 1.0)] if m.link else []
            keys += [("name", f"{m.name}\0{m.type}", 0.9 * _lenience(m.type, labels))] if m.kind == "NAM" else []
            for kind, key, score in keys:
                other = first.setdefault((kind, key), m)
                if other.entity != m.entity and (other.entity, m.entity) not in told:
                    told |= {(other.entity, m.entity), (m.entity, other.entity)}
                    shared = f"link {quote(m.link)}" if kind == "link" else "name"
                    what = f"{view.surface(m)} and {view.surface(other)} at {other.start} have one {shared} and two clusters"
                    yield view.suspect("cluster-split", m.start, m.end, what, score, kind, str(other.start), str(other.end))


# ---------------------------------------------------------------------------------- relation-missing


class _Fact(NamedTuple):
    type: str
    head: str
    tail: str
    factuality: str


def _facts(view: View, labels: Labels) -> set[_Fact]:
    """The relations between linked entities, in other documents' terms."""
    out = set()
    for r in (view.gold and view.gold.relations) or ():
        ends = [view.links[view.named[x]] if x in view.named else None for x in (r.head, r.tail)]
        head, tail = sorted(ends, key=str) if labels.symmetric(r.type) else ends
        if head and tail:
            out.add(_Fact(r.type, head, tail, r.factuality))
    return out


def _relation_missing(views: Sequence[View], labels: Labels) -> Iterator[Suspect]:
    events: defaultdict[str, list[View]] = defaultdict(list)
    for view in views:
        if view.event is not None and view.gold is not None and view.gold.relations is not None:
            events[view.event].append(view)
    for versions in events.values():
        stated: defaultdict[_Fact, list[str]] = defaultdict(list)
        own = [_facts(view, labels) for view in versions]
        for view, facts in zip(versions, own, strict=True):
            for fact in facts:
                stated[fact].append(view.id)
        places = [_by_link(view) for view in versions]
        for fact, where in sorted(stated.items()):
            silent = [
                (view, facts, pair)
                for view, facts, spots in zip(versions, own, places, strict=True)
                if fact not in facts and (pair := _together(spots, fact)) is not None
            ]
            for view, facts, (head, tail) in silent:
                otherwise = sorted(f.factuality for f in facts if f[:3] == fact[:3])
                score = len(where) / (len(where) + len(silent)) * (0.5 if otherwise else 1.0)
                what = f"{fact.type}({view.surface(head)}, {view.surface(tail)}) {fact.factuality} is in {_some(where)}"
                what += f", here only {', '.join(otherwise)}" if otherwise else ", not here"
                start, end = min(head.start, tail.start), max(head.end, tail.end)
                yield view.suspect("relation-missing", start, end, what, score, *fact)


def _some(names: Collection[str], but: str = "") -> str:
    """The first three names other than one, in their order, and how many more there are."""
    shown = [name for name in islice(names, 4) if name != but][:3]
    more = len(names) - (but in names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _by_link(view: View) -> dict[str, dict[int, list[Marked]]]:
    """The mentions of each linked thing, by sentence."""
    out: dict[str, dict[int, list[Marked]]] = {}
    for m in view.marked:
        if m.link:
            out.setdefault(m.link, {}).setdefault(view.sentence(m.start), []).append(m)
    return out


def _together(spots: Mapping[str, Mapping[int, list[Marked]]], fact: _Fact) -> tuple[Marked, Marked] | None:
    """The mentions of both ends in one sentence that are nearest to each other, in the first such sentence."""
    heads, tails = spots.get(fact.head, {}), spots.get(fact.tail, {})
    for number in sorted(heads.keys() & tails.keys()):
        row = sorted([(m, True) for m in heads[number]] + [(m, False) for m in tails[number]])
        near = [(a, b) if first else (b, a) for (a, first), (b, second) in pairwise(row) if first != second and a is not b]
        if near:
            return min(near, key=lambda p: (max(p[0].end, p[1].end) - min(p[0].start, p[1].start), p))
    return None


# --------------------------------------------------------------------------------------- link-varies


def _link_varies(views: Sequence[View], labels: Labels, kb: Sequence[Known]) -> Iterator[Suspect]:
    linked: defaultdict[tuple[str, str], dict[str, dict[str, None]]] = defaultdict(dict)
    used = {link for view in views for link in view.links if link}
    for view in views:
        for m in view.marked:
            if m.kind == "NAM" and m.link:
                linked[m.name, m.type].setdefault(m.link, {})[view.id] = None
    known = _unique(kb, used)
    for view in views:
        told: set[tuple[int, str]] = set()
        for m in view.marked:
            key = (m.entity, m.name if m.link else "")
            if m.kind == "NAM" and m.entity >= 0 and key not in told:
                links = linked.get((m.name, m.type), {})
                one = (
                    _linked_otherwise(view, m, links, labels) if m.link else _unlinked(view, m, links, known.get(m.name), labels)
                )
                if one is not None:
                    told.add(key)
                    yield one


def _unique(kb: Sequence[Known], used: set[str]) -> dict[str, Known]:
    """Names that one entity of the knowledge base alone has, and that entity, if something is linked to it."""
    rows: defaultdict[str, dict[str, Known]] = defaultdict(dict)
    for row in kb:
        for surface in (row.name, *row.aliases):
            rows[plain(surface)][row.id] = row
    only = {name: next(iter(found.values())) for name, found in rows.items() if len(found) == 1}
    return {name: row for name, row in only.items() if row.id in used}


def _unlinked(
    view: View, m: Marked, links: Mapping[str, Mapping[str, None]], entry: Known | None, labels: Labels
) -> Suspect | None:
    elsewhere = [(link, docs) for link, docs in links.items() if len(docs) > (view.id in docs)]
    if entry is not None and (entry.type is None or labels.accepts((entry.type,), m.type)):
        link, score, why = entry.id, 0.9, "the only one of that name in the knowledge base"
    elif len(elsewhere) == 1:
        ((link, docs),) = elsewhere
        n = len(docs) - (view.id in docs)
        score, why = 0.8 * n / (n + 1), f"its link in {_some(docs, view.id)}"
    else:
        return None
    what = f"{view.surface(m)} has no link; {quote(link)} is {why}"
    return view.suspect("link-varies", m.start, m.end, what, score * _lenience(m.type, labels), "none", link)


def _linked_otherwise(view: View, m: Marked, links: Mapping[str, Mapping[str, None]], labels: Labels) -> Suspect | None:
    counts = {link: len(docs) for link, docs in links.items()}
    usual, own = _usual(counts), m.link or ""
    if own == usual or len(links[usual]) == (view.id in links[usual]):
        return None
    share = counts[usual] / (counts[usual] + counts[own])
    what = f"{view.surface(m)} is {quote(own)} here, and {quote(usual)} in {_some(links[usual], view.id)}"
    return view.suspect("link-varies", m.start, m.end, what, share * _lenience(m.type, labels), own)
