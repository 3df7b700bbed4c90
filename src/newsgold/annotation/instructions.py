"""Instructions for annotators, from Markdown to the HTML that Label Studio shows.

Headings, paragraphs, lists, tables, code blocks, code and strong words: what
guidelines need, not all that Markdown has. Everything else is shown as written,
and nothing in it becomes a tag.
"""

from __future__ import annotations

import html
import re
from itertools import groupby

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_STRONG = re.compile(r"\*\*([^*\n]+)\*\*")
_RULE = re.compile(r"\|?[\s:|-]+")
_KINDS = (
    ("head", re.compile(r"#{1,6}\s+")),
    ("bullet", re.compile(r"\s*[-*]\s+")),
    ("number", re.compile(r"\s*[0-9]+[.)]\s+")),
    ("row", re.compile(r"\s*\|")),
    ("blank", re.compile(r"\s*$")),
)


def to_html(text: str) -> str:
    """The text as HTML; one that begins with a tag is HTML already."""
    text = _COMMENT.sub("", text).strip()
    if text.startswith("<"):
        return text
    parts = []
    for place, block in enumerate(re.split(r"^```.*$\n?", text, flags=re.MULTILINE)):
        parts.append(f"<pre>{html.escape(block, quote=False)}</pre>" if place % 2 else _blocks(block))
    return "\n".join(part for part in parts if part)


def _blocks(text: str) -> str:
    return "\n".join(_block(kind, list(lines)) for kind, lines in groupby(_joined(text), _kind) if kind != "blank")


def _joined(text: str) -> list[str]:
    """The lines, one that goes on with an indent being part of the line before."""
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and line.startswith("  ") and _kind(line) == "text" and _kind(lines[-1]) in ("bullet", "number"):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return lines


def _kind(line: str) -> str:
    return next((kind for kind, pattern in _KINDS if pattern.match(line)), "text")


def _block(kind: str, lines: list[str]) -> str:
    if kind == "head":
        return "\n".join(f"<h3>{_inline(line.lstrip('#').strip())}</h3>" for line in lines)
    if kind in ("bullet", "number"):
        tag = "ul" if kind == "bullet" else "ol"
        items = (re.sub(r"\s*([-*]|[0-9]+[.)])\s+", "", line, count=1) for line in lines)
        return f"<{tag}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{tag}>"
    if kind == "row":
        cells = [line.strip().strip("|").split("|") for line in lines if not _RULE.fullmatch(line.strip())]
        rows = ("".join(f"<td>{_inline(cell.strip())}</td>" for cell in row) for row in cells)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"
    return f"<p>{_inline(' '.join(line.strip() for line in lines))}</p>"


def _inline(text: str) -> str:
    text = html.escape(text, quote=False)
    return _STRONG.sub(r"<strong>\1</strong>", _CODE.sub(r"<code>\1</code>", text))
