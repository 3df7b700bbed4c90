"""The table of peers, and what their modules share."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from newsgold.errors import DataError, NewsgoldError, UsageError
from newsgold.metrics import compat
from newsgold.metrics.arrays import match_multiset
from newsgold.metrics.compat import shared as common


def test_importing_the_table_imports_no_peer() -> None:
    code = (
        "import sys, newsgold.metrics.compat\n"
        "loaded = [m for m in sys.modules if m.startswith('newsgold.metrics.compat.') or m in ('sklearn', 'scipy', 'numpy')]\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", compat.PEERS)
def test_every_peer_loads_and_is_documented(name, repo) -> None:
    module = compat.load(name)
    assert all(callable(getattr(module, part)) for part in ("read", "score", "explain"))
    rows = [line for line in (repo / "benchmark" / "compat.md").read_text().splitlines() if line.startswith(f"| `{name}` |")]
    assert len(rows) == 1
    assert compat.PEERS[name].version in rows[0]
    for option in compat.PEERS[name].options:
        assert f"`{option}=" in (repo / "benchmark" / "compat.md").read_text()


def test_a_peer_or_an_option_that_is_not_there_is_named(write) -> None:
    gold = write("gold.txt", "a\nb\n")
    with pytest.raises(UsageError, match="no peer 'bleu'; there are seqeval, "):
        compat.score("bleu", gold, gold)
    with pytest.raises(UsageError, match="conlleval has no option 'mode'; it has none"):
        compat.score("conlleval", gold, gold, {"mode": "strict"})
    with pytest.raises(UsageError, match="seqeval: mode is one of default, strict, not 'lax'"):
        compat.explain("seqeval", gold, gold, {"mode": "lax"})


def test_score_and_explain_read_files_and_pass_options(write) -> None:
    gold, pred = write("gold.txt", "a\nb\n"), write("pred.txt", "a\na\n")
    assert compat.score("scikit-learn", gold, pred, {"labels": "a"})["a"]["precision"] == 0.5
    assert compat.explain("scikit-learn", gold, pred)[0].startswith("macro F1: scikit-learn 0.3333, ours 0.3333")


def test_numbers_as_rows() -> None:
    assert compat.rows({"a": {"b": 0.5, "c": [1, 2]}, "d": 3}) == [("a.b", 0.5), ("a.c.0", 1), ("a.c.1", 2), ("d", 3)]


def test_our_own_number_is_that_of_the_multiset_matching() -> None:
    gold, pred = [1, 1, 2, 3, 5], [1, 1, 1, 2, 2, 4]
    matched = len(match_multiset(np.array(gold), np.array(pred)).left)
    own = common.ours(gold, pred)
    assert (own.precision, own.recall) == (matched / len(pred), matched / len(gold))
    assert common.ours([], []).f1 is None
    assert common.repeats(pred) == 3


def test_files_that_cannot_be_read_say_so(write, tmp_path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"bad\.txt cannot be read"):
        common.text(tmp_path / "bad.txt")
    with pytest.raises(DataError, match=r"bad\.json cannot be read"):
        common.json_value(write("bad.json", '{"a": 1, "a": 2}'))
    with pytest.raises(common.PeerFault, match="every record should be an object"):
        common.json_records(write("list.json", "[1]"))
    with pytest.raises(common.PeerFault, match="x: a should be of type int, got 'b'"):
        common.field({"a": "b"}, "a", int, "x")
    with pytest.raises(common.PeerFault, match="x: a should be of type int, got 7"):
        common.field(7, "a", int, "x")
    with pytest.raises(common.PeerFault, match="x: a should hold values of type str, got 1"):
        common.listed({"a": [1]}, "a", str, "x")


SPAN, OPINION = {"start": 1, "end": 2, "type": "A"}, {"Source": [[], []], "Target": [["x"], ["0:1"]], "Polarity": "Neutral"}
SENTENCES = [{"entities": [SPAN, SPAN], "relations": [{"type": "r", "head": 0, "tail": 1}]}]
VALID = {
    "nervaluate": [[{"label": "A", "start": 1, "end": 2}]],
    "sincere": SENTENCES,
    "pure": SENTENCES,
    "dwie": [
        {
            "id": "d",
            "mentions": [{"begin": 1, "end": 2, "concept": 0, "tags": ["t"]}],
            "concepts": [{"concept": 0, "tags": ["t"]}],
            "relations": [{"s": 0, "p": "r", "o": 0}],
            "mention_relations": [{"s": 0, "p": "r", "o": 0}],
        }
    ],
    "docred": [{"title": "T", "vertexSet": [[{"name": "n"}]], "labels": [{"r": "r", "h": 0, "t": 0, "evidence": [0]}]}],
    "scikit-learn": ["a", "b"],
    "structured-sentiment": [{"sent_id": "s", "text": "x y", "opinions": [OPINION | {"Polar_expression": [["y"], ["2:3"]]}]}],
}
JUNK = (None, True, -1, 10**12, 1.5, "", "1:2", [], [1], [["a"]], {}, [{}], "\x1b[31m")


def spoilt(value):
    """The value with each of its parts, itself included, replaced by junk in turn."""
    yield from JUNK
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        for other in spoilt(part):
            copy = value.copy()
            copy[key] = other
            yield copy


@pytest.mark.parametrize("name", VALID)
def test_spoilt_files_are_refused_and_never_crash(name, write) -> None:
    good = write("good.json", VALID[name])
    if name == "docred":
        prediction = write("pred.json", [{"title": "T", "r": "r", "h_idx": 0, "t_idx": 0, "evidence": [0]}])
        pairs = ((write("gold.json", bad), prediction) for bad in spoilt(VALID[name]))
    else:
        pairs = ((good, write("pred.json", bad)) for bad in spoilt(VALID[name]))
    messages = [refusal(name, gold, pred) for gold, pred in pairs]
    assert sum(map(bool, messages)) > len(JUNK) / 2
    assert not any("\x1b" in message for message in messages)


def refusal(name, gold, pred) -> str:
    """Why the files were refused; nothing if they were not."""
    try:
        assert compat.rows(compat.score(name, gold, pred))
        assert compat.explain(name, gold, pred)
    except NewsgoldError as error:
        return str(error)
    return ""


def test_lines_end_with_or_without_a_line_end(write) -> None:
    assert common.lines(write("a.txt", "a\r\nb")) == common.lines(write("b.txt", "a\nb\n")) == ["a", "b"]


def test_json_records_are_a_list_or_lines(write) -> None:
    lines = common.json_records(write("a.jsonl", '{"a": 1}\n\n{"a": 2}\n'))
    assert lines == common.json_records(write("a.json", [{"a": 1}, {"a": 2}])) == [{"a": 1}, {"a": 2}]


def test_counts_in_words() -> None:
    assert [common.many(1, "label"), common.many(2000, "label"), common.many(2, "pass", "passes")] == [
        "1 label",
        "2,000 labels",
        "2 passes",
    ]
    assert common.shown(None) == "undefined"
