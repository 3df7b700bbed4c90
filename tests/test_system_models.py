"""hf: and gliner: against the real libraries, with tiny models that models_probe.py makes; no weights are downloaded."""

from __future__ import annotations

import json
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from released import TESTS, clean_env


@pytest.fixture(scope="module")
def seen(repo: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of every model and text."""
    python = repo / ".venv-models" / "bin" / "python"
    if not python.exists():
        pytest.skip("no torch, transformers and gliner here; make models installs them")
    place = tmp_path_factory.mktemp("models")
    env = clean_env(HF_HUB_OFFLINE="1", HF_HOME=str(place / "home"), OMP_NUM_THREADS="1")
    command = [str(python), str(TESTS / "models_probe.py"), str(place)]
    out = subprocess.run(
        command, env=env, capture_output=True, text=True, timeout=600, check=False
    )  # a cold start of torch is slow
    assert out.returncode == 0, out.stderr[-3000:]
    return dict(json.loads(out.stdout.splitlines()[-1]))


def surfaces(found: dict[str, Any], text: str) -> list[tuple[str, str]]:
    """Surface and type of the mentions; every surface stands where it is said to."""
    assert "error" not in found, found
    assert [m[4] for m in found["mentions"]] == [text[m[0] : m[1]] for m in found["mentions"]]
    return [(m[4], m[2]) for m in found["mentions"]]


def test_offsets_are_code_points_of_the_text_as_it_stands(seen: dict[str, Any]):
    """The tokenizer lowers case and strips accents; the text has a sign outside the basic plane and CRLF."""
    text = seen["texts"]["short"]
    assert surfaces(seen["short"], text) == [("Maradan", "PERSON"), ("Tessen", "LOC")] * 2
    assert seen["short"]["usage"] == {"dropped_mentions": 2.0}
    assert seen["short"]["notes"] == ["labels that stand for no type are left out: MISC"]
    assert seen["short"]["configuration"]["window"] == 40


def test_nothing_past_a_window_is_lost_or_found_twice(seen: dict[str, Any]):
    text = seen["texts"]["long"]
    assert len(text.split()) > 2000
    assert surfaces(seen["long"], text) == [("Maradan", "PERSON"), ("Tessen", "LOC")] * 330
    assert seen["long"]["usage"] == {"dropped_mentions": 330.0}


def test_a_tokenizer_that_names_no_limit_is_held_to_the_models(seen: dict[str, Any]):
    """42 positions of which RoBERTa uses 40; its byte pieces begin with a blank, which is no part of a mention."""
    found = seen["roberta"]
    assert found["configuration"]["window"] == 40
    assert all(s == s.strip() for s, _ in surfaces(found, seen["texts"]["long"]))
    starts = [m[0] for m in found["mentions"]]
    assert max(b - a for a, b in zip(starts, [*starts[1:], len(seen["texts"]["long"])], strict=True)) < 100


def test_labels_are_mapped_by_option(seen: dict[str, Any]):
    text = seen["texts"]["short"]
    assert surfaces(seen["mapped"], text) == [("Maradan", "PERSON"), ("Tessen", "GPE"), ("Ünsal", "FAC")] * 2
    assert surfaces(seen["without"], text) == [("Maradan", "PERSON"), ("Tessen", "GPE")] * 2
    assert seen["without"]["notes"] == []
    assert seen["blank"]["mentions"] == []


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("wrong_type", "not 'LOC:PLACE'"),
        ("wrong_label", "no label 'ORG'; it has PER, LOC, MISC"),
        ("wrong_stride", "less than the 40 pieces"),
        ("wrong_aggregation", "no aggregation 'none'"),
        ("mute", "tags with U-; only BIO"),
        ("foreign", "none of the model's labels (disease)"),
        ("slow", "(CanineTokenizer) is a slow one"),
        ("headless", "classifier.weight not in its weights"),
        ("no_path", "there is no folder"),
        ("offline", "cannot load 'hf:nobody/no-such-model'"),
        ("offline_gliner", "cannot load 'gliner:nobody/no-such-model'"),
        ("wrong_threshold", "threshold takes a number, not 'high'"),
        ("wrong_ask", "name or definition, not 'type'"),
        ("no_room", "9 labels leave no room for text"),
        ("no_gliner", "there is no folder"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(seen: dict[str, Any], case: str, message: str):
    assert seen[case]["error"].startswith("UsageError: ")
    assert message in seen[case]["error"]


def test_offline_nothing_is_asked_of_a_server(seen: dict[str, Any]):
    assert seen["reached"] == []


def test_gliner_answers_as_the_library_itself(seen: dict[str, Any]):
    text = seen["texts"]["short"]
    assert surfaces(seen["names"], text)
    assert [[start, end, type_, surface] for start, end, type_, _, surface in seen["names"]["mentions"]] == seen["names_direct"]


def test_gliner_is_asked_by_definitions_and_may_nest(seen: dict[str, Any]):
    spans = [(m[0], m[1]) for m in seen["definitions"]["mentions"]]
    assert any(a[0] <= b[0] and b[1] <= a[1] and a != b for a in spans for b in spans)
    asked = seen["definitions"]["configuration"]["types"]
    assert asked["A human being or a group of human beings named by what they are or do."] == "PERSON"


@pytest.mark.parametrize("model", ["asked", "pieces"])
def test_gliner_reads_all_of_a_long_text(seen: dict[str, Any], model: str):
    """Windows of 20 words, and of 60 pieces; at threshold 0 a model of chance weights finds something everywhere."""
    text = seen["texts"]["long"]
    assert {type_ for _, type_ in surfaces(seen[model], text)} <= {"PERSON", "GPE"}
    spans = [(m[0], m[1]) for m in seen[model]["mentions"]]
    assert all(first[1] <= then[0] for first, then in pairwise(spans))
    gaps = [text[end:start] for (_, end), (start, _) in pairwise([(0, 0), *spans, (len(text), len(text))])]
    assert max(len(gap.split()) for gap in gaps) < 3  # less than a mention may have


def test_gliner_is_never_given_more_than_it_reads(seen: dict[str, Any]):
    """It cuts off in silence what is past its tokenizer's limit; windows share words, and each place belongs to one."""
    read, text = seen["windows"]["windows"], seen["texts"]["long"]
    assert seen["windows"]["pieces"] <= seen["windows"]["limit"] == 60
    assert len(read) > 40
    assert (read[0][2], read[-1][3]) == (0, len(text))
    for (_, end, _, last), (start, _, first, _) in pairwise(read):
        assert start < first == last < end  # with words on both sides
