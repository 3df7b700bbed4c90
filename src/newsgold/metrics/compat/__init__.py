"""Other scorers, reproduced from their own definitions; loaded only when asked for.

A peer is one module with three functions:

    read(gold, pred)            the two files, in the peer's own formats, as the peer's own inputs
    score(inputs, **options)    the peer's numbers under the peer's names, its defects included
    explain(inputs, **options)  why they differ from ours on these inputs, in words and counts

Our own metrics never import from here.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from newsgold.errors import UsageError, quote


class Peer(NamedTuple):
    """A scorer that can be reproduced."""

    version: str
    """What was reproduced: the version, or the commit."""
    scores: str
    """What it scores."""
    reads: str
    """The files it takes."""
    options: Mapping[str, tuple[str, ...]]
    """The values each option may have, the default first; none where any text may stand."""
    module: str
    """Where it is; imported by :func:`load`."""


_NER = "tokens in lines, the label in the last column; or one file with the columns gold and prediction last"

PEERS: dict[str, Peer] = {
    "seqeval": Peer(
        "1.2.2",
        "names as labelled tokens",
        _NER,
        {"mode": ("default", "strict"), "scheme": ("IOB2", "IOE2", "IOBES", "BILOU")},
        "newsgold.metrics.compat.seqeval",
    ),
    "conlleval": Peer("conlleval.pl of 2004", "names as labelled tokens", _NER, {}, "newsgold.metrics.compat.conlleval"),
    "nervaluate": Peer(
        "1.2.1",
        "names in the four schemas of SemEval-2013",
        "JSON: a list of documents, each a list of {label, start, end}, ends inclusive; labelled tokens; or JSONL of spans,"
        " ends exclusive",
        {},
        "newsgold.metrics.compat.nervaluate",
    ),
    "coval": Peer(
        "87071a6",
        "coreference",
        "CoNLL-2012 columns",
        {"singletons": ("keep", "remove"), "ceafm": ("omit", "as-coval")},
        "newsgold.metrics.compat.coval",
    ),
    "dwie": Peer(
        "575e0be",
        "entities, relations and coreference of news documents",
        "DWIE documents: one JSON object, or JSONL",
        {},
        "newsgold.metrics.compat.dwie",
    ),
    "docred": Peer(
        "64622e6",
        "relations between given entities",
        "dev.json and result.json of DocRED; facts as a JSON list of [head, tail, relation]",
        {"train_annotated": (), "train_distant": ()},
        "newsgold.metrics.compat.docred",
    ),
    "sincere": Peer(
        "dd1c349",
        "names and relations of sentences",
        "sentences with entities and relations: a JSON list, or JSONL",
        {},
        "newsgold.metrics.compat.sincere",
    ),
    "pure": Peer(
        "b1e9cad",
        "names and relations of sentences",
        "sentences with entities and relations: a JSON list, or JSONL",
        {},
        "newsgold.metrics.compat.pure",
    ),
    "semeval2016": Peer(
        "eval.pl of October 2015",
        "stance towards given targets",
        "TSV with the columns ID, Target, Tweet, Stance",
        {"target": ()},
        "newsgold.metrics.compat.semeval2016",
    ),
    "scikit-learn": Peer(
        "1.9.1",
        "one label for each item",
        "a label a line, or a JSON list",
        {"labels": ()},
        "newsgold.metrics.compat.scikit_learn",
    ),
    "structured-sentiment": Peer(
        "SemEval-2022 task 10",
        "opinions: holder, target, expression, polarity",
        "JSON: a list of {sent_id, text, opinions}",
        {"weighted": ("yes", "no"), "polarity": ("yes", "no")},
        "newsgold.metrics.compat.structured_sentiment",
    ),
}
"""The peers by the name that ``--as`` takes."""


def load(name: str) -> ModuleType:
    """The module of a peer."""
    if name not in PEERS:
        raise UsageError(f"no peer {quote(name)}; there are {', '.join(PEERS)}")
    return importlib.import_module(PEERS[name].module)


def score(name: str, gold: Path, pred: Path, options: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The peer's own numbers on two files of its own formats."""
    module, chosen = load(name), _checked(name, options or {})
    numbers: dict[str, Any] = module.score(module.read(gold, pred), **chosen)
    return numbers


def explain(name: str, gold: Path, pred: Path, options: Mapping[str, str] | None = None) -> list[str]:
    """Why the peer's numbers differ from ours on these files: sentences with counts."""
    module, chosen = load(name), _checked(name, options or {})
    sentences: list[str] = module.explain(module.read(gold, pred), **chosen)
    return sentences


def rows(numbers: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """The numbers of :func:`score` as flat rows, their names joined by dots; counts in a list are numbered."""
    out: list[tuple[str, float]] = []
    for name, value in numbers.items():
        if isinstance(value, Mapping):
            out += rows(value, f"{prefix}{name}.")
        elif isinstance(value, list):
            out += [(f"{prefix}{name}.{i}", item) for i, item in enumerate(value)]
        else:
            out.append((f"{prefix}{name}", value))
    return out


def _checked(name: str, options: Mapping[str, str]) -> Mapping[str, str]:
    known = PEERS[name].options
    for key, value in options.items():
        if key not in known:
            raise UsageError(f"{name} has no option {quote(key)}; it has {', '.join(known) or 'none'}")
        if known[key] and value not in known[key]:
            raise UsageError(f"{name}: {key} is one of {', '.join(known[key])}, not {quote(value)}")
    return options
