"""coval at 87071a6: coreference of CoNLL-2012 files.

Source: the README of ns-moosavi/coval and Moosavi and Strube 2016. MUC, B³, CEAFe, LEA and the mentions themselves,
summed over documents. Its CEAFm divides by the number of clusters instead of mentions and exceeds 1; it is left out
unless asked for.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from newsgold.errors import quote
from newsgold.metrics.compat.clusters import Cluster, Side, b_cubed, ceaf, lea, mentions, muc, owners
from newsgold.metrics.compat.shared import PeerFault, f1, lines, many, ratio, repeats


class Inputs(NamedTuple):
    """The clusters of each document; a mention is (sentence, first token, last token)."""

    gold: list[list[Cluster]]
    pred: list[list[Cluster]]
    unread: tuple[int, int] = (0, 0)
    """How many brackets of gold and of the prediction coval passes over."""


_PART = re.compile(r"\(([0-9]{1,18})\)|\(([0-9]{1,18})(?=\||$)|(?<![(0-9])([0-9]{1,18})\)")
"""A mention of one token; an opening, which coval sees only before a bar or the end of the column; an ending."""


def read(gold: Path, pred: Path) -> Inputs:
    """The documents of gold, in both files; coval leaves out those that only the prediction has."""
    g, p = _documents(gold), _documents(pred)
    if not g:
        raise PeerFault(f"{gold} has no line that begins with #begin document")
    for name in g:
        if name not in p:
            raise PeerFault(f"{pred}: the document {quote(name)} is missing; coval crashes without it")
    p = {name: p[name] for name in g}
    unread_gold, unread_pred = (sum(reader.unread for reader in side.values()) for side in (g, p))
    return Inputs(_clusters(g), _clusters(p), (unread_gold, unread_pred))


def _clusters(readers: dict[str, _Reader]) -> list[list[Cluster]]:
    return [list(reader.clusters.values()) for reader in readers.values()]


def _documents(path: Path) -> dict[str, _Reader]:
    out: dict[str, _Reader] = {}
    reader: _Reader | None = None
    for line in lines(path):
        if line.startswith("#begin document"):
            reader = out.setdefault(line[len("#begin document ") :], _Reader())
        elif line.startswith("#end document"):
            reader = None
        elif reader is not None:
            reader.take(line)
    for name, reader in out.items():
        for number, cluster in reader.clusters.items():
            if not cluster:
                raise PeerFault(f"{path}: cluster {number} of {quote(name)} is closed and never opened; coval crashes on it")
    return out


class _Reader:
    """Reads the lines of a document: its last column opens and closes mentions."""

    def __init__(self) -> None:
        self.sentence = self.token = self.unread = 0
        self.clusters: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
        self.open: dict[int, list[int]] = defaultdict(list)

    def take(self, line: str) -> None:
        """Read one line; a blank one ends the sentence."""
        if not line.strip():
            self.sentence += self.token > 0
            self.token = 0
            return
        column = line.rsplit(maxsplit=1)[-1]
        parts = _in_order(column)
        self.unread += column.count("(") - sum(bool(single or begins) for single, begins, _ in parts)
        for single, begins, ends in parts:
            if single:
                self.clusters[int(single)].append((self.sentence, self.token, self.token))
            elif begins:
                self.open[int(begins)].append(self.token)
            else:
                self._close(int(ends))
        self.token += 1

    def _close(self, number: int) -> None:
        """Close the mention opened last; an ending without one is passed over, but coval notes its cluster."""
        cluster = self.clusters[number]
        if self.open[number]:
            cluster.append((self.sentence, self.open[number].pop(), self.token))
        else:
            self.unread += 1


def _in_order(column: str) -> list[tuple[str, str, str]]:
    """The parts of a coreference column: mentions of one token, then openings, then endings."""
    parts: list[tuple[str, str, str]] = _PART.findall(column)
    return sorted(parts, key=lambda part: next(i for i, number in enumerate(part) if number))


def score(inputs: Inputs, *, singletons: str = "keep", ceafm: str = "omit") -> dict[str, Any]:
    """Recall, precision and F1 of each metric, and the mean F1 of MUC, B³ and CEAFe as ``conll``, in per cent.

    Edge cases: 0/0 is 0. A mention that a side lists in several clusters belongs to the last of them when
    the other side looks it up.
    """
    documents = list(_documents_of(inputs, singletons))
    numbers = {name: _score(sides) for name, sides in _sides(documents).items() if name != "ceafm" or ceafm == "as-coval"}
    conll = 100 * sum(numbers[name]["f1"] for name in ("muc", "bcub", "ceafe")) / 3
    return {**numbers, "conll": conll}


Documents = list[tuple[list[Cluster], list[Cluster]]]


def _documents_of(inputs: Inputs, singletons: str) -> Iterator[tuple[list[Cluster], list[Cluster]]]:
    for gold, pred in zip(inputs.gold, inputs.pred, strict=True):
        if singletons == "keep":
            yield gold, pred
        else:
            yield [c for c in gold if len(c) > 1], [c for c in pred if len(c) > 1]


def _sides(documents: Documents) -> dict[str, list[tuple[Side, Side]]]:
    """(precision, recall) of each metric for each document."""
    out: dict[str, list[tuple[Side, Side]]] = defaultdict(list)
    for gold, pred in documents:
        of_gold, of_pred = owners(gold), owners(pred)
        for name, metric in (("mentions", mentions), ("muc", muc), ("bcub", b_cubed)):
            out[name].append((metric(pred, of_gold), metric(gold, of_pred)))
        for name, entity in (("ceafe", True), ("ceafm", False)):
            similar = ceaf(list(map(set, gold)), list(map(set, pred)), entity=entity)
            out[name].append((Side(similar, len(pred)), Side(similar, len(gold))))
        out["lea"].append((lea(pred, gold, of_gold), lea(gold, pred, of_pred)))
    return out


def _score(sides: list[tuple[Side, Side]]) -> dict[str, float]:
    precision = ratio(sum(p.num for p, _ in sides), sum(p.den for p, _ in sides))
    recall = ratio(sum(r.num for _, r in sides), sum(r.den for _, r in sides))
    return {"recall": recall, "precision": precision, "f1": f1(precision, recall)}


def explain(inputs: Inputs, *, singletons: str = "keep", ceafm: str = "omit") -> list[str]:
    """Singletons, repeated mentions, undefined ratios and, where it is asked for, the broken CEAFm."""
    numbers = score(inputs, singletons=singletons, ceafm=ceafm)
    documents = list(_documents_of(inputs, singletons))
    out = [f"lea F1: coval {numbers['lea']['f1']:.4f} over {many(len(documents), 'document')}"]
    kept = [d[0] for d in documents], [d[1] for d in documents]
    for name, before, after, unread in zip(("gold", "the prediction"), inputs[:2], kept, inputs.unread, strict=True):
        out += _about_side(name, before, after, unread)
    sides = _sides(documents)
    zeros = [name for name in numbers if name in sides and _undefined(sides[name])]
    if zeros:
        out.append(f"0/0 in {', '.join(zeros)}: 0 here, undefined with us")
    if ceafm == "as-coval":
        over = max(numbers["ceafm"]["precision"], numbers["ceafm"]["recall"])
        out.append(f"CEAFm divides mentions by clusters and reaches {over:.4f}; ours divides by mentions and stays within 1")
    return out if len(out) > 1 else [*out, "nothing on this input parts coval from ours"]


def _about_side(name: str, before: list[list[Cluster]], after: list[list[Cluster]], unread: int) -> Iterator[str]:
    """What coval does to one side: before and after its singletons were removed."""
    if unread:
        yield f"{many(unread, 'bracket')} of {name} passed over: coval wants a bar between openings, and each closed once"
    dropped = sum(map(len, before)) - sum(map(len, after))
    if dropped:
        yield f"{many(dropped, 'singleton')} of {name} left out: compare with our coref_no_singletons"
    again = sum(repeats(m for cluster in clusters for m in cluster) for clusters in after)
    if again:
        yield (
            f"{many(again, 'repeated mention')} of {name}: coval looks a mention up in the last cluster that has it and"
            " counts every copy; ours matches copies one to one"
        )


def _undefined(sides: list[tuple[Side, Side]]) -> bool:
    return not (sum(p.den for p, _ in sides) and sum(r.den for _, r in sides))
