"""DWIE's evaluator at 575e0be: entities, relations and coreference of whole documents.

Source: Zaporojets et al. 2021, section 4 on evaluation. A document has mentions (``begin``, ``end``, ``concept``),
concepts (``tags``) and relations between concepts (``s``, ``p``, ``o``). Each layer is scored three times: by mentions;
*soft*, where a cluster earns the share of its mentions that gold has; *hard*, where the whole cluster must be the same.
The hard scores compare clusters as lists, so that they change with the order in which mentions are listed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.clusters import Side, b_cubed, ceaf, muc, owners
from newsgold.metrics.compat.shared import PeerFault, field, json_records, listed, many, ours, repeats, scores, shown

Mention = tuple[int, int]


class Document(NamedTuple):
    """One side of a document: its clusters and what it says of them, in list order."""

    clusters: dict[int, list[Mention]]
    """Mentions by concept; concepts without mentions are left out."""
    tags: list[tuple[int, str]]
    """(concept, tag), of concepts without mentions too; these are passed over in scoring."""
    relations: list[tuple[int, str, int]]
    mention_tags: list[tuple[Mention, str]]
    mention_relations: list[tuple[Mention, str, Mention]]


class Inputs(NamedTuple):
    """Documents of gold, and the predictions for them."""

    gold: list[Document]
    pred: list[Document]


def read(gold: Path, pred: Path) -> Inputs:
    """The documents of gold, in both files; those that only the prediction has are left out."""
    g, p = _documents(gold, gold=True), _documents(pred, gold=False)
    missing = sorted(g.keys() - p.keys())
    if missing:
        raise PeerFault(f"{pred}: there is no prediction for {quote(missing[0])}; predict every document")
    return Inputs(list(g.values()), [p[name] for name in g])


def _documents(path: Path, *, gold: bool) -> dict[str, Document]:
    return {
        field(record, "id", str, str(path)): _document(record, f"{path}: {quote(record['id'])}", gold)
        for record in json_records(path)
    }


def _document(record: dict[str, Any], where: str, gold: bool) -> Document:
    found = [_mention(item, where) for item in field(record, "mentions", list, where)]
    clusters: dict[int, list[Mention]] = defaultdict(list)
    for mention, concept, _ in found:
        clusters[concept].append(mention)
    concepts = enumerate(listed(record, "concepts", dict, where))
    tags = [item for i, concept in concepts for item in _tags(concept, i, where)]
    relations = [_relation(item, where) for item in field(record, "relations", list, where)]
    if gold:
        return _gold(clusters, tags, relations)
    spans = [mention for mention, _, _ in found]
    pairs = [_relation(item, where) for item in listed(record, "mention_relations", dict, where, default=[])]
    if any(i not in range(len(spans)) for s, _, o in pairs for i in (s, o)):
        raise PeerFault(f"{where}: a mention relation names a mention that is not there")
    return Document(
        dict(clusters),
        tags,
        relations,
        [(mention, tag) for mention, _, own in found for tag in own],
        [(spans[s], p, spans[o]) for s, p, o in pairs],
    )


def _gold(clusters: dict[int, list[Mention]], tags: list[tuple[int, str]], relations: list[tuple[int, str, int]]) -> Document:
    """In gold every mention has the tags of its concept, and every pair of mentions the relations of theirs."""
    by_concept = defaultdict(list)
    for concept, tag in tags:
        by_concept[concept].append(tag)
    mention_tags = [(m, tag) for concept, cluster in clusters.items() for m in cluster for tag in by_concept[concept]]
    pairs = [(a, p, b) for s, p, o in relations for a in clusters.get(s, ()) for b in clusters.get(o, ())]
    return Document(dict(clusters), tags, relations, mention_tags, pairs)


def _mention(item: Any, where: str) -> tuple[Mention, int, list[str]]:
    span = field(item, "begin", int, where), field(item, "end", int, where)
    return span, field(item, "concept", int, where), listed(item, "tags", str, where, default=[])


def _tags(concept: Any, at: int, where: str) -> list[tuple[int, str]]:
    """The tags of a concept, which is known by its number or its place."""
    tags = listed(concept, "tags", str, where, default=[])
    number = field({"concept": at, **concept}, "concept", int, where)
    return [(number, tag) for tag in tags]


def _relation(item: Any, where: str) -> tuple[int, str, int]:
    return field(item, "s", int, where), field(item, "p", str, where), field(item, "o", int, where)


def score(inputs: Inputs) -> dict[str, Any]:
    """Precision, recall and F1 of each layer, and the counts (TP, FP, FN) of those that have whole numbers.

    Edge cases: 0/0 is 0. A repeated mention with a tag is a true positive again; repeated relations count once.
    """
    documents = list(zip(*inputs, strict=True))
    counts = {name: _counts(layer, documents) for name, layer in _COUNTED.items()}
    sides = {name: [layer(gold, pred) for gold, pred in documents] for name, layer in _SHARED.items()}
    return {
        **{name: _from_counts(found) for name, found in counts.items()},
        **{name: _from_sides(found) for name, found in sides.items()},
        "counts": {name: list(found) for name, found in counts.items()},
    }


class Found(NamedTuple):
    """True positives, false positives, false negatives."""

    right: int
    wrong: int
    missed: int


Items = list[Hashable]
Pair = tuple[Document, Document]


def _counts(layer: Callable[[Document], Items], documents: Iterable[Pair]) -> Found:
    total = Counter[int]()
    for gold, pred in documents:
        g, p = layer(gold), layer(pred)
        in_gold, in_pred = set(g), set(p)
        right = sum(item in in_gold for item in p)
        total.update(dict(enumerate((right, len(p) - right, sum(item not in in_pred for item in g)))))
    return Found(total[0], total[1], total[2])


def _from_counts(found: Found) -> dict[str, float]:
    return scores(found.right, found.right + found.wrong, found.right, found.right + found.missed)


def _from_sides(sides: list[tuple[Side, Side]]) -> dict[str, float]:
    precision, recall = [p for p, _ in sides], [r for _, r in sides]
    return scores(*(sum(side[part] for side in one) for one in (precision, recall) for part in (0, 1)))


def _hard_tags(document: Document) -> Items:
    """Clusters with a tag, each a list of mentions in the order of the document's list."""
    return [(tuple(document.clusters[i]), tag) for i, tag in document.tags if i in document.clusters]


def _hard_relations(document: Document) -> Items:
    """Distinct relations between concepts, their clusters as lists; a concept without mentions is an empty one."""
    lists = {i: tuple(cluster) for i, cluster in document.clusters.items()}
    return [(lists.get(s, ()), p, lists.get(o, ())) for s, p, o in dict.fromkeys(document.relations)]


_COUNTED: dict[str, Callable[[Document], Items]] = {
    "ner_mention": lambda document: list(document.mention_tags),
    "ner_hard": _hard_tags,
    "rel_mention": lambda document: list(dict.fromkeys(document.mention_relations)),
    "rel_hard": _hard_relations,
}


def _soft_tags(gold: Document, pred: Document) -> tuple[Side, Side]:
    """For each cluster with a tag the share of its mentions that have the tag on the other side."""
    return _tag_share(pred, gold), _tag_share(gold, pred)


def _tag_share(own: Document, other: Document) -> Side:
    known = {(m, tag) for i, tag in other.tags for m in other.clusters.get(i, ())}
    parts = [(set(own.clusters[i]), tag) for i, tag in own.tags if i in own.clusters]
    return Side(sum(sum((m, tag) in known for m in cluster) / len(cluster) for cluster, tag in parts), len(parts))


def _soft_relations(gold: Document, pred: Document) -> tuple[Side, Side]:
    """For each relation the share of its mention pairs that have it on the other side; without mentions it is left out."""
    return _relation_share(pred, gold), _relation_share(gold, pred)


def _pairs(document: Document, s: int, o: int) -> set[tuple[Mention, Mention]]:
    return {(a, b) for a in document.clusters.get(s, ()) for b in document.clusters.get(o, ())}


def _relation_share(own: Document, other: Document) -> Side:
    known = {(p, pair) for s, p, o in other.relations for pair in _pairs(other, s, o)}
    pairs = [(p, _pairs(own, s, o)) for s, p, o in dict.fromkeys(own.relations)]
    said = [(p, found) for p, found in pairs if found]
    return Side(sum(sum((p, pair) in known for pair in found) / len(found) for p, found in said), len(said))


def _muc(gold: Document, pred: Document) -> tuple[Side, Side]:
    g, p = list(gold.clusters.values()), list(pred.clusters.values())
    return muc(p, owners(g)), muc(g, owners(p))


def _b_cubed(gold: Document, pred: Document) -> tuple[Side, Side]:
    g, p = list(gold.clusters.values()), list(pred.clusters.values())
    return b_cubed(p, owners(g)), b_cubed(g, owners(p))


def _ceafe(gold: Document, pred: Document) -> tuple[Side, Side]:
    g, p = list(gold.clusters.values()), list(pred.clusters.values())
    similar = ceaf(g, p, entity=True)
    return Side(similar, len(p)), Side(similar, len(g))


_SHARED: dict[str, Callable[[Document, Document], tuple[Side, Side]]] = {
    "ner_soft": _soft_tags,
    "rel_soft": _soft_relations,
    "coref_muc": _muc,
    "coref_b3": _b_cubed,
    "coref_ceafe": _ceafe,
}


def explain(inputs: Inputs) -> list[str]:
    """What listing order and repetitions do here."""
    numbers, backwards = score(inputs), score(turned(inputs))
    gold, pred = ([(i, *item) for i, document in enumerate(side) for item in document.mention_tags] for side in inputs)
    out = [f"ner_mention F1: dwie {numbers['ner_mention']['f1']:.4f}, ours {shown(ours(gold, pred).f1)}"]
    known = set(gold)
    again = sum(item in known for item in pred) - len(known & set(pred))
    if again:
        out.append(
            f"{many(again, 'repeated prediction')} of tagged mentions counted as true positives; with us they match nothing"
        )
    for name in ("ner_hard", "rel_hard"):
        before, after = numbers[name]["f1"], backwards[name]["f1"]
        if before != after:
            out.append(f"order: listing the predicted mentions in reverse moves {name} F1 from {before:.4f} to {after:.4f}")
    merged = sum(repeats(document.relations) for document in inputs.pred)
    if merged:
        out.append(f"{many(merged, 'repeated relation')} merged in silence; with us each counts as predicted and matches nothing")
    if len(out) == 1:
        out.append("nothing on this input parts dwie from ours")
    return out


def turned(inputs: Inputs) -> Inputs:
    """The same with the predicted mentions listed in reverse."""
    pred = [d._replace(clusters={i: cluster[::-1] for i, cluster in reversed(d.clusters.items())}) for d in inputs.pred]
    return Inputs(inputs.gold, pred)
