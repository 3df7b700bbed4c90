"""Systems by their names, and what a run of one guarantees."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from newsgold.benchmark.systems import find_system, predict
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.errors import DataError, NewsgoldError, UsageError

ARTICLES = [Article(id=name, text="Tessen fell.", text_sha256="ab") for name in ("a", "b")]


def test_a_run_answers_every_article_and_signs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "mine.py").write_text(
        "from newsgold import Annotation\ndef extract(article):\n    return Annotation(id=article.id, mentions=())\n"
    )
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    made = list(predict(find_system("python:mine:extract"), ARTICLES, name="mine", progress=seen.append))
    assert [(a.id, a.by, a.text_sha256, a.mentions) for a in made] == [("a", "mine", "ab", ()), ("b", "mine", "ab", ())]
    assert seen == ["a", "b"]


def test_an_answer_about_another_document_is_refused():
    with pytest.raises(DataError) as caught:
        list(predict(lambda article: Annotation(id="other"), ARTICLES, name="mine"))
    assert [f.code for f in caught.value.findings] == ["UNKNOWN_DOCUMENT"]


def test_predictions_already_made_are_a_system(tmp_path: Path):
    path = tmp_path / "p.jsonl"
    path.write_bytes(encode_jsonl([Annotation(id="a", mentions=()), Annotation(id="b")]))
    assert [a.id for a in predict(find_system(f"file:{path}"), ARTICLES, name="x")] == ["a", "b"]
    path.write_bytes(encode_jsonl([Annotation(id="a")]))
    with pytest.raises(DataError, match="not predicted"):
        list(predict(find_system(f"file:{path}"), ARTICLES, name="x"))
    path.write_bytes(b"{")
    with pytest.raises(DataError, match="cannot be read"):
        find_system(f"file:{path}")


@pytest.mark.parametrize(
    "name", ["", "nothing", "python:x", "python:nowhere:f", "python:json:nothing", "python:json:__name__", "file:"]
)
def test_a_system_that_is_not_there_is_a_usage_error(name: str):
    with pytest.raises(UsageError):
        find_system(name)


def test_a_prediction_keeps_what_the_system_said():
    said = Annotation(id="a", by="someone", relations=())
    (made,) = predict(lambda article: said, ARTICLES[:1], name="mine")
    assert made == msgspec.structs.replace(said, by="mine", text_sha256="ab")


def stop(article: Article) -> Annotation:
    raise SystemExit(0)


def fail(article: Article) -> Annotation:
    raise ValueError("no\x1b[31m\u202e")


def wrong_signature() -> Annotation:
    return Annotation(id="a")


@pytest.mark.parametrize(
    ("system", "said"), [(stop, "SystemExit"), (fail, r"ValueError: 'no\\x1b"), (wrong_signature, "TypeError")]
)
def test_a_system_that_fails_is_named_with_the_document(system, said: str):
    with pytest.raises(NewsgoldError) as caught:
        list(predict(system, ARTICLES, name="mi\x1bne"))
    assert caught.value.exit_code == 1
    assert str(caught.value).isprintable()
    assert all(part in str(caught.value) for part in ("mi\\x1bne", "document 'a'", said.replace("\\\\", "\\")))


@pytest.mark.parametrize(
    ("answer", "pointer"),
    [
        (None, ""),
        ({"id": "a"}, ""),
        (Annotation(id="a", mentions=({"start": 0, "end": "1", "type": "X"},)), "/mentions/0/end"),
        (Annotation(id="a", mentions=({"start": 0, "end": 1, "type": "X", "zap": 1},)), "/mentions/0/zap"),
        (Annotation(id="a", mentions=(Mention(start=0, end=2**40, type="X"),)), "/mentions/0/end"),
        (Annotation(id="a", mentions=(Mention(start=0, end=1, type=object()),)), ""),
        (Annotation(id="a", mentions="none"), "/mentions"),
        (Annotation(id="a", by="\ud800"), ""),
    ],
)
def test_an_answer_that_has_not_the_shape_is_refused(answer, pointer: str):
    with pytest.raises(DataError) as caught:
        list(predict(lambda article: answer, ARTICLES, name="mine"))
    assert [(f.code, f.doc, f.pointer) for f in caught.value.findings] == [("BAD_SHAPE", "a", pointer)]


def test_a_module_that_fails_to_load_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    (tmp_path / "leaver.py").write_text("raise SystemExit(0)\n")
    (tmp_path / "typo.py").write_text("def f(:\n")
    monkeypatch.chdir(tmp_path)
    for name in ("leaver", "typo"):
        with pytest.raises(UsageError, match=name):
            find_system(f"python:{name}:f")
