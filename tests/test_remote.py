"""Systems on workers: the same predictions, whoever dies on the way."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from newsgold.benchmark.answers import Against
from newsgold.benchmark.engine import open_engine
from newsgold.benchmark.remote import open_on
from newsgold.benchmark.run import run
from newsgold.benchmark.systems import Options, SystemFailure
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_articles
from newsgold.errors import UsageError
from workers import Killer, newsgold, two_workers

TEXT = "Tessen fell. The Guard holds Tessen, said Belmar."


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with two_workers() as made:
        yield made


def articles(folder: Path, count: int) -> Path:
    path = folder / "articles.jsonl"
    path.write_bytes(b"".join(msgspec.json.encode(Article(id=f"d{i:03}", text=TEXT + f" {i}")) + b"\n" for i in range(count)))
    return path


def test_a_run_on_a_cluster_whose_worker_is_killed(cluster: Any, tmp_path: Path) -> None:
    path, here, there = articles(tmp_path, 200), tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    assert newsgold("benchmark", "run", "gazetteer", "--articles", path, "--out", here)[0] == 0
    texts = [record.value for record in read_articles(path).records]
    with open_engine("dask", scheduler=cluster.scheduler_address) as opened:
        killer = Killer(opened, after=4)
        system = open_on(killer.engine, "gazetteer", Options(), default_labels())
        ran = run(system, texts, there, Against(system.name, default_labels()))
        system.close()
    assert killer.killed
    assert there.read_bytes() == here.read_bytes()
    assert (ran.record.totals.asked, ran.record.totals.failed) == (200, 0)
    # goes on from what is stored, wherever it was asked for
    code, said = newsgold(
        "benchmark", "run", "gazetteer", "--articles", path, "--out", there, "--engine", "dask", "--scheduler",
        cluster.scheduler_address,
    )  # fmt: skip
    assert (code, "200 asked for earlier" in said) == (0, True)


SYSTEM = """
import os
from newsgold import Annotation

def dies(article):
    if article.id == "d005":
        os.kill(os.getpid(), 9)
    return Annotation(id=article.id, mentions=())

def odd(article):
    if article.text.endswith(" 1"):
        raise ValueError("no\x1b[31m")
    return Annotation(id=article.id, mentions=())

odd.version = str(os.getpid())
"""


@pytest.fixture
def systems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine_systems.py").write_text(SYSTEM)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("systems")
def test_a_document_that_kills_its_worker_fails_alone(tmp_path: Path) -> None:
    texts = [record.value for record in read_articles(articles(tmp_path, 40)).records]
    with open_engine("local", workers=2) as opened:
        with pytest.raises(UsageError, match="no system"):
            open_on(opened, "no-such", Options(), default_labels())
        dies = open_on(opened, "python:engine_systems:dies", Options(), default_labels())
        ran = run(dies, texts, tmp_path / "dies.jsonl", Against("dies", default_labels()))
    assert {row.id: row.failure for row in ran.record.documents if row.failure} == {"d005": "crashed"}
    assert ran.record.totals.written == 39


@pytest.mark.usefixtures("systems")
def test_workers_that_hold_different_versions(tmp_path: Path) -> None:
    texts = [record.value for record in read_articles(articles(tmp_path, 4)).records]
    with open_engine("local", workers=1) as opened:
        odd = open_on(opened, "python:engine_systems:odd", Options(), default_labels())
        assert odd.answer(texts[0]).annotation == Annotation(id="d000", mentions=())
        with pytest.raises(SystemFailure, match="ValueError") as raised:
            odd.answer(texts[1])
        assert raised.value.kind == "raised"
        assert "\x1b" not in str(raised.value)
        os.kill(opened.submit(os.getpid).result(), signal.SIGKILL)
        with pytest.raises(SystemFailure, match="another version"):
            odd.answer(texts[0])
