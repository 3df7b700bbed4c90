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
_VALUE = {
    "value": {"type": ["number", "null"], "maximum": 1 + 1e-9},
    "ci95": INTERVAL,
    "documents": COUNT,
    "n": {"type": "number", "minimum": 0},
    "why": {"type": ["string", "null"]},
}
FIGURE = record({**_VALUE, "by_type": table(record({**_VALUE, "by_type": {"const": {}}}))})
_TEXTS, _GRID = {"type": "array", "items": TEXT}, {"type": "array", "items": {"type": "array", "items": NUMBER}}
_COMPARED = {"documents": COUNT, "compared": NUMBER}
SCHEMAS["lint"] = record(
    {
        "suspects": {
            "type": "array",
            "items": record(
                {
                    **dict.fromkeys(("id", "doc", "what", "sentence"), TEXT),
                    "code": {"enum": ["label-varies", "name-unmarked", "cluster-split", "relation-missing", "link-varies"]},
                    **dict.fromkeys(("line", "start", "end"), COUNT),
                    "score": {"type": "number", "minimum": 0, "maximum": 1},
                    "verdict": {
                        "anyOf": [{"type": "null"}, record({"decision": {"enum": ["right", "mended", "open"]}, "why": TEXT})]
                    },
                }
            ),
        },
        "findings": SCHEMAS["validate"],
    }
)
SCHEMAS["agree"] = record(
    {
        "signature": TEXT,
        "documents": COUNT,
        "annotators": table(record(dict.fromkeys(("documents", "mentions", "entities", "relations", "stances"), COUNT))),
        "findings": table(COUNT),
        "notes": _TEXTS,
        "pooled": table(FIGURE),
        "pairs": table(
            record(
                {
                    "documents": COUNT,
                    "scores": table(
                        {
                            "anyOf": [
                                {
                                    **kind,
                                    "properties": {**kind["properties"], **_COMPARED},
                                    "required": [*kind["required"], *_COMPARED],
                                }
                                for kind in SCORE["anyOf"]
                            ]
                        }
                    ),
                    "chance": table(FIGURE),
                }
            )
        ),
        "confusions": table(record({"labels": _TEXTS, "pairs": table(_GRID), "pooled": _GRID})),
        "disagreements": {
            "type": "array",
            "items": record(
                {
                    "doc": TEXT,
                    "layer": {"enum": ["mentions", "coreference", "links", "relations", "stance"]},
                    "kind": TEXT,
                    **dict.fromkeys(("start", "end", "cost"), COUNT),
                    "variants": {"type": "array", "items": record({"annotators": _TEXTS, "items": {"type": "array"}})},
                    "links": _TEXTS,
                }
            ),
        },
    }
)
RULES = "benchmark/submissions/rules/1/predictions.jsonl"
GAZETTEER = "benchmark/submissions/gazetteer/1/predictions.jsonl"
CALLS = {
    "score": ("benchmark", "score", "--pred", RULES, "--errors", "2"),
    "compare": ("benchmark", "compare", "--pred", RULES, "--pred", GAZETTEER),
    "validate": ("corpus", "validate", "tests/data/invalid/DUPLICATE_MENTION.json"),
    "stats": ("corpus", "stats"),
    "lint": ("corpus", "lint"),
    "agree": ("annotation", "agree", RULES, GAZETTEER, "--bootstrap", "10"),
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
