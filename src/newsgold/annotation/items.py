"""What passes say, in terms that they share.

Passes give ids of their own, so items are compared by what they say. A mention
is known by its place, a :class:`Slot`: its span, and its type only where one
pass has two mentions on one span; thus two types, or two kinds, for one span
are two versions of one mention. Everything else is said of slots:

    layer      item                                             agreed if every pass has it, and
    mentions   slot with type and kind
    entities   cluster: the slots that refer to one thing       compared over the slots that every pass has
    links      cluster with its link, or with none
    relations  type, factuality, head slot, tail slot           both mentions and their clusters are agreed
    stances    span, holder, target, polarity, basis            both mentions are agreed

A layer that a pass did not attempt counts as empty there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article, Mention


class Slot(NamedTuple):
    """The place of a mention."""

    start: int
    end: int
    type: str
    """Empty, unless one pass has several mentions on this span."""


Cluster = tuple[Slot, ...]
"""Slots in the order of the text."""


class Marked(NamedTuple):
    """A mention as a pass has it."""

    slot: Slot
    type: str
    kind: str


class Linked(NamedTuple):
    """A cluster with its link; ``None`` is no link."""

    cluster: Cluster
    link: str | None


class Pair(NamedTuple):
    """Two mentions that express a relation; those of a symmetric one in the order of the text."""

    type: str
    factuality: str
    head: Slot
    tail: Slot


class Attitude(NamedTuple):
    """A stance."""

    start: int
    end: int
    holder: Slot | str
    """``AUTHOR`` or ``UNKNOWN`` where it is no mention."""
    target: Slot
    polarity: str
    basis: str

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The mentions that it names."""
        return (self.target,) if isinstance(self.holder, str) else (self.holder, self.target)


What = Marked | Cluster | Linked | Pair | Attitude


class View(NamedTuple):
    """An annotation, said of slots."""

    mentions: dict[Slot, Marked]
    clusters: dict[Slot, Cluster]
    links: dict[Slot, str | None]
    pairs: frozenset[Pair]
    stances: frozenset[Attitude]
    names: dict[str, Slot | Cluster | Attitude]
    """What the ids of the annotation stand for."""


class Item(NamedTuple):
    """One item in dispute."""

    id: str
    """The dispute's id, a dot, its number: ``D3.2``."""
    layer: str
    what: What
    passes: tuple[str, ...]
    """The passes that have it."""
    ref: str
    """What it is called in the versions: an id, or ``type(head,tail)`` of a relation, ``link(entity)`` of a link."""
    text: str


class Dispute(NamedTuple):
    """Items that not all passes have, and between which somebody must choose."""

    id: str
    """``D1``, ``D2``, … by layer and by place in the text."""
    layer: str
    items: tuple[Item, ...]
    follows: tuple[str, ...]
    """Disputes on whose outcome this one depends."""


class Merge(NamedTuple):
    """What the passes over one document have in common, and what not."""

    article: Article
    labels: Labels
    views: dict[str, View]
    """By the name of the pass, in the order of the names."""
    common: frozenset[Slot]
    """Slots that every pass has, with whatever type and kind."""
    mentions: dict[Slot, Marked]
    """Agreed mentions."""
    blocks: dict[Slot, Cluster]
    """The agreed cluster of each common slot that is in one."""
    links: dict[Cluster, str]
    """The agreed links of agreed clusters."""
    pairs: frozenset[Pair]
    stances: frozenset[Attitude]
    disputes: tuple[Dispute, ...]
    names: Names
    attempted: tuple[bool, bool]
    """Whether any pass attempted relations, and stances."""

    @property
    def passes(self) -> tuple[str, ...]:
        """The names of the passes."""
        return tuple(self.views)


class Names(NamedTuple):
    """Ids that the versions of a document share: equal items have equal ids."""

    slots: dict[Slot, str]
    clusters: dict[Cluster, str]
    stances: dict[Attitude, str]


def in_text(slot: Slot) -> tuple[int, int, str]:
    """The key that puts slots in the order of the text, the longer one first."""
    return slot.start, -slot.end, slot.type


def crowded_spans(annotation: Annotation) -> set[tuple[int, int]]:
    """Spans on which an annotation has several mentions."""
    counts = Counter((m.start, m.end) for m in annotation.mentions or ())
    return {span for span, n in counts.items() if n > 1}


def view(
    annotation: Annotation,
    labels: Labels,
    crowded: Iterable[tuple[int, int]],
    known: Mapping[Slot, Sequence[str]] | None = None,
) -> View:
    """An annotation said of slots.

    Of several mentions on a span that is not ``crowded``, the first whose type is ``known`` of the span's slot takes it.
    """
    crowd = set(crowded)
    slots: dict[str, Slot] = {}
    taken: set[Slot] = set()

    def rank(m: Mention) -> tuple[bool, str]:
        return m.type not in (known or {}).get(Slot(m.start, m.end, ""), ()), m.type

    for m in sorted(annotation.mentions or (), key=rank):
        slot = Slot(m.start, m.end, "")
        if (m.start, m.end) in crowd or slot in taken:
            slot = Slot(m.start, m.end, m.type)
        taken.add(slot)
        slots[m.id or ""] = slot
    mentions = {
        slots[m.id or ""]: Marked(slots[m.id or ""], m.type, labels.kind(m.type, m.kind)) for m in annotation.mentions or ()
    }
    clusters: dict[Slot, Cluster] = {}
    links: dict[Slot, str | None] = {}
    names: dict[str, Slot | Cluster | Attitude] = dict(slots)
    for e in annotation.entities or ():
        members = tuple(sorted((slots[m] for m in e.mentions), key=in_text))
        clusters |= dict.fromkeys(members, members)
        links |= dict.fromkeys(members, e.link)
        names[e.id or ""] = members
    pairs = frozenset(
        _pair(labels, r.type, r.factuality, slots[head], slots[tail])
        for r in annotation.relations or ()
        for head, tail in r.evidence or ()
    )
    stances = {
        Attitude(s.start or 0, s.end or 0, slots.get(s.holder, s.holder), slots[s.target], s.polarity, s.basis): s.id or ""
        for s in annotation.stances or ()
    }
    names |= {name: stance for stance, name in stances.items()}
    return View(mentions, clusters, links, pairs, frozenset(stances), names)


def _pair(labels: Labels, name: str, factuality: str, head: Slot, tail: Slot) -> Pair:
    if labels.symmetric(name) and in_text(tail) < in_text(head):
        head, tail = tail, head
    return Pair(name, factuality, head, tail)


def within(cluster: Iterable[Slot], slots: frozenset[Slot] | Mapping[Slot, object]) -> Cluster:
    """The part of a cluster that lies in the slots."""
    return tuple(s for s in cluster if s in slots)


def cluster_key(merge: Merge, cluster: Cluster) -> Cluster:
    """What makes clusters of different passes the same one: the agreed cluster in them, else all of it."""
    core = within(cluster, merge.common)
    return core if core and merge.blocks.get(core[0]) == core else cluster
