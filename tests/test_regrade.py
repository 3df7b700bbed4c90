"""What a change of the gold did to scores: the same predictions, the same documents, two states."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from newsgold.benchmark.regrade import regrade
from newsgold.benchmark.score import score
from newsgold.cli import cli
from newsgold.corpus import release
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.store import read_annotations
from newsgold.errors import DataError, UsageError
from released import corpus_at


@pytest.fixture
def states(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A release, the corpus with one link of it mended, and predictions that are the old gold."""
    corpus = corpus_at(tmp_path / "corpus")
    release.build(corpus, version="1.0.0", out=tmp_path / "old")
    (tmp_path / "submissions" / "a" / "1").mkdir(parents=True)
    pred = tmp_path / "submissions" / "a" / "1" / "predictions.jsonl"
    pred.write_bytes(encode_jsonl(r.value for r in read_annotations(corpus).records))
    gold = corpus / "gold" / "tessen-bridge.json"
    gold.write_bytes(gold.read_bytes().replace(b'"link":"kb-tessen"', b'"link":"Q37661234"'))
    return tmp_path / "old", corpus, pred


def test_the_difference_is_that_of_the_two_scores(states: tuple[Path, Path, Path]) -> None:
    old, new, pred = states
    found = regrade(str(old), str(new), {"a": pred})
    assert (found.documents, found.apart) == (2, 0)
    rows = found.to_dict()["systems"]["a"]["scores"]
    assert rows["mentions.strict"] == {"old": 1.0, "new": 1.0, "delta": 0.0}
    link = rows["linking.accuracy"]
    assert link["old"] == 1.0
    assert link["new"] == score(new, pred).to_dict()["scores"]["linking.accuracy"]["value"] < 1.0
    assert link["delta"] == pytest.approx(link["new"] - link["old"])


def test_only_documents_of_both_count(states: tuple[Path, Path, Path]) -> None:
    old, new, pred = states
    (new / "gold" / "belmar-talks.json").unlink()
    found = regrade(str(old), str(new), {"a": pred})
    assert (found.documents, found.apart) == (1, 1)
    assert all(result.documents == 1 for result in found.systems["a"])
    assert {result.names for result in found.systems["a"]} == {("tessen-bridge",)}


def test_without_a_document_in_common(states: tuple[Path, Path, Path]) -> None:
    old, new, pred = states
    with pytest.raises(UsageError, match="no document in common in the split validation"):
        regrade(str(old), str(new), {"a": pred}, split="validation")


def test_predictions_that_cannot_be_read(states: tuple[Path, Path, Path]) -> None:
    old, new, pred = states
    pred.write_bytes(pred.read_bytes() + b"{\n")
    with pytest.raises(DataError, match="read whole"):
        regrade(str(old), str(new), {"a": pred})


def test_the_command(states: tuple[Path, Path, Path]) -> None:
    old, new, pred = states

    def run(*arguments: object) -> str:
        given = ["benchmark", "regrade", "--old", str(old), "--new", str(new), *map(str, arguments)]
        return CliRunner().invoke(cli, given, catch_exceptions=False).output

    folder = pred.parents[3]
    value = json.loads(run("--benchmark", folder, "--json"))
    assert list(value["systems"]) == ["a 1"]
    assert value["systems"]["a 1"]["scores"]["linking.accuracy"]["delta"] < 0
    lines = run("--pred", pred).splitlines()
    assert lines[0] == "2 document(s) in both, 0 in one alone; F1 or value in per cent"
    (line,) = [line for line in lines if line.startswith("linking.accuracy")]
    assert line.split()[1] == "100.0"
    assert line.split()[-1].startswith("-")
    with pytest.raises(UsageError, match="no submissions"):
        run("--benchmark", new)
