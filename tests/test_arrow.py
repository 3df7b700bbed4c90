"""Tables from JSONL, Parquet and values: the same data, and strict about what is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given

from newsgold.corpus.codec import decode_jsonl, encode, encode_jsonl
from newsgold.corpus.model import Annotation, Mention
from newsgold.corpus.store import read_annotations
from newsgold.errors import FileFault
from newsgold.metrics import arrow
from newsgold.metrics.arrow import SCHEMA, column, ints, read_jsonl, read_parquet, strings, table_of, valid
from strategies import corpora

ONE = b'{"id":"a","mentions":[{"start":0,"end":2,"type":"GPE"}]}'


@given(corpora())
def test_a_table_holds_what_the_values_hold(values: list[Annotation]):
    table = table_of(values)
    assert table.schema == SCHEMA
    for row, value in zip(table.to_pylist(), values, strict=True):
        assert row["id"] == value.id
        for layer in ("mentions", "entities", "relations", "stances"):
            items = getattr(value, layer)
            assert (row[layer] is None) == (items is None)
            assert len(row[layer] or ()) == len(items or ())
        assert [m["start"] for m in row["mentions"]] == [m.start for m in value.mentions or ()]


def test_lines_and_places_of_records():
    raw = ONE + b"\n\n" + ONE.replace(b'"a"', b'"b"') + b"\r\n" + ONE.replace(b'"a"', b'"c"')
    lines = read_jsonl(raw)
    assert lines.line.tolist() == [1, 3, 4]
    assert lines.table["id"].to_pylist() == ["a", "b", "c"]
    assert [raw[s:e].strip()[:9] for s, e in zip(lines.start, lines.end, strict=True)] == [
        b'{"id":"a"',
        b'{"id":"b"',
        b'{"id":"c"',
    ]


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\n", b"  \n" + ONE, b" " + ONE, ONE + ONE, ONE[:-1], b"[1]", b'{"id":"a"}{"id":"b",\n"by":"x"}',
        b'{"id":"a","id":"b"}', b'{"by":"x"}', b'{"id":"a","new":1}', b'{"id":7}', b"\xef\xbb\xbf" + ONE,
        b'{"id":"a","mentions":[{"start":0.5,"end":2,"type":"GPE"}]}',
        b'{"id":"a","mentions":[{"start":0,"end":NaN,"type":"GPE"}]}',
        b'{"id":"a","mentions":[{"start":0,"end":4294967296,"type":"GPE"}]}', b'{"id":"a","mentions":[null]}',
        b'{"id":"a","mentions":[{"start":0,"type":"GPE"}]}', b'{"id":"a","ignore":[[1,2,3]]}', b'{"id":"\\ud800"}',
        b'{"id":"a","relations":[{"type":"x","head":"a","tail":"b","evidence":[["a"]]}]}', b'{"id":"\x01"}',
        b'{"id":"' + b"x" * 8_000_001 + b'"}',
    ],
)  # fmt: skip
def test_what_the_codec_would_question_is_refused(raw: bytes):
    with pytest.raises(pa.ArrowInvalid):
        read_jsonl(raw)


def test_bytes_that_are_not_utf8_are_refused():
    with pytest.raises(UnicodeDecodeError):
        read_jsonl(b'{"id":"\xed\xa0\x80"}')


@given(corpora())
def test_what_is_accepted_is_what_the_codec_reads(values: list[Annotation]):
    raw = encode_jsonl(values)
    codec = [r.value for r in decode_jsonl(raw, Annotation, "p").records]
    assert read_jsonl(raw).table.equals(table_of(codec))


def test_parquet_of_a_release_is_its_gold(corpus: Path):
    made = read_parquet(corpus / "data/documents/test-00000-of-00001.parquet")
    gold = table_of(r.value for r in read_annotations(corpus).records if r.value.split == "test")
    kept = ["id", "by", "text_sha256", "split", "event", "ignore", "entities"]
    rows = [{**row, "ignore": row["ignore"] or None} for row in made.select(kept).to_pylist()]  # Parquet has no list left out
    assert rows == gold.select(kept).to_pylist()
    names = {"NAM", "NOM", "PRO", "VAL"}
    assert {m["kind"] for m in made["mentions"][0].as_py()} <= names


def test_parquet_of_predictions(tmp_path: Path):
    values = [Annotation(id="a", mentions=(Mention(start=0, end=2, type="GPE"),)), Annotation(id="b")]
    pq.write_table(table_of(values), tmp_path / "p.parquet")
    assert read_parquet(tmp_path / "p.parquet").equals(table_of(values))
    pq.write_table(pa.table({"id": ["a"], "mentions": [[{"start": 0, "end": 2, "type": "GPE"}]]}), tmp_path / "q.parquet")
    assert read_parquet(tmp_path / "q.parquet").equals(table_of(values[:1]))


def test_layers_without_items_need_no_item_type(tmp_path: Path):
    pq.write_table(pa.table({"id": ["a", "b"], "mentions": [[], []]}), tmp_path / "p.parquet")
    assert read_parquet(tmp_path / "p.parquet").equals(
        table_of([Annotation(id="a", mentions=()), Annotation(id="b", mentions=())])
    )


@pytest.mark.parametrize(
    "table",
    [
        pa.table({"name": ["a"]}),
        pa.table({"id": ["a"], "mentions": [[{"start": 0, "end": 2, "type": "GPE", "colour": "red"}]]}),
        pa.table({"id": ["a"], "mentions": [[{"start": 0, "end": 2}]]}),
        pa.table({"id": ["a"], "mentions": [[{"start": 0.5, "end": 2, "type": "GPE"}]]}),
        pa.table({"id": pa.array([None], pa.string())}),
        pa.table({"id": ["a"], "mentions": [["m1"]]}),
        pa.table({"id": ["a"], "mentions": ["m1"]}),
    ],
)
def test_parquet_of_something_else_is_refused(tmp_path: Path, table: pa.Table):
    pq.write_table(table, tmp_path / "p.parquet")
    with pytest.raises(pa.ArrowInvalid):
        read_parquet(tmp_path / "p.parquet")


def test_a_file_that_is_no_parquet_is_a_file_fault(tmp_path: Path):
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    with pytest.raises(FileFault):
        read_parquet(tmp_path / "p.parquet")


def test_columns_from_and_to_numpy():
    assert strings(["Ω", "", "x"]).to_pylist() == ["Ω", "", "x"]
    assert column(np.array([True, False] * 9)).to_pylist() == [True, False] * 9
    assert column(np.array([1, -2], dtype=np.int32)).type == pa.int32()
    assert ints(pa.array([1, None, 3], pa.int32())[1:], -1).tolist() == [-1, 3]
    assert ints(pa.array([], pa.int64())).tolist() == []
    assert valid(pa.chunked_array([[1, None], [2]])).tolist() == [True, False, True]
    assert encode(Annotation(id="a"))


@pytest.mark.parametrize("mentions", [pa.nulls(2), pa.nulls(2, SCHEMA.field("mentions").type)])
def test_a_layer_of_nulls_was_not_attempted(tmp_path: Path, mentions: pa.Array):
    pq.write_table(pa.table({"id": pa.array(["a", "b"]), "mentions": mentions}), tmp_path / "p.parquet")
    assert read_parquet(tmp_path / "p.parquet").equals(table_of([Annotation(id="a"), Annotation(id="b")]))


@pytest.mark.parametrize(
    ("codes", "wanted"), [([0, 1], ["GPE", "ORG"]), ([-1, 1], [None, "ORG"]), ([0, 2], None), ([-2, 1], None), ([], [])]
)
def test_label_codes_stand_for_names_and_are_in_range(codes: list[int], wanted: list[str | None] | None):
    values = pa.array([code if code != -1 else None for code in codes], pa.int64())
    if wanted is None:
        with pytest.raises(pa.ArrowInvalid, match="out of range"):
            arrow._named(values, pa.string(), ["GPE", "ORG"])
    else:
        assert arrow._named(values, pa.string(), ["GPE", "ORG"]).to_pylist() == wanted


def test_a_part_of_a_column_is_read_as_that_part():
    values = pa.array([1, None, 3, 4, None, 6], pa.int32())
    assert ints(values[1:4], -1).tolist() == [-1, 3, 4]
    assert ints(values[2:4]).tolist() == [3, 4]


def test_layers_that_are_not_asked_for_count_as_not_attempted(tmp_path: Path):
    mentions = (Mention(start=0, end=2, type="GPE"),)
    pq.write_table(table_of([Annotation(id="a", by="x", mentions=mentions, relations=())]), tmp_path / "p.parquet")
    for layers, expected in ((("mentions",), {"mentions": mentions}), (("relations",), {"relations": ()}), ((), {})):
        assert read_parquet(tmp_path / "p.parquet", layers).equals(table_of([Annotation(id="a", by="x", **expected)]))
