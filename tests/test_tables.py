"""From values to columns and back: nothing is converted on the way, and a foreign table is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
import tomli_w
from hypothesis import example, given
from hypothesis import strategies as st

from newsgold.corpus import tables
from newsgold.corpus.decoding import decode
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.toml import _plain_table, decode_toml
from newsgold.errors import Finding

LABELS = default_labels()
NAMES = {layer: {c: [*getattr(LABELS, s)] for c, s in columns.items()} for layer, columns in tables.CLASSES.items()}
TEXT = "Tessen and Belmar."
GOLD = Annotation(
    id="a",
    by="gold",
    ignore=((1, 2),),
    mentions=(Mention(id="m1", start=0, end=6, type="GPE", kind="NAM", text="Tessen"), Mention(start=11, end=17, type="DATE")),
    entities=(Entity(id="e1", mentions=("m1",), link="Q1"), Entity(mentions=())),
    relations=(Relation(type="fights", head="e1", tail="x", evidence=(("m1", "m2"),)), Relation(type="leads", head="", tail="")),
    stances=(Stance(holder="AUTHOR", target="m1", polarity="favor"),),
)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return {config: features.arrow_schema for config, features in tables.features(LABELS).items()}


def batch_of(schemas: dict[str, Any], *golds: Annotation | None) -> pa.RecordBatch:
    documents = [tables.Document(Article(id=f"d{i}", text=TEXT), gold) for i, gold in enumerate(golds)]
    (batch,) = tables.tables(documents, LABELS, schemas)["documents"].to_batches()
    return batch


def test_a_slice_of_a_table_reads_as_the_documents_it_holds(schemas: dict[str, Any]):
    """Offsets of a slice do not begin at nought, and what is null may have items below it."""
    empty = Annotation(id="b", mentions=(), entities=None, relations=(), stances=None)
    batch = batch_of(schemas, GOLD, None, empty, GOLD)
    whole = [gold for _, gold in decode(batch, NAMES)]
    assert [gold and len(gold.mentions or ()) for gold in whole] == [2, None, 0, 2]
    assert (whole[2].mentions, whole[2].entities, whole[2].relations, whole[2].stances) == ((), None, (), None)
    for start in range(5):
        for length in range(5 - start):
            assert [gold for _, gold in decode(batch.slice(start, length), NAMES)] == whole[start : start + length]


def test_absent_values_stay_absent(schemas: dict[str, Any]):
    ((article, gold),) = decode(batch_of(schemas, GOLD), NAMES)
    assert article == Article(id="d0", text=TEXT)
    assert gold.mentions[1] == Mention(start=11, end=17, type="DATE", kind="VAL")
    assert gold.entities == GOLD.entities
    assert gold.relations == GOLD.relations
    assert gold.stances == GOLD.stances


def replaced(batch: pa.RecordBatch, column: str, change: Any) -> pa.RecordBatch:
    """The batch with one column changed, under the type that then fits."""
    rows = batch.to_pylist()
    change(rows[0])
    place = batch.schema.names.index(column)
    return batch.set_column(place, column, pa.RecordBatch.from_pylist(rows).column(place))


@pytest.mark.parametrize(
    ("layer", "field", "value"),
    [
        ("mentions", "start", "0"),
        ("mentions", "start", 0.5),
        ("mentions", "start", None),
        ("mentions", "start", 2**31),
        ("mentions", "end", True),
        ("mentions", "text", 3),
        ("mentions", "type", None),
        ("mentions", "type", -1),
        ("mentions", "type", 99),
        ("mentions", "type", 1.0),
        ("entities", "mentions", [None]),
        ("entities", "mentions", [3]),
        ("relations", "head", None),
        ("relations", "evidence", [["m1"]]),
        ("relations", "evidence", [["m1", None]]),
        ("relations", "evidence", ["m1"]),
        ("stances", "target", None),
        ("stances", "polarity", None),
    ],
)
def test_nothing_is_converted(schemas: dict[str, Any], layer: str, field: str, value: Any):
    only = msgspec.structs.replace(GOLD, **{layer: getattr(GOLD, layer)[:1]})
    batch = replaced(batch_of(schemas, only), layer, lambda row: row[layer][0].update({field: value}))
    with pytest.raises((TypeError, IndexError, pa.ArrowException)):
        list(decode(batch, NAMES))


@pytest.mark.parametrize(
    ("column", "value"), [("id", None), ("text", 3), ("annotated", None), ("annotated", 1), ("ignore", [[1]])]
)
def test_nor_of_the_article(schemas: dict[str, Any], column: str, value: Any):
    batch = replaced(batch_of(schemas, GOLD), column, lambda row: row.update({column: value}))
    with pytest.raises(TypeError):
        list(decode(batch, NAMES))


def test_labels_may_stand_by_name(schemas: dict[str, Any]):
    def rename(row: dict[str, Any]) -> None:
        for mention in row["mentions"]:
            mention["type"] = "GPE"

    ((_, gold),) = decode(replaced(batch_of(schemas, GOLD), "mentions", rename), NAMES)
    assert [mention.type for mention in gold.mentions] == ["GPE", "GPE"]


def test_without_the_text_there_are_no_surfaces(schemas: dict[str, Any]):
    bare = msgspec.structs.replace(GOLD, mentions=tuple(msgspec.structs.replace(m, text=None) for m in GOLD.mentions))
    made = tables.tables([tables.Document(Article(id="a", text=""), bare)], LABELS, schemas)
    assert made["mentions"]["text"].to_pylist() == [None, None]
    assert made["entities"]["name"].to_pylist() == [None, None]
    assert made["stances"]["holder_text"].to_pylist() == ["AUTHOR"]
    assert made["stances"]["target_text"].to_pylist() == [None]


# ------------------------------------------------------------- the fast road of metadata

scalars = st.text(max_size=12) | st.integers(-5, 10**16)
names = st.text("abcXYZ_-09", min_size=1, max_size=4)
rows = st.lists(st.dictionaries(names, scalars, min_size=1, max_size=3), min_size=1, max_size=3)
tomls = st.dictionaries(names, scalars | rows | st.dictionaries(names, scalars, max_size=3), max_size=5)


@given(tomls)
@example({"regions": [{"start": 0, "end": 3, "kind": "a, b = 1"}], "source": {"name": "x = [y]"}})
def test_what_the_fast_road_takes_it_reads_as_the_parser_does(table: dict[str, Any]):
    text = tomli_w.dumps(table)
    assert _plain_table(text) in (None, table)


@given(
    tomls,
    st.lists(
        st.tuples(st.integers(0, 200), st.sampled_from(['"', "\\", "\n", " ", "=", "[", "]", "{", "}", ",", "0", "a", "\r"]))
    ),
)
@example({"a": "x"}, [(7, "\n"), (8, "a"), (9, " "), (10, "="), (11, " "), (12, "0"), (13, "\n")])
def test_nor_does_it_take_what_the_parser_refuses(table: dict[str, Any], changes: list[tuple[int, str]]):
    text = tomli_w.dumps(table)
    for place, character in changes:
        text = text[:place] + character + text[place:]
    value = _plain_table(text)
    assert value is None or value == tomllib.loads(text)


def test_articles_as_we_write_them_take_the_fast_road(corpus: Path):
    for path in (corpus / "articles").glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert tomllib.loads(text) == decode_toml(path.read_bytes(), str(path))
        assert _plain_table(text) == (None if "\\" in text else tomllib.loads(text)), path.name  # an escape takes the slow road


@pytest.mark.parametrize("text", ['a = "x"\na = "y"\n', "[a]\n[a]\n", 'a = "x"\n[a]\n', "a = 01\n", 'a = "\x01"\n'])
def test_what_stands_twice_or_is_no_toml_is_still_found(text: str):
    assert isinstance(decode_toml(text.encode(), "p"), Finding)
