"""The ledger: what is written is read, and shards add up to the whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsgold.benchmark.score import score
from newsgold.corpus.model import Annotation
from newsgold.errors import FileFault, UsageError
from newsgold.metrics import ledger as module
from newsgold.metrics.counts import Counts
from newsgold.metrics.ledger import Ledger, merge, read_ledger, write_ledger
from newsgold.metrics.suite import Measured
from newsgold.metrics.uncertainty import intervals
from strategies import LABELS, pairs

SIGNATURE = "newsgold:0.1.0|digest:{digest}|split:test|docs:{docs}|kinds:NAM,VAL|labels:x-1"


def ledger(names: str = "abc", *, seed: int = 0, digest: str = "11", signature: str = SIGNATURE, extra: str = "") -> Ledger:
    """Counts of a few documents, the same for a document whatever others there are."""
    documents = tuple(names)
    rows = np.stack([np.random.default_rng([seed, ord(n)]).integers(0, 3, (2, 4)) for n in documents]).astype(float)
    typed = Measured(Counts(*np.moveaxis(rows, 2, 0)), ("ORG", "GPE"), "prf", "sum")
    plain = Measured(Counts(*np.moveaxis(rows[:, :1] / 3, 2, 0)), (), "accuracy", "sum")
    events = tuple(f"e{ord(n) % 2}" if n != "c" else None for n in documents)
    said = signature.format(digest=digest, docs=len(documents)) + extra
    return Ledger(said, documents, events, {"mentions.strict": typed, "linking.accuracy": plain})


def same(a: Ledger, b: Ledger) -> bool:
    assert (a.signature, a.documents, a.events, list(a.measured)) == (b.signature, b.documents, b.events, list(b.measured))
    for key, m in a.measured.items():
        assert m[1:] == b.measured[key][1:]
        assert all(np.array_equal(x, y) for x, y in zip(m.counts, b.measured[key].counts, strict=True))
    return True


# ------------------------------------------------------------------ files


def test_what_is_written_is_read(tmp_path: Path):
    path = tmp_path / "x.parquet"
    assert write_ledger(ledger(), path)
    assert same(read_ledger(path), ledger())
    assert not write_ledger(ledger(), path)


def test_a_document_that_adds_nothing_is_still_there(tmp_path: Path):
    one = ledger()
    none = {k: m._replace(counts=Counts(*(c * 0 for c in m.counts))) for k, m in one.measured.items()}
    for empty in (one._replace(measured=none), one._replace(measured={}), Ledger("a:1|docs:0", (), (), none and {})):
        write_ledger(empty, tmp_path / "x.parquet")
        assert same(read_ledger(tmp_path / "x.parquet"), empty)


def test_the_columns_are_those_of_the_documentation(tmp_path: Path):
    write_ledger(ledger(), tmp_path / "x.parquet")
    table = pq.read_table(tmp_path / "x.parquet")
    assert table.column_names == ["doc", "event", "key", "group", "p_num", "p_den", "r_num", "r_den"]
    rows = table.to_pylist()
    assert [r["doc"] for r in rows if r["key"] is None] == list("abc")
    assert {r["event"] for r in rows} == {"e0", "e1", None}
    assert {r["group"] for r in rows if r["key"] == "linking.accuracy"} == {"all"}
    total = sum(r["p_num"] for r in rows if r["key"] == "mentions.strict")
    assert total == ledger().measured["mentions.strict"].counts.total()[0]


def test_row_groups_are_read_as_one(tmp_path: Path):
    path = tmp_path / "x.parquet"
    write_ledger(ledger("abcdefgh"), path)
    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=3)
    assert same(read_ledger(path), ledger("abcdefgh"))


def test_writing_loads_no_pandas(tmp_path: Path):
    code = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\nfrom newsgold.metrics.counts import Counts\n"
        "from newsgold.metrics.ledger import Ledger, write_ledger\nfrom newsgold.metrics.suite import Measured\n"
        "m = Measured(Counts(*np.ones((4, 1, 1))), (), 'prf', 'sum')\n"
        f"write_ledger(Ledger('a:1', ('d',), (None,), {{'k': m}}), Path({str(tmp_path / 'x.parquet')!r}))\n"
        "assert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def bad(table: pa.Table, change: str) -> pa.Table:
    about = msgspec.json.decode(table.schema.metadata[b"newsgold.ledger"])
    if change == "row twice":
        return pa.concat_tables([table, table.slice(table.num_rows - 1)])
    if change == "document unknown":
        return table.slice(1)
    if change == "not JSON":
        return table.replace_schema_metadata({b"newsgold.ledger": b"{"})
    if change == "no metadata":
        return table.replace_schema_metadata(None)
    if change == "column missing":
        return table.drop_columns(["event"])
    about = {
        "version": {**about, "version": 2},
        "group": {**about, "keys": {"mentions.strict": about["keys"]["linking.accuracy"]}},
    }[change]
    return table.replace_schema_metadata({b"newsgold.ledger": msgspec.json.encode(about)})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("row twice", "there twice"),
        ("document unknown", "not there"),
        ("group", "not there"),
        ("not JSON", "no ledger that can be read"),
        ("no metadata", "is no ledger"),
        ("column missing", "is no ledger"),
        ("version", "version 2"),
    ],
)
def test_what_is_no_ledger_is_refused(tmp_path: Path, change: str, says: str):
    path = tmp_path / "x.parquet"
    write_ledger(ledger(), path)
    pq.write_table(bad(pq.read_table(path), change), path)
    with pytest.raises(FileFault, match=says):
        read_ledger(path)


def test_other_files_are_refused(tmp_path: Path):
    (tmp_path / "x.parquet").write_bytes(b"hello")
    for name in ("x.parquet", "missing.parquet"):
        with pytest.raises(FileFault, match=name):
            read_ledger(tmp_path / name)


# ------------------------------------------------------------------ merging


def test_shards_add_up_to_the_whole():
    parts = [ledger("ca", digest="22"), ledger("b", digest="11"), ledger("ed", digest="33")]
    whole = merge(parts)
    assert same(whole, ledger("abcde", digest="11+22+33"))
    assert same(merge([merge(parts[:2]), parts[2]]), whole)
    assert same(merge([parts[2], parts[0], parts[1]]), whole)
    assert whole.clusters().names == ("document:c", "event:e0", "event:e1")
    assert whole.clusters().of.tolist() == [2, 1, 0, 1, 2]
    assert intervals(whole.measured["mentions.strict"], whole.clusters().of)["f1"] is not None


def test_what_is_counted_in_signatures_is_added_up():
    parts = [ledger("a", extra="|set-aside:2"), ledger("b"), ledger("c", extra="|findings:1|set-aside:3")]
    assert merge(parts).signature.endswith("|docs:3|kinds:NAM,VAL|labels:x-1|set-aside:5|findings:1")


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (ledger("d", signature=SIGNATURE.replace("NAM,VAL", "NAM")), "different scorings"),
        (ledger("d", signature=SIGNATURE.replace("newsgold:0.1.0", "newsgold:0.2.0")), "different scorings"),
        (ledger("d")._replace(measured={"mentions.strict": ledger("d").measured["mentions.strict"]}), "different keys"),
        (ledger("d")._replace(measured={k: m._replace(kind="mean") for k, m in ledger("d").measured.items()}), "different keys"),
        (ledger("da"), "document 'a' is in 2"),
    ],
)
def test_what_does_not_belong_together_is_not_merged(other: Ledger, says: str):
    with pytest.raises(UsageError, match=says):
        merge([ledger(), other])


def test_groups_that_only_one_shard_has_are_kept():
    one, other = ledger("a"), ledger("b")
    m = other.measured["mentions.strict"]
    other = other._replace(measured={**other.measured, "mentions.strict": m._replace(groups=("GPE", "NEW"))})
    merged = merge([one, other]).measured["mentions.strict"]
    assert merged.groups == ("ORG", "GPE", "NEW")
    assert merged.counts.p_num[0].tolist() == [*one.measured["mentions.strict"].counts.p_num[0], 0]
    assert merged.counts.p_num[1].tolist() == [0, *m.counts.p_num[0]]


def test_nothing_cannot_be_merged():
    with pytest.raises(UsageError, match="no ledgers"):
        merge([])


def test_events_stay_whole_where_a_key_counts_over_them():
    cross = [
        one._replace(measured={"coref_cross.lea": one.measured["linking.accuracy"]}) for one in map(ledger, ("ac", "bd", "eg"))
    ]
    assert merge(cross[:2]).documents == tuple("abcd")
    with pytest.raises(UsageError, match="event 'e1' is in 2"):
        merge([cross[0], cross[2]])


# ------------------------------------------------------------------ with the scorer


def scored(gold: list[Annotation], pred: list[Annotation]) -> Ledger:
    result = score(gold, pred, labels=LABELS, allow_findings=True)
    return Ledger(result.basis, result.names, (None,) * len(result.names), result.measured)


@given(pairs(distinct=True), st.integers(0, 3))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_scoring_shards_apart_gives_the_counts_of_the_whole(
    tmp_path: Path, both: tuple[list[Annotation], list[Annotation]], cut: int
):
    gold, pred = both
    whole = scored(gold, pred)
    shards = [scored(gold[part], pred[part]) for part in (slice(cut), slice(cut, None)) if gold[part]]
    read: list[Any] = []
    for i, shard in enumerate(shards):
        write_ledger(shard, tmp_path / f"{i}.parquet")
        read.append(read_ledger(tmp_path / f"{i}.parquet"))
    merged = merge(read)
    assert module._base(merged.signature) == module._base(whole.signature)
    assert same(merged._replace(signature=whole.signature), whole)
