"""eval.pl of SemEval-2016 task 6."""

from __future__ import annotations

import pytest

from newsgold.metrics.compat import semeval2016
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("semeval2016-stance/expected.json",)
PRINTED = 5e-5 + 1e-12


def test_goldens(golden, same) -> None:
    folder = golden.path.parent
    inputs = semeval2016.read(folder / "gold.tsv", folder / f"pred.{golden.key}.tsv")
    same(named(golden.expected["official_all_targets_pooled"]), semeval2016.score(inputs), PRINTED)
    for target, expected in golden.expected["official_per_target"].items():
        same(named(expected), semeval2016.score(inputs, target=target), PRINTED)


def named(expected):
    return {"macroF" if k == "macroF_favor_against" else k: v for k, v in expected.items()}


def table(*rows: tuple[str, str]) -> str:
    return "ID\tTarget\tTweet\tStance\n" + "".join(f"{i}\t{t}\tx\t{s}\n" for i, (t, s) in enumerate(rows))


def read(write, gold, pred):
    return semeval2016.read(write("gold.tsv", table(*gold)), write("pred.tsv", table(*pred)))


GOLD = [("dam", "FAVOR"), ("dam", "AGAINST"), ("dam", "NONE"), ("road", "FAVOR"), ("road", "FAVOR")]
PRED = [("dam", "FAVOR"), ("dam", "FAVOR"), ("dam", "FAVOR"), ("road", "NONE"), ("road", "FAVOR")]


def test_mean_of_two_sides_over_pooled_targets(write) -> None:
    inputs = read(write, GOLD, PRED)
    numbers = semeval2016.score(inputs)
    assert numbers["FAVOR"] == {"precision": 0.5, "recall": pytest.approx(2 / 3), "f1": pytest.approx(4 / 7)}
    assert numbers["AGAINST"]["f1"] == 0
    assert numbers["macroF"] == pytest.approx(2 / 7)
    assert semeval2016.score(inputs, target="road")["FAVOR"]["precision"] == 1


def test_explanations_count(write) -> None:
    inputs = read(write, GOLD, PRED)
    assert semeval2016.explain(inputs) == [
        "macroF: 0.2857 over 5 tweets; ours scores tuples, of which a row with NONE has none",
        "1 row of gold NONE predicted as a stance, lowering precision; with us extra tuples",
        "1 stance predicted as NONE, lowering recall; with us missing tuples",
        "1 flip between FAVOR and AGAINST, counted in both F1; stance.polarity counts each pair once",
        "all 2 targets are pooled: the mean over targets would be 0.2917",
    ]
    assert semeval2016.explain(read(write, GOLD[:1], GOLD[:1]))[1:] == [
        "1 side without any row: F1 0 here, undefined and left out with us"
    ]


def test_what_does_not_fit_is_refused(write) -> None:
    with pytest.raises(PeerFault, match=r"has 4 rows, .* has 5; eval\.pl wants the same ids"):
        read(write, GOLD, PRED[:4])
    with pytest.raises(PeerFault, match=r":3: got id and target \['1', 'road'\], gold has \['1', 'dam'\]"):
        read(write, GOLD[:2], [GOLD[0], ("road", "FAVOR")])
    with pytest.raises(PeerFault, match=r":2: wanted ID, Target, Tweet and one of FAVOR, AGAINST, NONE, UNKNOWN"):
        read(write, GOLD[:1], [("dam", "PRO")])
    with pytest.raises(PeerFault, match="no row has the target 'sea'; there are 'dam', 'road'"):
        semeval2016.score(read(write, GOLD, PRED), target="sea")
