"""Inline passes: brackets become offsets, and a text that is not the article's is refused."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from newsgold.corpus.codec import canonical, encode
from newsgold.corpus.formats.inline import compile_inline, to_inline
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.errors import DataError, Finding

TEXT = "Belmar bridge [sic] fell; the Guard left Belmar.\n“The Guard is brave, brave,” he said. 🏛\n"
ARTICLE = Article(id="a", text=TEXT)
MARKED = (
    "[[Belmar]{m1 GPE e1} bridge]{m2 FAC.NOM e2} [sic] fell; the [Guard]{m3 ORG e3} left [Belmar]{m4 GPE e1}.\n"
    "“The [Guard]{m5 ORG e3} is brave, brave,” [he]{m6 PERSON.PRO e4} said. 🏛\n"
)
CLAIMS = (
    "---\nlink e1 kb-belmar\nlocated_in e2 e1 asserted m2>m1\nwithdraws_from e3 e1 asserted m3>m4\n\n"
    'stance s1 line 2 "Guard is brave" m6>m5 favor explicit\nstance s2 line 2 nth 2 "brave" AUTHOR>m5 favor explicit\n'
)


def refused(source: str, article: Article = ARTICLE) -> list[Finding]:
    with pytest.raises(DataError) as caught:
        compile_inline(source, article, "x", "pass.txt")
    return list(caught.value.findings)


def test_a_pass_is_read() -> None:
    done = compile_inline(MARKED + CLAIMS, ARTICLE, "x", "pass.txt")
    assert [(m.text, m.type, m.kind) for m in done.mentions or ()] == [
        ("Belmar", "GPE", None),
        ("Belmar bridge", "FAC", "NOM"),
        ("Guard", "ORG", None),
        ("Belmar", "GPE", None),
        ("Guard", "ORG", None),
        ("he", "PERSON", "PRO"),
    ]
    assert all(TEXT[m.start : m.end] == m.text for m in done.mentions or ())
    assert {e.id: (e.mentions, e.link) for e in done.entities or ()}["e1"] == (("m1", "m4"), "kb-belmar")
    assert [(s.start, TEXT[s.start : s.end]) for s in done.stances or () if s.start is not None] == [
        (TEXT.index("Guard is"), "Guard is brave"),
        (TEXT.rindex("brave"), "brave"),
    ]


def test_the_gold_of_the_corpus_comes_back(corpus: Path) -> None:
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    for record in read_annotations(corpus).records:
        gold = record.value
        back = compile_inline(to_inline(gold, articles[gold.id]), articles[gold.id], gold.by or "", "x")
        back = msgspec.structs.replace(back, split=gold.split, event=gold.event, ignore=gold.ignore)
        assert encode(canonical(back, default_labels())) == encode(canonical(gold, default_labels()))


@pytest.mark.parametrize(
    ("source", "code", "line"),
    [
        (MARKED.replace("fell", "felt") + CLAIMS, "SURFACE_MISMATCH", 1),
        (MARKED[:-20] + CLAIMS, "SURFACE_MISMATCH", 2),
        (MARKED.replace("]{m3 ORG e3}", "", 1) + CLAIMS, "BAD_SHAPE", 1),
        (MARKED + CLAIMS.replace("m2>m1", "m2>m9"), "DANGLING_ARGUMENT", 5),
        (MARKED + CLAIMS.replace("located_in e2", "located_in e9"), "DANGLING_ARGUMENT", 5),
        (MARKED + CLAIMS.replace("link e1 kb-belmar", "link e1"), "BAD_SHAPE", 4),
        (MARKED + CLAIMS.replace("nth 2", "nth 3"), "SURFACE_MISMATCH", 9),
        (MARKED + CLAIMS.replace("Guard is brave", "Guard was brave"), "SURFACE_MISMATCH", 8),
        (MARKED + CLAIMS.replace("link e1", "link e7"), "DANGLING_ARGUMENT", 4),
    ],
)
def test_what_is_wrong_is_named(source: str, code: str, line: int) -> None:
    assert (code, line) in {(f.code, f.line) for f in refused(source)}


def test_brackets_cannot_cross() -> None:
    mentions = (Mention(id="m1", start=0, end=6, type="GPE"), Mention(id="m2", start=3, end=9, type="GPE"))
    crossing = Annotation(id="a", mentions=mentions, entities=(Entity(id="e1", mentions=("m1", "m2")),))
    with pytest.raises(DataError, match="brackets"):
        to_inline(crossing, ARTICLE)
