"""seqeval, and what agrees with it: HF evaluate and SeqScore."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from newsgold.metrics.compat import labelled, seqeval
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("seqeval/*.expected.json", "hf-evaluate/*.expected.json", "seqscore/*.expected.json")


def labels(gold: str, pred: str) -> labelled.Labelled:
    """Sentences with bars between."""
    return labelled.Labelled(*([s.split() for s in side.split("|")] for side in (gold, pred)))


def test_goldens(golden, same) -> None:
    folder = golden.path.parents[1] / "inputs" / golden.path.name.split(".")[0]
    inputs = labelled.read(folder / "gold.conll", folder / f"pred.{golden.key}.conll")
    default, strict = seqeval.score(inputs), seqeval.score(inputs, mode="strict")
    peer = golden.path.parent.name
    if peer == "seqeval":
        same(golden.expected, {"default": default, "strict_IOB2": strict})
    elif peer == "hf-evaluate":
        same(golden.expected, as_hf(default))
    else:
        same(as_rows(golden.expected["conlleval"]), default)
        same(as_rows(golden.expected["discard"]), strict)


def as_hf(report):
    """The report under the names of HF evaluate."""
    short = {"precision": "precision", "recall": "recall", "f1": "f1-score", "number": "support"}
    rows = {k: {s: v[n] for s, n in short.items()} for k, v in report.items() if k != "accuracy" and not k.endswith("avg")}
    overall = {f"overall_{s}": report["micro avg"][n] for s, n in short.items()}
    return {**rows, **overall, "overall_accuracy": report["accuracy"]}


def as_rows(expected):
    """SeqScore's numbers under the names of the report."""
    rows = {k: {"precision": v["p"], "recall": v["r"], "f1-score": v["f"]} for k, v in expected["per_type"].items()}
    micro = {"precision": expected["precision"], "recall": expected["recall"], "f1-score": expected["f1"]}
    return {**rows, "micro avg": {**micro, "support": expected["tp"] + expected["fn"]}, "accuracy": expected["accuracy"]}


def test_default_repairs_what_strict_drops() -> None:
    inputs = labels("B-X I-X O", "I-X I-X O")
    assert seqeval.score(inputs)["micro avg"]["f1-score"] == 1
    assert seqeval.score(inputs, mode="strict")["micro avg"] == {"precision": 0, "recall": 0, "f1-score": 0, "support": 1}


def test_averages() -> None:
    report = seqeval.score(labels("B-X O B-Y O B-Y", "B-X O B-Y B-Z O"))
    assert report["macro avg"] == {
        "precision": pytest.approx(2 / 3),
        "recall": 0.5,
        "f1-score": pytest.approx(5 / 9),
        "support": 3,
    }
    assert report["weighted avg"]["f1-score"] == pytest.approx((1 + 2 * 2 / 3) / 3)
    assert report["accuracy"] == 3 / 5
    assert seqeval.score(labels("O", "B-X"))["weighted avg"]["f1-score"] == 0


@pytest.mark.parametrize(
    ("line", "chunks"),
    [
        ("E-X I-X S-X E-X", [(0, 1, "X"), (1, 2, "X"), (2, 3, "X"), (3, 4, "X")]),
        ("B-X I-Y . I-X", [(0, 1, "X"), (1, 2, "Y"), (3, 4, "X")]),
        ("B B- I", [(0, 1, "_"), (1, 3, "_")]),
        ("U-X L-X", [(0, 2, "X")]),
        ("B-a-b I-a-b B-a-c", [(0, 2, "a-b"), (2, 3, "a-c")]),
    ],
)
def test_lenient_reading(line, chunks) -> None:
    assert seqeval.repaired(line.split()) == chunks


@pytest.mark.parametrize(
    ("scheme", "line", "chunks"),
    [
        ("IOB2", "I-X B-X I-Y B-X I-X I-X", [(1, 2, "X"), (3, 6, "X")]),
        ("IOE2", "I-X E-X E-X I-X O I-X E-Y", [(0, 2, "X"), (2, 3, "X"), (6, 7, "Y")]),
        ("IOBES", "S-X B-X E-X B-X I-X O B-X E-Y", [(0, 1, "X"), (1, 3, "X")]),
        ("BILOU", "U-X B-X I-X L-X L-X B-X", [(0, 1, "X"), (1, 4, "X")]),
    ],
)
def test_strict_reading(scheme, line, chunks) -> None:
    assert seqeval.valid(line.split(), scheme) == chunks


@pytest.mark.parametrize("scheme", seqeval.SCHEMES)
def test_labels_that_the_scheme_allows_read_the_same_strictly_and_leniently(scheme) -> None:
    letters = {"IOB2": "BI", "IOE2": "IE", "IOBES": "BIES", "BILOU": "BILU"}[scheme]
    for line in product(["O", *(f"{letter}-{kind}" for letter in letters for kind in "XY")], repeat=3):
        strict = seqeval.valid(line, scheme)
        assert all(a.end <= b.start for a, b in pairwise(strict))
        if scheme in ("IOB2", "IOBES") and sum(c.end - c.start for c in strict) == sum(label != "O" for label in line):
            assert strict == seqeval.repaired(line)


def test_no_number_without_chunks_or_with_strange_labels() -> None:
    with pytest.raises(PeerFault, match="seqeval has no averages for data without a single chunk"):
        seqeval.score(labels("O", "O"))
    with pytest.raises(PeerFault, match="'S-X' is no label of IOB2"):
        seqeval.score(labels("S-X", "O"), mode="strict")


def test_explanations_count() -> None:
    inputs = labels("B-X O B-Y|B-Y O", "I-X O I-Z|I-Z O")
    assert seqeval.explain(inputs) == [
        "micro F1 on the chunks it reads: seqeval 0.3333, ours 0.3333",
        "seqeval repairs 3 labels of the prediction with I- or E- at the start of a chunk",
        "strict IOB2, which drops such chunks, gives 0.0000; ours has no labels to repair",
        "precision of 1 type never predicted is 0 and enters the averages; ours is undefined",
        "recall of 1 type not in gold is 0 and enters the averages; ours is undefined",
    ]
    assert seqeval.explain(inputs, mode="strict") == [
        "micro F1 on the chunks it reads: seqeval 0.0000, ours 0.0000",
        "strict IOB2 drops 3 labels of the prediction outside any valid chunk",
        "precision of 2 types never predicted is 0 and enters the averages; ours is undefined",
    ]
    assert seqeval.explain(labels("E-X", "S-X"))[1:] == ["seqeval repairs 1 label of gold with I- or E- at the start of a chunk"]
    assert seqeval.explain(labels("B-X", "B-X"))[1:] == ["nothing on this input parts seqeval from ours"]


def test_columns_in_two_files_or_one(write) -> None:
    gold = write("gold.conll", "-DOCSTART- O\n\na b\tB-X\nc\tO\n\n\nd\tB-X\n")
    pred = write("pred.conll", "-DOCSTART- O\n\na O\nc O\n\nd B-X\n")
    both = write("both.txt", "a B-X O\nc O O\n\nd B-X B-X\n")
    assert seqeval.read(gold, pred) == seqeval.read(both, both) == labels("B-X O|B-X", "O O|B-X")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nb\n\nc O\n", r":2: wanted a token and 1 labels, got 'b'"),
        ("a O\n", r"has 1 sentences, .* has 2; predict every sentence"),
        ("a O\nb O\n\nc O\n", r"sentence 1 has 2 tokens, in .* it has 1"),
    ],
)
def test_columns_that_do_not_fit_are_refused(write, text, message) -> None:
    with pytest.raises(PeerFault, match=message):
        seqeval.read(write("gold.txt", "a O\n\nc O\n"), write("pred.txt", text))
