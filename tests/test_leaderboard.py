"""The leaderboard: rescored, escaped, and not disturbed by one bad submission."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from newsgold.benchmark import leaderboard as board
from newsgold.benchmark.leaderboard import SystemCard
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.store import read_annotations
from newsgold.errors import FileFault


@pytest.fixture
def room(tmp_path: Path, corpus: Path) -> Path:
    """A benchmark folder with one perfect submission."""
    folder = tmp_path / "benchmark"
    card = SystemCard(name="perfect", version="1", summary="gold itself", saw="gold", authors=("newsgold maintainers",))
    gold = [r.value for r in read_annotations(corpus).records]
    board.write_submission(folder, card, encode_jsonl(gold))
    return folder


def files(room: Path, corpus: Path) -> dict[str, bytes]:
    return board.render(board.read_submissions(room, corpus, split="test"), board.about(corpus, "test"))


def test_results_and_page_are_made_and_checked(room: Path, corpus: Path):
    made = files(room, corpus)
    assert set(made) == {"results/perfect/1.json", "results/leaderboard.json", "site/index.html"}
    assert len(board.check(room, made)) == 3
    assert len(board.write(room, made)) == 3
    assert board.check(room, made) == []
    assert board.write(room, made) == []
    row = json.loads((room / "results/leaderboard.json").read_text())["systems"][0]
    assert row["scores"]["mentions.strict"] == {"precision": 1, "recall": 1, "f1": 1}


def test_results_of_a_submission_that_is_gone_go_too(room: Path, corpus: Path):
    board.write(room, files(room, corpus))
    (room / "results/ghost").mkdir()
    (room / "results/ghost/1.json").write_text("{}")
    made = files(room, corpus)
    assert [f.path for f in board.check(room, made)] == [str(room / "results/ghost/1.json")]
    board.write(room, made)
    assert not (room / "results/ghost/1.json").exists()


def test_a_faulty_submission_is_refused_alone(room: Path, corpus: Path):
    for name, content in (("broken", b'{"id":'), ("stranger", b'{"id":"nowhere","mentions":[]}\n')):
        folder = room / "submissions" / name / "1"
        shutil.copytree(room / "submissions/perfect/1", folder)
        (folder / "system.json").write_text((folder / "system.json").read_text().replace('"perfect"', f'"{name}"'))
        (folder / "predictions.jsonl").write_bytes(content)
    (room / "submissions/lost/1").mkdir(parents=True)
    (room / "submissions/lost/1/system.json").write_text("{")
    (room / "submissions/liar/1").mkdir(parents=True)
    shutil.copyfile(room / "submissions/perfect/1/system.json", room / "submissions/liar/1/system.json")
    (room / "submissions/gone/1").mkdir(parents=True)
    card = (room / "submissions/perfect/1/system.json").read_text()
    (room / "submissions/gone/1/system.json").write_text(card.replace('"perfect"', '"gone"'))
    entries = {e.card.name: e for e in board.read_submissions(room, corpus, split="test")}
    assert entries["perfect"].result is not None
    codes = {name: [f.code for f in e.findings] for name, e in entries.items() if e.result is None}
    assert codes == {
        "broken": ["BAD_JSON", "MISSING_DOCUMENT"], "stranger": ["UNKNOWN_DOCUMENT", "MISSING_DOCUMENT"], "lost": ["BAD_SHAPE"],
        "liar": ["FILE_NAME"], "gone": ["FILE_MISSING"],
    }  # fmt: skip
    made = files(room, corpus)
    assert b"refused: BAD_JSON" in made["site/index.html"]
    assert next(iter(entries)) == "perfect"
    assert all(len(row) == 1 + len(board.COLUMNS) for row in board.text_table(list(entries.values())))


def test_a_benchmark_folder_that_is_not_there_is_not_made(tmp_path: Path, corpus: Path):
    for command in (
        lambda: board.read_submissions(tmp_path / "typo", corpus),
        lambda: board.submit_baselines(tmp_path / "typo", corpus),
    ):
        with pytest.raises(FileFault, match="typo"):
            command()
    assert list(tmp_path.iterdir()) == []


def test_the_page_runs_nothing_that_a_submission_says(room: Path, corpus: Path):
    path = room / "submissions/perfect/1/system.json"
    card = json.loads(path.read_text()) | {"summary": "<script>alert(1)</script>\u202e", "saw": "\"'><img src=x>"}
    path.write_text(json.dumps(card))
    page = files(room, corpus)["site/index.html"].decode()
    assert "<script" not in page
    assert "<img" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page


def test_the_repository_shows_what_its_submissions_give(repo: Path, corpus: Path):
    assert board.check(repo / "benchmark", files(repo / "benchmark", corpus)) == []
