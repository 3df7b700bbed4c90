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
from collections.abc import Iterator
from typing import Any

import msgspec

from newsgold.corpus.codec import locate, sha256, strict_json
from newsgold.corpus.model import Annotation, Article
from newsgold.errors import DataError, Finding, finding, quote

ANCHOR = "a line of the text, a surface and a number"


def compile_pass(raw: bytes, article: Article, path: str) -> Annotation:
    """The annotation an anchored pass describes; raises :class:`DataError` with every anchor that fails."""
    table, found = strict_json(raw, path)
    if found:
        raise DataError("the pass is not JSON as it should be", found)
    if not isinstance(table, dict):
        raise DataError("the pass is no object", [finding("BAD_SHAPE", path, got=quote(table), wanted="object")])
    digest = article.text_sha256 or sha256(article.text)
    found = list(_strangers(table, article, digest, path))
    starts = [0]
    for line in article.text.split("\n"):
        starts.append(starts[-1] + len(line) + 1)
    for layer in ("mentions", "stances"):
        items = table.get(layer)
        for number, item in enumerate(items if isinstance(items, list) else ()):
            if not isinstance(item, dict):
                continue  # the shape is checked below
            span = _span(item, article.text, starts)
            if isinstance(span, str):
                got, pointer = quote(item.get("surface")), f"/{layer}/{number}"
                at = 1 + locate(raw, pointer)
                found.append(finding("SURFACE_MISMATCH", path, line=at, doc=article.id, pointer=pointer, got=got, wanted=span))
                continue
            surface = item.pop("surface")
            item.pop("line"), item.pop("nth", None)
            item["start"], item["end"] = span
            if layer == "mentions":
                item["text"] = surface
    if found:
        raise DataError("the pass does not fit the text", found)
    table.pop("notes", None)
    try:
        annotation = msgspec.convert({**table, "id": article.id}, Annotation)
    except msgspec.ValidationError as error:
        fault = finding("BAD_SHAPE", path, doc=article.id, got=quote(str(error)))
        raise DataError("the pass has not the shape of an annotation", [fault]) from error
    return msgspec.structs.replace(annotation, text_sha256=digest)


def _strangers(table: dict[str, Any], article: Article, digest: str, path: str) -> Iterator[Finding]:
    """Signs that the pass was made on another document or another text."""
    for code, key, wanted in (("UNKNOWN_DOCUMENT", "id", article.id), ("TEXT_HASH", "text_sha256", digest)):
        if table.get(key) not in (None, wanted):
            yield finding(code, path, doc=article.id, pointer=f"/{key}", got=quote(table[key]), wanted=quote(wanted))


def _span(item: dict[str, Any], text: str, starts: list[int]) -> tuple[int, int] | str:
    """Offsets of an anchor, or what was wanted instead."""
    line, surface, nth = item.get("line"), item.get("surface"), item.get("nth", 1)
    if type(line) is not int or type(nth) is not int or not isinstance(surface, str) or not surface:
        return ANCHOR
    if not 0 < line < len(starts):
        return f"a line from 1 to {len(starts) - 1}"
    begin, end = starts[line - 1], starts[line] - 1
    places = [m.start() for m in re.finditer(rf"(?<![^\W_]){re.escape(surface)}(?![^\W_])", text[begin:end])]
    if not 0 < nth <= len(places):
        return f"occurrence {nth} on line {line}, which has {len(places)}"
    return begin + places[nth - 1], begin + places[nth - 1] + len(surface)
