"""Comparing systems from files or values: what is printed, and what it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from newsgold.benchmark.compare import compare
from newsgold.benchmark.score import Result
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import write_article, write_gold
from newsgold.errors import DataError, UsageError

KEYS = ("mentions.strict", "relations.mapped", "stance.tuple")
LABELS = default_labels()
MENTIONS = (
    Mention(id="m1", start=0, end=6, type="GPE"),
    Mention(id="m2", start=13, end=22, type="ORG", kind="NOM"),
    Mention(id="m3", start=29, end=35, type="GPE"),
    Mention(id="m4", start=42, end=48, type="GPE"),
)
ENTITIES = (Entity(id="e1", mentions=("m1", "m3")), Entity(id="e2", mentions=("m2",)), Entity(id="e3", mentions=("m4",)))
RELATIONS = (Relation(type="controls", head="e2", tail="e1", evidence=(("m2", "m3"),)),)
STANCES = (Stance(id="s1", start=13, end=35, holder="m4", target="m2", polarity="against"),)


def gold(name: str) -> Annotation:
    return Annotation(id=name, mentions=MENTIONS, entities=ENTITIES, relations=RELATIONS, stances=STANCES)


def documents(count: int = 6) -> list[Annotation]:
    """Documents of two events and one without."""
    return [
        msgspec.structs.replace(gold(f"d{i}"), split="test" if i < 5 else "train", event=(None, "x", "y")[min(i, 2)])
        for i in range(count)
    ]


def worse(annotations: list[Annotation], every: int = 2) -> list[Annotation]:
    """Without the last mention, the relations and the stances of some documents."""
    return [
        msgspec.structs.replace(a, mentions=MENTIONS[:3], entities=a.entities[:2], relations=(), stances=())
        if i % every == 0
        else a
        for i, a in enumerate(annotations)
    ]


def run(preds: dict[str, Any], **options: Any) -> dict[str, Any]:
    result = compare(iter(documents()), preds, labels=LABELS, resamples=199, **options).to_dict()
    json.dumps(result, allow_nan=False)
    return result


def test_what_is_printed():
    result = run({"full": documents(), "half": worse(documents()), "none": worse(documents(), 1)})
    assert list(result) == ["signature", "reference", "systems"]
    assert result["reference"] == "full"
    assert list(result["systems"]) == ["full", "half", "none"]
    assert result["systems"]["full"] == {"differences": {}, "errors": {}}
    for name in ("half", "none"):
        differences = result["systems"][name]["differences"]
        assert set(KEYS) <= set(differences)
        for key in KEYS:
            assert list(differences[key]) == ["delta", "ci95", "p", "p_holm", "detectable"]
            assert differences[key]["delta"] < 0
            assert differences[key]["p"] <= differences[key]["p_holm"]
    # three clusters have eight ways to swap, and the observed one is among the two or four most extreme
    assert result["systems"]["none"]["differences"]["mentions.strict"]["p"] in (0.25, 0.5)


def test_the_signature_says_what_was_compared_and_how():
    parts = run({"a": documents(), "b": worse(documents())}, split="test")["signature"].split("|")
    assert parts[-3:] == ["test:randomisation", "resamples:all", "cluster:event(3)"]
    assert {"split:test", "docs:5", "kinds:NAM,VAL"} <= set(parts)
    drawn = run({"a": documents(), "b": worse(documents())}, test="bootstrap", seed=7)["signature"].split("|")
    assert drawn[-5:] == ["test:bootstrap", "resamples:199", "weights:multinomial", "seed:7", "cluster:event(3)"]


def test_what_one_system_sets_aside_is_not_in_the_signature_of_all():
    ignored = [msgspec.structs.replace(a, ignore=((42, 48),)) for a in documents()]
    fewer = [msgspec.structs.replace(a, mentions=MENTIONS[:3], entities=None, relations=(), stances=()) for a in documents()]
    signature = compare(ignored, {"a": documents(), "b": fewer}, labels=LABELS).signature
    assert "set-aside" not in signature
    assert "digest:" in signature


@pytest.mark.parametrize("test", ["randomisation", "bootstrap"])
def test_another_system_and_another_order_of_documents_change_nothing(test: str):
    preds = {"a": documents(), "b": worse(documents())}
    alone = run(preds, test=test)
    more = run({**preds, "c": worse(documents(), 3)}, test=test)
    turned = run({name: p[::-1] for name, p in preds.items()}, test=test)
    assert turned == alone
    for key, difference in alone["systems"]["b"]["differences"].items():
        assert {**more["systems"]["b"]["differences"][key], "p_holm": None} == {**difference, "p_holm": None}


def test_a_system_against_itself():
    for difference in run({"a": worse(documents()), "b": worse(documents())})["systems"]["b"]["differences"].values():
        assert difference["delta"] in (0, None)
        assert difference["p"] in (1, None)
        assert difference["detectable"] is None


def test_what_a_system_does_not_attempt_is_left_out():
    mute = [msgspec.structs.replace(a, stances=None) for a in documents()]
    found = run({"a": documents(), "b": mute, "c": documents()})["systems"]
    assert "stance.tuple" not in found["b"]["differences"]
    assert "stance.tuple" in found["c"]["differences"]
    assert all("stance.tuple" not in s["differences"] for s in run({"b": mute, "a": documents()})["systems"].values())


def test_errors_are_told_by_who_is_asked():
    def missed(result: Result) -> dict[str, int]:
        counts = result.measured["relations.mapped"].counts
        return {"missed": int(counts.r_den.sum() - counts.r_num.sum())}

    result = run({"a": documents(), "b": iter(worse(documents()))}, errors=missed)
    assert [s["errors"] for s in result["systems"].values()] == [{"missed": 0}, {"missed": 3}]


def test_files_and_values_give_the_same(tmp_path: Path):
    folder = tmp_path / "corpus"
    for a in documents():
        write_article(Article(id=a.id, text="x" * 60, split=a.split, event=a.event), folder)
        write_gold(a, folder)
    paths: dict[str, Any] = {}
    for name, values in (("a", documents()), ("b", worse(documents()))):
        paths[name] = tmp_path / f"{name}.jsonl"
        paths[name].write_bytes(encode_jsonl(values))
    by_path = compare(folder, {"a": str(paths["a"]), "b": paths["b"]}, labels=LABELS).to_dict()
    by_value = compare(documents(), {"a": documents(), "b": worse(documents())}, labels=LABELS).to_dict()
    assert by_path["systems"] == by_value["systems"]
    assert by_path["signature"].split("|")[-3:] == by_value["signature"].split("|")[-3:]


def test_calls_that_make_no_sense():
    one: Any = {"a": documents()}
    with pytest.raises(UsageError, match="two systems"):
        run(one)
    with pytest.raises(UsageError, match="no test 'guess'"):
        run({**one, "b": documents()}, test="guess")
    with pytest.raises(UsageError, match="resamples"):
        compare(documents(), {**one, "b": documents()}, labels=LABELS, resamples=0)


def test_predictions_with_errors_are_not_compared():
    stray = [*documents(), gold("nowhere")]
    with pytest.raises(DataError):
        run({"a": documents(), "b": stray})
