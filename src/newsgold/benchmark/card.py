"""What a submission says of itself, and the folder it is in.

submissions/<system>/<version>/system.json         the card
submissions/<system>/<version>/predictions.jsonl   what it found
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import msgspec

from newsgold.corpus.codec import write_atomic
from newsgold.corpus.model import DOCUMENT_ID
from newsgold.errors import FileFault, quote

Kind = Literal["submission", "baseline", "degenerate", "annotator"]
"""What a row of the board is; only submissions and baselines are ranked."""

Maker = Literal["people", "a language model"]
"""Whose passes an annotator's are."""

PREDICTIONS = "predictions.jsonl"
CARD = "system.json"


class SystemCard(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """``system.json``."""

    name: str
    version: str
    kind: Kind = "submission"
    summary: str
    saw: str
    """What it was made from or trained on, in words; whether it saw any document of the corpus."""
    caution: str | None = None
    """What its scores can show, and what they cannot."""
    command: str | None = None
    """What makes its predictions anew."""
    cost: str | None = None
    """Time and memory as measured: rounded, with the date and the machine. Written by hand."""
    made_by: Maker | None = None
    """Of an annotator. Written by hand; ``None`` is not stated."""
    in_gold: tuple[str, ...] = ()
    """Of an annotator: the documents whose gold was adjudicated from the pass, sorted."""
    authors: tuple[str, ...]
    url: str | None = None
    licence: str | None = None


def pretty(value: Any) -> bytes:
    """JSON for the files of the benchmark room."""
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


def folder_of(benchmark: Path, name: str, version: str) -> Path:
    """The folder of a submission; raises :class:`FileFault` where name or version cannot be a folder's."""
    for part in (name, version):
        if not DOCUMENT_ID.fullmatch(part):
            raise FileFault(f"no path is built from the name {quote(part)}: use small letters, digits, '.', '_' and '-'")
    return benchmark / "submissions" / name / version


def write_submission(benchmark: Path, card: SystemCard, predictions: bytes) -> list[Path]:
    """Write a submission folder; the paths that changed. Raises as :func:`folder_of`, or where a file cannot be written."""
    folder = folder_of(benchmark, card.name, card.version)
    files = ((folder / PREDICTIONS, predictions), (folder / CARD, pretty(msgspec.to_builtins(card))))
    return [path for path, data in files if write_atomic(path, data)]
