"""Documents that cannot rot: what they show runs, and nothing is missing from them."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from jsonschema import Draft202012Validator

import newsgold
from chat_server import Scripted
from newsgold.benchmark.compare import compare
from newsgold.benchmark.score import Bootstrap, score
from newsgold.cli import cli
from newsgold.corpus.model import Annotation, Entity, Mention
from newsgold.errors import FAULTS
from newsgold.generated import render
from newsgold.metrics.compat import PEERS
from newsgold.metrics.suite import HEADLINES, METRICS
from newsgold.metrics.taxonomy import CLASSES
from test_output import PRF, SCHEMAS

REPO = Path(__file__).parent.parent
ROOMS = ("corpus", "annotation", "benchmark", "src/newsgold", "tests", "perf")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what git holds, to run the documents' examples in."""
    shutil.copytree(REPO, tmp_path / "clone", ignore=shutil.ignore_patterns(".venv*", ".git", ".*cache", ".hypothesis"))
    return tmp_path / "clone"


@pytest.fixture
def chat() -> Iterator[Scripted]:
    """What stands in for a language model's server, which no machine of ours has."""
    server = Scripted()
    yield server
    server.close()


@pytest.mark.parametrize("name", ["README.md", "REFERENCE.md", "benchmark/README.md", "annotation/README.md"])
def test_examples_run(clone: Path, chat: Scripted, name: str):
    """Every python block, and every shell block that does not set up, in order and in one folder."""
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HF_HOME": str(clone / ".hf")}
    env |= {"OPENAI_BASE_URL": chat.url, "OPENAI_API_KEY": "none"}
    fence = re.compile(r"^```(python|sh)\n(.*?)^```", re.DOTALL | re.MULTILINE)
    for language, code in fence.findall((clone / name).read_text(encoding="utf-8")):
        if "make " in code or "git clone" in code:
            continue
        if name_of_file := re.match(r"# (\w+\.py)\n", code):
            (clone / name_of_file[1]).write_text(code, encoding="utf-8")
        command = [sys.executable, "-c", code] if language == "python" else ["bash", "-euc", code]
        done = subprocess.run(command, cwd=clone, capture_output=True, text=True, check=False, env=env, timeout=120)
        assert done.returncode == 0, f"{name}:\n{code}\n{done.stdout}\n{done.stderr}"


def test_examples_that_need_a_model_are_calls_of_the_command():
    """Nobody has the models they name; the adapters are tested with models of their own."""
    lines = [line for code in blocks(REPO / "benchmark/README.md", "sh model") for line in code.splitlines()]
    assert {shlex.split(line)[3].partition(":")[0] for line in lines} == {"hf", "gliner"}
    for line in lines:
        name, room, verb, *arguments = shlex.split(line)
        group = cli.commands[room]
        assert isinstance(group, click.Group)
        assert name == "newsgold"
        assert group.commands[verb].make_context(verb, [*arguments]).params["out"] == Path(
            arguments[arguments.index("--out") + 1]
        )


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


def test_the_table_of_keys_is_complete_and_leads_to_the_pages():
    text = (REPO / "benchmark/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w.]+)` \| (.+) \| \[\w+\]\((tasks/\w+\.md)\) \|$", text, re.MULTILINE)
    assert [key for key, *_ in rows] == list(METRICS)
    assert tuple(key for key, about, _ in rows if "**Headline**" in about) == HEADLINES
    for key, _, page in rows:
        assert f"`{key}`" in (REPO / "benchmark" / page).read_text(encoding="utf-8")


def test_classes_of_errors_and_other_scorers_are_explained():
    errors, compat = ((REPO / f"benchmark/{name}.md").read_text(encoding="utf-8") for name in ("errors", "compat"))
    assert [name for classes in CLASSES.values() for name in classes if f"`{name}`" not in errors] == []
    assert [name for name in PEERS if f"| `{name}` |" not in compat] == []
    assert [f"{name} {option}" for name, peer in PEERS.items() for option in peer.options if f"`{option}=" not in compat] == []


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


@pytest.mark.parametrize("verb", ["score", "compare"])
def test_every_option_of_scoring_is_in_the_reference(verb: str):
    text = (REPO / "REFERENCE.md").read_text(encoding="utf-8")
    group = cli.commands["benchmark"]
    assert isinstance(group, click.Group)
    options = [p.opts[0] for p in group.commands[verb].params]
    assert [option for option in options if not re.search(rf"`{option}[ `]", text)] == []


def test_every_part_of_a_signature_is_in_the_reference():
    mention, other = (Mention(id=f"m{i}", start=i, end=i + 1, type="GPE", text="x") for i in (1, 5))
    gold = [Annotation(id="a", mentions=(mention,), entities=(Entity(mentions=("m1",)),), relations=(), ignore=((5, 6),))]
    pred = [Annotation(id="a", mentions=(mention, other, Mention(start=2, end=3, type="ODD")), relations=())]
    odd = score(gold, pred, allow_findings=True, bootstrap=Bootstrap(8), train=gold).signature
    plain, both = score(REPO / "corpus", gold, split="test", allow_findings=True).signature, compare(gold, {"x": gold, "y": gold})
    names = {part.split(":")[0] for signature in (odd, plain, both.signature) for part in signature.split("|")}
    assert {"corpus", "train-facts", "findings", "set-aside", "ci", "weights", "seed", "test"} < names
    text = (REPO / "REFERENCE.md").read_text(encoding="utf-8")
    assert [name for name in names if f"| `{name}` |" not in text] == []


def shown_in(part: Any, whole: Any) -> bool:
    """Whether every key that is shown has the value shown."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(key in whole and shown_in(value, whole[key]) for key, value in part.items())
    if isinstance(part, list) and isinstance(whole, list) and part and isinstance(part[0], dict):
        return all(any(shown_in(item, other) for other in whole) for item in part)
    if isinstance(part, list) and isinstance(whole, list) and part and isinstance(part[0], list):
        return len(part) == len(whole) and all(map(shown_in, part, whole))
    return bool(part == (pytest.approx(whole) if isinstance(whole, (float, list)) else whole))


def test_the_json_shown_fits_the_schemas_and_is_what_is_printed(clone: Path):
    reference = (clone / "REFERENCE.md").read_text(encoding="utf-8")
    shown = {
        m[1]: json.loads(m[2]) for m in re.finditer(r"^### `\w+ (\w+) --json`\n.*?^```json\n(.*?)^```", reference, re.S | re.M)
    }
    assert set(shown) == set(SCHEMAS)
    for name, example in shown.items():
        found = Draft202012Validator({**SCHEMAS[name], "$defs": {"prf": PRF}}).iter_errors(example)
        assert [error.message for error in found] == [], name
    env = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    (code,) = (block for block in blocks(clone / "REFERENCE.md", "sh") if "score.json" in block)
    subprocess.run(["bash", "-euc", code], cwd=clone, check=True, env=env, capture_output=True, timeout=120)
    for name in ("score", "compare", "agree"):
        assert shown_in(shown[name], json.loads((clone / f"try/{name}.json").read_bytes())), name


def keys_of(schema: Any) -> set[str]:
    """The names of all properties that a schema holds."""
    if isinstance(schema, dict):
        own = set(schema.get("properties", ()))
        return own.union(*map(keys_of, schema.values()))
    return set().union(*map(keys_of, schema)) if isinstance(schema, list) else set()


def test_every_key_of_the_json_is_in_the_reference():
    text = (REPO / "REFERENCE.md").read_text(encoding="utf-8")
    keys = keys_of(PRF) | keys_of(SCHEMAS)
    assert len(keys) > 30
    assert [key for key in sorted(keys) if f"`{key}`" not in text and f'"{key}"' not in text] == []


def test_every_module_of_the_scorer_and_every_timing_has_its_line():
    for readme, folder in (("src/newsgold", "src/newsgold/metrics"), ("perf", "perf")):
        text = (REPO / readme / "README.md").read_text(encoding="utf-8")
        names = [p.name if readme == "perf" else p.stem for p in (REPO / folder).glob("*.py")]
        assert [name for name in names if name != "__init__" and f"`{name}`" not in text] == [], readme


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


DOCUMENTS = (
    "*.md",
    "benchmark/*.md",
    "benchmark/tasks/*.md",
    "annotation/*.md",
    "corpus/*.md",
    "src/newsgold/*.md",
    "*/README.md",
)


@pytest.mark.parametrize(
    "path", sorted({p for glob in DOCUMENTS for p in REPO.glob(glob)}), ids=lambda p: str(p.relative_to(REPO))
)
def test_links_lead_somewhere(path: Path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.S | re.M)
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)", text):
        place = (path.parent / target) if target else path
        assert place.exists(), target
        if anchor and place.suffix == ".md":
            headings = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{target}#{anchor}"


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
