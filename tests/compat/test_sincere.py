"""sincere, and PURE on the same sentences."""

from __future__ import annotations

import pytest

from newsgold.metrics.compat import pure, sincere
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("sincere/*.expected.json", "pure/*.expected.json")


def test_goldens(golden, same) -> None:
    folder = golden.path.parents[1] / "inputs" / golden.path.name.split(".")[0]
    peer = {"sincere": sincere, "pure": pure}[golden.path.parent.name]
    same(golden.expected, peer.score(peer.read(folder / "spans.jsonl", folder / "spans.jsonl"))[golden.key])


def span(start: int, kind: str):
    return {"start": start, "end": start + 1, "type": kind}


def relation(kind: str, head: int, tail: int):
    return {"type": kind, "head": head, "tail": tail}


GOLD = [{"entities": [span(0, "P"), span(4, "L"), span(6, "L")], "relations": [relation("in", 0, 1), relation("in", 0, 2)]}]
PRED = [
    {
        "entities": [span(0, "P"), span(4, "O"), span(4, "O"), span(0, "P")],
        "relations": [relation("in", 0, 1), relation("in", 0, 1), relation("by", 1, 0)],
    }
]


def read(peer, write, gold=GOLD, pred=PRED):
    return peer.read(write("gold.json", gold), write("pred.json", pred))


def test_strict_and_boundaries(write) -> None:
    numbers = sincere.score(read(sincere, write))
    assert numbers["boundaries"]["ALL"] == {
        "tp": 1,
        "fp": 1,
        "fn": 1,
        "p": 50,
        "r": 50,
        "f1": 50,
        "Macro_p": 50,
        "Macro_r": 25,
        "Macro_f1": pytest.approx(100 / 3),
    }
    assert numbers["strict"]["ALL"]["f1"] == 0
    assert numbers["ner"]["P"]["f1"] == 100
    empty = [{"entities": [], "relations": []}]
    assert sincere.score(read(sincere, write, empty, empty))["ner"]["ALL"]["Macro_f1"] == 0


def test_repetitions_inflate_pure(write) -> None:
    """Known bug: recall passes 1."""
    once = [{"entities": [span(0, "P")], "relations": []}]
    twice = [{"entities": [span(0, "P"), span(0, "P")], "relations": []}]
    assert pure.score(read(pure, write, once, twice))["ner"] == {"precision": 1, "recall": 2, "f1": pytest.approx(4 / 3)}
    assert sincere.score(read(sincere, write, once, twice))["ner"]["ALL"]["f1"] == 100


def test_explanations_count(write) -> None:
    assert sincere.explain(read(sincere, write)) == [
        "ner F1: sincere 0.4000, ours 0.2857",
        "ner: 2 repeated predictions merged; with us each counts as predicted and matches nothing",
        "ner: 1 type not in gold (O) in the macro mean as 0",
        "strict F1: sincere 0.0000, ours 0.0000",
        "strict: 1 repeated prediction merged; with us each counts as predicted and matches nothing",
        "strict: 1 type not in gold (by) in the macro mean as 0",
        "boundaries F1: sincere 0.5000, ours 0.4000",
        "boundaries: 1 repeated prediction merged; with us each counts as predicted and matches nothing",
        "boundaries: 1 type not in gold (by) in the macro mean as 0",
    ]
    assert pure.explain(read(pure, write)) == [
        "ner F1: pure 0.5714, ours 0.2857",
        "ner: 1 repeated prediction counted as true positives; with us they match nothing",
        "relation F1: pure 0.8000, ours 0.4000",
        "relation: 1 repeated prediction counted as true positives; with us they match nothing",
        "strict_relation F1: pure 0.0000, ours 0.0000",
    ]
    assert sincere.explain(read(sincere, write, GOLD, GOLD))[3:] == ["nothing on this input parts sincere from ours"]
    assert pure.explain(read(pure, write, GOLD, GOLD))[3:] == ["nothing on this input parts pure from ours"]


def test_what_does_not_fit_is_refused(write) -> None:
    with pytest.raises(PeerFault, match=r"has 2 sentences, .* has 1"):
        read(sincere, write, GOLD, PRED * 2)
    with pytest.raises(PeerFault, match="sentence 1: a relation names an entity that is not there"):
        read(pure, write, GOLD, [{"entities": [], "relations": [relation("in", 0, 1)]}])
