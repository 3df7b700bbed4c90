"""The rows of annotators: which pass counts, what they are held against, and how the command gets them from the rounds."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from newsgold.annotation.label_studio import tasks
from newsgold.annotation.records import AdjudicationRecord, Agreed, encode_record
from newsgold.benchmark import leaderboard as board
from newsgold.benchmark.baselines.annotators import Pass, left_out, submissions
from newsgold.benchmark.card import SystemCard, write_submission
from newsgold.benchmark.refresh import submit_annotators
from newsgold.cli import cli
from newsgold.cli.rounds import passes_of
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Entity, Mention
from newsgold.corpus.store import read_annotations, read_articles, write_gold
from newsgold.errors import DataError, FileFault, UsageError

LABELS = default_labels()
DOC = "damascus-declared-secure"


def annotation(doc: str, *spans: tuple[int, int], by: str | None = None) -> Annotation:
    mentions = tuple(Mention(id=f"m{n}", start=a, end=b, type="GPE") for n, (a, b) in enumerate(spans, 1))
    entities = tuple(Entity(id=f"e{n}", mentions=(f"m{n}",)) for n in range(1, len(spans) + 1))
    return Annotation(id=doc, by=by, mentions=mentions, entities=entities, relations=(), stances=())


def one_pass(who: str, round_: str, doc: str, *spans: tuple[int, int], in_gold: bool = False) -> Pass:
    return Pass(who, round_, annotation(doc, *spans), in_gold)


# ---------------------------------------------------------------------------- which pass


def test_the_pass_that_gold_was_made_from_counts_else_the_last_round() -> None:
    passes = [
        one_pass("anna", "r2", "a", (0, 1)),
        one_pass("anna", "r1", "a", (0, 2), in_gold=True),
        one_pass("anna", "r1", "b", (0, 3)),
        one_pass("anna", "r2", "b", (0, 4)),
        one_pass("ben", "r1", "a", (0, 5)),
    ]
    for order in (passes, passes[::-1]):
        (anna, annas), (ben, bens) = submissions(order, {"anna": "people"})
        assert [(a.id, a.by, (a.mentions or ())[0].end) for a in annas] == [("a", "anna", 2), ("b", "anna", 4)]
        assert (anna.kind, anna.made_by, anna.in_gold) == ("annotator", "people", ("a",))
        assert "r1, r2" in anna.summary
        assert (ben.made_by, ben.in_gold, [b.by for b in bens]) == (None, (), ["ben"])
        assert "without it" in ben.saw


# ------------------------------------------------------------------------------ left out


def test_a_pass_is_held_against_what_was_made_without_it() -> None:
    gold = [msgspec.structs.replace(annotation(d, (0, 9)), event="x", ignore=((5, 6),)) for d in ("a", "b", "c", "d")]
    passes = {
        "anna": [annotation("a", (0, 1)), annotation("b", (0, 1)), annotation("d", (0, 1))],
        "ben": [annotation("a", (0, 2)), annotation("b", (0, 2))],
        "cleo": [annotation("a", (0, 3)), annotation("c", (0, 3))],
    }
    in_gold = {"anna": {"a", "d"}, "ben": {"a", "b"}, "cleo": {"a"}}
    held = left_out("anna", passes, in_gold, gold)
    # a: the two others; b: gold, made by ben alone; c: not hers; d: nobody else
    assert [(r.mentions or ())[0].end for r in held.references] == [2, 3, 9]
    assert (held.documents, dict(held.against)) == (2, {"ben": 1, "cleo": 1, "gold": 1})
    assert [r.id for r in held.references] == [p.id for p in held.passes]
    assert len({r.id for r in held.references}) == 3
    assert {(r.event, r.ignore) for r in held.references} == {("x", ((5, 6),))}
    assert all((p.mentions or ())[0].end == 1 for p in held.passes)


def test_who_is_in_every_gold_alone_is_held_against_nobody() -> None:
    held = left_out("anna", {"anna": [annotation("a", (0, 1))]}, {"anna": {"a"}}, [annotation("a", (0, 1))])
    assert (held.references, held.documents, dict(held.against)) == ((), 0, {})


# ------------------------------------------------------------------------------ the board


@pytest.fixture
def room(tmp_path: Path) -> Path:
    (tmp_path / "benchmark").mkdir()
    return tmp_path / "benchmark"


def gold_of(corpus: Path) -> dict[str, Annotation]:
    return {r.value.id: r.value for r in read_annotations(corpus).records if r.value.split == "test"}


def worse(one: Annotation) -> Annotation:
    """Without its last mention in text order, and without what hangs on mentions."""
    mentions = (one.mentions or ())[:-1]
    left = {m.id for m in mentions}
    entities = [msgspec.structs.replace(e, mentions=tuple(m for m in e.mentions if m in left)) for e in one.entities or ()]
    return msgspec.structs.replace(
        one, mentions=mentions, entities=tuple(e for e in entities if e.mentions), relations=(), stances=()
    )


def test_rows_of_annotators_are_apart_on_their_documents_and_never_ranked(room: Path, corpus: Path) -> None:
    golds = gold_of(corpus)
    passes = [Pass("anna", "r", golds[d], True) for d in golds] + [Pass("ben", "r", worse(golds[d]), True) for d in golds]
    passes += [Pass("cleo", "r", golds[DOC], False)]
    card = SystemCard(name="plain", version="1", summary="s", saw="s", authors=("a",))
    write_submission(room, card, encode_jsonl([worse(g) for g in golds.values()]))
    assert len(submit_annotators(room, passes)) == 6
    assert submit_annotators(room, passes) == []
    entries = board.read_submissions(room, corpus, split="test")
    assert [(e.card.name, e.rank) for e in entries] == [("plain", 1), ("anna", None), ("ben", None), ("cleo", None)]
    rows = {e.card.name: e for e in entries}
    assert all(e.result is not None and e.result.findings == () for e in entries)
    assert [e.result.documents for e in entries if e.result] == [len(golds), len(golds), len(golds), 1]
    assert rows["anna"].without is not None
    assert dict(rows["anna"].without.against) == {"ben": len(golds)}
    assert rows["plain"].without is None
    assert rows["cleo"].without is None  # gold itself was made without her
    made = board.render(entries, board.about(corpus, "test"))
    table = {row["system"]: row for row in json.loads(made["results/leaderboard.json"])["systems"]}
    assert table["anna"]["scores"]["mentions.strict"]["f1"] == 1
    against_ben = table["anna"]["left_out"]
    assert against_ben["scores"]["mentions.strict"]["recall"] == 1 > against_ben["scores"]["mentions.strict"]["precision"]
    assert json.loads(made["results/anna/1.json"])["left_out"]["scores"]["mentions.strict"]["counts"]
    assert len(board.text_table(entries)) == 1 + 4 + 2
    page = made["site/index.html"].decode()
    assert "left out, against ben" in page
    assert "Of some annotators it is not stated whether they are people." in page
    assert 'class="best"' in page.split("Annotators</strong>")[0]
    assert 'class="best"' not in page.split("Annotators</strong>")[1]


def test_who_made_the_passes_is_kept_and_said(room: Path, corpus: Path) -> None:
    passes = [Pass("anna", "r", one, True) for one in gold_of(corpus).values()]
    submit_annotators(room, passes)
    path = room / "submissions/anna/1/system.json"
    for maker, said in (("a language model", "There is no row of a human annotator: "), ("people", "people or a language model")):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"made_by": maker}))
        submit_annotators(room, passes)
        assert json.loads(path.read_text())["made_by"] == maker
        page = board.render(board.read_submissions(room, corpus, split="test"), board.about(corpus, "test"))["site/index.html"]
        assert said in page.decode()
        assert f"annotator ({maker})" in page.decode()
    path.write_text("{")
    submit_annotators(room, passes)
    assert "made_by" not in json.loads(path.read_text())


@pytest.mark.parametrize("name", ["../anna", "Anna", "a/b", ""])
def test_no_path_is_built_from_a_name(room: Path, name: str) -> None:
    with pytest.raises(FileFault, match="no path is built"):
        submit_annotators(room, [one_pass(name, "r", "a", (0, 1))])
    assert list(room.iterdir()) == []


# ------------------------------------------------------------------------- from the rounds


@pytest.fixture
def rounds(tmp_path: Path, corpus: Path) -> Path:
    """Two rounds over one document: anna and ben made its gold in the first, anna read it again in the second."""
    articles = [r.value for r in read_articles(corpus).records if r.value.id == DOC]
    gold = gold_of(corpus)[DOC]
    for name, who in (("r1", "anna"), ("r1", "ben"), ("r2", "anna")):
        done = msgspec.structs.replace(gold if name == "r1" else worse(gold), by=who)
        made = list(tasks(articles, LABELS, annotations={DOC: [done]}, as_annotations=True))
        path = tmp_path / "rounds" / name / f"{who}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(made), encoding="utf-8")
    record = AdjudicationRecord(
        schema_version=2, document=DOC, round="r1", passes=("anna", "ben"), adjudicator="cleo", agreed=Agreed()
    )
    (tmp_path / "rounds/r1" / f"{DOC}.record.json").write_bytes(encode_record(record))
    (tmp_path / "rounds/notes.txt").write_text("no round")
    return tmp_path / "rounds"


def test_rounds_give_passes_and_what_gold_was_made_from(rounds: Path, corpus: Path) -> None:
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    found = passes_of(rounds, articles, LABELS)
    assert [(p.annotator, p.round, p.annotation.id, p.in_gold) for p in found] == [
        ("anna", "r1", DOC, True), ("ben", "r1", DOC, True), ("anna", "r2", DOC, False),
    ]  # fmt: skip
    (rounds / "r2/anna.json").write_text("[{")
    with pytest.raises(DataError):
        passes_of(rounds, articles, LABELS)
    with pytest.raises(FileFault, match="no rounds"):
        passes_of(rounds / "r3", articles, LABELS)


def test_the_command_makes_the_rows_of_its_rounds(
    rounds: Path, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with one document, so that it is quick; and without rounds there are no such rows."""
    home = tmp_path / "home"
    (home / "benchmark").mkdir(parents=True)
    (home / "corpus/articles").mkdir(parents=True)
    for name in (f"{DOC}.txt", f"{DOC}.toml"):
        shutil.copyfile(corpus / "articles" / name, home / "corpus/articles" / name)
    write_gold(gold_of(corpus)[DOC], home / "corpus")
    monkeypatch.chdir(home)

    def run(*more: str) -> str:
        return CliRunner().invoke(cli, ["benchmark", "leaderboard", *more], catch_exceptions=False).stdout

    assert "anna" not in run("--baselines")
    command = [sys.executable, "-m", "newsgold.cli", "benchmark", "leaderboard", "--baselines", "--rounds", str(rounds), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows = {row["system"]: row for row in json.loads(done.stdout)["systems"]}
    assert rows["anna"]["kind"] == "annotator"
    assert rows["anna"]["left_out"] == {**rows["anna"]["left_out"], "documents": 1, "against": {"ben": 1}}
    assert rows["anna"]["scores"]["mentions.strict"]["f1"] == 1
    before = {path: path.read_bytes() for path in home.glob("benchmark/**/*.*")}
    run("--check")
    for wrong in (["--baselines", "--check"], ["--rounds", str(rounds)]):
        with pytest.raises(UsageError, match="--baselines"):
            run(*wrong)
    with pytest.raises(FileFault, match="nowhere"):
        run("--baselines", "--rounds", "nowhere")
    assert {path: path.read_bytes() for path in home.glob("benchmark/**/*.*")} == before
