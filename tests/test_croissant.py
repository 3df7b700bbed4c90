"""The Croissant description: valid to its own reader, which gives the rows of the gold; and complete in what people must say."""

from __future__ import annotations

import json
import logging
import re
import shutil
from pathlib import Path
from typing import Any

import mlcroissant
import pyarrow.parquet as pq
import pytest

from newsgold.corpus import croissant, release, tables
from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article
from newsgold.corpus.store import write_article
from newsgold.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore:.* is deprecated:DeprecationWarning")  # within the reader
CONFIGS = ("documents", "mentions", "entities", "relations", "stances")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Path:
    """The corpus of the repository and an article without gold, built; tests only read it."""
    folder = tmp_path_factory.mktemp("croissant") / "corpus"
    shutil.copytree(corpus, folder, ignore=shutil.ignore_patterns("data", "schema"))
    write_article(Article(id="bare", text="Größe, 🏛.", split="validation", origin="written"), folder)
    assert release.build(folder).findings == ()
    return folder


@pytest.fixture(autouse=True)
def quiet() -> None:
    """The reader warns that it applies the pattern of a split a second time, to the split."""
    logging.getLogger().setLevel(logging.ERROR)


def test_it_is_valid_and_nothing_recommended_is_missing(built: Path) -> None:
    issues = mlcroissant.Dataset(built / "croissant.json").metadata.ctx.issues
    assert (issues.errors, issues.warnings) == (set(), set())


def plain(value: Any) -> Any:
    """A record as the reader gives it, as Python values; fields are named by their path, and texts are bytes."""
    if isinstance(value, dict):
        return {key.rpartition("/")[2]: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if isinstance(value, bytes):
        return value.decode("utf-8")
    return value.item() if hasattr(value, "item") else value


def without_gold(row: dict[str, Any]) -> dict[str, Any]:
    """The reader makes one item of nulls of a list that is null; an article without gold has four of these."""
    return {key: value for key, value in row.items() if row["annotated"] or key not in CONFIGS}


@pytest.mark.parametrize("config", CONFIGS)
def test_its_reader_gives_the_rows_of_the_gold(built: Path, config: str) -> None:
    labels = default_labels()
    schemas = {name: features.arrow_schema for name, features in tables.features(labels).items()}
    documents = sorted(release.read_release(built), key=lambda document: document.article.id)
    expected = tables.tables(documents, labels, schemas)[config].to_pylist()
    records = [plain(record) for record in mlcroissant.Dataset(built / "croissant.json").records(config)]
    splits = [record.pop("file_split") for record in records]
    if config == "documents":
        assert splits == [record["split"] for record in records]
        expected, records = ([without_gold(row) for row in rows] for rows in (expected, records))
        records.sort(key=lambda row: row["id"])
    assert records == expected
    assert records


def test_one_split_can_be_asked_for(built: Path) -> None:
    of = {document.article.id: document.article.split for document in release.read_release(built)}
    for split in ("validation", "test"):
        dataset = mlcroissant.Dataset(built / "croissant.json")
        records = [*dataset.records("documents", filters={"documents/file_split": split})]
        assert {plain(record)["id"] for record in records} == {name for name, own in of.items() if own == split}
        assert 0 < len(records) < len(of)


def test_labels_have_their_names(built: Path) -> None:
    labels = default_labels()
    dataset = mlcroissant.Dataset(built / "croissant.json")
    rows = [plain(row) for row in dataset.records("relations-type")]
    assert [row["code"] for row in rows] == [*range(len(labels.relations))]
    assert [row["name"] for row in rows] == [*labels.relations]


def test_every_file_is_described_and_nothing_else(built: Path) -> None:
    value = json.loads((built / "croissant.json").read_bytes())
    files = {part["@id"]: part for part in value["distribution"] if part["@type"] == "cr:FileObject" and part["@id"] != "repo"}
    assert {*files} == {p.relative_to(built).as_posix() for p in built.glob("data/*/*.parquet")}
    for name, part in files.items():
        data = (built / name).read_bytes()
        assert (part["sha256"], part["contentSize"]) == (sha256(data), f"{len(data)} B")
    columns = {part["@id"]: [f["name"] for f in part["field"]] for part in value["recordSet"]}
    for config in CONFIGS:
        shard = next(iter((built / "data" / config).glob("*.parquet")))
        assert columns[config] == ["file_split", *pq.read_schema(shard).names]
        for field in next(part for part in value["recordSet"] if part["@id"] == config)["field"]:
            assert field["description"]


def test_it_says_who_made_the_labels(built: Path) -> None:
    value = json.loads((built / "croissant.json").read_bytes())
    assert {key.removeprefix("rai:") for key in value if key.startswith("rai:")} == {*croissant.RAI}
    assert len(croissant.RAI) == 20
    for key in ("rai:dataAnnotationProtocol", "rai:machineAnnotationTools"):
        assert "language model" in " ".join(value[key])
    assert "No people annotated" in value["rai:annotatorDemographics"][0]
    assert (value["version"], value["datePublished"]) == ((built / "VERSION").read_text().strip(), "2026-11-23")


def test_its_reader_refuses_a_file_that_was_altered(built: Path, tmp_path: Path) -> None:
    """Croissant checks the sum of a file that it reads by name."""
    shutil.copytree(built, tmp_path / "corpus")
    value = json.loads((tmp_path / "corpus" / "croissant.json").read_bytes())
    name = "data/stances/test-00000-of-00001.parquet"
    for part in value["recordSet"]:
        if part["@id"] == "stances":
            part["field"] = [field for field in part["field"] if field["name"] == "id"]
            part["field"][0]["source"] = {"fileObject": {"@id": name}, "extract": {"column": "id"}}
    path = tmp_path / "corpus" / "direct.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    assert len([*mlcroissant.Dataset(path).records("stances")]) == pq.read_table(tmp_path / "corpus" / name).num_rows
    pq.write_table(pq.read_table(tmp_path / "corpus" / name), tmp_path / "corpus" / name)  # the same rows in other bytes
    with pytest.raises(mlcroissant.GenerationError) as error:
        [*mlcroissant.Dataset(path).records("stances")]
    assert "hash" in str(error.value.__cause__).lower()


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ((r"(?m)^dataBiases = \[\n.*?\n\]$", 'dataBiases = "  "'), "/rai/dataBiases"),
        ((r"(?m)^dataBiases = \[\n.*?\n\]$", "dataBiases = []"), "/rai/dataBiases"),
        ((r"(?m)^dataBiases = \[\n.*?\n\]$", "dataBiases = 3"), "/rai/dataBiases"),
        ((r"(?m)^dataImputationProtocol = .*\n", ""), "/rai/dataImputationProtocol"),
        ((r"(?m)^\[rai\]$", '[rai]\ndataBias = "none"'), "/rai/dataBias"),
        ((r"(?m)^description = .*$", ""), "/dataset/description"),
    ],
)
def test_every_question_needs_an_answer(built: Path, tmp_path: Path, change: tuple[str, str], pointer: str) -> None:
    shutil.copytree(built, tmp_path / "corpus")
    path = tmp_path / "corpus" / croissant.FACTS
    before = path.read_text(encoding="utf-8")
    after = re.sub(
        change[0], change[1], before, count=1, flags=re.DOTALL if "[" in change[0] and "dataBiases" in change[0] else 0
    )
    assert after != before
    path.write_text(after, encoding="utf-8")
    with pytest.raises(DataError) as error:
        release.build(tmp_path / "corpus", version="0.9.0")
    (fault,) = error.value.findings
    assert (fault.code, fault.pointer) == ("UNANSWERED", pointer)
    assert (tmp_path / "corpus" / "VERSION").read_bytes() == (built / "VERSION").read_bytes()


def test_without_answers_there_is_no_description(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "corpus")
    (tmp_path / "corpus" / croissant.FACTS).unlink()
    done = release.build(tmp_path / "corpus")
    assert [(f.code, f.severity) for f in done.findings] == [("UNANSWERED", "warning")]
    assert tmp_path / "corpus" / "croissant.json" in done.changed
    assert not (tmp_path / "corpus" / "croissant.json").exists()
    assert release.check(tmp_path / "corpus") == []


def test_making_it_needs_no_reader() -> None:
    sources = [Path(module.__file__ or "") for module in (croissant, release, tables)]
    assert not any(
        re.search(r"^\s*(import|from) mlcroissant", path.read_text(encoding="utf-8"), re.MULTILINE) for path in sources
    )
