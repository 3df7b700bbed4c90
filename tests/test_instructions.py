"""Markdown that annotators are shown as HTML."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from newsgold.annotation.instructions import to_html

MARKDOWN = """# Rules

Mark **names** in `[x]{GPE.NAM}`,
and a < b.

- one
  goes on
- two

1. first
2. second

| type | test |
|---|---|
| GPE | A place? |

```snippet
[a] <b>
```
<!-- generated: x -->
The end.
"""


class Tags(HTMLParser):
    """The tags that are open, and whether all were closed in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        assert not attrs
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


OURS = {"h3", "p", "ul", "ol", "li", "table", "tr", "td", "pre", "code", "strong"}


def test_what_guidelines_need_is_shown() -> None:
    assert to_html(MARKDOWN).split("\n") == [
        "<h3>Rules</h3>",
        "<p>Mark <strong>names</strong> in <code>[x]{GPE.NAM}</code>, and a &lt; b.</p>",
        "<ul><li>one goes on</li><li>two</li></ul>",
        "<ol><li>first</li><li>second</li></ol>",
        "<table><tr><td>type</td><td>test</td></tr><tr><td>GPE</td><td>A place?</td></tr></table>",
        "<pre>[a] &lt;b&gt;",
        "</pre>",
        "<p>The end.</p>",
    ]


def test_html_stays_and_nothing_stays_nothing() -> None:
    assert to_html(" <p>As it is.</p>\n") == "<p>As it is.</p>"
    assert to_html("") == to_html("\n <!-- x --> ") == ""


@given(st.text(st.sampled_from(list("#-*`|<>&a1. \n\"'")), max_size=60).filter(lambda text: not text.strip().startswith("<")))
def test_nothing_in_a_text_becomes_a_tag(text: str) -> None:
    tags = Tags()
    tags.feed(to_html(f"x{text}"))
    tags.close()
    assert tags.open == []
    assert tags.seen <= OURS


def test_our_guidelines_are_shown_whole(repo: Path) -> None:
    text = (repo / "annotation" / "guidelines.md").read_text(encoding="utf-8")
    html = to_html(text)
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert tags.seen == OURS
    for number in re.findall(r"\bHC-[0-9]+", text):
        assert number in html
