"""Systems by their names, and those inside this process."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from newsgold.benchmark.systems import (
    Opened,
    Options,
    SystemFailure,
    masked,
    names_secret,
    open_system,
    plain_name,
    read_answer,
)
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import DataError, UsageError

ARTICLES = [Article(id=name, text="Tessen fell.", text_sha256="ab") for name in ("a", "b")]
MODULE = """
import threading, time
from newsgold import Annotation
from newsgold.benchmark.systems import Answer, Opened, SystemFailure

let_go, begun = threading.Event(), threading.Event()

def extract(article):
    return Annotation(id=article.id, mentions=())

def hang(article):
    begun.set()
    let_go.wait(20)
    return extract(article)

def slow_once(article):
    time.sleep(0.8 if article.id == "a" else 0)
    return extract(article)

class Uneven:
    concurrency = 2
    def __call__(self, article):
        if article.id == "hang":
            let_go.wait(20)
        time.sleep(0.3)
        return extract(article)

def fail(article):
    raise ValueError("no\\x1b[31m\\u202e")

def leave(article):
    raise SystemExit(0)

def no_argument():
    return 1

class Model:
    name = "my-model"
    version = 3
    concurrency = 2
    def __init__(self, threshold="0.5"):
        self.configuration = {"threshold": float(threshold)}
    def __call__(self, article):
        return Answer(annotation=extract(article), usage={"input_tokens": 5})

class Keyed:
    def __init__(self, api_key, max_tokens):
        self.configuration = {"nested": [{"password": api_key, "n": 1}]}
        self.key = api_key
    def __call__(self, article):
        raise (SystemFailure("refused", self.key) if article.id == "a" else ValueError("x" * 195 + self.key))

class BadName(Model):
    name = "My Model\\x1b"

class BadConfiguration(Model):
    concurrency = "many"

class NoJson(Model):
    def __init__(self):
        self.configuration = {"a": object()}

class NoCallable:
    pass

def opened(shift="0"):
    return Opened("ready", "1", {"shift": shift}, lambda article: Answer(annotation=extract(article)))
"""


@pytest.fixture
def labels() -> Labels:
    return find_labels()


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A working folder with a user's module, ``mine``."""
    (tmp_path / "mine.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("mine", None)
    yield tmp_path
    sys.modules.pop("mine", None)


def failure(opened: Opened, article: Article = ARTICLES[0]) -> SystemFailure:
    with pytest.raises(SystemFailure) as caught:
        opened.answer(article)
    assert str(caught.value).isprintable()
    return caught.value


def test_a_function_is_a_system_and_its_module_is_its_version(here: Path, labels: Labels):
    opened = open_system("python:mine:extract", Options(), labels)
    assert [opened.answer(a).annotation for a in ARTICLES] == [Annotation(id=a.id, mentions=()) for a in ARTICLES]
    assert (opened.name, opened.configuration, opened.prompt, opened.concurrency) == ("extract", {}, "", 1)
    opened.close()
    (here / "mine.py").write_text(f"{MODULE}\n# changed\n")
    changed = open_system("python:mine:extract", Options(), labels)
    changed.close()
    assert opened.version != changed.version


def test_a_class_makes_the_system_from_the_options_and_says_what_it_is(here: Path, labels: Labels):
    opened = open_system("python:mine:Model", Options(configuration={"threshold": "0.7"}), labels)
    assert opened[:3] == ("my-model", "3", {"threshold": "0.7"})
    assert opened.concurrency == 2
    assert opened.answer(ARTICLES[0]).usage == {"input_tokens": 5}
    opened.close()
    assert open_system("python:mine:Model", Options(concurrency=1), labels).concurrency == 1


@pytest.mark.parametrize(
    "name",
    [
        "",
        "nothing",
        "nothing\x1b[31m",
        "python:x",
        "python:",
        "python:a:b:c",
        "python:nowhere:f",
        "python:json:nothing",
        "python:json:__name__",
        "file:",
        "ftp:x",
        "python:mine:BadName",
        "python:mine:BadConfiguration",
        "python:mine:NoJson",
        "python:mine:NoCallable",
        "python:leaver:f",
        "python:typo:f",
    ],
)
def test_a_system_that_is_not_there_is_a_usage_error(here: Path, labels: Labels, name: str):
    (here / "leaver.py").write_text("raise SystemExit(0)\n")
    (here / "typo.py").write_text("def f(:\n")
    with pytest.raises(UsageError) as caught:
        open_system(name, Options(), labels)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["rules", "python:mine:extract", "python:mine:Model", "file:p.jsonl", "cmd:cat"])
def test_an_option_that_a_system_has_not_is_a_usage_error(here: Path, labels: Labels, name: str):
    (here / "p.jsonl").write_bytes(encode_jsonl([Annotation(id="a")]))
    with pytest.raises(UsageError):
        open_system(name, Options(configuration={"nonsense": "1"}), labels)


@pytest.mark.parametrize(
    ("name", "said"), [("leave", "SystemExit"), ("fail", r"ValueError: 'no\x1b"), ("no_argument", "TypeError")]
)
def test_what_a_callable_raises_is_the_documents_failure(here: Path, labels: Labels, name: str, said: str):
    opened = open_system(f"python:mine:{name}", Options(), labels)
    failed = failure(opened)
    assert (failed.kind, failed.retryable) == ("raised", False)
    assert said in str(failed)
    opened.close()


def test_a_callable_that_hangs_costs_its_document_and_not_the_run(here: Path, labels: Labels):
    opened = open_system("python:mine:hang", Options(timeout=0.1), labels)
    assert failure(opened).kind == "timeout"
    assert [failure(opened, ARTICLES[1]).kind for _ in range(50)] == ["busy"] * 50
    sys.modules["mine"].let_go.set()
    for _ in range(100):
        try:
            assert opened.answer(ARTICLES[1]).annotation == Annotation(id="b", mentions=())
            break
        except SystemFailure:
            threading.Event().wait(0.02)
    else:
        pytest.fail("the system came back and was not asked again")
    opened.close()
    opened.close()
    assert failure(opened).kind == "closed"


def test_the_document_after_a_slow_one_is_answered(here: Path, labels: Labels):
    opened = open_system("python:mine:slow_once", Options(timeout=0.5), labels)
    said = []
    for article in [*ARTICLES, Article(id="c", text="")]:
        try:
            said.append(opened.answer(article).annotation)
        except SystemFailure as failed:
            said.append(failed.kind)
    assert said == ["timeout", Annotation(id="b", mentions=()), Annotation(id="c", mentions=())]
    opened.close()


def test_the_time_that_documents_wait_for_a_free_call_is_not_their_own(here: Path, labels: Labels):
    """One call of two hangs; the others last longer than half a deadline each and wait for one another."""
    opened = open_system("python:mine:Uneven", Options(timeout=0.5), labels)
    articles = [Article(id=name, text="") for name in ("hang", "b", "c", "d")]

    def kind(article: Article) -> str:
        try:
            return "answered" if opened.answer(article).annotation else ""
        except SystemFailure as failed:
            return failed.kind

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(kind, articles)) == ["timeout", "answered", "answered", "answered"]
    opened.close()
    sys.modules["mine"].let_go.set()


def test_closing_ends_what_is_waited_for(here: Path, labels: Labels):
    opened = open_system("python:mine:hang", Options(timeout=60), labels)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(failure, opened) for _ in range(3)]  # one is asked, two wait
        sys.modules["mine"].begun.wait(5)
        opened.close()
        assert [future.result(5).kind for future in asked] == ["closed"] * 3
    sys.modules["mine"].let_go.set()


def test_many_threads_each_get_the_answer_to_their_own_article(here: Path, labels: Labels):
    opened = open_system("python:mine:Model", Options(), labels)
    names = [f"d{n}" for n in range(500)]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(opened.answer, [Article(id=name, text="") for name in names]))
    assert [answer.annotation for answer in found] == [Annotation(id=name, mentions=()) for name in names]
    opened.close()


def test_a_concurrency_that_a_system_does_not_allow_is_told(here: Path, labels: Labels):
    for name, asked, allowed in (("extract", 4, 1), ("Model", 4, 2), ("Model", 2, 2), ("extract", None, 1)):
        opened = open_system(f"python:mine:{name}", Options(concurrency=asked), labels)
        assert opened.concurrency == allowed
        assert [f"asked for {allowed} at a time" in note for note in opened.notes] == [True] * ((asked or 1) > allowed)
        opened.close()


SECRET = "s3cr3t-of-mine"


def test_options_that_name_a_secret_are_recorded_by_their_digest(here: Path, labels: Labels):
    known = []
    for key in (SECRET, "another"):
        opened = open_system("python:mine:Keyed", Options(configuration={"api_key": key, "max_tokens": "12"}), labels)
        assert key not in repr(opened.configuration)
        assert opened.configuration["max_tokens"] == "12"
        assert opened.configuration["nested"] == [{"password": masked(key), "n": 1}]
        assert not [article for article in ARTICLES if key[:4] in str(failure(opened, article))]
        known.append(opened.configuration["api_key"])
        opened.close()
    assert known == [masked(SECRET), masked("another")]


@pytest.mark.parametrize(
    "name", ["key", "api_key", "APIKey", "--api-key", "hf_token", "accessToken", "client_secret", "passwd", "password", "auth"]
)
def test_names_of_secrets(name: str):
    assert names_secret(name)


@pytest.mark.parametrize("name", ["max_tokens", "tokenizer", "author", "keywords", "model", "threshold", ""])
def test_names_of_no_secrets(name: str):
    assert not names_secret(name)


def test_predictions_with_a_document_twice_are_no_system(tmp_path: Path, labels: Labels):
    path = tmp_path / "p.jsonl"
    path.write_bytes(encode_jsonl([Annotation(id="a"), Annotation(id="b"), Annotation(id="a", mentions=())]))
    with pytest.raises(DataError) as caught:
        open_system(f"file:{path}", Options(), labels)
    assert [(f.code, f.line, f.doc) for f in caught.value.findings] == [
        ("DUPLICATE_DOCUMENT", 1, "a"),
        ("DUPLICATE_DOCUMENT", 2, "a"),
    ]


def test_predictions_already_made_are_a_system(tmp_path: Path, labels: Labels):
    path = tmp_path / "My Predictions.jsonl"
    path.write_bytes(encode_jsonl([Annotation(id="a", mentions=())]))
    opened = open_system(f"file:{path}", Options(), labels)
    assert opened.name == "my-predictions"
    assert opened.answer(ARTICLES[0]).annotation == Annotation(id="a", mentions=())
    assert failure(opened, ARTICLES[1]).kind == "missing"
    path.write_bytes(b"{")
    with pytest.raises(DataError, match="cannot be read"):
        open_system(f"file:{path}", Options(), labels)


def test_the_baselines_are_systems(labels: Labels):
    opened = open_system("empty", Options(), labels)
    found = opened.answer(ARTICLES[0]).annotation
    assert isinstance(found, Annotation)
    assert (opened.name, found.mentions, found.stances) == ("empty", (), ())


def register(folder: Path, points: str) -> None:
    """A distribution with entry points, as pip would have left it."""
    info = folder / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[newsgold.systems]\n{points}\n")


def test_a_package_registers_systems(here: Path, labels: Labels):
    register(here, "theirs = mine:Model\nready = mine:opened\nwrong = mine:extract\nlost = nowhere:f\nnone = mine:no_argument")
    theirs = open_system("theirs", Options(configuration={"threshold": "0.9"}), labels)
    assert theirs[:3] == ("my-model", "3", {"threshold": "0.9"})
    assert theirs.answer(ARTICLES[0]).annotation == Annotation(id="a", mentions=())
    theirs.close()
    ready = open_system("ready", Options(configuration={"shift": "2"}), labels)
    assert ready[:3] == ("ready", "1", {"shift": "2"})
    for name in ("wrong", "lost", "none"):
        with pytest.raises(UsageError, match=name):
            open_system(name, Options(), labels)
    with pytest.raises(UsageError, match="ready, theirs"):
        open_system("another", Options(), labels)


def test_names_are_made_plain():
    assert [plain_name(n) for n in ("GPT-9 (big)", "org/model:tag", "\x1b", "")] == [
        "gpt-9-big",
        "org-model-tag",
        "system",
        "system",
    ]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b'{"id": "a", "id": "b"}', b"\xef\xbb\xbf{}", b'{"id": NaN}', b"[" * 100_000]
)
def test_an_answer_that_is_no_json_is_a_failure(raw: bytes):
    with pytest.raises(SystemFailure) as caught:
        read_answer(raw, ARTICLES[0], attempts=3)
    assert (caught.value.kind, caught.value.attempts) == ("not_json", 3)


def test_an_answer_of_another_shape_is_left_to_the_checks():
    for raw, value in ((b'{"id": "a", "zap": 1}', {"id": "a", "zap": 1}), (b'{"id": "a"}', Annotation(id="a"))):
        answer = read_answer(raw, ARTICLES[0], attempts=2)
        assert (answer.annotation, answer.raw, answer.attempts, answer.ungrounded) == (value, raw, 2, 0)


def test_an_answer_in_strings_is_grounded():
    said = b'{"id": "a", "said": {"mentions": [{"text": "Tessen", "type": "GPE"}, {"text": "Rome", "type": "GPE"}]}}'
    answer = read_answer(said, ARTICLES[0])
    assert isinstance(answer.annotation, Annotation)
    assert [(m.start, m.end, m.text) for m in answer.annotation.mentions or ()] == [(0, 6, "Tessen")]
    assert answer.ungrounded == 1
    assert isinstance(read_answer(said, ARTICLES[1]).annotation, dict)
    with pytest.raises(SystemFailure, match="not their shape"):
        read_answer(b'{"id": "a", "said": {"mentions": [{"start": 1}]}}', ARTICLES[0])
