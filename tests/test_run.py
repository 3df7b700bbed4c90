"""Runs: nothing stored is lost or asked again, one failure ends nothing, and the record says what happened."""

from __future__ import annotations

import asyncio
import json
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec
import pytest

import killing
from newsgold.benchmark.answers import Against
from newsgold.benchmark.run import Asked, Ran, answer_batch, beside, predict, run
from newsgold.benchmark.run_cache import Kept, open_cache
from newsgold.benchmark.systems import Answer, Opened, Options, SystemFailure
from newsgold.corpus.codec import encode_jsonl, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.corpus.store import read_annotations
from newsgold.errors import DataError, FileFault, NewsgoldError, UsageError, count_codes

TEXT = "Žofie of Tessen met Ivo Karan 🏛 in Lunen."
ARTICLES = [Article(id=f"d{i:02}", text=TEXT) for i in range(12)]
AGAINST = Against("mine", default_labels())


def sound(article: Article) -> Annotation:
    start = article.text.index("Tessen")
    return Annotation(id=article.id, mentions=(Mention(start=start, end=start + 6, type="GPE", text="Tessen"),))


def opened(function: Callable[[Article], object] = sound, **more: Any) -> Opened:
    return Opened("mine", "1", {}, lambda article: Answer(annotation=function(article)), **more)


def asking(function: Callable[[Article], object] = sound) -> tuple[Opened, Counter[str]]:
    """A system, and how often it was asked for each document."""
    asked: Counter[str] = Counter()

    def answer(article: Article) -> object:
        asked[article.id] += 1
        return function(article)

    return opened(answer), asked


def rows(ran: Ran) -> dict[str, Any]:
    return {row.id: row for row in ran.record.documents}


def test_predictions_are_canonical_signed_and_sorted(tmp_path: Path):
    ran = run(opened(), ARTICLES[::-1], tmp_path / "p.jsonl", AGAINST)
    signed = [msgspec.structs.replace(sound(a), by="mine", text_sha256=sha256(a.text)) for a in ARTICLES]
    assert (tmp_path / "p.jsonl").read_bytes() == encode_jsonl(signed)
    assert (ran.findings, ran.written) == ([], True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["p.cache.sqlite", "p.jsonl", "p.run.json"]


def surface_in_bytes(article: Article) -> Annotation:
    start = len(article.text[: article.text.index("Tessen")].encode())
    return Annotation(id=article.id, mentions=(Mention(start=start, end=start + 6, type="GPE", text="Tessen"),))


def surface_in_utf16(article: Article) -> Annotation:
    start = len(article.text[: article.text.index("Lunen")].encode("utf-16-le")) // 2
    return Annotation(id=article.id, mentions=(Mention(start=start, end=start + 5, type="GPE", text="Lunen"),))


def leave(article: Article) -> Annotation:
    raise SystemExit(0)


def cancel(article: Article) -> Annotation:
    raise asyncio.CancelledError("no\x1b[31m")


BAD: Mapping[str, Callable[[Article], object]] = {
    "d00": leave,
    "d01": cancel,
    "d02": lambda article: Annotation(id="d03"),
    "d03": surface_in_bytes,
    "d04": surface_in_utf16,
    "d05": lambda article: Annotation(id=article.id, mentions=(Mention(start=0, end=5, type="person"),)),
    "d06": lambda article: Annotation(id=article.id, text_sha256=sha256("another")),
    "d07": lambda article: None,
    "d08": lambda article: Annotation(id=article.id, mentions=(Mention(start=0, end=5, type="person"),) * 2),
}


def test_each_kind_of_fault_gives_one_finding_and_the_rest_goes_on(tmp_path: Path):
    out = tmp_path / "p.jsonl"
    system, asked = asking(lambda article: BAD.get(article.id, sound)(article))
    ran = run(system, ARTICLES, out, AGAINST)
    assert count_codes(ran.findings) == {
        "BAD_SHAPE": 1, "DUPLICATE_MENTION": 1, "NO_ANSWER": 1, "OFFSET_UNIT": 2, "TEXT_HASH": 1, "UNKNOWN_DOCUMENT": 1,
        "UNKNOWN_TYPE": 1,
    }  # fmt: skip
    said = {f.code: f for f in ran.findings}
    assert said["NO_ANSWER"].got == "raised: SystemExit: '0'; 2 places in 2 document(s); also d01"
    assert said["UNKNOWN_TYPE"].got == "'person'; 3 places in 2 document(s); also d08 /mentions/0/type"
    assert all(str(f).isprintable() and "<mine>" in str(f) for f in ran.findings)
    written = [r.value.id for r in read_annotations(out).records]
    assert written == [a.id for a in ARTICLES if a.id not in ("d00", "d01", "d02", "d07")]
    totals = ran.record.totals
    assert (totals.documents, totals.asked, totals.written, totals.failed, totals.with_findings) == (12, 12, 8, 2, 7)
    assert rows(ran)["d08"].findings == {"UNKNOWN_TYPE": 2, "DUPLICATE_MENTION": 1}
    assert (rows(ran)["d01"].failure, rows(ran)["d01"].said) == ("raised", r"CancelledError: 'no\x1b[31m'")

    again = run(system, ARTICLES, out, AGAINST)
    assert {name for name, times in asked.items() if times == 2} == {"d00", "d01"}
    assert again.findings == ran.findings
    assert again.record.totals.asked == 2
    assert [r.value.id for r in read_annotations(out).records] == written


def test_the_record_can_be_read_and_says_what_was_run(tmp_path: Path):
    def answer(article: Article) -> Answer:
        if article.id == "d00":
            raise SystemFailure("status", "the server said 500", attempts=5, usage={"input_tokens": 7})
        return Answer(annotation=sound(article), usage={"input_tokens": 10, "cost": 0.5}, ungrounded=2, attempts=3, raw=b"[]")

    system = Opened("mine", "2", {"temperature": 0}, answer, prompt="Extract.")
    out = tmp_path / "p.jsonl"
    run(system, ARTICLES, out, AGAINST)
    record = json.loads((tmp_path / "p.run.json").read_bytes())
    assert (record["system"], record["version"], record["configuration"]) == ("mine", "2", {"temperature": 0})
    assert record["prompt_sha256"] == sha256("Extract.")
    assert record["articles_sha256"] == sha256("".join(f"{a.id} {sha256(TEXT)}\n" for a in ARTICLES))
    assert record["totals"] == {
        "documents": 12, "asked": 12, "written": 11, "failed": 1, "with_findings": 0, "ungrounded": 22,
        "usage": {"cost": 5.5, "input_tokens": 117},
    }  # fmt: skip
    failed, first, *_ = record["documents"]
    assert {k: v for k, v in failed.items() if k != "seconds"} == {
        "id": "d00", "attempts": 5, "usage": {"input_tokens": 7}, "failure": "status", "said": "the server said 500",
    }  # fmt: skip
    assert {k: v for k, v in first.items() if k != "seconds"} == {
        "id": "d01", "attempts": 3, "written": True, "ungrounded": 2, "usage": {"input_tokens": 10, "cost": 0.5},
    }  # fmt: skip

    mended = system._replace(answer=lambda article: Answer(annotation=sound(article), usage={"input_tokens": 1}))
    ran = run(mended, ARTICLES, out, AGAINST)
    assert (rows(ran)["d00"].attempts, rows(ran)["d00"].usage) == (6, {"input_tokens": 8})
    assert rows(ran)["d01"].before
    assert ran.record.totals.usage == {"cost": 5.5, "input_tokens": 118}


def test_what_decides_the_answers_decides_what_is_asked_again(tmp_path: Path):
    system, asked = asking()
    out = tmp_path / "p.jsonl"
    changes: list[dict[str, Any]] = [{}, {}, {"name": "b"}, {"version": "2"}, {"configuration": {"a": 1}}, {"prompt": "x"}, {}]
    asked_after = []
    for change in changes:
        run(system._replace(**change), ARTICLES[:1], out, AGAINST)
        asked_after.append(asked["d00"])
    assert asked_after == [1, 1, 2, 3, 4, 5, 5]
    run(system, [msgspec.structs.replace(ARTICLES[0], text=f"{TEXT}.")], out, AGAINST)
    assert asked["d00"] == 6


def test_answers_with_errors_are_asked_for_again_when_wished(tmp_path: Path):
    system, asked = asking(
        lambda article: BAD["d05"](article) if asked[article.id] == 1 and article.id == "d05" else sound(article)
    )
    out = tmp_path / "p.jsonl"
    assert len(run(system, ARTICLES, out, AGAINST).findings) == 1
    assert len(run(system, ARTICLES, out, AGAINST).findings) == 1
    assert run(system, ARTICLES, out, AGAINST, again=True).findings == []
    assert asked == Counter({a.id: 1 for a in ARTICLES} | {"d05": 2})


def test_an_answer_that_is_asked_for_again_in_vain_stays(tmp_path: Path):
    def fail(article: Article) -> Answer:
        raise SystemFailure("status", "the server said 500", attempts=2, usage={"cost": 3})

    first = Opened("mine", "1", {}, lambda a: Answer(annotation=BAD["d05"](a), usage={"cost": 1}, raw=b"[1]"))
    out = tmp_path / "p.jsonl"
    run(first, ARTICLES[:2], out, AGAINST)
    before = out.read_bytes()
    ran = run(first._replace(answer=fail), ARTICLES[:2], out, AGAINST, again=True)
    assert (ran.written, out.read_bytes()) == (True, before)
    assert count_codes(ran.findings) == {"NO_ANSWER": 1, "UNKNOWN_TYPE": 1}
    row = rows(ran)["d00"]
    assert (row.written, row.failure, row.said, row.attempts, row.usage) == (
        True,
        "status",
        "the server said 500",
        3,
        {"cost": 4},
    )
    assert (ran.record.totals.failed, ran.record.totals.written) == (2, 2)
    ran = run(first, ARTICLES[:2], out, AGAINST)
    assert (rows(ran)["d00"].failure, rows(ran)["d00"].attempts, rows(ran)["d00"].usage) == (None, 3, {"cost": 4})
    assert count_codes(ran.findings) == {"UNKNOWN_TYPE": 1}
    connection = sqlite3.connect(tmp_path / "p.cache.sqlite")
    assert connection.execute("SELECT raw FROM documents").fetchall() == [(b"[1]",), (b"[1]",)]
    connection.close()


WILD = {"cost": float("nan"), "input_tokens": -1, "output_tokens": 5, 7: 1, "\ud800": 1, "big": 10**400, "b": True, "s": "9"}


def test_usage_that_is_no_number_is_left_out_and_named(tmp_path: Path):
    def wild(article: Article) -> Answer:
        if article.id == "d01":
            raise SystemFailure("status", "no\x1b \ud800", usage=WILD)  # type: ignore[arg-type]  # what users do
        return Answer(annotation=sound(article), usage=WILD if article.id == "d00" else [3])  # type: ignore[arg-type]  # so too

    out = tmp_path / "p.jsonl"
    for _ in range(2):
        ran = run(Opened("mine", "1", {}, wild), ARTICLES[:3], out, AGAINST)
        assert [(f.code, f.severity, f.pointer) for f in ran.findings] == [
            ("BAD_SHAPE", "warning", "/usage"), ("NO_ANSWER", "error", ""),
        ]  # fmt: skip
        assert ran.findings[0].got.startswith("usage left out: 'cost' (nan), 'input_tokens' (-1), int (1); 2 places")
        assert rows(ran)["d00"].usage == {"output_tokens": 5}
        assert rows(ran)["d02"].said == "usage left out: a list"
        assert r"no\x1b \ud800; usage left out: 'cost' (nan)" in (rows(ran)["d01"].said or "")
        assert ran.record.totals.written == 2


def test_the_first_place_is_in_the_first_article_whoever_is_answered_first(tmp_path: Path):
    later = threading.Event()

    def answer(article: Article) -> object:
        if article.id == "d00":
            assert later.wait(30)
        elif article.id == "d03":
            later.set()
        return BAD["d05"](article)

    ran = run(opened(answer, concurrency=2), ARTICLES[:6], tmp_path / "p.jsonl", AGAINST)
    assert [f.doc for f in ran.findings] == ["d00"]
    assert "also d01 /mentions/0/type, d02" in ran.findings[0].got


def test_files_that_would_write_over_each_other_are_refused_before_anything_is_asked(tmp_path: Path):
    texts, link, hard = tmp_path / "texts.jsonl", tmp_path / "link", tmp_path / "hard.jsonl"
    texts.write_text("mine\n")
    link.symlink_to(texts)
    hard.hardlink_to(texts)
    out = tmp_path / "p.jsonl"
    system, asked = asking()
    cases: list[tuple[Path, Path | None]] = [
        (texts, None), (link, None), (hard, None), (out, texts), (out, out), (out, tmp_path / "p.run.json"),
        (tmp_path / "c.lock", tmp_path / "c"), (tmp_path / "c-wal", tmp_path / "c"),
        (tmp_path / "x" / ".." / "c", tmp_path / "c"),
    ]  # fmt: skip
    for place, cache in cases:
        with pytest.raises(UsageError, match="are one file"):
            run(system, ARTICLES, place, AGAINST, cache=cache, reads=[texts])
    assert (asked, texts.read_text()) == (Counter(), "mine\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hard.jsonl", "link", "texts.jsonl"]


def test_as_many_are_asked_at_once_as_may_be_and_no_more(tmp_path: Path):
    together = threading.Barrier(3)
    lock = threading.Lock()
    flying = most = begun = unstored = 0

    def answer(article: Article) -> Annotation:
        nonlocal flying, most, begun, unstored
        with lock:
            flying, begun = flying + 1, begun + 1
            stored, _ = killing.held(tmp_path / "p.cache.sqlite")
            most, unstored = max(most, flying), max(unstored, begun - len(stored))
        together.wait(timeout=30)
        with lock:
            flying -= 1
        return sound(article)

    ran = run(opened(answer, concurrency=3), ARTICLES, tmp_path / "p.jsonl", AGAINST)
    assert ran.findings == []
    assert (most, unstored, ran.record.totals.written) == (3, 3, 12)


def test_progress_is_told_of_what_is_already_stored(tmp_path: Path):
    places = []

    def look(done: Asked) -> None:
        answers, sound = killing.held(tmp_path / "p.cache.sqlite")
        assert sound
        assert done.id in answers
        places.append(done.id)

    run(opened(), ARTICLES, tmp_path / "p.jsonl", AGAINST, progress=look)
    assert places == [a.id for a in ARTICLES]


def test_killed_at_any_moment_nothing_stored_is_lost_or_asked_again(tmp_path: Path):
    command = [sys.executable, killing.__file__, str(tmp_path), "40", "11"]
    count = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    assert {k: count[k] for k in ("kills", "lost", "asked_again", "corrupt", "failed")} == {
        "kills": 40, "lost": 0, "asked_again": 0, "corrupt": 0, "failed": 0,
    }  # fmt: skip
    assert count["answers"] > 500
    assert 0 < count["most_asked_twice"] <= killing.CONCURRENCY


def test_answers_on_their_way_are_waited_for_when_a_run_is_stopped(tmp_path: Path):
    begun = threading.Event()

    def answer(article: Article) -> Annotation:
        if article.id == "d00":
            begun.wait(30)
            raise KeyboardInterrupt
        begun.set()
        time.sleep(0.2)
        return sound(article)

    out = tmp_path / "p.jsonl"
    with pytest.raises(KeyboardInterrupt, match=r"1 answer\(s\) are kept in .*p\.cache\.sqlite; run the same command again"):
        run(opened(answer, concurrency=2), ARTICLES[:2], out, AGAINST)
    system, asked = asking()
    assert run(system, ARTICLES[:2], out, AGAINST).findings == []
    assert asked == {"d00": 1}


def test_without_an_answer_nothing_is_written_over(tmp_path: Path):
    out = tmp_path / "p.jsonl"
    out.write_text("mine\n")
    ran = run(opened(leave), ARTICLES, out, AGAINST)
    assert (ran.written, ran.record.totals.failed, out.read_text()) == (False, 12, "mine\n")
    record = json.loads((tmp_path / "p.run.json").read_bytes())
    assert (record["totals"]["written"], record["predictions"]) == (0, "earlier")
    assert not run(opened(), [], out, AGAINST).written
    assert run(opened(leave), ARTICLES, tmp_path / "new.jsonl", AGAINST).record.predictions == "none"
    assert run(opened(), ARTICLES, out, AGAINST).record.predictions == "written"


def test_places_that_cannot_be(tmp_path: Path):
    with pytest.raises(FileFault, match="folder"):
        run(opened(), ARTICLES, tmp_path, AGAINST)
    with pytest.raises(UsageError, match="--cache"):
        run(opened(), ARTICLES, Path("/dev/null"), AGAINST)
    assert run(opened(), ARTICLES, Path("/dev/null"), AGAINST, cache=tmp_path / "c").written
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c", "c.run.json"]
    with pytest.raises(DataError) as caught:
        run(opened(), [*ARTICLES, ARTICLES[0]], tmp_path / "p.jsonl", AGAINST)
    assert [(f.code, f.doc) for f in caught.value.findings] == [("DUPLICATE_DOCUMENT", "d00")]
    assert [beside(Path("x") / name, ".run.json").name for name in ("p.jsonl", "p.v1", "p")] == [
        "p.run.json", "p.v1.run.json", "p.run.json",
    ]  # fmt: skip


def test_an_answer_that_somebody_takes_out_of_the_cache_is_missed(tmp_path: Path):
    with open_cache(tmp_path / "c") as cache:
        cache.keep(b"x", "x", Kept(answer=b"x"))

    def spoil(done: Asked) -> None:
        if done.id == "d11":
            connection = sqlite3.connect(tmp_path / "c")
            connection.execute("DELETE FROM documents WHERE id = 'd03'")
            connection.commit()
            connection.close()

    with pytest.raises(FileFault, match="gone from the cache"):
        run(opened(), ARTICLES, tmp_path / "p.jsonl", AGAINST, cache=tmp_path / "c", progress=spoil)
    assert not (tmp_path / "p.jsonl").exists()


# --------------------------------------------------------------------------- kernel


def test_the_kernel_needs_no_file_and_its_answers_travel():
    batch = answer_batch(ARTICLES[:3], opened(lambda a: leave(a) if a.id == "d01" else BAD["d05"](a)), AGAINST)
    assert [(asked.id, asked.checked.sound, asked.kept.failure) for asked in batch] == [
        ("d00", True, None), ("d01", False, "raised"), ("d02", True, None),
    ]  # fmt: skip
    assert pickle.loads(pickle.dumps(batch)) == batch
    assert pickle.loads(pickle.dumps((AGAINST, ARTICLES[0]))) == (AGAINST, ARTICLES[0])


def test_a_system_that_must_not_fail():
    assert [a.id for a in predict(ARTICLES, opened(), AGAINST)] == [a.id for a in ARTICLES]
    assert [a.by for a in predict(ARTICLES[:1], opened(BAD["d05"]), AGAINST)] == ["mine"]
    with pytest.raises(NewsgoldError, match="'mine' failed on the document 'd00': SystemExit"):
        list(predict(ARTICLES, opened(leave), AGAINST))
    for name, code in (("d07", "BAD_SHAPE"), ("d02", "UNKNOWN_DOCUMENT")):
        with pytest.raises(DataError) as caught:
            list(predict(ARTICLES, opened(BAD[name]), AGAINST))
        assert [f.code for f in caught.value.findings] == [code]


# -------------------------------------------------------------------------- command

LABELS = resources.files("newsgold").joinpath("labels.toml").read_bytes()

MODULE = """
import time
from newsgold import Annotation
from newsgold.corpus.model import Mention

def good(article):
    return Annotation(id=article.id, mentions=())

def lower(article):
    return Annotation(id=article.id, mentions=(Mention(start=0, end=5, type="person"),))

def twice(article):
    return Annotation(id=article.id, mentions=(Mention(start=0, end=5, type="PERSON"),) * 2)

def gone(article):
    raise LookupError(article.id)

def slow(article):
    with open("asked", "a") as log:
        log.write(article.id + "\\n")
    if article.id == "d05":
        time.sleep(600)
    return good(article)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "texts.jsonl").write_bytes(encode_jsonl(ARTICLES))
    return tmp_path


def command(system: str, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "newsgold.cli", "benchmark", "run", f"python:mine:{system}", "--articles", "texts.jsonl",
        "--out", "p.jsonl", *more,
    ]  # fmt: skip


def newsgold(home: Path, system: str, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(system, *more), cwd=home, capture_output=True, text=True, check=False)


def test_the_command_says_how_it_went(home: Path):
    done = newsgold(home, "good", "--name", "ours", "--version", "7")
    assert (done.returncode, done.stdout) == (0, "wrote p.jsonl: 12 of 12 document(s)\n")
    assert {r.value.by for r in read_annotations(home / "p.jsonl").records} == {"ours"}
    assert json.loads((home / "p.run.json").read_bytes())["version"] == "7"
    done = newsgold(home, "good", "--name", "ours", "--version", "7")
    assert done.stdout == "wrote p.jsonl: 12 of 12 document(s), 12 asked for earlier\n"
    done = newsgold(home, "lower", "--cache", "other.sqlite")
    assert done.returncode == 1
    assert done.stderr.count("UNKNOWN_TYPE") == 1
    assert "12 places in 12 document(s)" in done.stderr
    done = newsgold(home, "twice")
    assert (done.returncode, done.stderr.count("warning: ")) == (0, 1)
    done = newsgold(home, "gone", "--cache", "other.sqlite")
    left = "nothing is written to p.jsonl: 0 of 12 document(s); what stands there is left from an earlier run\n"
    assert (done.returncode, done.stdout) == (1, left)


def test_names_and_places_that_cannot_be_are_refused_by_the_command(home: Path):
    for more, said in (
        (("--name", "A b\x1b"), r"names match"), (("--out", "texts.jsonl"), "are one file"),
        (("--labels", "p.jsonl"), "are one file"),
    ):  # fmt: skip
        (home / "p.jsonl").write_bytes(LABELS)
        done = newsgold(home, "slow", *more)
        assert done.returncode == 2, done.stderr
        assert said in done.stderr
        assert (home / "p.jsonl").read_bytes() == LABELS
    (home / "p.jsonl").write_bytes(encode_jsonl([sound(ARTICLES[0])]))
    again = [*command("x")[:5], "file:p.jsonl", *command("x")[6:]]
    done = subprocess.run(again, cwd=home, capture_output=True, text=True, check=False)
    assert (done.returncode, "are one file" in done.stderr) == (2, True)
    assert not (home / "asked").exists()


def test_ctrl_c_keeps_what_is_stored_and_says_how_to_go_on(home: Path):
    process = subprocess.Popen(
        command("slow", "--version", "1"), cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        while not (home / "asked").exists() or "d05" not in (home / "asked").read_text():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 130
    assert "5 answer(s) are kept in p.cache.sqlite; run the same command again to go on" in said
    assert "Traceback" not in said
    assert not (home / "p.jsonl").exists()
    (home / "mine.py").write_text(MODULE.replace("600", "0"))
    asked = (home / "asked").read_text()
    done = newsgold(home, "slow", "--version", "1")
    assert done.returncode == 0, done.stderr
    assert (home / "asked").read_text().removeprefix(asked).split() == [a.id for a in ARTICLES[5:]]


@pytest.mark.parametrize("option", [("--memory", "2T"), ("--max-bytes", "-1"), ("--option", "x"), ("--timeout", "0")])
def test_options_that_make_no_sense_are_refused(home: Path, option: tuple[str, str]):
    done = newsgold(home, "good", *option)
    assert done.returncode == 2, done.stderr
    assert not (home / "p.jsonl").exists()


def test_the_help_states_the_defaults():
    shown = " ".join(subprocess.run([*command("x")[:5], "--help"], capture_output=True, text=True, check=True).stdout.split())
    own = Options()
    assert f"by default {own.timeout:g}." in shown
    assert f"by default {own.retries}." in shown
    assert f"by default {own.memory // 10**9}G." in shown
    assert f"by default {own.max_bytes // 10**6}M." in shown
