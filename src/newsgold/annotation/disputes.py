"""What passes disagree on, put so that somebody can decide it.

A dispute holds items that exclude each other, or that stand or fall together:
the versions of one mention and mentions of different passes that overlap; the
clusters of different passes that share mentions, and their links; all relations
between two mentions; stances of different passes whose spans overlap. Every item
of a pass that is not agreed is in exactly one dispute, save the cluster of a
mention that not all have and that stands alone in it, which goes with the mention.

Disputes are numbered ``D1``, ``D2``, … by layer and by place in the text, their
items ``D1.1``, ``D1.2``, …; equal passes give equal numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from newsgold.annotation.items import (
    Attitude,
    Cluster,
    Dispute,
    Item,
    Linked,
    Marked,
    Merge,
    Names,
    Pair,
    Slot,
    What,
    cluster_key,
    in_text,
    within,
)
from newsgold.annotation.label_config import ASSERTED
from newsgold.errors import printable

ORDER = ("mentions", "entities", "links", "relations", "stances")
"""The order in which layers are decided."""
T = TypeVar("T", bound=Hashable)


def disputes(merge: Merge) -> tuple[Dispute, ...]:
    """The disputes of a merge whose agreed part and names are there."""
    work = _Work(merge)
    for layer in (work.mentions, work.clusters, work.links, work.relations, work.stances):
        work.add(layer())
    return tuple(work.found)


class _Group(NamedTuple):
    layer: str
    whats: Sequence[What]
    slots: Sequence[Slot]
    """Mentions on which the group depends, besides those that it decides."""


class _Work:
    def __init__(self, merge: Merge) -> None:
        self.merge = merge
        self.views = merge.views
        self.found: list[Dispute] = []
        self.of_mention: dict[Slot, str] = {}
        self.of_cluster: dict[Slot, str] = {}
        self.whole = _components(merge)
        self.holders: dict[What, set[str]] = defaultdict(set)
        for name, v in merge.views.items():
            whats: list[What] = [*v.mentions.values(), *v.clusters.values(), *v.pairs, *v.stances]
            for what in whats:
                self.holders[what].add(name)

    def add(self, groups: Iterable[_Group]) -> None:
        """Number the groups of one layer in the order of the text."""
        for group in sorted(groups, key=lambda g: min(map(place, g.whats))):
            name = f"D{len(self.found) + 1}"
            follows = {self.of_mention.get(s) for s in group.slots}
            if group.layer in ("links", "relations"):
                follows |= {self.of_cluster.get(s) for s in group.slots}
            if group.layer in ("mentions", "entities"):
                owners = self.of_mention if group.layer == "mentions" else self.of_cluster
                owners |= {s: name for what in group.whats for s in slots_of(what)}
            items = tuple(
                Item(
                    f"{name}.{i}",
                    group.layer,
                    what,
                    tuple(sorted(self.holders[what])),
                    self.ref(what),
                    wording(self.merge, what),
                )
                for i, what in enumerate(sorted(group.whats, key=place), 1)
            )
            known = sorted((d for d in follows if d is not None and d != name), key=lambda d: int(d[1:]))
            self.found.append(Dispute(name, group.layer, items, tuple(known)))

    def ref(self, what: What) -> str:
        """What an item is called in the versions."""
        if isinstance(what, Marked | Linked | Pair | Attitude):
            return ref(what, self.merge.names)
        return ref(cluster_key(self.merge, what), self.merge.names)

    def mentions(self) -> Iterator[_Group]:
        """Versions of a mention, and mentions that overlap and that no pass has both of."""
        merge = self.merge
        open_slots = sorted({s for v in self.views.values() for s in v.mentions if s not in merge.mentions}, key=in_text)
        owners = {s: {n for n, v in self.views.items() if s in v.mentions} for s in open_slots}
        for slots in _rivals(open_slots, lambda s: (s.start, s.end), owners):
            yield _Group("mentions", sorted({v.mentions[s] for v in self.views.values() for s in slots if s in v.mentions}), ())

    def clusters(self) -> Iterator[_Group]:
        """Clusters of different passes that share mentions, if they are not what all agree on."""
        merge = self.merge
        groups: dict[Slot, set[Cluster]] = defaultdict(set)
        for v in self.views.values():
            for cluster in set(v.clusters.values()):
                alone = len(cluster) == 1 and cluster[0] not in merge.common
                if not alone and merge.blocks.get(cluster[0]) != cluster:
                    groups[self.whole[cluster[0]]].add(cluster)
        for clusters in groups.values():
            loose = [s for c in clusters for s in c if s not in merge.common]
            yield _Group("entities", list(clusters), loose)

    def links(self) -> Iterator[_Group]:
        """The links of clusters that share mentions, where passes that have a mention link it differently."""
        groups: dict[Slot, set[Linked]] = defaultdict(set)
        # a mention that one pass has besides may differ in its link, because it is in another cluster there
        settled = {
            block
            for block in self.merge.blocks.values()
            if len({v.links.get(s) for v in self.views.values() for s in block}) == 1
        }
        for slot in {s for v in self.views.values() for s in v.clusters}:
            had = {n: v.links[slot] for n, v in self.views.items() if slot in v.links}
            if len(set(had.values())) > 1:
                for name, link in had.items():
                    linked = Linked(cluster_key(self.merge, self.views[name].clusters[slot]), link)
                    self.holders[linked].add(name)
                    if linked.cluster not in settled:
                        groups[self.whole[slot]].add(linked)
        for linked_ones in groups.values():
            yield _Group(
                "links", list(linked_ones), [s for one in linked_ones for s in one.cluster if s not in self.merge.blocks]
            )

    def relations(self) -> Iterator[_Group]:
        """Everything in dispute between two mentions, in either direction."""
        groups: dict[frozenset[Slot], set[Pair]] = defaultdict(set)
        for v in self.views.values():
            for pair in v.pairs - self.merge.pairs:
                groups[frozenset((pair.head, pair.tail))].add(pair)
        for slots, pairs in groups.items():
            # the cluster of an argument matters where what all agree on of it is no whole
            yield _Group(
                "relations", list(pairs), [s for s in slots if s not in self.merge.mentions or s not in self.merge.blocks]
            )

    def stances(self) -> Iterator[_Group]:
        """Stances whose spans overlap and that no pass has both of."""
        open_ones = sorted({s for v in self.views.values() for s in v.stances} - self.merge.stances, key=place)
        owners = {s: set(self.holders[s]) for s in open_ones}
        for group in _rivals(open_ones, lambda s: (s.start, s.end), owners):
            yield _Group("stances", group, [s for a in group for s in a.slots if s not in self.merge.mentions])


def _components(merge: Merge) -> dict[Slot, Slot]:
    """For each slot the first of those that clusters of any pass join to it, directly or by others."""
    slots = sorted({s for v in merge.views.values() for s in v.mentions}, key=in_text)
    pairs = ((c[0], s) for v in merge.views.values() for c in set(v.clusters.values()) for s in c[1:])
    return _joined(slots, pairs)


def _joined(values: Sequence[T], pairs: Iterable[tuple[T, T]]) -> dict[T, T]:
    """For each value the first of those to which pairs join it."""
    rank = {value: i for i, value in enumerate(values)}
    parent = dict(zip(values, values, strict=True))

    def root(value: T) -> T:
        while parent[value] != value:
            parent[value] = value = parent[parent[value]]
        return value

    for one, other in pairs:
        first, last = sorted((root(one), root(other)), key=rank.__getitem__)
        parent[last] = first
    return {value: root(value) for value in values}


def _rivals(values: Sequence[T], span: Callable[[T], tuple[int, int]], owners: dict[T, set[str]]) -> list[list[T]]:
    """Values in groups: those whose spans overlap and that have no pass in common, directly or by others."""
    ordered = sorted(values, key=lambda v: span(v)[0])
    pairs = []
    for i, value in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if span(other)[0] >= span(value)[1]:
                break
            if not owners[value] & owners[other]:
                pairs.append((value, other))
    groups: dict[T, list[T]] = defaultdict(list)
    for value, first in _joined(values, pairs).items():
        groups[first].append(value)
    return list(groups.values())


# --------------------------------------------------------------------- what items are


def slots_of(what: What) -> tuple[Slot, ...]:
    """The mentions that an item is about."""
    match what:
        case Marked():
            return (what.slot,)
        case Linked():
            return what.cluster
        case Pair():
            return (what.head, what.tail)
        case Attitude():
            return what.slots
        case _:
            return what


def place(what: What) -> tuple[object, ...]:
    """The key that puts items of one layer in the order of the text."""
    match what:
        case Attitude():
            voice = what.holder if isinstance(what.holder, str) else ""
            named = () if isinstance(what.holder, str) else in_text(what.holder)
            return (what.start, what.end), voice, named, in_text(what.target), what.polarity, what.basis
        case Marked():
            return in_text(what.slot), what.type, what.kind
        case Linked():
            return tuple(map(in_text, what.cluster)), what.link or ""
        case Pair():
            return in_text(what.head), in_text(what.tail), what.type, what.factuality
        case _:
            return tuple(map(in_text, what))


def arrow_label(relation: str, factuality: str) -> str:
    """The label of a relation's arrow, as in Label Studio."""
    return relation if factuality == ASSERTED else f"{relation}:{factuality}"


def ref(what: What, names: Names) -> str:
    """What an item is called: its id, ``type(head,tail)`` of a relation, ``link(entity)`` of a link."""
    match what:
        case Marked():
            return names.slots[what.slot]
        case Linked():
            return f"link({names.clusters[what.cluster]})"
        case Pair():
            return f"{arrow_label(what.type, what.factuality)}({names.slots[what.head]},{names.slots[what.tail]})"
        case Attitude():
            return names.stances[what]
        case _:
            return names.clusters[what]


def wording(merge: Merge, what: What) -> str:
    """An item in words: surfaces in brackets with their line, the span of a mention or a stance with its offsets."""
    text = merge.article.text

    def said(slot: Slot) -> str:
        return f"[{_surface(text, slot.start, slot.end)}]@L{_line(text, slot.start)}"

    match what:
        case Marked():
            return f"{what.type}.{what.kind} {said(what.slot)} {what.slot.start}-{what.slot.end}"
        case Linked():
            return f"{f'link {what.link}' if what.link is not None else 'no link'} of {said(what.cluster[0])}"
        case Pair():
            return f"{arrow_label(what.type, what.factuality)}({said(what.head)}, {said(what.tail)})"
        case Attitude():
            holder = what.holder if isinstance(what.holder, str) else said(what.holder)
            span = f'"{_surface(text, what.start, what.end)}"@L{_line(text, what.start)} {what.start}-{what.end}'
            return f"{holder} -> {said(what.target)} {what.polarity} {what.basis} {span}"
        case _:
            core = within(what, merge.common)
            if core and merge.blocks.get(core[0]) == core and len(core) < len(what):
                loose = ", ".join(said(s) for s in what if s not in merge.common)
                return f"{loose} in the cluster of {said(core[0])}"
            return f"cluster of {', '.join(map(said, what))}"


def _surface(text: str, start: int, end: int) -> str:
    return printable(text[start:end])


def _line(text: str, start: int) -> int:
    return text.count("\n", 0, start) + 1
