"""Documents that cannot rot: what they show runs, and nothing is missing from them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import msgspec
import pytest

import newsgold
from newsgold.benchmark.score import score
from newsgold.cli import cli
from newsgold.corpus.model import Annotation
from newsgold.errors import FAULTS
from newsgold.generated import render
from newsgold.metrics.suite import METRICS

REPO = Path(__file__).parent.parent
ROOMS = ("corpus", "annotation", "benchmark", "src/newsgold", "tests", "perf")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what git holds, to run the documents' examples in."""
    shutil.copytree(REPO, tmp_path / "clone", ignore=shutil.ignore_patterns(".venv*", ".git", ".*cache", ".hypothesis"))
    return tmp_path / "clone"


@pytest.mark.parametrize("name", ["README.md", "REFERENCE.md", "benchmark/README.md", "annotation/README.md"])
def test_examples_run(clone: Path, name: str):
    """Every python block, and every shell block that does not set up, in order and in one folder."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HF_HOME": str(clone / ".hf")}
    fence = re.compile(r"^```(python|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    for language, code in fence.findall((clone / name).read_text(encoding="utf-8")):
        if "make " in code or "git clone" in code:
            continue
        if name_of_file := re.match(r"# (\w+\.py)\n", code):
            (clone / name_of_file[1]).write_text(code, encoding="utf-8")
        command = [sys.executable, "-c", code] if language == "python" else ["bash", "-euc", code]
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False, env=env, timeout=120)
        assert done.returncode == 0, f"{name}:\n{code}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("path", sorted((REPO / "benchmark/tasks").glob("*.md")), ids=lambda p: p.stem)
def test_worked_examples_score_as_they_say(path: Path):
    golds, preds, expects = (blocks(path, f"json {part}") for part in ("gold", "pred", "expect"))
    assert len(golds) == len(preds) == len(expects) > 0
    for gold, pred, expect in zip(golds, preds, expects, strict=True):
        sides = [[msgspec.json.decode(line, type=Annotation) for line in text.strip().splitlines()] for text in (gold, pred)]
        scores = score(*sides).to_dict()["scores"]
        for key, expected in json.loads(expect).items():
            found = {**scores[key], **scores[key].get("counts", {})}
            assert {name: found[name] for name in expected} == pytest.approx(expected), key


def test_every_metric_is_explained():
    text = "".join(p.read_text(encoding="utf-8") for p in (REPO / "benchmark/tasks").glob("*.md"))
    assert [key for key in METRICS if f"`{key}`" not in text] == []


def test_generated_passages_are_current():
    stale = [str(path) for path, data in render(REPO).items() if not path.is_file() or path.read_bytes() != data]
    assert stale == []


def test_every_command_is_in_the_reference_and_has_help():
    text = (REPO / "REFERENCE.md").read_text(encoding="utf-8")
    for room, group in cli.commands.items():
        assert isinstance(group, click.Group)
        for verb, command in group.commands.items():
            assert f"`newsgold {room} {verb}`" in text
            assert command.help


def test_every_finding_code_has_its_paragraph():
    text = (REPO / "REFERENCE.md").read_text(encoding="utf-8")
    assert [code for code in FAULTS if f"### {code}\n" not in text] == []


def test_every_public_name_is_in_the_reference():
    text = (REPO / "REFERENCE.md").read_text(encoding="utf-8")
    assert [name for name in newsgold.__all__ if name not in text] == []


def test_every_room_says_what_it_holds_and_where_its_code_is():
    for room in ROOMS:
        assert (REPO / room / "README.md").is_file(), room
    for room in ("corpus", "annotation", "benchmark"):
        lines = (REPO / room / "README.md").read_text(encoding="utf-8").split("---\n")[-1].splitlines()
        assert f"src/newsgold/{room}" in lines[1], room
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    for room in ROOMS:
        assert room in readme, room
