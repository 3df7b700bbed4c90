"""Records of large files, read when they are asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge import article, marked
from newsgold.annotation.by_document import annotations_at, articles_at
from newsgold.corpus.codec import encode
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, FileFault

ARTICLES = [article(number) for number in (3, 1, 2)]
PASSES = [marked(a, by) for a in ARTICLES for by in ("bob", "ann")]


def lines(path: Path, *values: bytes) -> Path:
    path.write_bytes(b"\n".join(values) + b"\n")
    return path


def test_jsonl_gives_what_reading_it_whole_gives(tmp_path: Path) -> None:
    texts = articles_at(lines(tmp_path / "a.jsonl", *map(encode, ARTICLES)))
    assert list(texts) == list(texts) == ARTICLES
    assert len(texts) == 3
    path = lines(tmp_path / "p.jsonl", b"", encode(PASSES[0]), b"  ", *map(encode, PASSES[1:]))
    held = annotations_at(path)
    assert {doc: held[doc] for doc in held} == {a.id: [p for p in PASSES if p.id == a.id] for a in ARTICLES}
    assert [p for rows in held.values() for p in rows] == [r.value for r in read_annotations(path).records]
    assert held.get("nowhere", ()) == ()
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    assert annotations_at(path)["doc-2"] == PASSES[4:]


def test_a_corpus_is_read_whole(corpus: Path) -> None:
    assert list(articles_at(corpus)) == [r.value for r in read_articles(corpus).records]
    assert [p for rows in annotations_at(corpus).values() for p in rows] == [r.value for r in read_annotations(corpus).records]


def test_faults_are_all_named_before_anything_is_used(tmp_path: Path) -> None:
    good = encode(ARTICLES[0])
    with pytest.raises(DataError) as caught:
        articles_at(lines(tmp_path / "a.jsonl", good, b"{", good, b'{"id": 1, "text": ""}'))
    assert [(f.code, f.line) for f in caught.value.findings] == [("BAD_JSON", 2), ("BAD_SHAPE", 4)]
    with pytest.raises(DataError, match="EMPTY_FILE"):
        annotations_at(lines(tmp_path / "b.jsonl", b""))
    with pytest.raises(FileFault, match="cannot read"):
        annotations_at(tmp_path / "nowhere.jsonl")


def test_a_file_that_changes_meanwhile_is_named(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", *map(encode, PASSES))
    held = annotations_at(path)
    lines(path, *map(encode, reversed(PASSES)))
    with pytest.raises(FileFault, match="changed while it was read"):
        held["doc-3"]
