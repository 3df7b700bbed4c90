"""DWIE's evaluator."""

from __future__ import annotations

import json

import pytest

from newsgold.metrics.compat import dwie
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("dwie/expected.json", "dwie/unit/expected.json")


def test_goldens(golden, same) -> None:
    folder = golden.path.parent
    if folder.name == "unit":
        gold, pred, expected = folder / golden.expected["gold"], folder / golden.key, golden.expected
    else:
        gold, pred, expected = folder / "gold.jsonl", folder / f"pred.{golden.key}.jsonl", golden.expected
    inputs = dwie.read(gold, pred)
    numbers = dwie.score(inputs)
    for name, wanted in expected.items():
        if name.startswith("same_predictions_mentions_listed_in_reverse"):
            backwards = dwie.score(dwie.turned(inputs))
            same(wanted, {key: backwards[key.removesuffix("_f1")]["f1"] for key in wanted})
        elif isinstance(wanted, list):
            same(wanted, [numbers[name][part] for part in ("precision", "recall", "f1")])
        elif name != "gold":
            same(wanted, numbers[name])


def mention(at: int, concept: int, *tags: str):
    return {"begin": at, "end": at + 1, "concept": concept, "tags": list(tags)}


def document(mentions, tags, relations=(), **more):
    concepts = [{"tags": t} for t in tags]
    return {"id": "d", "mentions": mentions, "concepts": concepts, "relations": list(relations), **more}


GOLD = document([mention(1, 0), mention(2, 0), mention(3, 1)], [["place"], ["person"]], [{"s": 1, "p": "lives_in", "o": 0}])


def read(write, gold, pred):
    return dwie.read(write("gold.jsonl", json.dumps(gold) + "\n"), write("pred.jsonl", json.dumps(pred) + "\n"))


def test_soft_hard_and_mention(write) -> None:
    pred = document(
        [mention(1, 0, "place"), mention(3, 1, "person")],
        [["place"], ["person"], ["place"]],
        [{"s": 1, "p": "lives_in", "o": 0}, {"s": 1, "p": "lives_in", "o": 2}],
        mention_relations=[{"s": 1, "p": "lives_in", "o": 0}],
    )
    numbers = dwie.score(read(write, GOLD, pred))
    assert numbers["counts"] == {"ner_mention": [2, 0, 1], "ner_hard": [1, 1, 1], "rel_mention": [1, 0, 1], "rel_hard": [0, 2, 1]}
    assert numbers["ner_soft"] == {"precision": 1, "recall": 0.75, "f1": pytest.approx(6 / 7)}
    assert numbers["rel_soft"] == {"precision": 1, "recall": 0.5, "f1": pytest.approx(2 / 3)}
    assert numbers["coref_muc"]["f1"] == 0
    assert numbers["coref_b3"]["recall"] == pytest.approx((0.5 + 1) / 3)
    assert numbers["coref_ceafe"]["precision"] == pytest.approx((2 / 3 + 1) / 2)


def test_known_bugs_order_and_repetition(write) -> None:
    pred = document(
        [mention(2, 0, "place"), mention(1, 0, "place"), mention(3, 1, "person", "person")],
        [["place"], ["person"]],
        [{"s": 1, "p": "lives_in", "o": 0}] * 2,
    )
    inputs = read(write, GOLD, pred)
    assert dwie.score(inputs)["counts"]["ner_mention"] == [4, 0, 0]
    assert dwie.explain(inputs) == [
        "ner_mention F1: dwie 1.0000, ours 0.8571",
        "1 repeated prediction of tagged mentions counted as true positives; with us they match nothing",
        "order: listing the predicted mentions in reverse moves ner_hard F1 from 0.5000 to 1.0000",
        "order: listing the predicted mentions in reverse moves rel_hard F1 from 0.0000 to 1.0000",
        "1 repeated relation merged in silence; with us each counts as predicted and matches nothing",
    ]


def test_nothing_to_explain(write) -> None:
    pred = document([mention(1, 0), mention(3, 1)], [[], []])
    assert dwie.explain(read(write, GOLD, pred))[1:] == ["nothing on this input parts dwie from ours"]


def test_no_documents_give_zeros(write) -> None:
    empty = write("empty.json", [])
    assert dwie.score(dwie.read(empty, empty))["rel_soft"]["f1"] == 0


def test_what_does_not_fit_is_refused(write) -> None:
    with pytest.raises(PeerFault, match="there is no prediction for 'd'"):
        read(write, GOLD, {**GOLD, "id": "other"})
    with pytest.raises(PeerFault, match="a mention relation names a mention that is not there"):
        read(write, GOLD, {**GOLD, "mention_relations": [{"s": 0, "p": "x", "o": 3}]})
    with pytest.raises(PeerFault, match="begin should be of type int"):
        read(write, GOLD, document([{"begin": "1"}], []))
