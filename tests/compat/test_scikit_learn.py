"""scikit-learn: against the numbers recorded of it, and against the one installed."""

from __future__ import annotations

import random

import pytest

from newsgold.metrics.compat import scikit_learn, semeval2016
from newsgold.metrics.compat.scikit_learn import Inputs
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("semeval2016-stance/expected.json",)


def test_goldens(golden, same) -> None:
    folder = golden.path.parent
    rows = semeval2016.read(folder / "gold.tsv", folder / f"pred.{golden.key}.tsv")
    inputs = Inputs([row.gold for row in rows], [row.pred for row in rows])
    everything = scikit_learn.score(inputs, labels="FAVOR,AGAINST,NONE")
    stances = scikit_learn.score(inputs, labels="FAVOR,AGAINST")
    got = {
        "accuracy": everything["accuracy"],
        "macro3": as_list(everything["macro avg"]),
        "weighted": as_list(everything["weighted avg"]),
        "micro": [everything["accuracy"]] * 3,
        "macro_favor_against": as_list(stances["macro avg"]),
        "micro_favor_against": as_list(stances["micro avg"]),
    }
    same({key: golden.expected["sklearn"][key] for key in got}, got)


def as_list(row):
    return [row[key] for key in ("precision", "recall", "f1-score")]


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_installed_scikit_learn(seed, same) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = random.Random(seed)
    names = list("abcde")[: rng.randint(1, 5)]
    gold = [rng.choice(names) for _ in range(rng.randint(1, 30))]
    pred = [rng.choice([g, rng.choice("abcdef")]) for g in gold]
    for labels in (None, ["a", "b"], ["f", "e", gold[0]]):
        if labels and not {*labels} & {*gold, *pred}:
            continue
        labels = labels and list(dict.fromkeys(labels))
        expected = metrics.classification_report(gold, pred, labels=labels, output_dict=True, zero_division=0)
        got = scikit_learn.score(Inputs(gold, pred), labels=",".join(labels or ()))
        assert got.keys() == expected.keys()
        same(expected, got)


def test_numbers_and_explanations() -> None:
    inputs = Inputs(["a", "a", "b", "c"], ["a", "b", "b", "d"])
    report = scikit_learn.score(inputs)
    assert report["accuracy"] == 0.5
    assert report["macro avg"]["f1-score"] == pytest.approx((2 / 3 + 2 / 3) / 4)
    assert report["weighted avg"]["recall"] == 0.5
    assert scikit_learn.score(inputs, labels="d")["weighted avg"]["f1-score"] == 0
    assert scikit_learn.explain(inputs) == [
        "macro F1: scikit-learn 0.3333, ours 0.3333 over 4 labels",
        "precision of 1 label never predicted is 0 and is averaged; ours is undefined and left out",
        "recall of 1 label not in gold is 0 and is averaged; ours is undefined and left out",
    ]
    assert scikit_learn.explain(Inputs(["a"], ["a"]))[1:] == ["nothing on this input parts scikit-learn from ours"]


def test_files(write) -> None:
    assert scikit_learn.read(write("g.txt", "a\nb\n"), write("p.json", ["b", "b"])) == Inputs(["a", "b"], ["b", "b"])
    with pytest.raises(PeerFault, match=r"has 1 labels, .* has 2"):
        scikit_learn.read(write("g.txt", "a\nb\n"), write("p.txt", "a\n"))
    with pytest.raises(PeerFault, match="wanted a list of strings"):
        scikit_learn.read(write("g.txt", "a\n"), write("p.json", [1]))
    with pytest.raises(PeerFault, match="there are no items, or none of the labels occurs"):
        scikit_learn.score(Inputs([], []))
