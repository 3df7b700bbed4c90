"""Files cut into parts: every record is in one part, and reads there as in the whole."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.benchmark import shards
from newsgold.benchmark.shards import can_be_cut, cut_up, listing, listing_here, look, pieces, read_shard, read_texts
from newsgold.corpus.codec import Record, encode
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.errors import FileFault
from newsgold.metrics.arrow import table_of
from newsgold.metrics.batch import Batch, read

SOUND = [
    encode(Annotation(id=f"d{i}", event=e, mentions=(Mention(id="m1", start=0, end=4, type="PERSON", text="é𝄞ab"),)))
    for i, e in enumerate([None, "e1", "e2", "e1"])
]
LINES = [
    *SOUND,
    b"",
    b"  ",
    b"{",
    b'{"id": 3}',
    b"\xff\xfe",
    b'{"id": "d9", "mentions": [{}]}',
    b'{"id": "d8", "id": "d7"}',
    b"[]",
]


def listed(path: Path) -> shards.Listing:
    return listing(path, [look(piece) for piece in pieces(path)])


def records(batches: Sequence[Batch]) -> list[tuple[int, int, Annotation, str]]:
    """Line, line of the record, value and path of all records."""
    return sorted(
        (
            (int(batch.lines[row]), record.line, record.value, record.path)
            for batch in batches
            for row in range(batch.table.num_rows)
            for record in [batch.record(row)]
        ),
        key=lambda found: found[0],
    )


@given(
    st.lists(st.sampled_from(LINES), max_size=9), st.sampled_from([b"\n", b"\r\n"]), st.booleans(), st.integers(1, 300),
    st.integers(1, 4),
)  # fmt: skip
@settings(max_examples=200)
def test_lines_read_in_parts_as_in_the_whole(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], end: bytes, ended: bool, size: int, parts: int
) -> None:
    path = tmp_path_factory.mktemp("lines") / "x.jsonl"
    path.write_bytes(end.join(lines) + (end if ended else b""))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "PIECE", size)
        found = listed(path)
    whole = read(path, "x")
    of, _ = cut_up(found.places, listing_here([], "").places, parts)
    batches = [read_shard(found.shard(np.flatnonzero(of == part))) for part in range(parts)]
    assert records(batches) == records([whole])
    assert sorted(found.findings + tuple(f for b in batches for f in b.findings)) == sorted(whole.findings)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(1, 5), st.integers(1, 4), st.integers(1, 9))
@settings(max_examples=50)
def test_row_groups_read_in_parts_as_in_the_whole(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], group: int, parts: int, rows: int
) -> None:
    path = tmp_path_factory.mktemp("rows") / "x.parquet"
    values = [
        Annotation(id=f"d{n}", mentions=(Mention(id=f"m{i}", start=n, end=n + 1, type="ORG"),)) for i, n in enumerate(numbers)
    ]
    table = table_of(values)
    # as in a release: rows without gold are not counted
    bare = pa.array([i % 3 != 1 for i in range(len(values))])
    pq.write_table(table.append_column("annotated", bare), path, row_group_size=group)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(shards, "ROWS", rows)
        found = listed(path)
    of, _ = cut_up(found.places, listing_here([], "").places, parts)
    batches = [read_shard(found.shard(np.flatnonzero(of == part))) for part in range(parts)]
    assert records(batches) == records([read(path, "x")])


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, "a", "b", "c"])), max_size=12),
    st.lists(st.integers(0, 7), max_size=12),
    st.integers(1, 5),
)
def test_what_belongs_together_is_in_one_part(gold: list[tuple[int, str | None]], pred: list[int], parts: int) -> None:
    def side(values: list[tuple[int, str | None]]) -> shards.Places:
        return listing_here([Record(Annotation(id=f"d{n}", event=e), "", 1) for n, e in values], "").places

    of_gold, of_pred = cut_up(side(gold), side([(n, None) for n in pred]), parts)
    place: dict[object, int] = {}
    for key, part in [
        *((n, p) for (n, _), p in zip(gold, of_gold, strict=True)),
        *zip(pred, of_pred, strict=True),
        *((e, p) for (_, e), p in zip(gold, of_gold, strict=True) if e),
    ]:
        assert place.setdefault(key, int(part)) == part
        assert 0 <= part < parts


def test_parts_follow_the_gold_and_are_about_equal() -> None:
    gold = listing_here([Record(Annotation(id=f"d{i}"), "", 1) for i in range(100)], "").places
    pred = listing_here([Record(Annotation(id=f"d{i}"), "", 1) for i in reversed(range(100))], "").places
    of_gold, of_pred = cut_up(gold, pred, 4)
    assert (np.diff(of_gold) >= 0).all()
    assert (of_pred == of_gold[::-1]).all()
    assert np.bincount(of_gold).tolist() == [25, 25, 25, 25]


def test_records_that_stand_together_are_one_stretch(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"\n".join(SOUND))
    found = listed(path)
    assert len(found.shard(np.array([1, 2, 3])).spans) == 1
    assert len(found.shard(np.array([0, 2, 3])).spans) == 2


def test_articles_are_read_in_parts_too(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    values = [Article(id=f"d{i}", text=f"Text {i}.") for i in range(5)]
    path.write_bytes(b"".join(msgspec.json.encode(v) + b"\n" for v in values))
    assert read_texts(listed(path).shard(np.array([1, 4]))) == {"d1": values[1], "d4": values[4]}
    assert read_texts(listed(path).shard(np.array([], dtype=np.int64))) == {}


def test_what_cannot_be_cut(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(SOUND[0])
    assert not can_be_cut(tmp_path / "a.json")
    assert not can_be_cut(tmp_path)
    assert not can_be_cut([Annotation(id="a")])


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"no")
    with pytest.raises(FileFault, match=r"x\.parquet as Parquet"):
        pieces(path)


def test_a_file_that_goes_away_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(SOUND[0])
    one = listed(path).shard(np.array([0]))
    path.unlink()
    with pytest.raises(FileFault, match=r"cannot read .*x\.jsonl"):
        read_shard(one)
