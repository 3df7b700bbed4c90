"""Engines: the same result and the same predictions, however documents are cut up and whoever dies on the way."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import distributed
import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.benchmark import engine
from newsgold.benchmark.engine import Engine
from newsgold.benchmark.score import Bootstrap, Result, score
from newsgold.corpus.codec import encode
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import read_annotations, write_article
from newsgold.errors import DataError, FileFault, UsageError
from newsgold.metrics.arrow import table_of
from strategies import annotations
from workers import Killer, newsgold, two_workers

TEXT = "Tessen fell. The Guard holds Tessen, said Belmar."


def at_once(function: Callable[..., Any], *arguments: Any) -> Future[Any]:
    """Work done here and now."""
    done: Future[Any] = Future()
    done.set_result(function(*arguments))
    return done


HERE = Engine(at_once, 1, 1, ())


def write(path: Path, values: Sequence[Annotation], *, group: int = 2) -> Path:
    """The values as the file's name says, one a line or in row groups of so many."""
    if path.suffix == ".parquet":
        pq.write_table(table_of(values), path, row_group_size=group)
    else:
        path.write_bytes(b"".join(encode(v) + b"\n" for v in values))
    return path


def told(result: Result) -> tuple[Any, ...]:
    """Everything that a result says."""
    counts = {
        key: (m.groups, m.kind, m.average, [(part.dtype, part.shape, part.tobytes()) for part in m.counts])
        for key, m in result.measured.items()
    }
    return result.to_dict(), result.findings, result.names, result.events, counts, result.basis


def outcome(scoring: Callable[[], Result]) -> tuple[Any, ...]:
    """What a scoring gives, or what forbids it."""
    try:
        return told(scoring())
    except DataError as error:
        return str(error), error.findings
    except (UsageError, FileFault) as error:
        return type(error), str(error)


def same(gold: Path, pred: Path, *, part: int, **options: Any) -> None:
    """However it is cut, the result is that of the whole."""
    assert outcome(lambda: engine.score(HERE, gold, pred, part=part, **options)) == outcome(lambda: score(gold, pred, **options))


LAYERS = ("mentions", "entities", "relations", "stances")


@st.composite
def sources(draw: st.DrawFn) -> tuple[list[Annotation], list[Annotation]]:
    """Gold and predictions with everything that may be wrong between files: order, strangers, copies, labels, layers."""
    names = draw(st.lists(st.sampled_from([f"d{i}" for i in range(6)]), min_size=1, max_size=6))
    gold = [_changed(draw, draw(annotations(n, mentions=4)), gold=True) for n in names]
    named = draw(st.lists(st.sampled_from([f"d{i}" for i in range(7)]), max_size=6))
    return gold, [_changed(draw, draw(annotations(n, mentions=4)), gold=False) for n in named]


def _changed(draw: st.DrawFn, value: Annotation, *, gold: bool) -> Annotation:
    change: dict[str, Any] = {}
    if gold:
        change["event"] = draw(st.sampled_from([None, "e1", "e2"]))
        change["split"] = draw(st.sampled_from(["test", "train"]))
        change["ignore"] = draw(st.sampled_from([(), ((0, 3),)]))
    if draw(st.integers(0, 3)) == 0:
        change[draw(st.sampled_from(LAYERS))] = None
    if value.mentions and draw(st.integers(0, 3)) == 0:
        odd = draw(st.sampled_from(["ZEBRA", "APE", "person"]))
        change.setdefault("mentions", (msgspec.structs.replace(value.mentions[0], type=odd), *value.mentions[1:]))
    return msgspec.structs.replace(value, **change)


@given(
    sources(), st.integers(1, 4), st.sampled_from([".jsonl", ".parquet"]), st.sampled_from([None, "test"]), st.booleans(),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=60)
def test_no_digit_depends_on_the_cut(
    tmp_path_factory: pytest.TempPathFactory,
    both: tuple[list[Annotation], list[Annotation]],
    part: int,
    suffix: str,
    split: str | None,
    allow: bool,
    train: bool,
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    gold, pred = (write(folder / f"{name}{suffix}", values) for name, values in zip(("gold", "pred"), both, strict=True))
    known = folder / "train.jsonl"
    odd = Mention(id="m9", start=0, end=3, type="TRAINED", text="abc")
    known.write_bytes(encode(msgspec.structs.replace(both[0][0], mentions=(*(both[0][0].mentions or ()), odd))) + b"\n")
    same(gold, pred, part=part, split=split, allow_findings=allow, train=known if train else None)


def document(number: int, **change: Any) -> Annotation:
    mentions = (
        Mention(id="m1", start=0, end=6, type="GPE", text="Tessen"),
        Mention(id="m2", start=13, end=22, type="ORG", text="The Guard"),
        Mention(id="m3", start=29, end=35, type="GPE", text="Tessen"),
        Mention(id="m4", start=42, end=48, type="GPE", text="Belmar"),
    )
    entities = (
        Entity(id="e1", mentions=("m1", "m3"), link="Q1"), Entity(id="e2", mentions=("m2",)), Entity(id="e3", mentions=("m4",)),
    )  # fmt: skip
    value = Annotation(
        id=f"d{number:03}",
        event=f"e{number // 3}",
        mentions=mentions,
        entities=entities,
        relations=(Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m3"),)),),
        stances=(Stance(id="s1", start=13, end=35, holder="m4", target="m2", polarity="against"),),
    )
    return msgspec.structs.replace(value, **change)


def worse(number: int) -> Annotation:
    """What a system might say of it, another thing of each."""
    value = document(number, event=None)
    kept = tuple(m for i, m in enumerate(value.mentions or ()) if (number + i) % 7)
    names = {m.id for m in kept}
    entities = [msgspec.structs.replace(e, mentions=tuple(m for m in e.mentions if m in names)) for e in value.entities or ()]
    facts = {"relations": (), "stances": ()} if len(kept) < 4 else {}
    return msgspec.structs.replace(value, mentions=kept, entities=tuple(e for e in entities if e.mentions), **facts)


def broken(folder: Path) -> tuple[Path, Path]:
    """Gold and predictions of 12 documents with much that is wrong, and one that no inventory would pass."""
    gold = b"\n".join([*(encode(document(i)) for i in range(12)), b"{", b"", b"  ", encode(document(3)), b'{"id": "d0'])
    odd = document(5, mentions=(Mention(id="m1", start=0, end=60, type="ZEBRA", text="x"),), entities=None, relations=None)
    lines = [*(encode(worse(i)) for i in (9, 3, 7, 40, 1)), encode(odd), b'{"id": "d004", "mentions": [{}]}', encode(worse(3))]
    (folder / "gold.jsonl").write_bytes(gold)
    (folder / "pred.jsonl").write_bytes(b"\n".join(lines))
    return folder / "gold.jsonl", folder / "pred.jsonl"


@pytest.mark.parametrize("part", [1, 2, 5, 100])
@pytest.mark.parametrize("allow", [True, False])
def test_files_with_faults(tmp_path: Path, part: int, allow: bool) -> None:
    same(*broken(tmp_path), part=part, allow_findings=allow)


@pytest.mark.parametrize("where", ["articles.jsonl", "folder"])
def test_texts_are_held_against_in_parts(tmp_path: Path, where: str) -> None:
    gold, pred = broken(tmp_path)
    texts = [Article(id=f"d{i:03}", text=TEXT if i != 7 else "Short.") for i in range(12)]
    path = tmp_path / where
    if where == "folder":
        for text in texts:
            write_article(text, path)
    else:
        path.write_bytes(b"".join(msgspec.json.encode(t) + b"\n" for t in texts))
    same(gold, pred, part=2, articles=path, allow_findings=True)


def test_a_corpus_folder_is_read_here_and_sent(repo: Path, tmp_path: Path) -> None:
    gold = {record.value.id: record.value for record in read_annotations(repo / "corpus").records}
    pred = write(tmp_path / "pred.jsonl", [msgspec.structs.replace(a, event=None) for a in gold.values()])
    for split in (None, "test"):
        same(repo / "corpus", pred, part=1, split=split)
    whole = score(repo / "corpus", list(gold.values()))
    assert told(engine.score(HERE, repo / "corpus", list(gold.values()), part=2)) == told(whole)


def test_labels_of_a_release_keep_their_order(repo: Path, tmp_path: Path) -> None:
    """Codes stand for names that the file lists, whether they occur or not."""
    file = next((repo / "corpus" / "data" / "documents").glob("test-*.parquet"))
    inventory = tmp_path / "labels.toml"
    text = (repo / "corpus" / "labels.toml").read_text()
    inventory.write_text(text)
    same(file, file, part=1, labels=inventory)


def test_an_empty_file(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [document(1)])
    (tmp_path / "none.jsonl").write_bytes(b"\n")
    for allow in (True, False):
        same(gold, tmp_path / "none.jsonl", part=1, allow_findings=allow)
        same(tmp_path / "none.jsonl", gold, part=1, allow_findings=allow)
    same(gold, gold, part=1, split="test")


def test_intervals_are_the_same(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.parquet", [document(i) for i in range(30)], group=4)
    pred = write(tmp_path / "pred.jsonl", [worse(i) for i in reversed(range(30))])
    same(gold, pred, part=7)
    same(gold, pred, part=7, bootstrap=Bootstrap(50))


def test_items_are_looked_at_in_one_process(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [document(1)])
    with pytest.raises(UsageError, match="one process"):
        _ = engine.score(HERE, gold, gold).evaluation


# ------------------------------------------------------------------- processes


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_workers() as made:
        yield made


def test_scores_of_a_cluster_whose_worker_is_killed(cluster: Any, tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.parquet", [document(i) for i in range(300)], group=20)
    pred = write(tmp_path / "pred.parquet", [worse(i) for i in range(299)], group=20)
    whole = told(score(gold, pred))
    with engine.open_engine("dask", scheduler=cluster.scheduler_address) as opened:
        killer = Killer(opened, after=8)
        assert told(engine.score(killer.engine, gold, pred, part=5)) == whole
        assert killer.killed
        assert opened.everywhere is not None
        assert killer.killed not in opened.everywhere(os.getpid).values()


def test_the_command_scores_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [document(i) for i in range(9)])
    pred = write(tmp_path / "pred.jsonl", [worse(i) for i in range(9)])
    command = ("benchmark", "score", "--gold", gold, "--pred", pred, "--json", "--ledger")
    here = newsgold(*command, tmp_path / "here.parquet")
    there = newsgold(*command, tmp_path / "there.parquet", "--engine", "dask", "--scheduler", cluster.scheduler_address)
    assert here == there
    assert here[0] == 0
    assert (tmp_path / "here.parquet").read_bytes() == (tmp_path / "there.parquet").read_bytes()


def test_processes_of_this_machine(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [document(i) for i in range(30)])
    with engine.open_engine("local", workers=2) as opened:
        assert told(engine.score(opened, gold, gold)) == told(score(gold, gold))
        with pytest.raises(FileFault, match="gone"):
            engine.score(opened, gold, tmp_path / "gone.parquet")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--engine", "dask"], "--scheduler"),
        (["--scheduler", "tcp://127.0.0.1:1"], "--engine dask"),
        (["--engine", "dask", "--scheduler", "tcp://127.0.0.1:1", "--workers", "2"], "--workers"),
        (["--workers", "2", "--errors", "3"], "--errors"),
    ],
)
def test_wrong_calls(tmp_path: Path, given: list[str], said: str) -> None:
    gold = write(tmp_path / "gold.jsonl", [document(1)])
    code, out = newsgold("benchmark", "score", "--gold", gold, "--pred", gold, *given)
    assert code == 2
    assert said in out


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nothing://\x1b[31m"])
def test_a_scheduler_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(engine, "PATIENCE", 0.5)
    with pytest.raises(UsageError, match="no Dask scheduler answers") as raised, engine.open_engine("dask", scheduler=address):
        pass
    assert "\x1b" not in str(raised.value)


def test_a_scheduler_without_workers() -> None:
    with (
        distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(UsageError, match="no workers"),
        engine.open_engine("dask", scheduler=empty.scheduler_address),
    ):
        pass


def test_dask_is_loaded_by_its_engine_alone(tmp_path: Path) -> None:
    gold = write(tmp_path / "gold.jsonl", [document(1)])
    code = (
        "import sys; from newsgold.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print([name for name in ('dask', 'distributed', 'newsgold.benchmark.engine', 'sqlite3') if name in sys.modules])"
    )
    command = [sys.executable, "-c", code, "benchmark", "score", "--gold", str(gold), "--pred", str(gold)]
    out = subprocess.run(command, check=True, capture_output=True, text=True)
    assert out.stdout.endswith("[]\n")
