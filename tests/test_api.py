"""The public Python API: the same results as the commands."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import newsgold
from newsgold.corpus import release
from newsgold.corpus.codec import encode_jsonl
from released import clean_env, corpus_at, release_at, run

DOCUMENTS = "data/documents/test-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release; tests only read it."""
    return release_at(tmp_path_factory.mktemp("built") / "release")


def test_every_public_name_is_there():
    for name in newsgold.__all__:
        assert getattr(newsgold, name) is not None
    assert set(newsgold.__all__) <= set(dir(newsgold))
    with pytest.raises(AttributeError):
        newsgold.nothing  # noqa: B018 -- the look-up alone is tested


def test_load_gives_articles_and_annotations(corpus: Path):
    loaded = newsgold.load(corpus)
    assert [a.id for a in loaded.articles] == [g.id for g in loaded.annotations]
    article = loaded.article("damascus-declared-secure")
    gold = next(g for g in loaded.annotations if g.id == article.id)
    assert gold.split == "test"
    assert gold.ignore == ((46, 94), (96, 140))
    assert all(article.text[m.start : m.end] == m.text for m in gold.mentions or ())
    with pytest.raises(KeyError):
        loaded.article("nowhere")


def test_load_of_a_release_equals_load_of_its_folder(corpus: Path):
    plain, file, proven = newsgold.load(corpus, verify=False), newsgold.load(corpus / DOCUMENTS), newsgold.load(corpus)
    assert plain.release is None
    assert proven.release is not None
    own = [a for a in plain.articles if a.split == "test"]
    assert 0 < len(own) < len(plain.articles)
    for loaded, articles in ((file, own), (proven, list(plain.articles))):
        assert list(loaded.articles) == articles
        assert list(loaded.annotations) == [g for g in plain.annotations if g.id in {a.id for a in articles}]
        assert loaded.labels == plain.labels


def test_gold_that_is_worked_on_is_no_release(tmp_path: Path):
    made = corpus_at(tmp_path / "corpus")
    before = newsgold.load(made)
    assert before.release is None
    release.build(made)
    assert newsgold.load(made).annotations == before.annotations
    gold = made / "gold" / "tessen-bridge.json"
    gold.write_bytes(gold.read_bytes().replace(b'"link":"kb-tessen"', b'"link":"Q37661234"'))
    with pytest.raises(newsgold.DataError, match=r"CHECKSUM .* run newsgold corpus build"):
        newsgold.load(made)
    assert newsgold.load(made, verify=False).annotations != before.annotations


def test_what_was_loaded_stays_as_it_was(built: Path, tmp_path: Path):
    copy = shutil.copytree(built, tmp_path / "copy")
    loaded, fresh = newsgold.load(copy), newsgold.load(built)
    shutil.rmtree(copy)
    assert loaded.annotations == fresh.annotations
    assert loaded.to_datasets("mentions")["test"].to_list() == fresh.to_datasets("mentions")["test"].to_list()


def test_labels_may_be_named(built: Path, tmp_path: Path):
    other = tmp_path / "labels.toml"
    other.write_bytes((built / "labels.toml").read_bytes().replace(b'name = "newsgold"', b'name = "other"', 1))
    assert newsgold.load(built, labels=other).labels.name == "other"
    assert newsgold.load(built).labels.name == "newsgold"


def test_load_leaves_nothing_out_in_silence(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id":"a"}\n{"id":\n{"id":"b"}\n')
    with pytest.raises(newsgold.DataError) as caught:
        newsgold.load(path)
    assert [(f.code, f.line) for f in caught.value.findings] == [("BAD_JSON", 2)]
    for nothing in (tmp_path / "nowhere", "nowhere", "corpus/nowhere", "a/b/c"):
        with pytest.raises(newsgold.FileFault, match="nothing at"):
            newsgold.load(nothing)
    with pytest.raises(newsgold.UsageError, match="has no revisions"):
        newsgold.load(path, revision="v1.0.0")


def test_a_hub_that_cannot_be_reached(tmp_path: Path):
    code = "import newsgold; newsgold.load('org/news', revision='v1.0.0')"
    out = run(sys.executable, "-c", code, env=clean_env(HF_HUB_OFFLINE="1", HF_HOME=str(tmp_path)))
    assert "FileFault: org/news at v1.0.0 could not be loaded" in out.stderr
    assert "HF_HUB_OFFLINE is set" in out.stderr


# ------------------------------------------------------------------------------ the views


def test_datasets_from_memory_equal_the_gold(built: Path):
    loaded = newsgold.load(built)
    documents = loaded.to_datasets()
    assert {*documents} == {"train", "test"}
    rows = [row for part in documents.values() for row in part]
    golds = {gold.id: gold for gold in loaded.annotations}
    types = documents["train"].features["mentions"].feature["type"]
    for row in rows:
        gold = golds[row["id"]]
        got = [(m["start"], m["end"], types.int2str(m["type"]), m["text"]) for m in row["mentions"]]
        assert got == [(m.start, m.end, m.type, m.text) for m in gold.mentions or ()]
    assert sum(len(p) for p in loaded.to_datasets("relations").values()) == sum(len(g.relations or ()) for g in golds.values())
    assert documents["test"].cache_files == []
    assert str(documents["test"].version) == "1.0.0"
    with pytest.raises(newsgold.UsageError, match="no config 'nothing'"):
        loaded.to_datasets("nothing")


def test_a_fingerprint_is_of_the_data(built: Path, tmp_path: Path):
    """Equal data share the cache of a map; other data do not."""
    other = release_at(tmp_path / "other", fixed=True)
    prints = [
        newsgold.load(path).to_datasets(config)["train"]._fingerprint
        for path in (built, other)
        for config in ("documents", "mentions")
    ]
    assert len({*prints}) == 4
    assert newsgold.load(built).to_datasets()["train"]._fingerprint == prints[0]
    doubled = newsgold.load(built).to_datasets("mentions")["train"].map(lambda row: {"width": row["end"] - row["start"]})
    assert doubled["width"] == [
        m.end - m.start for g in newsgold.load(built).annotations if g.split == "train" for m in g.mentions or ()
    ]


def test_polars_views_name_their_labels(built: Path):
    loaded = newsgold.load(built)
    for config, layer in (("mentions", "mentions"), ("relations", "relations"), ("entities", "entities")):
        lazy = loaded.to_polars(config)
        assert isinstance(lazy, pl.LazyFrame)
        frame = lazy.collect()
        golds = sorted(loaded.annotations, key=lambda gold: gold.id)
        assert sorted(frame["id" if config != "relations" else "head"]) == sorted(
            getattr(item, "id" if config != "relations" else "head") for gold in golds for item in getattr(gold, layer) or ()
        )
        assert frame.schema["type"] == pl.Enum([*getattr(loaded.labels, "types" if config != "relations" else "relations")])
    mentions = loaded.to_polars("mentions").filter(pl.col("type") == "GPE").collect()
    assert len(mentions) == sum(m.type == "GPE" for g in loaded.annotations for m in g.mentions or ())
    nested = loaded.to_polars().explode("mentions").select("split", pl.col("mentions").struct.field("type")).collect()
    assert {*nested["split"]} == {"train", "test"}
    assert sorted(nested["type"].cast(str)) == sorted(m.type for g in loaded.annotations for m in g.mentions or ())


def test_without_a_release_there_are_no_tables(tmp_path: Path, built: Path):
    path = tmp_path / "gold.jsonl"
    path.write_bytes(encode_jsonl(newsgold.load(built).annotations))
    with pytest.raises(newsgold.UsageError, match="only a release has tables"):
        newsgold.load(path).to_datasets()
    with pytest.raises(newsgold.UsageError, match="only a release has tables"):
        newsgold.load(path).to_polars()


def test_loading_needs_neither_datasets_nor_the_hub(built: Path):
    code = (
        "import sys, newsgold; newsgold.load(sys.argv[1]).annotations;"
        "print(sorted({'datasets', 'huggingface_hub', 'pandas', 'polars', 'sklearn'} & {*sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-c", code, str(built)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


# ------------------------------------------------------------------------------ the command


def test_verify_on_the_command_line(built: Path, tmp_path: Path):
    command = (sys.executable, "-m", "newsgold.cli", "corpus", "verify")
    env = clean_env(HF_HUB_OFFLINE="1")
    good = run(*command, str(built), env=env)
    assert (good.returncode, good.stdout[:21]) == (0, "corpus 1.0.0, sha256:")
    copy = shutil.copytree(built, tmp_path / "copy")
    (copy / DOCUMENTS).write_bytes(b"PAR1")
    bad = run(*command, str(copy), env=env)
    assert bad.returncode == 1
    assert "CHECKSUM" in bad.stdout


def test_validate_and_score(corpus: Path):
    assert newsgold.validate(corpus) == []
    assert newsgold.validate([str(corpus)]) == []
    loaded = newsgold.load(corpus)
    result = newsgold.score(corpus, loaded.annotations)
    assert result.to_dict()["scores"] == newsgold.score(loaded.annotations, loaded.annotations).to_dict()["scores"]
