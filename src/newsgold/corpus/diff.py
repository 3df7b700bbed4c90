"""What changed between two states of a corpus: documents, texts, metadata, items of gold, and the inventory.

Items are matched by what they are, not by their ids, so that ids that were merely renamed are no change:

    mention    its span; another type, kind or surface is a change of it
    entity     the mentions in it; another link, or other mentions beside some of the same, is a change of it
    relation   type, the two entities, factuality; other evidence is a change of it
    stance     span, holder, target; another polarity or basis is a change of it

The comparison is the same both ways: what one adds the other removes. Documents go by one after the
other, so that memory does not grow with them.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity, Mention, Relation, Stance

Kind = Literal["added", "removed", "changed"]
KINDS: tuple[Kind, ...] = ("added", "removed", "changed")
LAYERS_OF_A_DIFF = ("labels", "documents", "texts", "splits", "metadata", "gold", *LAYERS)
SECTIONS = ("kinds", "types", "relations", "factualities", "polarities", "bases")
"""The sections of an inventory."""

_T = TypeVar("_T")
_Value = Mapping[str, Any]


class Entry(NamedTuple):
    """What a state of the corpus has of one document; gold with its split."""

    name: str
    article: Article | None
    gold: Annotation | None


class Change(NamedTuple):
    """One difference."""

    doc: str
    """Empty where it is one of the inventory."""
    layer: str
    """One of :data:`LAYERS_OF_A_DIFF`; ``gold`` stands for a layer as a whole, or for all of them."""
    change: Kind
    item: str
    """The field, the label, the layer or the span that it is about."""
    old: _Value | None
    """What was there, without ids; ``None`` where it was added."""
    new: _Value | None


class Diff(NamedTuple):
    """Every difference, in the order of the documents."""

    changes: tuple[Change, ...]
    counts: Mapping[str, Mapping[str, int]]
    """How many items of each layer were added, removed and changed, those of whole documents and layers included."""


def compare(old: Iterable[Entry], new: Iterable[Entry], labels: tuple[Labels, Labels]) -> Diff:
    """The differences of two states, whose documents come sorted by id; ``labels`` are the inventories of both."""
    found = _Found()
    for change in _inventory(*labels):
        found.add(change)
    values = [{name: label.value for name, label in side.types.items()} for side in labels]
    alike = values[0] == values[1]
    for before, after in _together(old, new):
        if before is None or after is None:
            found.whole(before, after)
        elif not alike or before != after:
            _document(before, after, labels, found)
    counts = {layer: {kind: n for kind, n in found.counts[layer].items() if n} for layer in LAYERS_OF_A_DIFF}
    return Diff(tuple(found.changes), {layer: kinds for layer, kinds in counts.items() if kinds})


class _Found:
    """Changes as they are found, and their number."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, change: Change) -> None:
        self.changes.append(change)
        self.counts[change.layer][change.change] += 1

    def whole(self, old: Entry | None, new: Entry | None) -> None:
        """A document that only one side has: one change, and its items counted."""
        entry = old or new
        if entry is not None:
            kind: Kind = "added" if old is None else "removed"
            items = {layer: len(getattr(entry.gold, layer, None) or ()) for layer in LAYERS}
            told = {"split": _split(entry), **{layer: n for layer, n in items.items() if n}}
            self.add(Change(entry.name, "documents", kind, "", told if old else None, told if new else None))
            for layer, n in items.items():
                self.counts[layer][kind] += n


def _together(old: Iterable[Entry], new: Iterable[Entry]) -> Iterator[tuple[Entry | None, Entry | None]]:
    """The documents of both sides, side by side."""
    one, other = iter(old), iter(new)
    a, b = next(one, None), next(other, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a.name < b.name):
            yield a, None
            a = next(one, None)
        elif a is None or b.name < a.name:
            yield None, b
            b = next(other, None)
        else:
            yield a, b
            a, b = next(one, None), next(other, None)


# ------------------------------------------------------------------------- inventory


def _inventory(old: Labels, new: Labels) -> Iterator[Change]:
    if old == new and all([*getattr(old, s)] == [*getattr(new, s)] for s in SECTIONS):
        return
    for field in ("name", "version"):
        yield from _field("", "labels", field, getattr(old, field), getattr(new, field))
    for section in SECTIONS:
        one, other = getattr(old, section), getattr(new, section)
        for name in sorted({*one, *other}):
            a, b = (msgspec.to_builtins(side[name]) if name in side else None for side in (one, other))
            kind: Kind = "added" if a is None else "removed" if b is None else "changed"
            if a != b:
                yield Change("", "labels", kind, f"{section}.{name}", a, b)
        codes = [{name: code for code, name in enumerate(side)} for side in (one, other)]
        if any(codes[0][name] != codes[1][name] for name in codes[0].keys() & codes[1].keys()):
            yield Change("", "labels", "changed", f"{section}: codes", {"order": [*one]}, {"order": [*other]})


def _field(doc: str, layer: str, name: str, old: Any, new: Any) -> Iterator[Change]:
    if old != new:
        yield Change(doc, layer, "changed", name, {name: old}, {name: new})


# -------------------------------------------------------------------------- documents


def _document(old: Entry, new: Entry, labels: tuple[Labels, Labels], found: _Found) -> None:
    name = old.name
    hashes = [_text_hash(entry) for entry in (old, new)]
    if None not in hashes:
        for change in _field(name, "texts", "sha256", *hashes):
            found.add(change)
    for change in _field(name, "splits", "split", _split(old), _split(new)):
        found.add(change)
    one, other = (_about(entry) for entry in (old, new))
    for field in sorted(one.keys() & other.keys()):
        for change in _field(name, "metadata", field, one[field], other[field]):
            found.add(change)
    _gold(name, old.gold, new.gold, labels, found)


def _text_hash(entry: Entry) -> str | None:
    """Of the text where it is there, else as it is recorded."""
    if entry.article is not None and entry.article.text:
        return sha256(entry.article.text)
    recorded = entry.article and entry.article.text_sha256
    return recorded or (entry.gold.text_sha256 if entry.gold is not None else None)


def _split(entry: Entry) -> str | None:
    return entry.article.split if entry.article is not None else entry.gold.split if entry.gold is not None else None


_FIELDS = ("title", "language", "origin", "outlet", "published", "source", "regions")


def _about(entry: Entry) -> dict[str, Any]:
    """What is known beside text and items; without an article less, and without its text no title."""
    article, gold = entry.article, entry.gold
    out: dict[str, Any] = {}
    if gold is not None:
        out = {"by": gold.by}
    holder = article if article is not None else gold
    if holder is not None:
        out |= {"event": holder.event, "ignore": [[*span] for span in sorted(holder.ignore)]}
    if article is not None:
        out |= {field: msgspec.to_builtins(getattr(article, field)) for field in _FIELDS if field != "title" or article.text}
    return out


# ------------------------------------------------------------------------------- gold


def _gold(name: str, old: Annotation | None, new: Annotation | None, labels: tuple[Labels, Labels], found: _Found) -> None:
    if old is None and new is None:
        return
    if old is None or new is None:
        kind: Kind = "added" if old is None else "removed"
        found.add(Change(name, "gold", kind, "", None if old is None else {}, None if new is None else {}))
    # most documents are equal as they are stored, and only the others are put in order
    old, new = (gold and canonical(gold, own) for gold, own in zip((old, new), labels, strict=True))
    one, other = _Side(old, labels[0]), _Side(new, labels[1])
    mentions = _mention_pairs(one, other)
    entities = _entity_pairs(one, other)
    paired = {
        "mentions": mentions,
        "entities": entities,
        "relations": _paired(one.relations, other.relations, *_RELATION_KEYS),
        "stances": _paired(one.stances, other.stances, *_STANCE_KEYS),
    }
    for layer, pairs in paired.items():
        before, after = (getattr(gold, layer) if gold is not None else None for gold in (old, new))
        whole = old is not None and new is not None and (before is None) != (after is None)
        if whole:
            kind = "added" if before is None else "removed"
            found.add(Change(name, "gold", kind, layer, None if before is None else {}, None if after is None else {}))
        if whole or old is None or new is None:
            found.counts[layer]["added"] += len(after or ())
            found.counts[layer]["removed"] += len(before or ())
            continue
        for i, j in pairs:
            a, b = one.view(layer, i), other.view(layer, j)
            if layer == "mentions" and a is not None and b is not None and None in (a["text"], b["text"]):
                a, b = {**a, "text": None}, {**b, "text": None}
            if a is None or b is None or not _same(layer, i, j, one, other, a, b):
                kind = "added" if a is None else "removed" if b is None else "changed"
                found.add(Change(name, layer, kind, _title(layer, a, b), a, b))


def _same(layer: str, i: int | None, j: int | None, one: _Side, other: _Side, a: _Value, b: _Value) -> bool:
    """Whether two items that belong together are equal."""
    if layer == "mentions" or i is None or j is None:
        return a == b
    if layer == "entities":
        return one.members[i] == other.members[j] and one.entities[i].link == other.entities[j].link
    if layer == "relations":
        return one.relations[i].evidence == other.relations[j].evidence
    return one.stances[i][-2:] == other.stances[j][-2:]


class _Argument(NamedTuple):
    """An entity, a mention, or a word that stands for neither, by the number that both sides share."""

    kind: str
    number: int
    word: str = ""


class _RelationKey(NamedTuple):
    """A relation without ids; the ends of a symmetric one in the order of their numbers."""

    type: str
    head: _Argument
    tail: _Argument
    factuality: str
    evidence: frozenset[tuple[_Argument, _Argument]] | None


class _StanceKey(NamedTuple):
    """A stance without ids."""

    span: tuple[int | None, int | None]
    holder: _Argument
    target: _Argument
    polarity: str
    basis: str


class _Side:
    """One side's gold, whose mentions and entities get the numbers that they share with the other side's."""

    def __init__(self, gold: Annotation | None, labels: Labels) -> None:
        self.labels = labels
        self.mentions: Sequence[Mention] = (gold and gold.mentions) or ()
        self.entities: Sequence[Entity] = (gold and gold.entities) or ()
        self._relations: Sequence[Relation] = (gold and gold.relations) or ()
        self._stances: Sequence[Stance] = (gold and gold.stances) or ()
        self.mention_of = {m.id: m for m in self.mentions}
        self.first = {e.id: e.mentions[0] for e in self.entities if e.mentions}
        self.number: dict[str | None, int] = {}
        """Of each mention, by id."""
        self.members: list[frozenset[_Argument]] = []
        """Of each entity."""
        self.entity: dict[str | None, int] = {}
        """The number of an entity, by its id and by those of its mentions."""
        self.relations: list[_RelationKey] = []
        self.stances: list[_StanceKey] = []

    def content(self, i: int) -> tuple[str, str]:
        """Type and kind of a mention."""
        m = self.mentions[i]
        return m.type, self.labels.kind(m.type, m.kind)

    def number_mentions(self, numbers: Mapping[int, int]) -> None:
        self.number = {m.id: numbers[i] for i, m in enumerate(self.mentions)}
        self.members = [frozenset(map(self._mention, e.mentions)) for e in self.entities]

    def number_entities(self, numbers: Mapping[int, int]) -> None:
        self.entity = {m: numbers[i] for i, e in enumerate(self.entities) for m in e.mentions}
        self.entity |= {e.id: numbers[i] for i, e in enumerate(self.entities)}
        self.relations = [self._relation_key(r) for r in self._relations]
        self.stances = [
            _StanceKey((s.start, s.end), self._mention(s.holder), self._mention(s.target), s.polarity, s.basis)
            for s in self._stances
        ]

    def _mention(self, name: str) -> _Argument:
        if name in self.number:
            return _Argument("mention", self.number[name])
        return _Argument("entity", self.entity[name]) if name in self.entity else _Argument("", 0, name)

    def _end(self, name: str) -> _Argument:
        return _Argument("entity", self.entity[name]) if name in self.entity else self._mention(name)

    def _relation_key(self, r: Relation) -> _RelationKey:
        head, tail = self._end(r.head), self._end(r.tail)
        pairs = None if r.evidence is None else [(self._mention(a), self._mention(b)) for a, b in r.evidence]
        if self.labels.symmetric(r.type) and tail < head:
            head, tail = tail, head
            pairs = None if pairs is None else [(b, a) for a, b in pairs]
        return _RelationKey(r.type, head, tail, r.factuality, None if pairs is None else frozenset(pairs))

    def span(self, name: str) -> Any:
        """Where an argument stands: a mention, or the first one of an entity; else the word itself."""
        mention = self.mention_of.get(self.first.get(name, name))
        return name if mention is None else [mention.start, mention.end]

    def view(self, layer: str, i: int | None) -> dict[str, Any] | None:
        """An item as a report shows it, without ids."""
        if i is None:
            return None
        if layer == "mentions":
            m = self.mentions[i]
            return {"start": m.start, "end": m.end, "type": m.type, "kind": self.labels.kind(m.type, m.kind), "text": m.text}
        if layer == "entities":
            e = self.entities[i]
            return {"mentions": [self.span(m) for m in e.mentions], "link": e.link}
        if layer == "relations":
            r = self._relations[i]
            ends = {"type": r.type, "head": self.span(r.head), "tail": self.span(r.tail), "factuality": r.factuality}
            pairs = None if r.evidence is None else [[self.span(a), self.span(b)] for a, b in r.evidence]
            return {**ends, "evidence": pairs}
        s = self._stances[i]
        ends = {"start": s.start, "end": s.end, "holder": self.span(s.holder), "target": self.span(s.target)}
        return {**ends, "polarity": s.polarity, "basis": s.basis}


def _title(layer: str, *views: _Value | None) -> str:
    """What a change is listed under, whichever side is the old one."""
    shown = [view for view in views if view is not None]
    if layer == "entities":
        return min(str(view["mentions"][0]) if view["mentions"] else "[]" for view in shown)
    return str(shown[0]["type"]) if layer == "relations" else str([shown[0]["start"], shown[0]["end"]])


# -------------------------------------------------------------------- what belongs together

_Pairs = list[tuple[int | None, int | None]]
_RELATION_KEYS: tuple[Callable[[_RelationKey], Hashable], ...] = (lambda r: r, lambda r: r[:4])
_STANCE_KEYS: tuple[Callable[[_StanceKey], Hashable], ...] = (lambda s: s, lambda s: s[:3])


def _paired(old: Sequence[_T], new: Sequence[_T], *keys: Callable[[_T], Hashable]) -> _Pairs:
    """(place, place) of the items that belong together, by the first key that they share; ``None`` where there is none."""
    pairs: _Pairs = []
    left: list[int] = [*range(len(old))]
    right: list[int] = [*range(len(new))]
    for key in keys:
        waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
        for j in right:
            waiting[key(new[j])].append(j)
        rest = []
        for i in left:
            if same := waiting.get(key(old[i])):
                pairs.append((i, same.popleft()))
            else:
                rest.append(i)
        left, right = rest, sorted(j for queue in waiting.values() for j in queue)
    return [*pairs, *((i, None) for i in left), *((None, j) for j in right)]


def _numbers(pairs: _Pairs) -> tuple[dict[int, int], dict[int, int]]:
    """For each side the place of its pair, by its own place."""
    return {i: n for n, (i, _) in enumerate(pairs) if i is not None}, {j: n for n, (_, j) in enumerate(pairs) if j is not None}


def _mention_pairs(old: _Side, new: _Side) -> _Pairs:
    """Pairs mentions and numbers them: the same number on both sides, in an order that does not ask which side is which."""
    rows = [[(m.start, m.end, *side.content(i)) for i, m in enumerate(side.mentions)] for side in (old, new)]
    pairs = _paired(rows[0], rows[1], lambda row: row, lambda row: row[:3], lambda row: row[:2])
    pairs.sort(key=lambda pair: sorted(rows[s][p] for s, p in enumerate(pair) if p is not None))
    numbers = _numbers(pairs)
    old.number_mentions(numbers[0])
    new.number_mentions(numbers[1])
    return pairs


def _entity_pairs(old: _Side, new: _Side) -> _Pairs:
    """Pairs entities and numbers them: those of the same mentions, then those that share most."""
    sides = (old, new)
    rows = [[(side.members[i], e.link) for i, e in enumerate(side.entities)] for side in sides]
    pairs = _paired(rows[0], rows[1], lambda row: row, lambda row: row[0])
    left = {i for i, j in pairs if i is not None and j is None}
    right = {j for i, j in pairs if i is None and j is not None}
    owners: defaultdict[_Argument, list[int]] = defaultdict(list)
    for j in right:
        for member in new.members[j]:
            owners[member].append(j)
    shared = Counter((i, j) for i in left for member in old.members[i] for j in owners.get(member, ()))

    def rank(pair: tuple[int, int]) -> Any:
        return -shared[pair], sorted(old.members[pair[0]] & new.members[pair[1]])

    found: _Pairs = []
    for i, j in sorted(shared, key=rank):
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            found.append((i, j))
    pairs = [pair for pair in pairs if None not in pair] + found
    pairs += [(i, None) for i in sorted(left)] + [(None, j) for j in sorted(right)]

    def place(pair: tuple[int | None, int | None]) -> Any:
        return sorted(sorted(side.members[p]) for side, p in zip(sides, pair, strict=True) if p is not None)

    pairs.sort(key=place)
    numbers = _numbers(pairs)
    old.number_entities(numbers[0])
    new.number_entities(numbers[1])
    return pairs
