"""The leaderboard: rescored, escaped, and not disturbed by one bad submission."""

from __future__ import annotations

import json
import shutil
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from newsgold.benchmark import leaderboard as board
from newsgold.benchmark import refresh
from newsgold.benchmark.baselines import FITTED, SYSTEMS, Fitted, Function, Pairs, card_of, empty
from newsgold.benchmark.card import SystemCard, write_submission
from newsgold.benchmark.refresh import submit_baselines
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation
from newsgold.corpus.store import read_annotations, read_articles, write_article, write_gold
from newsgold.errors import FileFault, UsageError


@pytest.fixture
def room(tmp_path: Path, corpus: Path) -> Path:
    """A benchmark folder with one perfect submission."""
    folder = tmp_path / "benchmark"
    card = SystemCard(name="perfect", version="1", summary="gold itself", saw="gold", authors=("newsgold maintainers",))
    gold = [r.value for r in read_annotations(corpus).records]
    write_submission(folder, card, encode_jsonl(gold))
    return folder


def files(room: Path, corpus: Path) -> dict[str, bytes]:
    return board.render(board.read_submissions(room, corpus, split="test"), board.about(corpus, "test"))


def test_results_and_page_are_made_and_checked(room: Path, corpus: Path):
    made = files(room, corpus)
    assert set(made) == {"results/perfect/1.json", "results/leaderboard.json", "site/index.html"}
    assert [f.code for f in board.check(room, made)] == ["RESULTS_STALE"] * 3
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
    missing = ["MISSING_DOCUMENT"] * int(board.about(corpus, "test")["documents"])
    codes = {name: [f.code for f in e.findings] for name, e in entries.items() if e.result is None}
    assert codes == {
        "broken": ["BAD_JSON", *missing], "stranger": ["UNKNOWN_DOCUMENT", *missing], "lost": ["BAD_SHAPE"],
        "liar": ["FILE_NAME"], "gone": ["FILE_MISSING"],
    }  # fmt: skip
    made = files(room, corpus)
    assert b"refused: BAD_JSON" in made["site/index.html"]
    assert next(iter(entries)) == "perfect"
    assert all(len(row) == 2 + len(board.COLUMNS) for row in board.text_table(list(entries.values())))


def test_a_benchmark_folder_that_is_not_there_is_not_made(tmp_path: Path, corpus: Path):
    for command in (
        lambda: board.read_submissions(tmp_path / "typo", corpus),
        lambda: submit_baselines(tmp_path / "typo", corpus),
    ):
        with pytest.raises(FileFault, match="typo"):
            command()
    assert list(tmp_path.iterdir()) == []


def test_only_systems_and_baselines_are_ranked_and_equals_share_a_rank(room: Path, corpus: Path):
    """Even a perfect degenerate system stands below a system that finds nothing, and is never marked as best."""
    gold = [r.value for r in read_annotations(corpus).records]
    nothing = [Annotation(id=g.id, mentions=()) for g in gold]
    for name, kind, made in (
        ("cheat", "degenerate", gold), ("twin", "baseline", gold), ("zero", "submission", nothing), ("anna", "annotator", gold),
    ):  # fmt: skip
        card = SystemCard(name=name, version="1", kind=kind, summary="s", saw="s", authors=("a",))
        write_submission(room, card, encode_jsonl(made))
    shutil.copytree(room / "submissions/zero", room / "submissions/odd")  # refused: its card names another folder
    entries = board.read_submissions(room, corpus, split="test")
    assert [(e.card.name, e.rank) for e in entries] == [
        ("perfect", 1), ("twin", 1), ("zero", 3), ("odd", None), ("cheat", None), ("anna", None),
    ]  # fmt: skip
    made = board.render(entries, board.about(corpus, "test"))
    rows = json.loads(made["results/leaderboard.json"])["systems"]
    assert [(row["system"], row["kind"], row["rank"]) for row in rows] == [(e.card.name, e.card.kind, e.rank) for e in entries]
    head, degenerate = made["site/index.html"].decode().split("<strong>Degenerate</strong>")
    assert head.count('class="best"') == 2 * len(board.COLUMNS)
    assert 'class="best"' not in degenerate
    assert [row[:2] for row in board.text_table(entries)][1:4] == [
        ["1. perfect 1", "submission"], ["1. twin 1", "baseline"], ["3. zero 1", "submission"],
    ]  # fmt: skip


def test_a_card_says_all_it_holds_on_the_page(room: Path, corpus: Path):
    card = SystemCard(
        name="full", version="2", kind="baseline", summary="What it is.", saw="What it saw.", caution="What it cannot show.",
        command="make it", cost="1 s & 2 MB", authors=("a",), url="u", licence="MIT",
    )  # fmt: skip
    write_submission(room, card, (room / "submissions/perfect/1/predictions.jsonl").read_bytes())
    page = files(room, corpus)["site/index.html"].decode()
    shown = ("What it is.", "Saw: What it saw.", "Caution: What it cannot show.", "Time and memory: 1 s &amp; 2 MB", "make it")
    assert [text for text in shown if text not in page] == []
    assert json.loads(files(room, corpus)["results/full/2.json"])["system"]["kind"] == "baseline"


# ------------------------------------------------------------------------------ our own rows


def small(corpus: Path, folder: Path, splits: dict[str, str]) -> Path:
    """A corpus of the named articles, in the splits given."""
    for doc, split in splits.items():
        (article,) = (r.value for r in read_articles(corpus).records if r.value.id == doc)
        (gold,) = (r.value for r in read_annotations(corpus).records if r.value.id == doc)
        write_article(msgspec.structs.replace(article, split=split), folder)
        write_gold(gold, folder)
    return folder


def test_what_is_made_from_gold_never_sees_the_test_split(
    room: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    names = {a: f"belmar-entry-{o}" for a, o in (("train", "tta"), ("validation", "irm"), ("test", "lantern"))}
    here = small(corpus, tmp_path / "corpus", {doc: split for split, doc in names.items()})
    seen: dict[str, list[str]] = {}

    def fitted(name: str, splits: tuple[str, ...], extra: str = "") -> Fitted:
        def fit(pairs: Pairs, labels: Labels) -> Function:
            seen[name] = [article.id for article, _ in pairs]
            return empty

        return Fitted(name, fit, splits, extra)

    table = (fitted("one", ("train",)), fitted("two", ("train", "validation", "test")), fitted("big", ("validation",), "spacy"))
    monkeypatch.setattr(refresh, "FITTED", {f.name: f for f in table})
    monkeypatch.setattr(refresh, "SYSTEMS", {})
    monkeypatch.setattr(refresh, "card_of", lambda name: msgspec.structs.replace(card_of("empty"), name=name))
    submit_baselines(room, here)
    assert seen == {"one": [names["train"]], "two": [names["validation"], names["train"]]}
    told: list[str] = []
    submit_baselines(room, here, heavy=True, tell=told.append)
    assert seen["big"] == [names["validation"]]
    assert told == ["making one", "making two", "making big", "running one", "running two", "running big"]
    found = [r.value for r in read_annotations(room / "submissions/big/1/predictions.jsonl").records]
    assert [(a.id, a.by) for a in found] == [(doc, "big") for doc in sorted(names.values())]


def test_a_heavy_baseline_that_cannot_be_made_is_an_error_and_nothing_is_written(
    room: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    before = sorted(room.rglob("*"))
    only_test = small(corpus, tmp_path / "corpus", {"belmar-entry-tta": "test"})
    with pytest.raises(UsageError, match="no gold of the split train"):
        submit_baselines(room, only_test, heavy=True)

    def fit(pairs: Pairs, labels: Labels) -> Function:
        return import_module("no_such_library")

    monkeypatch.setattr(refresh, "FITTED", {"big": Fitted("big", fit, extra="baselines")})
    with pytest.raises(UsageError, match=r"big needs no_such_library: pip install 'newsgold\[baselines\]'"):
        submit_baselines(room, corpus, heavy=True)
    assert sorted(room.rglob("*")) == before


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


def test_the_cards_on_the_board_are_those_of_the_package(repo: Path) -> None:
    for name in [*SYSTEMS, *FITTED]:
        card = card_of(name)
        committed = (repo / "benchmark/submissions" / name / card.version / "system.json").read_bytes()
        assert msgspec.json.decode(committed, type=SystemCard) == card, name
