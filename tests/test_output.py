"""What ``--json`` prints, held against its schema: scripts depend on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator


def record(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """An object with exactly these keys."""
    properties = {**required, **optional}
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def table(of: dict[str, Any]) -> dict[str, Any]:
    """An object whose values are all of a kind."""
    return {"type": "object", "additionalProperties": of}


NUMBER, TEXT, COUNT = {"type": "number"}, {"type": "string"}, {"type": "integer", "minimum": 0}
RATIO = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
INTERVAL = {"anyOf": [{"type": "null"}, {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}]}
PRF = record(
    {
        "kind": {"const": "prf"},
        **dict.fromkeys(("precision", "recall", "f1"), RATIO),
        "counts": record(dict.fromkeys(("p_num", "p_den", "r_num", "r_den"), NUMBER)),
        "ci95": record(dict.fromkeys(("precision", "recall", "f1"), INTERVAL)),
    },
    by_type=table({"$ref": "#/$defs/prf"}),
)
VALUE = {"value": RATIO, "ci95": record({"value": INTERVAL}), "by_type": table({"$ref": "#/$defs/prf"})}
SCORE = {
    "anyOf": [PRF, record({"kind": {"const": "accuracy"}, "n": NUMBER, **VALUE}), record({"kind": {"const": "mean"}, **VALUE})]
}
ERRORS = record(
    {
        "classes": table(record({"gold": COUNT, "predicted": COUNT, "f1_if_fixed": RATIO})),
        "items": {"type": "array", "items": {"type": "object", "required": ["doc", "side", "class", "partner"]}},
    }
)
COUNTS = {
    "documents": COUNT,
    "words": {"type": ["integer", "null"]},
    **dict.fromkeys(("mentions", "entities", "relations", "stances"), COUNT),
}
SCHEMAS = {
    "score": record(
        {"signature": TEXT, "documents": COUNT, "findings": table(COUNT), "scores": table(SCORE)}, errors=table(ERRORS)
    ),
    "compare": record(
        {
            "signature": TEXT,
            "reference": TEXT,
            "systems": table(
                record(
                    {
                        "differences": table(
                            record(
                                {
                                    "delta": {"type": ["number", "null"]},
                                    "ci95": INTERVAL,
                                    **dict.fromkeys(("p", "p_holm", "detectable"), RATIO),
                                }
                            )
                        ),
                        "errors": table(COUNT),
                    }
                )
            ),
        }
    ),
    "validate": {
        "type": "array",
        "items": record(
            {
                **dict.fromkeys(("code", "path", "doc", "pointer", "message", "got", "wanted", "hint"), TEXT),
                "severity": {"enum": ["error", "warning"]},
                "line": COUNT,
            }
        ),
    },
    "stats": record(
        {
            **COUNTS,
            "by_split": table(record(COUNTS)),
            "by_type": record(dict.fromkeys(("mentions", "relations", "stances"), table(COUNT))),
            "by_origin": table(record(COUNTS)),
        }
    ),
}
RULES = "benchmark/submissions/rules/1/predictions.jsonl"
GAZETTEER = "benchmark/submissions/gazetteer/1/predictions.jsonl"
CALLS = {
    "score": ("benchmark", "score", "--pred", RULES, "--errors", "2"),
    "compare": ("benchmark", "compare", "--pred", RULES, "--pred", GAZETTEER),
    "validate": ("corpus", "validate", "tests/data/invalid/DUPLICATE_MENTION.json"),
    "stats": ("corpus", "stats"),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_printed_fits_its_schema(repo: Path, name: str):
    command = [sys.executable, "-m", "newsgold.cli", *CALLS[name], "--json"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=False)
    out = json.loads(done.stdout)
    assert out
    schema = {**SCHEMAS[name], "$defs": {"prf": PRF}}
    Draft202012Validator.check_schema(schema)
    assert [error.message for error in Draft202012Validator(schema).iter_errors(out)] == []


def test_every_kind_of_score_occurs(repo: Path):
    command = [sys.executable, "-m", "newsgold.cli", *CALLS["score"], "--json"]
    scores = json.loads(subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True).stdout)["scores"]
    assert {s["kind"] for s in scores.values()} == {"prf", "accuracy", "mean"}
