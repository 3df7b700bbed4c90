"""Where annotators disagree, item by item, the costliest first.

Items are grouped so that one disagreement is one thing to talk about:

    mentions      overlapping mentions that not all annotators have: other type, other boundary, or missing
    coreference   mentions that all have, put together by one and apart by another
    links         a cluster that all have, with other links
    relations     what annotators say of a pair of entities: other type, direction or factuality, or missing
    stance        what they say of a pair of holder and target: other polarity, or missing

In relations and stance, entities are taken as the same where they share a span,
directly or through a third annotator's, so that a disagreement about clusters is
listed once and not again with every relation. Mention kinds, evidence and the
words of a stance are not listed.

The cost of a disagreement is the number of pairs of annotators that differ times
the number of items that cannot agree because of it: disputed mentions with the
relations and stances that rest on them, mentions that would have to change
clusters, mentions of a link, relations, stances. The list is ranked by cost, then by layer in the order above,
document, place and kind.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.annotation.passes import Passes
from newsgold.annotation.task_stream import read_values
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Mention
from newsgold.errors import UsageError
from newsgold.metrics.batch import Source

LAYERS = ("mentions", "coreference", "links", "relations", "stance")
"""In the order of ranking."""

Span = tuple[int, int]


class Variant(NamedTuple):
    """What some annotators say, and the others do not."""

    annotators: tuple[str, ...]
    items: tuple[Mapping[str, Any], ...]
    """Empty where they say nothing."""


class Disagreement(NamedTuple):
    """One thing on which annotators differ."""

    doc: str
    layer: str
    kind: str
    start: int
    """Where in the text it begins; spans are half-open."""
    end: int
    cost: int
    variants: tuple[Variant, ...]
    links: tuple[str, ...] = ()
    """Where its document is in Label Studio."""

    def to_dict(self) -> dict[str, Any]:
        """The disagreement as it is printed for machines."""
        return {**self._asdict(), "variants": [v._asdict() for v in self.variants], "links": list(self.links)}


def disagreements(
    passes: Passes, labels: Labels, kinds: Collection[str], links: Mapping[str, Sequence[str]] | None = None
) -> list[Disagreement]:
    """Every disagreement, ranked.

    Args:
        passes: The passes; documents that only one annotator has give none.
        labels: The inventory.
        kinds: The mention kinds that are compared.
        links: For documents the addresses of their tasks.
    """
    found: list[Disagreement] = []
    for doc in passes.documents:
        values = passes.values(doc)
        if len(values) > 1:
            text = passes.articles[doc].text if doc in passes.articles else None
            ignore = {*(r for a in values.values() for r in a.ignore), *(passes.articles[doc].ignore if text is not None else ())}
            views = {name: _View(a, text, ignore, labels, kinds) for name, a in values.items()}
            where = tuple((links or {}).get(doc, ()))
            found += (d._replace(doc=doc, links=where) for d in _of_document(views))
    return sorted(found, key=lambda d: (-d.cost, LAYERS.index(d.layer), d.doc, d.start, d.end, d.kind))


def task_links(sources: Iterable[Source], url: str) -> dict[str, tuple[str, ...]]:
    """For each document the addresses of its tasks in a running server, as raw exports beside the passes name them.

    ``annotation pull`` keeps them in the folder ``raw`` of what it writes. Without them there are no links.

    Raises:
        UsageError: the address is none of a server.
    """
    base = url.rstrip("/")
    if not base.startswith(("http://", "https://")) or not base.isprintable() or " " in base:
        raise UsageError("the address of a server begins with http:// or https://")
    paths = [Path(s) for s in sources if isinstance(s, (str, Path))]
    folders = {(path if path.is_dir() else path.parent) / "raw" for path in paths}
    out: dict[str, list[str]] = defaultdict(list)
    for file in sorted(file for folder in folders if folder.is_dir() for file in folder.glob("*.json")):
        for row in read_values(file):
            task = row.value if isinstance(row.value, dict) else {}
            data = task.get("data")
            number, project = task.get("id"), task.get("project")
            doc = data.get("doc_id") if isinstance(data, dict) else None
            if isinstance(doc, str) and type(number) is int and type(project) is int:
                out[doc].append(f"{base}/projects/{project}/data?task={number}")
    return {doc: tuple(dict.fromkeys(found)) for doc, found in out.items()}


# ------------------------------------------------------------------- one document


class _View:
    """One annotator's annotation, without what lies in duplicate regions."""

    def __init__(
        self, annotation: Annotation, text: str | None, ignore: Collection[Span], labels: Labels, kinds: Collection[str]
    ) -> None:
        self.annotation, self.text, self.labels = annotation, text, labels
        inside = [m for m in annotation.mentions or () if any(a <= m.start and m.end <= b for a, b in ignore)]
        gone = {id(m) for m in inside}
        self.mentions = [m for m in annotation.mentions or () if id(m) not in gone]
        self.by_id = {m.id: m for m in self.mentions if m.id is not None}
        self.claims = {(m.start, m.end, m.type) for m in self.mentions if labels.kind(m.type, m.kind) in kinds}
        self.surface = {(m.start, m.end): self._surface(m) for m in self.mentions}
        self.clusters = self._clusters()
        times = Counter((m.start, m.end) for m in self.mentions)
        self.cluster_of = {span: number for number, (spans, _) in enumerate(self.clusters) for span in spans if times[span] == 1}
        self.entities = {e.id: tuple(m for m in e.mentions if m in self.by_id) for e in annotation.entities or ()}

    def _surface(self, mention: Mention) -> str:
        if mention.text is not None:
            return mention.text
        return "" if self.text is None else self.text[mention.start : mention.end]

    def _clusters(self) -> list[tuple[frozenset[Span], str | None]]:
        out: list[tuple[frozenset[Span], str | None]] = []
        listed: set[int] = set()
        for entity in self.annotation.entities or ():
            members = [self.by_id[m] for m in entity.mentions if m in self.by_id]
            listed.update(id(m) for m in members)
            out.append((frozenset((m.start, m.end) for m in members), entity.link))
        out += [(frozenset([(m.start, m.end)]), None) for m in self.mentions if id(m) not in listed]
        return [(spans, link) for spans, link in out if spans]

    def rests(self) -> Counter[Span]:
        """How many pairs of evidence and stances name each span."""
        a = self.annotation
        named = [m for r in a.relations or () for pair in r.evidence or () for m in pair]
        named += [m for s in a.stances or () for m in (s.holder, s.target)]
        return Counter((self.by_id[m].start, self.by_id[m].end) for m in named if m in self.by_id)

    def first(self, argument: str) -> Span | None:
        """The first span of what an argument names."""
        members = [self.by_id[argument]] if argument in self.by_id else [self.by_id[m] for m in self.entities.get(argument, ())]
        return min(((m.start, m.end) for m in members), default=None)


def _of_document(views: Mapping[str, _View]) -> Iterator[Disagreement]:
    def those(*layers: str) -> dict[str, _View]:
        return {
            n: v for n, v in views.items() if all(getattr(v.annotation, layer) is not None for layer in ("mentions", *layers))
        }

    surface = {span: text for view in views.values() for span, text in view.surface.items()}
    same = _entities(views.values())
    for some, find in (
        (those(), _mentions),
        (those("entities"), _coreference),
        (those("relations"), lambda chosen: _relations(chosen, same, surface)),
        (those("stances"), lambda chosen: _stances(chosen, same, surface)),
    ):
        if len(some) > 1:
            yield from find(some)


def _disagreement(
    layer: str, kind: str, span: Span, weight: int, says: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Disagreement:
    groups: dict[str, list[str]] = defaultdict(list)
    for name, items in says.items():
        groups[repr(items)].append(name)
    variants = [Variant(tuple(names), tuple(says[names[0]])) for names in groups.values()]
    variants.sort(key=lambda v: (not v.items, -len(v.annotators), v.annotators))
    m = len(says)
    pairs = m * (m - 1) // 2 - sum(len(v.annotators) * (len(v.annotators) - 1) // 2 for v in variants)
    return Disagreement("", layer, kind, *span, pairs * max(weight, 1), tuple(variants))


def _mentions(views: Mapping[str, _View]) -> Iterator[Disagreement]:
    claims = [view.claims for view in views.values()]
    disputed = sorted({c for own in claims for c in own if not all(c in other for other in claims)})
    rests = {name: view.rests() for name, view in views.items()}
    for group in _overlapping(disputed):
        own = {name: [c for c in group if c in view.claims] for name, view in views.items()}
        spans = {name: {(s, e) for s, e, _ in items} for name, items in own.items()}
        if all(other == next(iter(spans.values())) for other in spans.values()):
            kind = "type"
        else:
            kind = "boundary" if all(spans.values()) else "missing"
        weight = max(len(own[name]) + sum(rests[name][span] for span in spans[name]) for name in own)
        says = {
            name: [{"start": s, "end": e, "type": t, "text": views[name].surface[s, e]} for s, e, t in items]
            for name, items in own.items()
        }
        yield _disagreement("mentions", kind, (group[0][0], max(e for _, e, _ in group)), weight, says)


def _overlapping(claims: Sequence[tuple[int, int, str]]) -> Iterator[list[tuple[int, int, str]]]:
    """Sorted mentions in groups that overlap, directly or through others."""
    group: list[tuple[int, int, str]] = []
    reach = 0
    for claim in claims:
        if group and claim[0] >= reach:
            yield group
            group = []
        group.append(claim)
        reach = max(reach, claim[1]) if len(group) > 1 else claim[1]
    if group:
        yield group


class _Union:
    """Things joined into classes, each of which is named by its least member."""

    def __init__(self) -> None:
        self.parent: dict[Any, Any] = {}

    def find(self, x: Any) -> Any:
        self.parent.setdefault(x, x)
        root = x
        while self.parent[root] != root:
            root = self.parent[root]
        while self.parent[x] != root:
            self.parent[x], x = root, self.parent[x]
        return root

    def join(self, a: Any, b: Any) -> None:
        low, high = sorted((self.find(a), self.find(b)))
        self.parent[high] = low


def _coreference(views: Mapping[str, _View]) -> Iterator[Disagreement]:
    common: set[Span] = set.intersection(*(set(view.cluster_of) for view in views.values()))
    union = _Union()
    for view in views.values():
        for cluster, _ in view.clusters:
            own = sorted(cluster & common)
            for span in own:
                union.join(own[0], span)
    together: dict[Span, list[Span]] = defaultdict(list)
    for span in sorted(common):
        together[union.find(span)].append(span)
    surface = next(iter(views.values())).surface
    for spans in together.values():
        cells = {name: _parted(spans, view.cluster_of.__getitem__) for name, view in views.items()}
        first = next(iter(cells.values()))
        if all(cell == first for cell in cells.values()):
            yield from _links(views, first)
            continue
        meet = _parted(spans, lambda span: tuple(view.cluster_of[span] for view in views.values()))
        says = {
            name: [{"mentions": [list(s) for s in cell], "texts": [surface[s] for s in cell]} for cell in own]
            for name, own in cells.items()
        }
        weight = len(spans) - max(map(len, meet))
        yield _disagreement("coreference", "clusters", (spans[0][0], spans[-1][1]), weight, says)


def _parted(spans: Sequence[Span], of: Callable[[Span], Hashable]) -> list[list[Span]]:
    cells: dict[Hashable, list[Span]] = defaultdict(list)
    for span in spans:
        cells[of(span)].append(span)
    return list(cells.values())


def _links(views: Mapping[str, _View], cells: Sequence[Sequence[Span]]) -> Iterator[Disagreement]:
    for cell in cells:
        link = {name: view.clusters[view.cluster_of[cell[0]]][1] for name, view in views.items()}
        if len(set(link.values())) > 1:
            surface = next(iter(views.values())).surface[cell[0]]
            says = {name: [{"link": value, "text": surface}] if value else [] for name, value in link.items()}
            yield _disagreement("links", "link", cell[0], len(cell), says)


def _entities(views: Iterable[_View]) -> _Union:
    """Spans joined that any annotator has in one cluster."""
    union = _Union()
    for view in views:
        for spans, _ in view.clusters:
            first = min(spans)
            for span in spans:
                union.join(first, span)
    return union


def _relations(views: Mapping[str, _View], same: _Union, surface: Mapping[Span, str]) -> Iterator[Disagreement]:
    says: dict[tuple[Span, Span], dict[str, set[tuple[str, str, Span, Span]]]] = defaultdict(lambda: defaultdict(set))
    for name, view in views.items():
        for r in view.annotation.relations or ():
            ends = [view.first(r.head), view.first(r.tail)]
            if ends[0] is None or ends[1] is None:
                continue
            head, tail = (same.find(span) for span in ends)
            if view.labels.symmetric(r.type) and tail < head:
                head, tail = tail, head
            says[min(head, tail), max(head, tail)][name].add((r.type, r.factuality, head, tail))
    for pair, own in says.items():
        every = [own.get(name, set()) for name in views]
        if all(other == every[0] for other in every):
            continue
        if not all(every):
            kind = "missing"
        elif _equal({t for t, *_ in e} for e in every):
            kind = "factuality" if _equal({(t, h, g) for t, _, h, g in e} for e in every) else "direction"
        else:
            kind = "type"
        items = {
            name: [
                {"type": t, "factuality": f, "head": list(h), "tail": list(g), "texts": [surface[h], surface[g]]}
                for t, f, h, g in sorted(own.get(name, ()))
            ]
            for name in views
        }
        weight = max(len(a ^ b) - min(len(a - b), len(b - a)) for a, b in combinations(every, 2))
        yield _disagreement("relations", kind, pair[0], weight, items)


def _equal(values: Iterable[object]) -> bool:
    first, *rest = values
    return all(other == first for other in rest)


def _stances(views: Mapping[str, _View], same: _Union, surface: Mapping[Span, str]) -> Iterator[Disagreement]:
    says: dict[tuple[Any, Span], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for name, view in views.items():
        for s in view.annotation.stances or ():
            target = view.first(s.target)
            holder: Any = s.holder if s.holder in (AUTHOR, UNKNOWN) else view.first(s.holder)
            if target is None or holder is None:
                continue
            holder = holder if isinstance(holder, str) else same.find(holder)
            says[holder, same.find(target)][name].add(s.polarity)
    for (holder, target), own in says.items():
        every = [own.get(name, set()) for name in views]
        if all(other == every[0] for other in every):
            continue
        who = holder if isinstance(holder, str) else list(holder)
        texts = [holder if isinstance(holder, str) else surface[holder], surface[target]]
        items = {
            name: [{"holder": who, "target": list(target), "polarity": p, "texts": texts} for p in sorted(own.get(name, ()))]
            for name in views
        }
        weight = max(max(len(a - b), len(b - a)) for a, b in combinations(every, 2))
        yield _disagreement("stance", "polarity" if all(every) else "missing", target, weight, items)
