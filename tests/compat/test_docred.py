"""DocRED's evaluation.py."""

from __future__ import annotations

import pytest

from newsgold.metrics.compat import docred
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("docred/expected.json",)


def test_goldens(golden, same) -> None:
    folder = golden.path.parent
    facts = {f"train_{kind}": str(folder / f"train_{kind}.facts.json") for kind in ("annotated", "distant")}
    inputs = docred.read(folder / "dev_test.json", folder / f"result.{golden.key}.json")
    same(golden.expected, docred.score(inputs, **facts))


VERTICES = [[{"name": "Orva"}, {"name": "Orva City"}], [{"name": "Neld"}], [{"name": "Tamsin"}]]
GOLD = [
    {
        "title": "T",
        "vertexSet": VERTICES,
        "labels": [
            {"r": "in", "h": 0, "t": 1, "evidence": [0, 1]},
            {"r": "from", "h": 2, "t": 0, "evidence": [2]},
            {"r": "from", "h": 2, "t": 1, "evidence": []},
        ],
    }
]


def fact(relation: str, head: int, tail: int, title: str = "T", **more):
    return {"title": title, "r": relation, "h_idx": head, "t_idx": tail, **more}


PRED = [
    fact("in", 0, 1, evidence=[1, 3]),
    fact("from", 2, 0),
    fact("in", 0, 1),
    fact("in", 0, 1, evidence=[3, 1]),
    fact("in", 1, 0),
    fact("in", 0, 1, "U"),
]


def read(write, pred, gold=GOLD):
    return docred.read(write("gold.json", gold), write("pred.json", pred))


def test_relations_evidence_and_ignored_facts(write) -> None:
    facts = write("facts.json", [["Orva City", "Neld", "in"], ["Neld", "Orva", "in"]])
    numbers = docred.score(read(write, PRED), train_annotated=str(facts))
    assert (numbers["RE_P"], numbers["RE_R"]) == (2 / 4, 2 / 3)
    assert numbers["Evi_F1"] == pytest.approx(2 * (1 / 2) * (1 / 3) / (5 / 6))
    assert numbers["RE_ignore_annotated_F1"] == pytest.approx(2 * (1 / 3) * (2 / 3))
    assert "RE_ignore_distant_F1" not in numbers


def test_explanations_count(write) -> None:
    facts = write("facts.json", [["Orva City", "Neld", "in"]])
    assert docred.explain(read(write, PRED), train_distant=str(facts)) == [
        "RE_F1: docred 0.5714, ours 0.5000 with gold entities given",
        "2 repeated predictions merged in silence, 1 with the same evidence; with us such a copy counts as predicted and"
        " matches nothing",
        "1 prediction for documents that gold does not have, lowering precision of relations only",
        "Ign distant: 1 right prediction known from training left out of precision, but Ign recall is not recomputed: 0.4444,"
        " where leaving them out of both gives 0.4000",
    ]
    assert docred.explain(read(write, [fact("in", 0, 1)]))[1:] == ["nothing on this input parts docred from ours"]


def test_what_does_not_fit_is_refused(write) -> None:
    with pytest.raises(PeerFault, match="crashes on a submission without predictions"):
        docred.score(read(write, []))
    with pytest.raises(PeerFault, match=r"'T' has no entity 3, argument of 'in'"):
        read(write, [fact("in", 0, 3)])
    with pytest.raises(PeerFault, match=r"wanted a list of \[head name, tail name, relation\]"):
        docred.score(read(write, PRED), train_annotated=str(write("facts.json", [["a", "b"]])))
    with pytest.raises(PeerFault, match="evidence should hold values of type int"):
        read(write, [fact("in", 0, 1, evidence=["0"])])
