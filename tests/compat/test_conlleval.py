"""conlleval."""

from __future__ import annotations

import pytest

from newsgold.metrics.compat import conlleval, labelled

GOLDENS = ("conlleval/*.expected.json",)


def labels(gold: str, pred: str) -> labelled.Labelled:
    return labelled.Labelled([gold.split()], [pred.split()])


def test_goldens(golden) -> None:
    folder = golden.path.parents[1] / "inputs" / golden.path.name.split(".")[0]
    numbers = conlleval.score(conlleval.read(folder / "gold.conll", folder / f"pred.{golden.key}.conll"))
    assert conlleval.report(numbers) == golden.expected


def test_numbers_and_printed_lines() -> None:
    numbers = conlleval.score(labels("B-X I-X O B-Y O", "B-X I-X O I-X I-X"))
    assert numbers["types"]["Y"] == {"precision": 0, "recall": 0, "FB1": 0, "found": 0}
    assert conlleval.report(numbers) == [
        "processed 5 tokens with 2 phrases; found: 2 phrases; correct: 1.",
        "accuracy:  60.00%; precision:  50.00%; recall:  50.00%; FB1:  50.00",
        "                X: precision:  50.00%; recall: 100.00%; FB1:  66.67  2",
        "                Y: precision:   0.00%; recall:   0.00%; FB1:   0.00  0",
    ]


@pytest.mark.parametrize(
    ("line", "chunks"),
    [
        ("I-X I-X B-X I-Y", [(0, 2, "X"), (2, 3, "X"), (3, 4, "Y")]),
        ("E-X E-X I-X O", [(0, 1, "X"), (1, 2, "X"), (2, 3, "X")]),
        ("E-X B-X I-X", [(0, 3, "X")]),
        ("B O I", [(0, 1, ""), (2, 3, "")]),
        ("B-X .", [(0, 1, "X")]),
    ],
)
def test_chunks(line, chunks) -> None:
    assert conlleval.chunks(line.split()) == chunks


def test_explanations_count() -> None:
    assert conlleval.explain(labels("B-X O B-Y O B-X", "I-X O O O O")) == [
        "FB1 on the chunks it reads: conlleval 0.5000, ours 0.5000",
        "conlleval repairs 1 label of the prediction with I- or E- at the start of a chunk",
        "precision of 1 type never predicted is printed as 0; ours is undefined",
    ]
    assert conlleval.explain(labels("B-X B-X B-X", "B-X O O"))[0:] == [
        "FB1 on the chunks it reads: conlleval 0.5000, ours 0.5000",
        "nothing on this input parts conlleval from ours",
    ]
    assert conlleval.explain(labels("B-X B-X", "B-X O"))[1] == (
        "conlleval prints per cent with two decimals: 0.6667 for 0.666667"
    )
    assert conlleval.explain(labels("O", "O"))[0] == "FB1 on the chunks it reads: conlleval 0.0000, ours undefined"
