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
    assert set(values.values()) == {1, None}
    assert {s["n"] if "n" in s else s["counts"]["r_den"] for key, s in out["scores"].items() if values[key] is None} == {0}
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
    assert {s["value" if "value" in s else "f1"] for s in scores.values()} == {1, None}
    again = newsgold("annotation", "import", "tasks.json", "--out", "passes", cwd=home)
    assert again.stdout.startswith("unchanged")


def test_agreement_of_the_rounds_passes(home: Path):
    for name in ("pass-a", "pass-b"):
        done = newsgold("annotation", "import", f"annotation/rounds/seed-1/{name}.json", "--out", "passes", cwd=home)
        assert done.returncode == 0, done.stderr
    done = newsgold("annotation", "agree", "passes/pass-a.jsonl", "passes/pass-b.jsonl", "--json", cwd=home)
    assert done.returncode == 0
    (result,) = json.loads(done.stdout).values()
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
