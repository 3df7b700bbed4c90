"""Several passes over one document, merged: what all of them have, and what is in dispute.

Everything of which every pass has the same is agreed; the rest is in exactly one
dispute (:mod:`newsgold.annotation.disputes`). The order of the passes means nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from newsgold.annotation.disputes import disputes, place
from newsgold.annotation.items import (
    Attitude,
    Cluster,
    Marked,
    Merge,
    Names,
    Pair,
    Slot,
    cluster_key,
    crowded_spans,
    in_text,
    view,
    within,
)
from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import fill

MERGED = "merged"
"""The name of the version that holds what all passes have in common."""
T = TypeVar("T", bound=Hashable)


def merge(article: Article, passes: Iterable[Annotation], labels: Labels) -> Merge:
    """Merge complete passes over an article, each with a name (``by``) of its own."""
    ordered = sorted(passes, key=lambda a: a.by or "")
    crowded = {span for a in ordered for span in crowded_spans(a)}
    views = {a.by or "": view(a, labels, crowded) for a in ordered}
    attempted = (any(a.relations is not None for a in ordered), any(a.stances is not None for a in ordered))
    every = list(views.values())
    common = frozenset.intersection(*(frozenset(v.mentions) for v in every))
    mentions = {s: every[0].mentions[s] for s in sorted(common, key=in_text) if len({v.mentions[s] for v in every}) == 1}
    cores = [{s: within(v.clusters.get(s, ()), common) for s in common} for v in every]
    blocks = {s: cores[0][s] for s in common if cores[0][s] and len({core[s] for core in cores}) == 1}
    shared = {block: {v.links.get(s) for v in every for s in block} for block in blocks.values()}
    links = {block: link for block, found in shared.items() if len(found) == 1 and (link := min(found, key=str)) is not None}
    sound = mentions.keys() & blocks.keys()
    pairs = frozenset(p for p in _in_all(v.pairs for v in every) if {p.head, p.tail} <= sound)
    stances = frozenset(s for s in _in_all(v.stances for v in every) if set(s.slots) <= mentions.keys())
    bare = Merge(article, labels, views, common, mentions, blocks, links, pairs, stances, (), Names({}, {}, {}), attempted)
    named = bare._replace(names=_names(bare))
    return named._replace(disputes=disputes(named))


def _in_all(parts: Iterable[frozenset[T]]) -> frozenset[T]:
    return frozenset.intersection(*parts)


# --------------------------------------------------------------------- annotations


def accepted(merge: Merge) -> Annotation:
    """What every pass has; mentions whose cluster is disputed are in none."""
    clusters = {within(block, merge.mentions) for block in merge.blocks.values()}
    links = {s: merge.links.get(merge.blocks[s]) for s in merge.mentions if s in merge.blocks}
    return compose(merge, "accepted", merge.mentions, filter(None, clusters), links, merge.pairs, merge.stances)


def merged(merge: Merge) -> Annotation:
    """A complete annotation to start from: what all passes have in common and nothing that is in dispute.

    Of a disputed cluster those mentions stay together that no pass separates. A pair of agreed mentions for which
    every pass has the relation has it here, whatever is to become of their clusters.
    """
    every = list(merge.views.values())
    clusters = _together(merge)
    links = {
        s: every[0].links.get(s)
        for cluster in clusters
        for s in cluster
        if len({v.links.get(m) for v in every for m in cluster}) == 1
    }
    pairs = {p for p in _in_all(v.pairs for v in every) if p.head in merge.mentions and p.tail in merge.mentions}
    return compose(merge, MERGED, merge.mentions, clusters, links, pairs, merge.stances)


def _together(merge: Merge) -> list[Cluster]:
    """The agreed mentions, those together that no pass separates."""
    parts: dict[tuple[Cluster, ...], list[Slot]] = defaultdict(list)
    for slot in merge.mentions:
        parts[tuple(v.clusters.get(slot, (slot,)) for v in merge.views.values())].append(slot)
    return [tuple(part) for part in parts.values()]


def versions(merge: Merge) -> list[Annotation]:
    """Every pass with the ids that all versions share, and last :func:`merged`."""
    out = []
    for name, v in merge.views.items():
        out.append(compose(merge, name, v.mentions, set(v.clusters.values()), v.links, v.pairs, v.stances))
    return [*out, merged(merge)]


def compose(
    merge: Merge,
    by: str,
    mentions: Mapping[Slot, Marked],
    clusters: Iterable[Cluster],
    links: Mapping[Slot, str | None],
    pairs: Iterable[Pair],
    stances: Iterable[Attitude],
    names: Names | None = None,
) -> Annotation:
    """An annotation in canonical form, from what is said of slots."""
    article, labels = merge.article, merge.labels
    names = names or merge.names
    text = article.text
    groups = sorted((c for c in clusters if c), key=lambda c: in_text(c[0]))
    entity = {s: cluster_name(merge, c, names) for c in groups for s in c}
    evidence: dict[tuple[str, str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for p in pairs:
        ends = (p.head, p.tail)
        if labels.symmetric(p.type) and entity[p.tail] < entity[p.head]:
            ends = (p.tail, p.head)
        head, tail = ends
        evidence[p.type, entity[head], entity[tail], p.factuality].add((names.slots[head], names.slots[tail]))
    value = Annotation(
        id=article.id,
        by=by,
        text_sha256=article.text_sha256 or sha256(text),
        mentions=tuple(
            Mention(id=names.slots[s], start=s.start, end=s.end, type=m.type, kind=m.kind, text=text[s.start : s.end])
            for s, m in mentions.items()
        ),
        entities=tuple(Entity(id=entity[c[0]], mentions=tuple(names.slots[s] for s in c), link=links.get(c[0])) for c in groups),
        relations=tuple(
            Relation(type=t, head=h, tail=tail, factuality=f, evidence=tuple(sorted(found)))
            for (t, h, tail, f), found in evidence.items()
        )
        if merge.attempted[0] or evidence
        else None,
        stances=tuple(
            Stance(
                id=names.stances[s],
                start=s.start,
                end=s.end,
                holder=s.holder if isinstance(s.holder, str) else names.slots[s.holder],
                target=names.slots[s.target],
                polarity=s.polarity,
                basis=s.basis,
            )
            for s in stances
        )
        if merge.attempted[1] or stances
        else None,
    )
    return canonical(fill(value, article), labels)


# ---------------------------------------------------------------------------- names


def cluster_name(merge: Merge, cluster: Cluster, names: Names) -> str:
    """The id of a cluster; of one that no version has, the id that the agreed mentions in it go by."""
    return names.clusters.get(cluster) or names.clusters[cluster_key(merge, cluster)]


def number(values: Iterable[T], letter: str, key: Callable[[T], object]) -> dict[T, str]:
    """Ids for values, in an order that depends on them alone."""
    # the key decides what can be sorted
    return {value: f"{letter}{i}" for i, value in enumerate(sorted(set(values), key=key), 1)}  # type: ignore[arg-type]


def _names(merge: Merge) -> Names:
    every = list(merge.views.values())
    slots = {s for v in every for s in v.mentions}
    keys = {cluster_key(merge, c) for v in every for c in v.clusters.values()}
    restricted = {within(block, merge.mentions): block for block in merge.blocks.values()}
    keys |= set(_together(merge)) - restricted.keys()
    clusters = number(keys, "e", place)
    clusters |= {part: clusters[block] for part, block in restricted.items() if part and part not in clusters}
    stances = {s for v in every for s in v.stances}
    return Names(number(slots, "m", in_text), clusters, number(stances, "s", place))
