"""The public Python API: the same results as the commands."""

from __future__ import annotations

from pathlib import Path

import pytest

import newsgold


def test_every_public_name_is_there():
    for name in newsgold.__all__:
        assert getattr(newsgold, name) is not None
    assert set(newsgold.__all__) <= set(dir(newsgold))
    with pytest.raises(AttributeError):
        newsgold.nothing  # noqa: B018


def test_load_gives_articles_and_annotations(corpus: Path):
    loaded = newsgold.load(corpus)
    (article,) = loaded.articles
    (gold,) = loaded.annotations
    assert article == loaded.article("damascus-declared-secure")
    assert gold.split == "test"
    assert gold.ignore == ((46, 94), (96, 140))
    assert all(article.text[m.start : m.end] == m.text for m in gold.mentions or ())
    with pytest.raises(KeyError):
        loaded.article("nowhere")


def test_load_of_a_release_equals_load_of_its_folder(corpus: Path):
    folder, release = newsgold.load(corpus), newsgold.load(corpus / "data/documents/test-00000-of-00001.parquet")
    assert release.articles == folder.articles
    assert release.annotations == folder.annotations
    assert release.labels == folder.labels


def test_load_leaves_nothing_out_in_silence(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id":"a"}\n{"id":\n{"id":"b"}\n')
    with pytest.raises(newsgold.DataError) as caught:
        newsgold.load(path)
    assert [(f.code, f.line) for f in caught.value.findings] == [("BAD_JSON", 2)]
    with pytest.raises(newsgold.FileFault):
        newsgold.load(tmp_path / "nowhere")


def test_validate_and_score(corpus: Path):
    assert newsgold.validate(corpus) == []
    assert newsgold.validate([str(corpus)]) == []
    loaded = newsgold.load(corpus)
    result = newsgold.score(corpus, loaded.annotations)
    assert result.to_dict()["scores"] == newsgold.score(loaded.annotations, loaded.annotations).to_dict()["scores"]
