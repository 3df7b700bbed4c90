"""Annotations as columns: from JSONL, Parquet or values to arrays of integers.

The columnar road has one gate, :data:`SCHEMA`: whatever the source, it becomes
an Arrow table of that schema, and :func:`columns` resolves ids to row numbers
for all documents at once.

    mentions   one row each; ``entity`` is the row of its cluster
    entities   clusters, and a singleton for each mention that no cluster lists
    relations  arguments are entity rows
    pairs      one row for each mention pair that a relation rests on
    stances    holder and target are entity rows, or AUTHOR and UNKNOWN

Rows that name what does not exist get the argument NOWHERE and match nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as default
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from newsgold.corpus.labels import Labels
from newsgold.corpus.model import LAYERS
from newsgold.metrics.arrays import Bools, Ints, pack
from newsgold.metrics.arrow import field, flat, ints, valid
from newsgold.metrics.links import NOWHERE, Argument, Links, links

__all__ = [
    "AUTHOR_ROW", "NOWHERE", "UNKNOWN_ROW", "Columns", "Pairs", "Relations", "Spans", "Stances", "Vocabulary",
    "columns", "ignored", "mark_faulty", "without",
]  # fmt: skip

AUTHOR_ROW = -1
UNKNOWN_ROW = -2
"""Entity rows that stand for the article's own voice and for an unnamed source; NOWHERE is a dangling id."""


class Spans(NamedTuple):
    """Typed spans, one row each; ends are exclusive, all columns int64."""

    doc: Ints
    start: Ints
    end: Ints
    type: Ints

    def take(self, rows: Ints | Bools | slice) -> Spans:
        """The chosen rows."""
        return Spans(*(column[rows] for column in self))


class Relations(NamedTuple):
    """Relations, one row each; head and tail are entity rows."""

    doc: Ints
    type: Ints
    head: Ints
    tail: Ints
    factuality: Ints
    head_name: Ints
    """The number of the head's id among the ids of the columns; NOWHERE if the relation is at fault."""
    tail_name: Ints


class Pairs(NamedTuple):
    """Mention pairs that relations rest on; a mention row of NOWHERE matches nothing."""

    relation: Ints
    head: Ints
    tail: Ints


class Stances(NamedTuple):
    """Stances, one row each; a start of NOWHERE means that there is no span."""

    doc: Ints
    start: Ints
    end: Ints
    holder: Ints
    target: Ints
    polarity: Ints
    basis: Ints


@dataclass(frozen=True)
class Columns:
    """A set of annotations as columns; see the module's docstring."""

    documents: int
    event: Ints
    """For each document the first one of its event; itself where it has none. The gold's holds for predictions too."""
    attempted: Mapping[str, Bools]
    """For each layer, which documents attempted it."""
    mentions: Spans
    kind: Ints
    entity: Ints
    """For each mention the row of its entity."""
    entity_doc: Ints
    entity_link: Ints
    """A number for the link, −1 where it is NIL."""
    clustered: Bools
    """For each entity, whether it was listed as one (or stands for a mention left out of a list of entities)."""
    relations: Relations
    pairs: Pairs
    stances: Stances
    surface: Ints
    """For each mention the number of its text, −1 where that is unknown or was not asked for."""
    ids: Sequence[str]
    """The id strings of this side."""
    entity_name: Ints
    """For each entity the number of its id, −1 where it has none."""
    removed: Mapping[str, int] = default(default_factory=dict)
    """How many items of each layer were set aside because they lie in duplicate regions."""


class Vocabulary:
    """Numbers for the strings of one scoring run, shared by gold and predictions: the inventory's first."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.names: dict[str, list[str]] = {
            "type": list(labels.types),
            "kind": list(labels.kinds),
            "relation": list(labels.relations),
            "factuality": list(labels.factualities),
            "polarity": list(labels.polarities),
            "basis": list(labels.bases),
            "link": [],
            "event": [],
            "surface": [],
        }
        self._codes = {name: {v: i for i, v in enumerate(values)} for name, values in self.names.items()}

    def code(self, section: str, value: str) -> int:
        """The number of a string, a new one if it has none yet."""
        codes = self._codes[section]
        if value not in codes:
            codes[value] = len(codes)
            self.names[section].append(value)
        return codes[value]

    def encode(self, section: str, values: pa.Array, default: str | None = None) -> Ints:
        """The numbers of a column of strings; null is the default's number, or −1."""
        coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        table = np.array([self.code(section, v) for v in coded.dictionary.to_pylist()], dtype=np.int64)
        table = np.append(table, -1 if default is None else self.code(section, default))
        return table[ints(coded.indices, -1)]


# ---------------------------------------------------------------------- resolving


def columns(
    table: pa.Table,
    documents: Sequence[str],
    vocabulary: Vocabulary,
    resolved: Links | None = None,
    *,
    surfaces: bool = False,
) -> Columns:
    """The columns of a table whose records are all of ``documents``, numbered by their place there.

    ``resolved`` are the table's links, if they are at hand; with ``surfaces`` the texts of mentions are numbered too.
    """
    place = {name: i for i, name in enumerate(documents)}
    number = np.array([place[name] for name in table["id"].to_pylist()], dtype=np.int64)
    found = resolved or links(table)
    items, row = found.items, found.row
    mentions, relations, stances = items["mentions"], items["relations"], items["stances"]
    spans = Spans(
        number[row["mentions"]],
        ints(field(mentions, "start")),
        ints(field(mentions, "end")),
        vocabulary.encode("type", field(mentions, "type")),
    )
    cluster = _clusters(found, number, valid(table["entities"]))
    link = vocabulary.encode("link", field(items["entities"], "link"))
    singles = len(cluster.doc) - len(link)
    known = np.append(cluster.of_mention, [NOWHERE] * 3)

    def entity(argument: Argument) -> Ints:
        """The entity that an argument stands for: the one it names, or its mention's."""
        return np.where(argument.entity >= 0, argument.entity, known[argument.mention])

    author, unknown = found.holder.id == found.author, found.holder.id == found.unknown
    holder = np.where(author, AUTHOR_ROW, np.where(unknown, UNKNOWN_ROW, entity(found.holder)))
    kind_of = np.array([vocabulary.code("kind", vocabulary.labels.kind(name)) for name in vocabulary.names["type"]] + [-1])
    kind = vocabulary.encode("kind", field(mentions, "kind"))
    return Columns(
        documents=len(documents),
        event=_events(table["event"], vocabulary, number, len(documents)),
        attempted={name: _attempted(table[name], number, len(documents)) for name in LAYERS},
        mentions=spans,
        kind=np.where(kind < 0, kind_of[spans.type], kind),
        entity=cluster.of_mention,
        entity_doc=cluster.doc,
        entity_link=np.concatenate([link, np.full(singles, -1)]),
        clustered=cluster.listed,
        relations=Relations(
            number[row["relations"]],
            vocabulary.encode("relation", field(relations, "type")),
            entity(found.head),
            entity(found.tail),
            vocabulary.encode("factuality", field(relations, "factuality"), "asserted"),
            found.head.id,
            found.tail.id,
        ),
        pairs=_pairs(found),
        stances=Stances(
            number[row["stances"]],
            ints(field(stances, "start"), NOWHERE),
            ints(field(stances, "end"), NOWHERE),
            holder,
            entity(found.target),
            vocabulary.encode("polarity", field(stances, "polarity")),
            vocabulary.encode("basis", field(stances, "basis"), "explicit"),
        ),
        surface=vocabulary.encode("surface", field(mentions, "text")) if surfaces else np.full(len(spans.doc), -1),
        ids=found.names,
        entity_name=np.concatenate([found.own["entities"], np.full(singles, -1)]),
    )


def _events(column: pa.ChunkedArray, vocabulary: Vocabulary, number: Ints, documents: int) -> Ints:
    """For each document the first one of its event; a document without one is an event of its own."""
    codes = [vocabulary.encode("event", chunk) for chunk in column.chunks]
    code = np.concatenate([np.zeros(0, dtype=np.int64), *codes])
    known = code >= 0
    code, number = code[known], number[known]
    first = np.full(int(code.max(initial=-1)) + 1, documents)
    np.minimum.at(first, code, number)
    out = np.arange(documents)
    out[number] = first[code]
    return out


def _attempted(column: pa.ChunkedArray, number: Ints, documents: int) -> Bools:
    out = np.zeros(documents, dtype=bool)
    out[number[valid(column)]] = True
    return out


class _Clusters(NamedTuple):
    of_mention: Ints
    doc: Ints
    listed: Bools


def _clusters(found: Links, number: Ints, attempted: Bools) -> _Clusters:
    """The entity of every mention: the one that lists it, or a singleton added behind the listed ones.

    Added singletons count as clusters where the record attempted entities at all.
    """
    m_row, e_row = found.row["mentions"], found.row["entities"]
    of_mention = np.full(len(m_row), NOWHERE)
    there = found.member >= 0
    of_mention[found.member[there][::-1]] = found.member_entity[there][::-1]
    alone = np.flatnonzero(of_mention < 0)
    of_mention[alone] = len(e_row) + np.arange(len(alone))
    listed = np.concatenate([np.ones(len(e_row), dtype=bool), attempted[m_row[alone]]])
    return _Clusters(of_mention, np.concatenate([number[e_row], number[m_row[alone]]]), listed)


def _pairs(found: Links) -> Pairs:
    """The mention pairs of relations: the evidence, else the two arguments if both are mentions, else NOWHERE."""
    bare = np.ones(len(found.head.id), dtype=bool)
    bare[found.pair_relation] = False
    rest = np.flatnonzero(bare)
    head, tail = (np.where(a.entity[rest] >= 0, NOWHERE, a.mention[rest]) for a in (found.head, found.tail))
    whole = (head >= 0) & (tail >= 0)
    return Pairs(
        np.concatenate([found.pair_relation, rest]),
        np.concatenate([found.pairs[:, 0], np.where(whole, head, NOWHERE)]),
        np.concatenate([found.pairs[:, 1], np.where(whole, tail, NOWHERE)]),
    )


# ------------------------------------------------------------- what is set aside


def ignored(table: pa.Table, documents: Sequence[str]) -> Spans:
    """The spans of the duplicate regions that a table records, by document number."""
    place = {name: i for i, name in enumerate(documents)}
    number = np.array([place.get(name, -1) for name in table["id"].to_pylist()], dtype=np.int64)
    regions, row = flat(table["ignore"])
    ends = ints(pc.list_flatten(regions)).reshape(-1, 2)
    spans = Spans(number[row], ends[:, 0], ends[:, 1], np.zeros(len(row), dtype=np.int64))
    return spans.take(spans.doc >= 0)


def without(columns: Columns, ignore: Spans) -> Columns:
    """The columns without the items that lie wholly inside ``ignore``, and without what depends on them.

    A cluster goes with its last mention; a relation with an argument, or with all of its evidence; a
    stance with its span, its holder or its target.
    """
    if len(ignore.doc) == 0:
        return columns
    gone = _inside(columns.mentions.doc, columns.mentions.start, columns.mentions.end, ignore)
    stances = columns.stances
    span_gone = _inside(stances.doc, stances.start, stances.end, ignore)
    if not gone.any() and not span_gone.any():
        return columns
    size = len(columns.entity_doc)
    had = np.bincount(columns.entity, minlength=size) > 0
    has = np.bincount(columns.entity[~gone], minlength=size) > 0
    entity_gone = np.concatenate([had & ~has, [False, False, False]])
    mention_gone = np.concatenate([gone, [False, False, False]])
    pairs, relations = columns.pairs, columns.relations
    pair_stays = ~(mention_gone[pairs.head] | mention_gone[pairs.tail])
    stays = np.bincount(pairs.relation[pair_stays], minlength=len(relations.doc)) > 0
    stays &= ~(entity_gone[relations.head] | entity_gone[relations.tail])
    pair_stays &= stays[pairs.relation]
    stance_stays = ~(span_gone | entity_gone[stances.holder] | entity_gone[stances.target])
    new_mention = np.concatenate([np.cumsum(~gone) - 1, [NOWHERE, UNKNOWN_ROW, AUTHOR_ROW]])
    new_relation = np.cumsum(stays) - 1
    return replace(
        columns,
        mentions=columns.mentions.take(~gone),
        kind=columns.kind[~gone],
        entity=columns.entity[~gone],
        surface=columns.surface[~gone],
        clustered=columns.clustered & (has | ~had),
        relations=Relations(*(c[stays] for c in relations)),
        pairs=Pairs(
            new_relation[pairs.relation[pair_stays]], new_mention[pairs.head[pair_stays]], new_mention[pairs.tail[pair_stays]]
        ),
        stances=Stances(*(c[stance_stays] for c in stances)),
        removed={
            "mentions": int(gone.sum()),
            "relations": int((~stays).sum()),
            "stances": int((~stance_stays).sum()),
        },
    )


def _inside(doc: Ints, start: Ints, end: Ints, ignore: Spans) -> Bools:
    """Which spans lie wholly inside a region."""
    order = np.lexsort((ignore.end, ignore.start, ignore.doc))
    key, wanted = pack((ignore.doc[order], doc), (ignore.start[order], start))
    # the furthest end among the regions of the document that begin at or before each region
    reach, _ = pack((ignore.doc[order], doc), (ignore.end[order], end))
    reach = np.maximum.accumulate(reach)
    at = np.searchsorted(key, wanted, "right") - 1
    _, needed = pack((ignore.doc[order], doc), (ignore.end[order], end))
    inside = (at >= 0) & (reach[np.maximum(at, 0)] >= needed) & (ignore.doc[order][np.maximum(at, 0)] == doc)
    result: Bools = inside & (start >= 0)
    return result


def mark_faulty(columns: Columns, layer: str, rows: Ints, side: int) -> Columns:
    """The columns with some rows made to match nothing, though they still count; ``side`` is 0 for gold, 1 for predictions."""
    if len(rows) == 0:
        return columns
    if layer == "mentions":
        start, end = columns.mentions.start.copy(), columns.mentions.end.copy()
        start[rows] = end[rows] = -(2 * rows + 2 + side)
        return replace(columns, mentions=columns.mentions._replace(start=start, end=end))
    if layer == "relations":
        marked = {name: getattr(columns.relations, name).copy() for name in ("head", "tail", "head_name", "tail_name")}
        for column in marked.values():
            column[rows] = NOWHERE
        touched = np.isin(columns.pairs.relation, rows)
        pairs = columns.pairs._replace(
            head=np.where(touched, NOWHERE, columns.pairs.head), tail=np.where(touched, NOWHERE, columns.pairs.tail)
        )
        return replace(columns, relations=columns.relations._replace(**marked), pairs=pairs)
    if layer == "stances":
        holder, target = columns.stances.holder.copy(), columns.stances.target.copy()
        holder[rows] = target[rows] = NOWHERE
        return replace(columns, stances=columns.stances._replace(holder=holder, target=target))
    raise ValueError(f"no rows of the layer {layer} can be marked")
