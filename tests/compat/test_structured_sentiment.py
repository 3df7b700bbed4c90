"""SemEval-2022 task 10."""

from __future__ import annotations

import pytest

from newsgold.metrics.compat import structured_sentiment as peer
from newsgold.metrics.compat.shared import PeerFault

GOLDENS = ("structured-sentiment/expected.json",)


def test_goldens(golden, same) -> None:
    folder = golden.path.parent
    if golden.key == "gold_vs_gold_f1":
        same(golden.expected, peer.score(peer.read(folder / "gold.json", folder / "gold.json"))["f1"])
        return
    words = {"True": "yes", "False": "no"}
    options = {key: words[value] for key, value in (part.split("=") for part in golden.key.split(","))}
    same(golden.expected, peer.score(peer.read(folder / "gold.json", folder / "pred.json"), **options))


TEXT = "Ilsa praised the long bridge  warmly"


def opinion(expression: str, target: str | None = "17:28", holder: str | None = "0:4", polarity: str = "Positive"):
    spans = [[["x"], [span]] if span else [[], []] for span in (holder, target, expression)]
    return dict(zip(("Source", "Target", "Polar_expression"), spans, strict=True)) | {"Polarity": polarity}


def read(write, gold, pred):
    files = [write(name, [{"sent_id": "s", "text": TEXT, "opinions": side}]) for name, side in (("g", gold), ("p", pred))]
    return peer.read(*files)


def test_tuples_share_tokens(write) -> None:
    gold, pred = (
        [opinion("5:12"), opinion("30:36", None)],
        [opinion("5:12", "22:28"), opinion("30:36", None, polarity="Negative")],
    )
    inputs = read(write, gold, pred)
    assert peer.score(inputs, weighted="no") == {"precision": 0.5, "recall": 0.5, "f1": 0.5}
    assert peer.score(inputs, polarity="no")["precision"] == 1
    assert peer.score(inputs)["recall"] == pytest.approx((1 + 1 / 2 + 1) / 3 / 2)


def test_the_share_may_come_from_another_polarity(write) -> None:
    """As in the task's script: the best overlap is looked for whatever the polarity."""
    gold = [opinion("5:12", "22:28"), opinion("5:12", polarity="Negative")]
    assert peer.score(read(write, gold, [opinion("5:12")]))["precision"] == 1


def test_nobody_matches_nobody_only(write) -> None:
    assert peer.score(read(write, [opinion("5:12", holder=None)], [opinion("5:12")]))["f1"] == 0
    assert peer.score(read(write, [], []))["f1"] == 0


def test_explanations_count(write) -> None:
    inputs = read(write, [opinion("5:12")], [opinion("5:12"), opinion("5:12"), opinion("5:12", "22:28")])
    assert peer.explain(inputs) == [
        "tuple F1: structured-sentiment 1.0000, ours 0.5000 on tuples with equal tokens",
        "1 prediction right by overlap, or by polarity left out, equal no gold tuple",
        "1 repeated prediction, of which 1 with full credit again; with us they match nothing",
    ]
    assert peer.explain(read(write, [opinion("5:12")], []))[1:] == ["nothing on this input parts structured-sentiment from ours"]


def test_what_does_not_fit_is_refused(write) -> None:
    with pytest.raises(PeerFault, match="the polarity should be one of positive, negative, neutral, got 'mixed'"):
        read(write, [], [opinion("5:12", polarity="Mixed")])
    with pytest.raises(PeerFault, match="Polar_expression should have offsets as \"start:end\", got '5-12'"):
        read(write, [], [opinion("5-12")])
    sentence = {"sent_id": "s", "text": TEXT, "opinions": []}
    with pytest.raises(PeerFault, match="do not have the same sentences: 't' is in one only"):
        peer.read(write("g", [sentence]), write("p", [sentence, {**sentence, "sent_id": "t"}]))
