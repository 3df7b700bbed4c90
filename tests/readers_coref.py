"""Peers' coreference files as clusters: for each document sets of (first token, token after the last)."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

Span = tuple[int, int]
Clusters = list[list[Span]]
"""The clusters of a document as lists: a mention that a file repeats is there again."""

_CONLL = re.compile(r"\((?P<one>\w+)\)|\((?P<opens>\w+)|(?P<closes>\w+)\)")
_COREFUD = re.compile(r"\((?P<one>\w+)-[^()]*\)|\((?P<opens>\w+)-[^()]*|(?P<closes>\w+)\)")


def _read(columns: list[str], brackets: re.Pattern[str]) -> Clusters:
    """The clusters of one column of brackets, a token a row."""
    opened: dict[str, list[int]] = defaultdict(list)
    clusters: dict[str, list[Span]] = defaultdict(list)
    for token, column in enumerate(columns):
        for bracket in brackets.finditer(column):
            if bracket["one"]:
                clusters[bracket["one"]].append((token, token + 1))
            elif bracket["opens"]:
                opened[bracket["opens"]].append(token)
                clusters[bracket["opens"]]  # clusters in the order in which they open
            else:
                clusters[bracket["closes"]].append((opened[bracket["closes"]].pop(), token + 1))
    assert not any(opened.values())
    return list(clusters.values())


def conll(path: Path) -> Clusters:
    """A CoNLL-2012 file of one document: brackets in the last column."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return _read([line[-1] for line in lines if line], _CONLL)


def corefud(path: Path) -> Clusters:
    """A CorefUD file of one document: brackets under ``Entity`` in the last column."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return _read([line[-1].removeprefix("Entity=") for line in lines], _COREFUD)


def dwie(path: Path) -> dict[str, Clusters]:
    """DWIE documents, one or a line each: mentions name their concept."""
    text = path.read_text(encoding="utf-8")
    documents = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]
    out = {}
    for document in documents:
        clusters: dict[int, list[Span]] = defaultdict(list)
        for m in document["mentions"]:
            if m["concept"] >= 0:
                clusters[m["concept"]].append((m["begin"], m["end"] + 1))
        out[document["id"]] = list(clusters.values())
    return out


def neleval(path: Path) -> dict[str, Clusters]:
    """neleval's table: document, start, end, entity, one mention a line."""
    out: dict[str, dict[str, list[Span]]] = defaultdict(lambda: defaultdict(list))
    for line in path.read_text(encoding="utf-8").splitlines():
        document, start, end, entity, *_ = line.split("\t")
        out[document][entity].append((int(start), int(end)))
    return {document: list(clusters.values()) for document, clusters in out.items()}


def once(clusters: Clusters) -> Clusters:
    """The clusters with every span kept where it stands first, as the reference scorer reads a file."""
    seen: set[Span] = set()
    out = []
    for cluster in clusters:
        kept = [m for m in cluster if not (m in seen or seen.add(m))]
        out.append(kept)
    return [cluster for cluster in out if cluster]
