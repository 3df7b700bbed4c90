"""Anchored passes: annotation written by the surface, compiled to offsets.

Whoever writes annotation as text names the line, the surface and, where the
surface stands more than once on the line, which one; nobody types offsets.

    {"id": "tessen-bridge", "by": "pass-a",
     "mentions":  [{"id": "m1", "line": 1, "surface": "Tessen", "type": "GPE"},
                   {"id": "m2", "line": 7, "surface": "the army", "nth": 2, "type": "ORG", "kind": "NOM"}],
     "entities":  [{"id": "e1", "mentions": ["m1"]}, …],
     "relations": [{"type": "controls", "head": "e2", "tail": "e1", "evidence": [["m2", "m1"]]}],
     "stances":   [{"id": "s1", "line": 3, "surface": "blamed the army", "holder": "m3", "target": "m2", "polarity": "against"}]}

Lines are counted from 1 and split at ``\\n``. A surface matches only where no
letter or digit touches it from outside.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from newsgold.corpus.codec import sha256
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import DataError, Finding, finding, quote


def compile_pass(raw: bytes, article: Article, path: str) -> Annotation:
    """The annotation an anchored pass describes; raises :class:`DataError` with every anchor that fails."""
    try:
        table: dict[str, Any] = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        raise DataError("the pass is not JSON", [finding("BAD_JSON", path, got=quote(str(error)))]) from error
    starts = [0]
    for line in article.text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    found: list[Finding] = []
    for layer in ("mentions", "stances"):
        for number, item in enumerate(table.get(layer) or ()):
            span = _span(item, article.text, starts)
            if isinstance(span, str):
                got = quote(item.get("surface"))
                found.append(
                    finding("SURFACE_MISMATCH", path, doc=article.id, pointer=f"/{layer}/{number}", got=got, wanted=span)
                )
                continue
            surface = item.pop("surface")
            item.pop("line"), item.pop("nth", None)
            item["start"], item["end"] = span
            if layer == "mentions":
                item["text"] = surface
    if found:
        raise DataError("some anchors do not stand in the text", found)
    table.pop("notes", None)
    try:
        annotation = msgspec.convert({**table, "id": article.id}, Annotation)
    except msgspec.ValidationError as error:
        raise DataError("the pass has not the shape of an annotation", [finding("BAD_SHAPE", path, got=quote(str(error)))]) from error
    return msgspec.structs.replace(annotation, text_sha256=article.text_sha256 or sha256(article.text))


def _span(item: dict[str, Any], text: str, starts: list[int]) -> tuple[int, int] | str:
    """Offsets of an anchor, or what was wanted instead."""
    line, surface, nth = item.get("line"), item.get("surface"), item.get("nth", 1)
    if not isinstance(line, int) or not isinstance(surface, str) or not isinstance(nth, int) or not 0 < line < len(starts):
        return "a line of the text, a surface and a number"
    begin, end = starts[line - 1], starts[line] - 1
    places = [m.start() for m in re.finditer(rf"(?<![^\W_]){re.escape(surface)}(?![^\W_])", text[begin:end])]
    if not 0 < nth <= len(places):
        return f"occurrence {nth} on line {line}, which has {len(places)}"
    return begin + places[nth - 1], begin + places[nth - 1] + len(surface)
