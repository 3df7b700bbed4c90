"""Labelled tokens: the column files of CoNLL, and the chunks that labels stand for."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.shared import PeerFault, lines


class Labelled(NamedTuple):
    """The labels of sentences, gold and predicted, token by token."""

    gold: list[list[str]]
    pred: list[list[str]]


class Chunk(NamedTuple):
    """A typed run of tokens; the end is exclusive."""

    start: int
    end: int
    type: str


def read(gold: Path, pred: Path) -> Labelled:
    """The labels of two column files; of one file with the columns gold and prediction last, where both paths are the same."""
    if gold == pred:
        both = _sentences(gold, 2)
        return Labelled([[row[0] for row in s] for s in both], [[row[1] for row in s] for s in both])
    sides = [[[row[0] for row in s] for s in _sentences(path, 1)] for path in (gold, pred)]
    _check_lengths(gold, pred, *sides)
    return Labelled(*sides)


def _sentences(path: Path, wanted: int) -> list[list[list[str]]]:
    """The last columns of each token, by sentence; blank lines and -DOCSTART- end one."""
    out: list[list[list[str]]] = [[]]
    for number, line in enumerate(lines(path), 1):
        row = [part for part in (line.split("\t") if "\t" in line else line.split(" ")) if part]
        if not row or row[0] == "-DOCSTART-":
            out.append([])
        elif len(row) <= wanted:
            raise PeerFault(f"{path}:{number}: wanted a token and {wanted} labels, got {quote(line)}")
        else:
            out[-1].append(row[-wanted:])
    return [sentence for sentence in out if sentence]


def _check_lengths(gold_path: Path, pred_path: Path, gold: list[list[str]], pred: list[list[str]]) -> None:
    if len(gold) != len(pred):
        raise PeerFault(f"{pred_path} has {len(pred)} sentences, {gold_path} has {len(gold)}; predict every sentence")
    for number, (a, b) in enumerate(zip(gold, pred, strict=True), 1):
        if len(a) != len(b):
            raise PeerFault(f"{pred_path}: sentence {number} has {len(b)} tokens, in {gold_path} it has {len(a)}")


def accuracy(labels: Labelled) -> tuple[int, int]:
    """How many tokens have the right label, and how many there are."""
    pairs = [a == b for g, p in zip(*labels, strict=True) for a, b in zip(g, p, strict=True)]
    return sum(pairs), len(pairs)


def starts_inside(labels: Sequence[str]) -> int:
    """How many I- and E- labels follow no token of their own type, so that a lenient reader must begin a chunk there."""
    before = ["O", *labels]
    return sum(b[:1] in ("I", "E") and (a[:1] in ("O", "E", "S") or a[1:] != b[1:]) for a, b in zip(before, labels, strict=False))
