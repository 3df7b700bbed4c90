"""Which records need a closer look: the validator's questions, asked of whole columns.

The checks of :mod:`newsgold.corpus.validate` explain every fault, an item at a
time. Scoring asks them of thousands of records that are nearly all sound, so
it first asks here, vectorised, which records can have a finding as a
``prediction`` at all. The answer may name a sound record; it never leaves out
a faulty one (a test holds the two against each other).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from newsgold.corpus.labels import Labels
from newsgold.corpus.model import (
    AUTHOR,
    DOCUMENT_ID,
    ITEM_ID,
    MAX_TEXT_LENGTH,
    SCHEMA_VERSION,
    SPLITS,
    UNKNOWN,
    WIKIDATA_ID,
    Article,
)
from newsgold.metrics.arrays import Bools, Ints, pack
from newsgold.metrics.arrow import column, field, ints, valid
from newsgold.metrics.links import Links


class Texts(NamedTuple):
    """The texts of a table's records as code points, one behind the other."""

    points: NDArray[np.uint32]
    start: Ints
    length: Ints
    """Code points of each record's text; the largest allowed where the text is unknown."""
    known: Bools
    sha256: list[str | None]


def texts_of(names: Sequence[str], articles: Mapping[str, Article]) -> Texts:
    """The texts of the documents with these names, in that order."""
    found = [articles.get(name) for name in names]
    known = np.array([a is not None for a in found], dtype=bool)
    length = np.array([len(a.text) if a else 0 for a in found], dtype=np.int64)
    whole = "".join(a.text for a in found if a)
    points = np.frombuffer(whole.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    start = np.cumsum(length) - length
    return Texts(points, start, np.where(known, length, MAX_TEXT_LENGTH), known, [a.text_sha256 if a else None for a in found])


def suspects(table: pa.Table, found: Links, labels: Labels, texts: Texts | None = None, kb: frozenset[str] | None = None) -> Ints:
    """The rows of a table that may have a finding as predictions, in order."""
    marks = _Marks(table.num_rows)
    _records(marks, table, texts)
    _ids(marks, found)
    _spans(marks, found, texts)
    _labels(marks, found, labels)
    _entities(marks, found, kb)
    owner = np.full(len(found.row["mentions"]) + 3, -1)
    owner[found.member[found.member >= 0]] = found.member_entity[found.member >= 0]
    _relations(marks, found, owner)
    _stances(marks, found)
    return np.flatnonzero(marks.rows)


class _Marks:
    """The rows marked so far."""

    def __init__(self, rows: int) -> None:
        self.rows = np.zeros(rows, dtype=bool)

    def where(self, row: Ints, bad: Bools) -> None:
        self.rows[row[bad]] = True

    def repeated(self, row: Ints, *fields: Ints) -> None:
        """Mark the records in which two items are equal in all fields."""
        empty = np.zeros(0, dtype=np.int64)
        key, _ = pack((row, empty), *((f, empty) for f in fields))
        order = np.argsort(key, kind="stable")
        same = key[order][1:] == key[order][:-1]
        self.rows[row[order[1:][same]]] = True


def _records(marks: _Marks, table: pa.Table, texts: Texts | None) -> None:
    """Ids, schema version, split, hash of the text."""
    every = np.arange(table.num_rows)
    names = table["id"].to_pylist()
    marks.where(every, np.array([DOCUMENT_ID.fullmatch(name) is None for name in names], dtype=bool))
    marks.where(every, ints(table["schema_version"].combine_chunks(), SCHEMA_VERSION) != SCHEMA_VERSION)
    marks.where(every, _not_in(table["split"].combine_chunks(), SPLITS))
    if texts is not None and table["text_sha256"].null_count < table.num_rows:
        hashes = table["text_sha256"].to_pylist()
        wrong = [h is not None and k and h != t for h, t, k in zip(hashes, texts.sha256, texts.known, strict=True)]
        marks.where(every, np.array(wrong, dtype=bool))


def _ids(marks: _Marks, found: Links) -> None:
    """Ids of items: their alphabet, and that none stands twice."""
    bad = np.array([ITEM_ID.fullmatch(n) is None or n in (AUTHOR, UNKNOWN) for n in found.names] + [False], dtype=bool)
    row = np.concatenate([found.row[layer] for layer in found.own])
    code = np.concatenate([*found.own.values()])
    marks.where(row, bad[code])
    marks.repeated(row[code >= 0], code[code >= 0])


def _spans(marks: _Marks, found: Links, texts: Texts | None) -> None:
    """Spans in order and in the text; surfaces as they stand there; no mention twice."""
    mentions, stances = found.items["mentions"], found.items["stances"]
    m_row, s_row = found.row["mentions"], found.row["stances"]
    start, end = ints(field(mentions, "start")), ints(field(mentions, "end"))
    begun, ended = valid(field(stances, "start")), valid(field(stances, "end"))
    marks.where(s_row, begun != ended)
    there = begun & ended
    s_start, s_end = ints(field(stances, "start"))[there], ints(field(stances, "end"))[there]
    for row, a, b in ((m_row, start, end), (s_row[there], s_start, s_end)):
        length = texts.length[row] if texts is not None else MAX_TEXT_LENGTH
        marks.where(row, (a < 0) | (a >= b) | (b > length))
    marks.repeated(m_row, start, end, _coded(field(mentions, "type")))
    surface = field(mentions, "text")
    said = valid(surface)
    width = ints(pc.utf8_length(surface), 0)
    marks.where(m_row, said & (width != end - start))
    if texts is not None:
        sound = said & ~marks.rows[m_row] & texts.known[m_row]
        marks.where(m_row[sound], _differs(surface.filter(column(sound)), texts, m_row[sound], start[sound], width[sound]))


def _differs(surface: pa.Array, texts: Texts, row: Ints, start: Ints, width: Ints) -> Bools:
    """For mentions that lie in their texts: whether the surface is another than the text there."""
    if not len(row):
        return np.zeros(0, dtype=bool)
    spoken = "".join(surface.to_pylist()).encode("utf-32-le", "surrogatepass")
    said = np.frombuffer(spoken, dtype=np.uint32)
    begin = np.cumsum(width) - width
    place = np.repeat(texts.start[row] + start - begin, width) + np.arange(len(said))
    wrong = np.append(0, np.cumsum(texts.points[place] != said))
    differs: Bools = wrong[begin + width] > wrong[begin]
    return differs


def _labels(marks: _Marks, found: Links, labels: Labels) -> None:
    """Every label is in the inventory; kinds go with their types."""
    for layer, name, allowed in (
        ("mentions", "type", labels.types),
        ("mentions", "kind", labels.kinds),
        ("relations", "type", labels.relations),
        ("relations", "factuality", labels.factualities),
        ("stances", "polarity", labels.polarities),
        ("stances", "basis", labels.bases),
    ):
        marks.where(found.row[layer], _not_in(field(found.items[layer], name), allowed))
    mentions = found.items["mentions"]
    value = _of_strings(field(mentions, "type"), lambda n: n in labels.types and labels.types[n].value)
    kind = field(mentions, "kind")
    marks.where(found.row["mentions"], valid(kind) & (value != _of_strings(kind, lambda n: n == "VAL")))


def _entities(marks: _Marks, found: Links, kb: frozenset[str] | None) -> None:
    """Entities list mentions that exist, each once; links are ids."""
    entities, row = found.items["entities"], found.row["entities"]
    listed = row[found.member_entity]
    marks.where(listed, found.member < 0)
    marks.repeated(listed, found.member_id)
    marks.where(row, ints(pc.list_value_length(field(entities, "mentions"))) == 0)
    known = kb or frozenset()
    marks.where(row, _of_strings(field(entities, "link"), lambda n: n not in known and WIKIDATA_ID.fullmatch(n) is None))


def _relations(marks: _Marks, found: Links, owner: Ints) -> None:
    """Arguments exist and differ; evidence is of them; no relation twice. ``owner`` is each mention's entity, −1 for none."""
    relations, row = found.items["relations"], found.row["relations"]
    things = []
    for k, argument in enumerate((found.head, found.tail)):
        marks.where(row, (argument.entity < 0) & (argument.mention < 0))
        thing = np.where(argument.entity >= 0, argument.entity, np.where(argument.mention >= 0, owner[argument.mention], -1))
        side, of = found.pairs[:, k], found.pair_relation
        fits = (side == argument.mention[of]) | ((owner[side] >= 0) & (owner[side] == thing[of]))
        marks.where(row[of], (side < 0) | ~fits)
        things.append(thing)
    head, tail = things
    marks.where(row, (found.head.id == found.tail.id) | ((head == tail) & (head >= 0)))
    labels = (_coded(field(relations, "type")), _coded(field(relations, "factuality")))
    marks.repeated(row, found.head.id, found.tail.id, *labels)


def _stances(marks: _Marks, found: Links) -> None:
    """Holders and targets exist; no stance twice."""
    stances, row = found.items["stances"], found.row["stances"]
    spoken = (found.holder.id == found.author) | (found.holder.id == found.unknown)
    marks.where(row, ~spoken & (found.holder.entity < 0) & (found.holder.mention < 0))
    marks.where(row, (found.target.entity < 0) & (found.target.mention < 0))
    span = (ints(field(stances, "start"), -1), ints(field(stances, "end"), -1))
    marks.repeated(row, found.holder.id, found.target.id, _coded(field(stances, "polarity")), *span)


def _dictionary(values: pa.Array) -> pa.DictionaryArray:
    return values if pa.types.is_dictionary(values.type) else values.dictionary_encode()


def _coded(values: pa.Array) -> Ints:
    return ints(_dictionary(values).indices, -1)


def _of_strings(values: pa.Array, holds: Callable[[str], bool]) -> Bools:
    """Whether something holds of each string, asked once of each distinct one; never of null."""
    coded = _dictionary(values)
    table = np.array([holds(name) for name in coded.dictionary.to_pylist()] + [False], dtype=bool)
    return table[ints(coded.indices, -1)]


def _not_in(values: pa.Array, allowed: Iterable[str]) -> Bools:
    known = set(allowed)
    return _of_strings(values, lambda name: name not in known)
