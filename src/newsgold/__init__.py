"""newsgold: an annotated news corpus and its benchmark.

The public API, loaded on first use:

    load(path)             articles and annotations of a corpus, a release or a JSONL file
    validate(path)         coded findings
    score(gold, pred)      precision, recall and F1 of every metric, with the signature
    Article, Annotation, Mention, Entity, Relation, Stance, Finding
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newsgold.api import Loaded, load, score, validate
    from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
    from newsgold.errors import DataError, FileFault, Finding, NewsgoldError, UsageError

__version__ = "0.1.0"

_HOMES = {
    "Annotation": "newsgold.corpus.model",
    "Article": "newsgold.corpus.model",
    "DataError": "newsgold.errors",
    "Entity": "newsgold.corpus.model",
    "FileFault": "newsgold.errors",
    "Finding": "newsgold.errors",
    "Loaded": "newsgold.api",
    "Mention": "newsgold.corpus.model",
    "NewsgoldError": "newsgold.errors",
    "Relation": "newsgold.corpus.model",
    "Stance": "newsgold.corpus.model",
    "UsageError": "newsgold.errors",
    "load": "newsgold.api",
    "score": "newsgold.api",
    "validate": "newsgold.api",
}

__all__ = [
    "Annotation",
    "Article",
    "DataError",
    "Entity",
    "FileFault",
    "Finding",
    "Loaded",
    "Mention",
    "NewsgoldError",
    "Relation",
    "Stance",
    "UsageError",
    "load",
    "score",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'newsgold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
