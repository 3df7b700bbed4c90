"""coval, on its own test files and on those of the CoNLL reference scorer."""

from __future__ import annotations

import pytest

from newsgold.metrics.compat import coval
from newsgold.metrics.compat.clusters import ceaf
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("coval/expected.json", "conll-coref/expected.json")


def test_goldens(golden, same) -> None:
    folder = golden.path.parent
    if folder.name == "coval":
        key, response, expected = folder / golden.key.split("/")[0] / "key", folder / golden.key, golden.expected
    else:
        key, response = folder / golden.expected["key"], folder / golden.expected["response"]
        expected = golden.expected["coval"]
    numbers = coval.score(coval.read(key, response))
    same(expected, {k: [v["recall"], v["precision"], v["f1"]] for k, v in numbers.items() if k != "conll"})


def clusters(*documents: str) -> list[list[list[int]]]:
    """Clusters of single letters: "ab c" is {a, b}, {c}."""
    return [[list(map(ord, cluster)) for cluster in document.split()] for document in documents]


def conll(*columns: str, name: str = "d") -> str:
    rows = ["" if column == "|" else f"{name} 0 {i} w {column}" for i, column in enumerate(columns)]
    return "\n".join(["stray line", f"#begin document ({name});", *rows, "#end document", ""])


def test_numbers() -> None:
    numbers = coval.score(coval.Inputs(clusters("abc de"), clusters("ab cde")))
    assert numbers["muc"] == {"recall": pytest.approx(2 / 3), "precision": pytest.approx(2 / 3), "f1": pytest.approx(2 / 3)}
    assert numbers["bcub"]["recall"] == pytest.approx((5 / 3 + 2) / 5)
    assert numbers["ceafe"]["f1"] == pytest.approx(0.8)
    assert numbers["lea"]["recall"] == pytest.approx((3 * 1 / 3 + 2) / 5)
    assert numbers["conll"] == pytest.approx(100 * (2 / 3 + 11 / 15 + 0.8) / 3)


def test_documents_are_summed_before_dividing() -> None:
    numbers = coval.score(coval.Inputs(clusters("abcd", "ab"), clusters("abcd", "a b")))
    assert numbers["muc"]["recall"] == 3 / 4


def test_singletons_kept_or_removed() -> None:
    inputs = coval.Inputs(clusters("ab c d"), clusters("ab c"))
    assert coval.score(inputs)["lea"]["recall"] == 3 / 4
    assert coval.score(inputs, singletons="remove")["lea"]["f1"] == 1
    assert coval.explain(inputs, singletons="remove") == [
        "lea F1: coval 1.0000 over 1 document",
        "2 singletons of gold left out: compare with our coref_no_singletons",
        "1 singleton of the prediction left out: compare with our coref_no_singletons",
    ]


def test_broken_ceafm_only_when_asked_for() -> None:
    """Known bug: gold against itself exceeds 1, because mentions are divided by clusters."""
    inputs = coval.Inputs(clusters("abc de"), clusters("abc de"))
    assert "ceafm" not in coval.score(inputs)
    assert coval.score(inputs, ceafm="as-coval")["ceafm"] == {"recall": 2.5, "precision": 2.5, "f1": 2.5}
    assert coval.explain(inputs)[1:] == ["nothing on this input parts coval from ours"]
    assert coval.explain(inputs, ceafm="as-coval")[1:] == [
        "CEAFm divides mentions by clusters and reaches 2.5000; ours divides by mentions and stays within 1"
    ]


def test_ceaf_of_nothing() -> None:
    assert ceaf([], [[1]], entity=True) == 0


def test_repeated_mentions_go_to_the_last_cluster() -> None:
    inputs = coval.Inputs(clusters("ab cd"), clusters("ab bcd"))
    assert coval.score(inputs)["muc"]["recall"] == 1 / 2
    assert coval.explain(inputs)[1] == (
        "1 repeated mention of the prediction: coval looks a mention up in the last cluster that has it and counts every copy;"
        " ours matches copies one to one"
    )


def test_undefined_ratios_are_named() -> None:
    assert (
        coval.explain(coval.Inputs(clusters("a"), clusters("")))[1]
        == "0/0 in mentions, muc, bcub, ceafe, lea: 0 here, undefined with us"
    )


def test_columns_of_conll(write) -> None:
    gold = write("gold.conll", conll("|", "(1", "(2)", "1)", "-", "|", "|", "(1|(2", "2)|1)", "-"))
    pred = write("pred.conll", conll("(1|(2)", "-", "1)") + conll("-", name="other"))
    inputs = coval.read(gold, pred)
    assert inputs.gold == [[[(0, 1, 1), (1, 0, 1)], [(0, 0, 2), (1, 0, 1)]]]
    assert inputs.pred == [[[(0, 0, 0)], [(0, 0, 2)]]]


def test_brackets_that_coval_passes_over_are_counted(write) -> None:
    gold = write("gold.conll", conll("(1(1", "1)1)"))
    inputs = coval.read(gold, gold)
    assert inputs.gold == [[[(0, 0, 1)]]]
    assert coval.explain(inputs)[1] == (
        "2 brackets of gold passed over: coval wants a bar between openings, and each closed once"
    )


def test_files_on_which_coval_crashes_are_refused(write) -> None:
    gold = write("gold.conll", conll("(1)"))
    with pytest.raises(PeerFault, match=r"the document '\(d\);' is missing; coval crashes without it"):
        coval.read(gold, write("pred.conll", conll("(1)", name="other")))
    with pytest.raises(PeerFault, match="has no line that begins with #begin document"):
        coval.read(write("empty.conll", "no document\n"), gold)
    with pytest.raises(PeerFault, match=r"cluster 7 of '\(d\);' is closed and never opened"):
        coval.read(gold, write("pred.conll", conll("7)")))
