"""From phrases, clusters and claims to an annotation: what the rules and the trained baseline share."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from newsgold.benchmark.baselines.predicates import Claim
from newsgold.benchmark.baselines.spotting import Tokens
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Entity, Mention, Relation


def mention(tokens: Tokens, i: int, first: int, end: int, type_name: str, kind: str) -> Mention:
    """The mention with index ``i`` over a half-open range of tokens."""
    start, stop = tokens.starts[first], tokens.ends[end - 1]
    return Mention(id=f"m{i + 1}", start=start, end=stop, type=type_name, kind=kind, text=tokens.text[start:stop])


def numbered(cluster: Iterable[int]) -> list[int]:
    """The cluster of each mention, with the clusters numbered by their first mention."""
    order: dict[int, int] = {}
    return [order.setdefault(c, len(order)) for c in cluster]


def entities(entity: Sequence[int]) -> tuple[Entity, ...]:
    """The entities from the number of each mention's."""
    members: dict[int, list[str]] = {}
    for i, number in enumerate(entity):
        members.setdefault(number, []).append(f"m{i + 1}")
    return tuple(Entity(id=f"e{number + 1}", mentions=tuple(ids)) for number, ids in members.items())


def entity_types(types: Iterable[str], entity: Sequence[int], labels: Labels) -> dict[int, str]:
    """The one type of each entity, as the inventory counts it, from the types of its mentions; empty where they mix."""
    found: dict[int, set[str]] = {}
    for type_name, number in zip(types, entity, strict=True):
        found.setdefault(number, set()).add(type_name)
    return {number: labels.cluster_type(of) or "" for number, of in found.items()}


def relations(found: Iterable[Claim], entity: Sequence[int], types: dict[int, str], labels: Labels) -> tuple[Relation, ...]:
    """Claims gathered by identity, with every pair of mentions as evidence; what the inventory forbids is left out."""
    evidence: dict[tuple[str, int, int, str], list[tuple[int, int]]] = {}
    for claim in found:
        head, tail = claim.head, claim.tail
        if labels.symmetric(claim.type) and entity[tail] < entity[head]:
            head, tail = tail, head
        if entity[head] != entity[tail] and _accepted(claim.type, types[entity[head]], types[entity[tail]], labels):
            evidence.setdefault((claim.type, entity[head], entity[tail], claim.factuality), []).append((head, tail))
    kept = [(key, pairs) for key, pairs in sorted(evidence.items()) if not _excluded(key, evidence, labels)]
    return tuple(
        Relation(
            type=key[0],
            head=f"e{key[1] + 1}",
            tail=f"e{key[2] + 1}",
            factuality=key[3],
            evidence=tuple((f"m{h + 1}", f"m{t + 1}") for h, t in sorted(set(pairs))),
        )
        for key, pairs in kept
    )


def _accepted(relation: str, head: str, tail: str, labels: Labels) -> bool:
    """Whether the inventory lets entities of these types stand in the relation."""
    label = labels.relations.get(relation)
    return label is not None and labels.accepts(label.domain, head) and labels.accepts(label.range, tail)


def _excluded(key: tuple[str, int, int, str], found: Container[tuple[str, int, int, str]], labels: Labels) -> bool:
    """Whether another claim about the pair excludes an asserted one."""
    relation, head, tail, factuality = key
    if factuality != "asserted":
        return False
    excluders = (r.name for r in labels.relations.values() if relation in r.excludes)
    return any((other, *pair, "asserted") in found for other in excluders for pair in ((head, tail), (tail, head)))
