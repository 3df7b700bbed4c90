"""Sources as tables with a way back to their records, and what a record at fault costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from newsgold.corpus.codec import decode_record, encode, encode_gold, encode_jsonl
from newsgold.corpus.model import Annotation, Entity, Mention, Relation, Stance
from newsgold.errors import FileFault
from newsgold.metrics import batch
from newsgold.metrics.arrow import table_of
from newsgold.metrics.batch import Batch, examine, read
from strategies import LABELS

ONE = Annotation(
    id="a",
    mentions=(Mention(id="m1", start=0, end=2, type="GPE"), Mention(id="m2", start=3, end=5, type="ORG")),
    entities=(Entity(id="e1", mentions=("m1",)), Entity(id="e2", mentions=("m2",))),
    relations=(Relation(type="controls", head="e2", tail="e1"),),
    stances=(Stance(holder="AUTHOR", target="m2", polarity="favor"),),
)
TWO = Annotation(id="b", mentions=(), relations=())


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, object]:
    """The same annotations in every form."""
    (tmp_path / "p.jsonl").write_bytes(encode_jsonl([ONE, TWO]))
    (tmp_path / "odd.jsonl").write_bytes(b" " + encode(ONE) + b"\n\n" + encode(TWO))
    pq.write_table(table_of([ONE, TWO]), tmp_path / "p.parquet")
    (tmp_path / "gold").mkdir()
    for value in (ONE, TWO):
        (tmp_path / "gold" / f"{value.id}.json").write_bytes(encode_gold(value))
    names = ("p.jsonl", "odd.jsonl", "p.parquet", "gold")
    return {"values": [ONE, TWO], **{name: tmp_path / name for name in names}}


@pytest.mark.parametrize("name", ["values", "p.jsonl", "odd.jsonl", "p.parquet", "gold"])
def test_every_form_gives_the_same_table_and_records(sources: dict[str, object], name: str):
    batch = read(sources[name], "x")
    assert batch.names == ["a", "b"]
    assert batch.table.to_pylist() == table_of([ONE, TWO]).to_pylist()
    assert [encode(batch.record(i).value) for i in (0, 1)] == [encode(ONE), encode(TWO)]
    assert batch.record(0).line == batch.lines[0]
    chosen = batch.take(np.array([1]))
    assert (chosen.names, chosen.record(0).value.id, chosen.lines.tolist()) == (["b"], "b", [batch.lines[1]])
    assert batch.take(np.array([0, 1])) is batch


def test_lines_are_those_of_the_file(sources: dict[str, object]):
    assert read(sources["odd.jsonl"], "x").lines.tolist() == [1, 3]


def test_what_cannot_be_read_is_a_finding_or_a_fault(tmp_path: Path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(encode(ONE) + b"\n{\n")
    batch = read(path, "x")
    assert batch.names == ["a"]
    assert [(f.code, f.line) for f in batch.findings] == [("BAD_JSON", 2)]
    with pytest.raises(FileFault):
        read(tmp_path / "nowhere.jsonl", "x")
    pq.write_table(table_of([ONE]).rename_columns(["x", *table_of([ONE]).column_names[1:]]), tmp_path / "q.parquet")
    (tmp_path / "r.parquet").write_bytes(b"no")
    with pytest.raises(FileFault):
        read(tmp_path / "r.parquet", "x")


def faulty(batch: Batch, **options: object) -> dict[str, list[int]]:
    examined = examine(batch, LABELS, **options)
    return {layer: rows.tolist() for layer, rows in examined.faulty.items()}


def test_an_item_at_fault_is_named_by_its_row():
    bad = Annotation(id="c", mentions=(Mention(start=0, end=1, type="GPE"), Mention(start=4, end=2, type="GPE")))
    assert faulty(read([ONE, bad], "x")) == {"mentions": [3]}


def test_a_record_at_fault_is_at_fault_in_all_its_items():
    assert faulty(read([TWO, ONE], "x"), strangers=[1]) == {"mentions": [0, 1], "relations": [0], "stances": [0]}
    assert faulty(read([ONE, ONE], "x")) == {"mentions": [2, 3], "relations": [1], "stances": [1]}


def test_faults_of_entities_leave_the_items_alone():
    bad = Annotation(id="c", mentions=ONE.mentions, entities=(Entity(id="e1", mentions=("m1", "zz")),))
    examined = examine(read([bad], "x"), LABELS)
    assert [f.code for f in examined.findings] == ["DANGLING_MENTION"]
    assert examined.faulty == {}


def test_a_million_sound_items_need_no_record(monkeypatch: pytest.MonkeyPatch):
    batch = read([ONE, TWO], "x")
    monkeypatch.setattr(Batch, "record", None, raising=False)
    assert examine(batch, LABELS).findings == ()


@pytest.mark.parametrize("order", [[0, 2, 1], [2, 1, 0], [1, 2, 0], [0, 1], [2], []])
def test_taken_rows_are_in_the_order_asked_for(order: list[int]):
    values = [Annotation(id=name, mentions=()) for name in "abc"]
    taken = read(values, "predictions").take(np.array(order, dtype=np.int64))
    assert taken.names == ["abc"[i] for i in order]
    assert [taken.record(row).value.id for row in range(len(order))] == taken.names
    assert taken.lines.tolist() == [i + 1 for i in order]


def test_a_parquet_file_of_something_else_is_a_file_fault(tmp_path: Path):
    pq.write_table(table_of([ONE]).drop_columns("id"), tmp_path / "p.parquet")
    with pytest.raises(FileFault, match="does not hold annotations"):
        read(tmp_path / "p.parquet", "predictions")


def test_two_decoders_that_disagree_are_a_file_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "p.jsonl").write_bytes(encode_jsonl([ONE, TWO]))
    rows = read(tmp_path / "p.jsonl", "predictions")
    refused = decode_record(b"{}", Annotation, "p.jsonl", 2)
    assert isinstance(refused, list)
    monkeypatch.setattr(batch, "decode_record", lambda *_: refused)
    with pytest.raises(FileFault, match=r"p\.jsonl:2 is read by one decoder and refused by the other"):
        rows.record(1)
