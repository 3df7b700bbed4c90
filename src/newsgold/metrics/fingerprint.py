"""A digest of what scoring reads in a set of annotations.

Equal data have equal digests, whatever the format they came in, the order of
documents and items, and the ids of items; any change of a span, a label, a
cluster, a link, a relation or a stance changes it. Surfaces are not in it:
they follow from spans and text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from newsgold.metrics.arrays import Ints
from newsgold.metrics.columns import Columns, Spans, Vocabulary

Hashes = NDArray[np.uint64]


def fingerprint(columns: Columns, ignore: Spans, documents: Sequence[str], vocabulary: Vocabulary) -> str:
    """Hex SHA-256 over the documents' ids and hashes."""
    return digest(documents, contents(columns, ignore, documents, vocabulary))


def digest(documents: Sequence[str], hashes: Hashes) -> str:
    """Hex SHA-256 over documents' ids and hashes, in the order of the ids."""
    lines = sorted(f"{name} {number:016x}" for name, number in zip(documents, hashes.tolist(), strict=True))
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()


def contents(columns: Columns, ignore: Spans, documents: Sequence[str], vocabulary: Vocabulary) -> Hashes:
    """For each document a hash of what it holds: of the sum of its items' 64-bit hashes, and of its event's first document."""
    names = {section: _names(section, vocabulary.names[section]) for section in vocabulary.names}
    mentions, relations, stances = columns.mentions, columns.relations, columns.stances
    mention = mix(mentions.start, mentions.end, names["type"][mentions.type], names["kind"][columns.kind])
    entity = mix(_sums(columns.entity, mention, len(columns.entity_doc)), names["link"][columns.entity_link], columns.clustered)
    # rows −1, −2 and −3 are the author, an unnamed source and nothing
    entity, mention = (np.append(part, np.array([3, 2, 1], dtype=np.uint64)) for part in (entity, mention))
    symmetric = np.array([vocabulary.labels.symmetric(n) for n in vocabulary.names["relation"]] + [False], dtype=bool)
    unordered = symmetric[relations.type]
    head, tail = _sorted(entity[relations.head], entity[relations.tail], unordered)
    pairs = _sorted(mention[columns.pairs.head], mention[columns.pairs.tail], unordered[columns.pairs.relation])
    evidence = _sums(columns.pairs.relation, mix(*pairs), len(relations.doc))
    relation = mix(names["relation"][relations.type], head, tail, names["factuality"][relations.factuality], evidence)
    labels = (names["polarity"][stances.polarity], names["basis"][stances.basis])
    stance = mix(stances.start, stances.end, entity[stances.holder], entity[stances.target], *labels)
    whole: Hashes = np.zeros(columns.documents, dtype=np.uint64)
    for layer, (doc, item) in enumerate(
        (
            (mentions.doc, mention[:-3]),
            (columns.entity_doc, entity[:-3]),
            (relations.doc, relation),
            (stances.doc, stance),
            (ignore.doc, mix(ignore.start, ignore.end)),
        )
    ):
        whole = whole + _sums(doc, mix(item, np.uint64(layer)), columns.documents)
    for layer, attempted in enumerate(columns.attempted.values()):
        whole = mix(whole, attempted.astype(np.uint64), np.uint64(layer))
    first = _names("document", [documents[i] for i in columns.event.tolist()])[:-1]
    return mix(whole, first)


def _names(section: str, names: Sequence[str]) -> Hashes:
    """Hashes of the strings of a section; the last one, at −1, stands for none."""
    digests = [hashlib.sha256(f"{section}:{name}".encode("utf-8", "surrogatepass")).digest()[:8] for name in names]
    return np.array([int.from_bytes(d, "little") for d in digests] + [0], dtype=np.uint64)


def _sums(row: Ints, item: Hashes, rows: int) -> Hashes:
    """The sum of the items of each row, modulo 2**64."""
    out = np.zeros(rows, dtype=np.uint64)
    np.add.at(out, row, item)
    return out


def _sorted(a: Hashes, b: Hashes, unordered: NDArray[np.bool_]) -> tuple[Hashes, Hashes]:
    swap = unordered & (b < a)
    return np.where(swap, b, a), np.where(swap, a, b)


def mix(*parts: NDArray[np.generic] | np.uint64) -> Hashes:
    """One 64-bit hash a row from several numbers, by rounds of splitmix64 (Steele et al. 2014)."""
    out: Hashes = np.zeros(np.broadcast_shapes(*(np.shape(p) for p in parts)), dtype=np.uint64)
    for part in parts:
        x = out ^ np.asarray(part).astype(np.uint64)
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        out = x ^ (x >> np.uint64(31))
    return out
