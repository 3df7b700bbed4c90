"""The command as users run it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CODES = {"fine": 0, "findings": 1, "usage": 2, "files": 3}


def newsgold(*args: object, cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "newsgold.cli", *map(str, args)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
        **options,
    )


@pytest.fixture
def home(repo: Path, tmp_path: Path) -> Path:
    """A copy of the corpus and the benchmark to work on."""
    for room in ("corpus", "benchmark", "annotation"):
        shutil.copytree(repo / room, tmp_path / room)
    return tmp_path


def test_version_is_fast_and_loads_nothing_heavy(repo: Path):
    code = (
        "import sys, resource\nfrom newsgold.cli import main\nsys.argv = ['newsgold', '--version']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print([m for m in ('numpy', 'pyarrow', 'datasets', 'label_studio_sdk', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repo)
    assert done.stdout.splitlines()[-1] == "[]"


def test_scoring_loads_no_heavy_library(repo: Path):
    code = (
        "import sys\nfrom newsgold.cli import main\n"
        "sys.argv = ['newsgold', 'benchmark', 'score', '--pred', 'corpus', '--json']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code\n"
        "print([m for m in ('datasets', 'label_studio_sdk', 'sklearn', 'pandas') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=repo)
    assert done.stderr.splitlines()[-1] == "[]"


def test_the_corpus_is_clean_and_its_release_current(repo: Path):
    assert newsgold("corpus", "validate", "corpus", cwd=repo).stderr == "0 error(s), 0 warning(s)\n"
    assert newsgold("corpus", "build", "corpus", "--check", cwd=repo).returncode == 0


def test_gold_against_itself_is_one_in_every_key(repo: Path):
    done = newsgold("benchmark", "score", "--pred", "corpus", "--json", cwd=repo)
    assert done.returncode == 0
    out = json.loads(done.stdout)
    values = {key: s["value" if "value" in s else "f1"] for key, s in out["scores"].items()}
    assert set(values.values()) <= {1, None}
    assert values["mentions.strict"] == values["relations.mapped"] == values["stance.tuple"] == 1
    assert not {s["n"] if "n" in s else s["counts"]["r_den"] for key, s in out["scores"].items() if values[key] is None} - {0}
    assert list(out) == ["signature", "documents", "findings", "scores"]


def test_a_fault_names_file_line_and_remedy(home: Path):
    path = home / "corpus" / "gold" / "damascus-declared-secure.json"
    lines = path.read_text(encoding="utf-8").split("\n")
    assert '"id":"m3"' in lines[4]
    lines[4] = lines[4].replace('"start":23', '"start":24')
    path.write_text("\n".join(lines), encoding="utf-8")
    done = newsgold("corpus", "validate", "corpus", cwd=home)
    assert done.returncode == CODES["findings"]
    line = next(row for row in done.stdout.splitlines() if "SURFACE_MISMATCH" in row)
    assert line.startswith(
        "error: corpus/gold/damascus-declared-secure.json:5 (damascus-declared-secure) /mentions/2/text SURFACE_MISMATCH"
    )
    assert "stands at [23, 31)" in line
    assert "Recompute the offsets" in line
    rows = json.loads(newsgold("corpus", "validate", "corpus", "--json", cwd=home).stdout)
    assert {r["code"] for r in rows} >= {"SURFACE_MISMATCH"}
    assert set(rows[0]) == {"code", "severity", "path", "line", "doc", "pointer", "message", "got", "wanted", "hint"}


def test_the_file_bridge_is_the_identity(home: Path):
    done = newsgold("annotation", "tasks", "--annotations", "corpus", "--out", "tasks.json", cwd=home)
    assert done.returncode == 0, done.stderr
    done = newsgold("annotation", "import", "tasks.json", "--out", "passes", cwd=home)
    assert done.returncode == 0, done.stderr
    made = newsgold("benchmark", "score", "--pred", "passes/gold.jsonl", "--json", cwd=home)
    scores = json.loads(made.stdout)["scores"]
    assert {s["value" if "value" in s else "f1"] for s in scores.values()} <= {1, None}
    again = newsgold("annotation", "import", "tasks.json", "--out", "passes", cwd=home)
    assert again.stdout.startswith("unchanged")


def test_agreement_of_the_rounds_passes(home: Path):
    for name in ("pass-a", "pass-b"):
        done = newsgold("annotation", "import", f"annotation/rounds/seed-1/{name}.json", "--out", "passes", cwd=home)
        assert done.returncode == 0, done.stderr
    done = newsgold("annotation", "agree", "passes/pass-a.jsonl", "passes/pass-b.jsonl", "--json", cwd=home)
    assert done.returncode == 0
    result = json.loads(done.stdout)["pairs"]["pass-a × pass-b"]
    assert result["scores"]["mentions.strict"]["counts"] == {"p_num": 115, "p_den": 116, "r_num": 115, "r_den": 117}


def test_run_and_score_a_baseline(home: Path):
    done = newsgold("benchmark", "run", "gazetteer", "--out", "pred.jsonl", cwd=home)
    assert done.returncode == 0, done.stderr
    done = newsgold("benchmark", "score", "--pred", "pred.jsonl", "--split", "test", cwd=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0].startswith("newsgold:")
    assert "mentions.strict" in done.stdout


def test_a_gate_that_is_missed_exits_1(home: Path):
    score = ("benchmark", "score", "--pred", "corpus", "--fail-under")
    assert newsgold(*score, "mentions.strict.f1=0.99", cwd=home).returncode == 0
    newsgold("benchmark", "run", "empty", "--out", "pred.jsonl", cwd=home)
    missed = newsgold("benchmark", "score", "--pred", "pred.jsonl", "--fail-under", "mentions.strict.f1=0.5", cwd=home)
    assert missed.returncode == CODES["findings"]
    assert "gate missed: mentions.strict.f1 = 0.0, wanted 0.5" in missed.stderr
    assert newsgold(*score, "mentions.strict.f9=1", cwd=home).returncode == CODES["usage"]
    assert newsgold(*score, "mentions", cwd=home).returncode == CODES["usage"]


def test_the_leaderboard_is_current_and_made_anew(home: Path):
    assert newsgold("benchmark", "leaderboard", "--check", cwd=home).returncode == 0
    done = newsgold("benchmark", "leaderboard", "--baselines", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "wrote" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "content", "code", "status"),
    [
        ("empty.txt", b"", "EMPTY_FILE", "findings"),
        ("binary.txt", b"PK\x03\x04\x00\x00", "NOT_TEXT", "findings"),
        ("latin.txt", "Größe in Tessen".encode("latin-1"), "NOT_UTF8", "findings"),
        ("bom.txt", b"\xef\xbb\xbfTessen fell.", "BOM", "findings"),
        ("long.txt", b"x" * 50_000_000, "TOO_LONG", "findings"),
    ],
)
def test_bad_raw_files_are_refused_and_nothing_is_written(home: Path, name: str, content: bytes, code: str, status: str):
    (home / name).write_bytes(content)
    before = sorted(home.glob("corpus/**/*"))
    done = newsgold("corpus", "ingest", name, cwd=home)
    assert done.returncode == CODES[status], done.stderr
    assert code in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(home.glob("corpus/**/*")) == before


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"\x00\x01\x02", "BAD_JSON"),
        (b"\xff\xfe", "NOT_UTF8"),
        (b'\xef\xbb\xbf{"id":"a"}', "BOM"),
        (b'{"id":"' + b"x" * 50_000_000 + b'"}', "RECORD_TOO_LONG"),
        (b'{"id":"nowhere","mentions":[]}\n', "UNKNOWN_DOCUMENT"),
        (b'{"id":"damascus-declared-secure","text_sha256":"00","mentions":[]}\n', "TEXT_HASH"),
    ],
)
def test_bad_predictions_are_refused(home: Path, content: bytes, code: str):
    (home / "pred.jsonl").write_bytes(content)
    done = newsgold("benchmark", "score", "--pred", "pred.jsonl", cwd=home)
    assert done.returncode == CODES["findings"]
    assert code in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_gold_file_of_another_text_is_refused(home: Path):
    path = home / "corpus" / "gold" / "damascus-declared-secure.json"
    path.write_bytes(path.read_bytes().replace(b'"text_sha256":"7', b'"text_sha256":"8'))
    done = newsgold("corpus", "validate", cwd=home)
    assert done.returncode == CODES["findings"]
    assert "TEXT_HASH" in done.stdout


def test_files_that_are_not_there_exit_3(home: Path):
    for args in (
        ("corpus", "validate", "nowhere"),
        ("corpus", "stats", "nowhere"),
        ("benchmark", "score", "--pred", "nowhere.jsonl"),
        ("corpus", "ingest", "nowhere.txt"),
        ("annotation", "import", "nowhere.json", "--out", "passes"),
    ):
        done = newsgold(*args, cwd=home)
        assert done.returncode == CODES["files"], (args, done.stderr)
        assert "Traceback" not in done.stderr


def test_wrong_calls_exit_2(home: Path):
    for args in (
        ("benchmark", "run", "nothing", "--out", "p.jsonl"),
        ("corpus", "fly"),
        ("benchmark", "score"),
        ("benchmark", "score", "--pred", "corpus", "--kinds", "NAME"),
        ("annotation", "agree", "corpus"),
        ("corpus", "build", "--version", "one"),
    ):
        done = newsgold(*args, cwd=home)
        assert done.returncode == CODES["usage"], (args, done.stderr)
        assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_no_error(repo: Path):
    done = subprocess.run(
        f"{sys.executable} -m newsgold.cli annotation config | head -1",
        shell=True,
        capture_output=True,
        text=True,
        cwd=repo,
        check=False,
    )
    assert done.stderr == ""


def test_nothing_that_a_file_holds_reaches_the_terminal_raw(home: Path):
    (home / "pred.jsonl").write_text(json.dumps({"id": "a\u001b[31m\u202e", "mentions": []}) + "\n")
    done = newsgold("benchmark", "score", "--pred", "pred.jsonl", cwd=home, env={**os.environ, "PYTHONUTF8": "1"})
    assert done.returncode == CODES["findings"]
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr


RULES = "benchmark/submissions/rules/1/predictions.jsonl"
GAZETTEER = "benchmark/submissions/gazetteer/1/predictions.jsonl"


def test_intervals_are_linearised_unless_resampled(home: Path):
    one = json.loads(newsgold("benchmark", "score", "--pred", RULES, "--json", cwd=home).stdout)
    assert "|ci:linearised|cluster:event(4)" in one["signature"]
    low, high = one["scores"]["mentions.strict"]["ci95"]["f1"]
    assert low < one["scores"]["mentions.strict"]["f1"] < high
    alone = json.loads(newsgold("benchmark", "score", "--pred", RULES, "--split", "train", "--json", cwd=home).stdout)
    assert "cluster:event(1)" in alone["signature"]
    assert alone["scores"]["mentions.strict"]["ci95"] == {"precision": None, "recall": None, "f1": None}
    done = newsgold("benchmark", "score", "--pred", RULES, "--bootstrap", "50", "--seed", "7", "--json", cwd=home)
    two = json.loads(done.stdout)
    assert "|ci:bootstrap|resamples:50|weights:multinomial|seed:7|cluster:event(4)" in two["signature"]
    assert {k: s.get("f1") for k, s in one["scores"].items()} == {k: s.get("f1") for k, s in two["scores"].items()}


def test_errors_are_classed_and_listed(home: Path):
    done = newsgold("benchmark", "score", "--pred", RULES, "--errors", "1", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "mentions.strict: boundary" in done.stdout
    out = json.loads(newsgold("benchmark", "score", "--pred", RULES, "--errors", "0", "--json", cwd=home).stdout)
    assert {"classes", "items"} == set(out["errors"]["mentions.strict"])
    assert out["errors"]["mentions.strict"]["items"] == []


def test_a_ledger_holds_the_counts(home: Path):
    from newsgold.metrics.ledger import read_ledger

    done = newsgold("benchmark", "score", "--pred", RULES, "--ledger", "ledger.parquet", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    scores = json.loads(done.stdout)["scores"]
    ledger = read_ledger(home / "ledger.parquet")
    counts = ledger.measured["mentions.strict"].counts.total().tolist()
    assert counts == [*scores["mentions.strict"]["counts"].values()]


def test_systems_are_compared_with_the_first(home: Path):
    shutil.copyfile(home / GAZETTEER, home / "first.jsonl")
    shutil.copyfile(home / RULES, home / "second.jsonl")
    done = newsgold("benchmark", "compare", "--pred", "first.jsonl", "--pred", "second.jsonl", "--json", cwd=home)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    assert out["reference"] == "first"
    assert list(out["systems"]) == ["first", "second"]
    row = out["systems"]["second"]["differences"]["mentions.strict"]
    assert set(row) == {"delta", "ci95", "p", "p_holm", "detectable"}
    assert row["delta"] > 0
    assert row["p"] == 1 / 8  # four events have 16 ways of swapping, and two of them are as far apart
    lone = newsgold(
        "benchmark", "compare", "--pred", "first.jsonl", "--pred", "second.jsonl", "--split", "train", "--json", cwd=home
    )
    alone = json.loads(lone.stdout)["systems"]["second"]["differences"]["mentions.strict"]
    assert alone["p"] in (1, None)  # one event: nothing to swap it with
    assert out["systems"]["second"]["errors"]["mentions.boundary"] >= 0
    text = newsgold("benchmark", "compare", "--pred", "first.jsonl", "--pred", "second.jsonl", cwd=home)
    assert "reference: first" in text.stdout
    assert newsgold("benchmark", "compare", "--pred", "first.jsonl", cwd=home).returncode == CODES["usage"]
    twice = newsgold("benchmark", "compare", "--pred", "first.jsonl", "--pred", "first.jsonl", cwd=home)
    assert twice.returncode == CODES["usage"]


def test_another_scorers_numbers_from_its_own_files(home: Path):
    (home / "gold.conll").write_text("Tessen B-GPE\nfell O\n\nThe O\nGuard B-ORG\n")
    (home / "pred.conll").write_text("Tessen I-GPE\nfell O\n\nThe O\nGuard B-ORG\n")
    score = ("benchmark", "score", "--gold", "gold.conll", "--pred", "pred.conll", "--as", "seqeval")
    done = newsgold(*score, "--explain-difference", cwd=home)
    assert done.returncode == 0, done.stderr
    assert "1" in done.stdout
    out = json.loads(newsgold(*score, "--option", "mode=strict", "--json", cwd=home).stdout)
    assert (out["peer"], out["version"]) == ("seqeval", "1.2.2")
    assert out["difference"] == []


def test_options_that_do_not_go_together_are_usage_errors(home: Path):
    score = ("benchmark", "score", "--pred", RULES)
    for extra in (
        ("--as", "seqeval"),
        ("--as", "nothing", "--gold", RULES),
        ("--as", "seqeval", "--gold", RULES, "--split", "test"),
        ("--as", "seqeval", "--gold", RULES, "--option", "scheme"),
        ("--explain-difference",),
        ("--option", "a=b"),
        ("--bootstrap", "0"),
        ("--fail-under", "mentions.strict.f1=nan"),
        ("--fail-under", "mentions.strict.counts=1"),
    ):
        done = newsgold(*score, *extra, cwd=home)
        assert done.returncode == CODES["usage"], (extra, done.stderr)
        assert "Traceback" not in done.stderr


def test_many_findings_are_shown_in_part_and_counted(home: Path):
    rows = [{"id": f"d{i}", "mentions": []} for i in range(300)]
    (home / "pred.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    done = newsgold("benchmark", "score", "--pred", "pred.jsonl", cwd=home)
    assert done.returncode == CODES["findings"]
    assert len(done.stderr.splitlines()) < 110
    assert "200 more UNKNOWN_DOCUMENT" in done.stderr


def export(home: Path, name: str, doc: str, mentions: int) -> str:
    """An export with one annotator's pass of some mentions over one document."""
    text = "Tessen Belmar Orsk\n"
    words = [(0, 6), (7, 13), (14, 18)][:mentions]
    items = []
    for i, (start, end) in enumerate(words):
        about = {"id": f"m{i}", "to_name": "text"}
        span = {"start": start, "end": end}
        items.append({**about, "from_name": "mention", "type": "labels", "value": {**span, "labels": ["GPE"]}})
        items.append({**about, "from_name": "entity_id", "type": "textarea", "value": {**span, "text": [f"e{i}"]}})
    task = {"data": {"doc_id": doc, "text": text}, "annotations": [{"newsgold_by": "ann", "result": items}]}
    (home / name).write_text(json.dumps([task]))
    rows = [{"id": d, "text": text} for d in ("one", "two")]
    (home / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


def counts(home: Path) -> dict[str, int]:
    rows = map(json.loads, (home / "out" / "ann.jsonl").read_text().splitlines())
    return {row["id"]: len(row["mentions"]) for row in rows}


def test_imports_one_after_another_lose_no_document_and_no_label(tmp_path: Path):
    into = ("annotation", "import", "--articles", "texts.jsonl", "--out", "out")
    for number, doc in enumerate(("one", "two")):
        done = newsgold(*into, export(tmp_path, f"e{number}.json", doc, 2), cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    assert counts(tmp_path) == {"one": 2, "two": 2}
    assert newsgold(*into, export(tmp_path, "more.json", "one", 3), cwd=tmp_path).returncode == 0
    assert counts(tmp_path) == {"one": 3, "two": 2}
    less = export(tmp_path, "less.json", "one", 1)
    done = newsgold(*into, less, cwd=tmp_path)
    assert done.returncode == CODES["findings"]
    assert "LS_FEWER" in done.stdout
    assert "mentions 1 instead of 3" in done.stdout
    assert counts(tmp_path) == {"one": 3, "two": 2}
    assert newsgold(*into, less, "--accept-loss", cwd=tmp_path).returncode == 0
    assert counts(tmp_path) == {"one": 1, "two": 2}
    done = newsgold(*into, "more.json", "e0.json", cwd=tmp_path)
    assert done.returncode == CODES["findings"]
    assert "DUPLICATE_DOCUMENT" in done.stdout
    assert counts(tmp_path) == {"one": 1, "two": 2}
    (tmp_path / "out" / "ann.jsonl").write_text("{")
    assert newsgold(*into, "more.json", cwd=tmp_path).returncode == CODES["findings"]
    assert (tmp_path / "out" / "ann.jsonl").read_text() == "{"


MINIMAL = """
name = "small"
version = "1"
[kinds.NAM]
definition = "A name."
test = "A name?"
[kinds.VAL]
definition = "A value."
test = "A value?"
[types.GPE]
definition = "A place."
test = "A place?"
"""


def test_an_inventory_of_kinds_and_types_goes_all_the_way(home: Path):
    """What the README promises: change labels.toml, and everything follows."""
    corpus = home / "corpus"
    (corpus / "labels.toml").write_text(MINIMAL)
    path = corpus / "gold" / "damascus-declared-secure.json"
    for other in [p for folder in ("gold", "articles") for p in (corpus / folder).iterdir() if p.stem != path.stem]:
        other.unlink()
    gold = {
        "id": "damascus-declared-secure",
        "by": "gold",
        "mentions": [{"id": "m1", "start": 23, "end": 31, "type": "GPE", "text": "Damascus"}],
        "entities": [{"id": "e1", "mentions": ["m1"]}],
    }
    path.write_text(json.dumps(gold))
    for command in (
        ("corpus", "validate", "corpus"),
        ("corpus", "build", "corpus", "--version", "9.0.0", "--verify"),
        ("corpus", "build", "corpus", "--check"),
        ("annotation", "config", "--out", "config.xml"),
        ("annotation", "tasks", "--annotations", "corpus", "--out", "tasks.json"),
        ("annotation", "import", "tasks.json", "--out", "passes"),
    ):
        done = newsgold(*command, cwd=home)
        assert done.returncode == 0, (command, done.stdout, done.stderr)
    config = (home / "config.xml").read_text()
    assert not [word for word in ("STANCE", "stance", "basis", "<Relation") if word in config]
    for pred in ("corpus", "passes/gold.jsonl"):
        done = newsgold("benchmark", "score", "--gold", "corpus", "--pred", pred, "--json", cwd=home)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["scores"]["mentions.strict"]["f1"] == 1
    gold["relations"] = [{"type": "controls", "head": "e1", "tail": "e1", "evidence": [["m1", "m1"]]}]
    path.write_text(json.dumps(gold))
    done = newsgold("corpus", "validate", "corpus", cwd=home)
    assert "UNKNOWN_RELATION" in done.stdout
    assert "UNKNOWN_FACTUALITY" not in done.stdout


def test_articles_are_held_against_their_raw_files(home: Path):
    check = ("corpus", "ingest", "--check")
    assert newsgold(*check, cwd=home).returncode == 0
    (home / "corpus/raw/000_b9a4384aef810469.txt").write_text("other")
    done = newsgold(*check, "--into", "corpus", cwd=home)
    assert (done.returncode, "RAW_HASH" in done.stdout) == (1, True)
    assert newsgold("corpus", "ingest", cwd=home).returncode == CODES["usage"]
    assert newsgold(*check, "a.txt", cwd=home).returncode == CODES["usage"]


def test_a_system_that_exits_does_not_end_the_run_as_if_it_were_fine(tmp_path: Path):
    (tmp_path / "mine.py").write_text("def leave(article):\n    raise SystemExit(0)\ndef none(article):\n    return None\n")
    export(tmp_path, "e.json", "one", 1)
    for name in ("leave", "none"):
        done = newsgold("benchmark", "run", f"python:mine:{name}", "--articles", "texts.jsonl", "--out", "p.jsonl", cwd=tmp_path)
        assert done.returncode == CODES["findings"]
        assert "one" in done.stderr
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "p.jsonl").exists()
