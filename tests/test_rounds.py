"""annotation/rounds: rounds on record, the page of agreement, and that gold follows from passes and decisions."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from newsgold.annotation.rounds import Round, agreement_page, read_rounds
from newsgold.cli import cli
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import load_labels
from newsgold.corpus.model import Annotation, Article
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, FileFault

ROOT = Path(__file__).parent.parent
CORPUS = ROOT / "corpus"
ROUNDS = ROOT / "annotation" / "rounds"
LABELS = load_labels(CORPUS / "labels.toml")


@pytest.fixture(scope="module")
def articles() -> Mapping[str, Article]:
    return {r.value.id: r.value for r in read_articles(CORPUS).records}


@pytest.fixture(scope="module")
def gold() -> Mapping[str, Annotation]:
    return {r.value.id: r.value for r in read_annotations(CORPUS).records}


@pytest.fixture(scope="module")
def rounds(articles: Mapping[str, Article]) -> dict[str, Round]:
    return {r.name: r for r in read_rounds(ROUNDS, articles, LABELS)}


def _adjudicate(passes: list[Path], decided: Path, decisions: Path, out: Path, round_name: str) -> tuple[int, str]:
    arguments = [*passes, "--articles", CORPUS, "--decided", decided, "--decisions", decisions, "--out", out]
    arguments += ["--round", round_name, "--guidelines", "0.2.0"]
    ran = CliRunner().invoke(cli, ["annotation", "adjudicate", *map(str, arguments)])
    return ran.exit_code, ran.output


def _gold_file(path: Path, gold: Mapping[str, Annotation], documents: set[str]) -> Path:
    path.write_bytes(encode_jsonl([gold[d] for d in sorted(documents)]))
    return path


@pytest.mark.parametrize("name", ["pilot-1", "seed-2"])
def test_gold_and_records_follow_from_passes_and_decisions(
    name: str, rounds: dict[str, Round], gold: Mapping[str, Annotation], tmp_path: Path
) -> None:
    one = rounds[name]
    documents = {r.document for r in one.records}
    decided = _gold_file(tmp_path / "decided.jsonl", gold, documents)
    passes = [ROUNDS / name / f"{p}.json" for p in one.adjudicated]
    code, said = _adjudicate(passes, decided, ROUNDS / name / "decisions.toml", tmp_path / "out", name)
    assert code == 0, said
    for document in documents:
        for made, committed in (
            (tmp_path / "out" / f"{document}.record.json", ROUNDS / name / f"{document}.record.json"),
            (tmp_path / "out" / "gold" / f"{document}.json", CORPUS / "gold" / f"{document}.json"),
        ):
            assert made.read_bytes() == committed.read_bytes(), committed.name


def test_every_gold_document_was_adjudicated_in_a_round_and_every_pass_is_whole(
    rounds: dict[str, Round], gold: Mapping[str, Annotation]
) -> None:
    assert {r.document for one in rounds.values() for r in one.records} == set(gold)
    for one in rounds.values():
        documents = {r.document for r in one.records}
        for name, rows in one.adjudicated.items():
            assert {a.id for a in rows} == documents, f"{one.name}/{name}"
        for name, rows in one.blind.items():
            assert {a.id for a in rows} < documents, f"{one.name}/{name}"


def test_a_pass_that_misses_a_document_is_named(rounds: dict[str, Round], gold: Mapping[str, Annotation], tmp_path: Path) -> None:
    tasks = json.loads((ROUNDS / "pilot-1" / "pass-b.json").read_text(encoding="utf-8"))
    short = tmp_path / "short" / "pass-b.json"
    short.parent.mkdir()
    short.write_text(json.dumps(tasks[1:], ensure_ascii=False), encoding="utf-8")
    documents = {r.document for r in rounds["pilot-1"].records}
    (gone,) = documents - {a.id for a in read_rounds(tmp_path, _texts(), LABELS)[0].passes["pass-b"]}
    decided = _gold_file(tmp_path / "decided.jsonl", gold, documents)
    passes = [ROUNDS / "pilot-1" / "pass-a.json", short]
    code, said = _adjudicate(passes, decided, ROUNDS / "pilot-1" / "decisions.toml", tmp_path / "out", "pilot-1")
    assert code == 1
    assert any(gone in line and "pass-b" in line for line in said.splitlines() if line.startswith("error")), said


def test_a_decision_on_an_item_that_no_pass_has_is_named(gold: Mapping[str, Annotation], tmp_path: Path) -> None:
    decisions = tmp_path / "decisions.toml"
    own = (ROUNDS / "seed-2" / "decisions.toml").read_text(encoding="utf-8")
    decisions.write_text(own.replace('items = ["D3"]', 'items = ["D3", "m999"]'), encoding="utf-8")
    decided = _gold_file(tmp_path / "decided.jsonl", gold, {"damascus-declared-secure"})
    passes = [ROUNDS / "seed-2" / f"{p}.json" for p in ("pass-a", "pass-b")]
    code, said = _adjudicate(passes, decided, decisions, tmp_path / "out", "seed-2")
    assert code == 1
    assert "ADJ_UNKNOWN_ITEM" in said
    assert "m999" in said
    assert "damascus-declared-secure" in said


def test_a_record_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "round"
    shutil.copytree(ROUNDS / "seed-1", folder)
    (folder / "damascus-declared-secure.record.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match=r"damascus-declared-secure\.record\.json"):
        read_rounds(tmp_path, _texts(), LABELS)
    with pytest.raises(FileFault, match="no rounds in"):
        read_rounds(tmp_path / "elsewhere", _texts(), LABELS)


def _texts() -> dict[str, Article]:
    return {r.value.id: r.value for r in read_articles(CORPUS).records}


def test_a_pass_that_no_record_names_is_blind(rounds: dict[str, Round]) -> None:
    one = rounds["pilot-1"]
    assert (list(one.adjudicated), list(one.blind)) == (["pass-a", "pass-b"], ["pass-c"])
    waiting = one._replace(records=())
    assert list(waiting.adjudicated) == ["pass-a", "pass-b", "pass-c"]
    assert not waiting.blind


def test_the_page_has_every_round_before_and_after_and_the_blind_pass(
    rounds: dict[str, Round], gold: Mapping[str, Annotation], articles: Mapping[str, Article]
) -> None:
    page = agreement_page(rounds.values(), gold, articles, LABELS)
    assert page.count("\n## Round ") == page.count("### Before adjudication") == page.count("### After adjudication") == 3
    pilot = page[page.index("## Round pilot-1") : page.index("## Round seed-1")]
    for row in ("`mentions.strict`, NAM and VAL only", "– present_in", "– against", "`stance.polarity_alpha`"):
        assert f"\n| {row} |" in pilot
    assert "3 document(s): belmar-entry-irm, orsk-hill-handover-northline, varun-hospital-tta." in pilot
    assert page.count("the blind pass") == 1


def test_a_pass_equal_to_gold_is_complete_and_agrees(
    rounds: dict[str, Round], gold: Mapping[str, Annotation], articles: Mapping[str, Article]
) -> None:
    rows = [gold["belmar-entry-tta"], gold["varun-hospital-irm"]]
    record = rounds["pilot-1"].records[0]
    one = Round("same", {"pass-a": rows, "pass-b": rows, "other": rows}, (record,))
    page = agreement_page([one], gold, articles, LABELS)
    assert "| `relations.mapped` | 1.000 | 1.000 to 1.000 |" in page
    assert "| `stance.tuple` | 1.000 | 1.000 |" in page
    found = next(
        line
        for line in page.splitlines()
        if line.startswith("| `relations.mapped`") and line.count("|") == 7 and " to " in line.split("|")[5]
    )
    cells = [cell.strip() for cell in found.strip("|").split("|")]
    assert cells[1] == cells[2] == cells[5]
    assert cells[3] == "1.000"


def test_a_round_with_one_pass_and_no_record_has_no_figures(
    gold: Mapping[str, Annotation], articles: Mapping[str, Article]
) -> None:
    page = agreement_page([Round("alone", {"pass-a": [gold["belmar-entry-tta"]]}, ())], gold, articles, LABELS)
    assert "alone" not in page
