"""Suspects in gold: each kind is found where it stands, nothing is found where nothing is odd, and order means nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsgold.corpus.labels import default_labels
from newsgold.corpus.lint import Known, lint, read_known
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Region, Relation
from newsgold.corpus.suspects import Suspect
from newsgold.corpus.tables import Document
from newsgold.corpus.verdicts import Placed, Verdict, judge, read_verdicts
from newsgold.errors import DataError, FileFault

LABELS = default_labels()
KB = (
    Known(id="kb-belmar", name="Belmar", type="GPE", aliases=("Port Belmar",)),
    Known(id="kb-karan", name="Ivo Karan", type="PERSON", aliases=("Karan",)),
)


def document(
    name: str,
    text: str,
    rows: Sequence[tuple[str, str, str]] = (),
    *,
    links: dict[str, str] | None = None,
    relations: Sequence[tuple[str, ...]] = (),
    **article: Any,
) -> Document:
    """A document; a row is (surface, type and perhaps kind, cluster), surfaces in the order of the text, ``^`` goes back to 0."""
    at = 0
    mentions = []
    clusters: dict[str, list[str]] = {}
    for number, (surface, label, cluster) in enumerate(rows):
        if surface.startswith("^"):
            at, surface = 0, surface[1:]
        start = text.index(surface, at)
        at = start + 1
        kind, _, rest = label.partition(" ")
        value = LABELS.types[kind].value
        mentions.append(
            Mention(id=f"m{number}", start=start, end=start + len(surface), type=kind, kind=rest or ("VAL" if value else "NAM"))
        )
        clusters.setdefault(cluster, []).append(f"m{number}")
    gold = Annotation(
        id=name,
        mentions=tuple(mentions),
        entities=tuple(Entity(id=c, mentions=tuple(m), link=(links or {}).get(c)) for c, m in clusters.items()),
        relations=tuple(Relation(type=r[0], head=r[1], tail=r[2], factuality=(*r, "asserted")[3]) for r in relations),
        stances=(),
    )
    return Document(Article(id=name, text=text, **article), gold)


def found(documents: Sequence[Document], code: str | None = None, kb: Sequence[Known] = ()) -> list[tuple[str, str, str]]:
    """The suspects as (code, document, surface)."""
    texts = {d.article.id: d.article.text for d in documents}
    return [(s.code, s.doc, texts[s.doc][s.start : s.end]) for s in lint(documents, LABELS, kb) if code in (None, s.code)]


def test_the_corpus_and_sound_documents_have_what_they_have(corpus: Path):
    text = "Belmar is near Tessen. Belmar fell."
    rows = [("Belmar", "GPE", "b"), ("Tessen", "GPE", "t"), ("Belmar", "GPE", "b")]
    assert found([document("a", text, rows), document("b", text, rows)]) == []
    assert lint([], LABELS) == []
    assert lint([Document(Article(id="a", text="Belmar"), None)], LABELS) == []


# -------------------------------------------------------------------------------------- label-varies


def test_a_label_that_differs_in_a_like_context():
    usual = [document(f"a{i}", "He went to Belmar today.", [("Belmar", "GPE", "b")]) for i in range(3)]
    odd = document("odd", "She went to Belmar today.", [("Belmar", "ORG", "b")])
    (suspect,) = lint([*usual, odd], LABELS)
    assert suspect[1:7] == ("label-varies", "odd", 1, 12, 18, "'Belmar' is ORG NAM once and GPE NAM 3 times")
    assert suspect.sentence == "She went to Belmar today."
    assert suspect.score == pytest.approx(0.75)


def test_the_more_lopsided_and_the_liker_the_higher():
    def score(n: int, text: str) -> float:
        usual = [document(f"a{i}", "He went to Belmar today.", [("Belmar", "GPE", "b")]) for i in range(n)]
        (suspect,) = lint([*usual, document("odd", text, [("Belmar", "ORG", "b")])], LABELS)
        return suspect.score

    assert score(8, "At Belmar today.") > score(2, "At Belmar today.") > score(2, "Now Belmar fights.")


def test_labels_that_may_differ():
    """A pronoun has the type of what it stands for, a common noun needs a like context, US is not us."""
    assert (
        found([document("a", "He saw it.", [("it", "ORG PRO", "x")]), document("b", "He saw it.", [("it", "GPE PRO", "x")])])
        == []
    )
    one = document("a", "Then the group left.", [("group", "ORG NOM", "x")])
    assert found([one, document("b", "Another group slept.", [("group", "PERSON NOM", "x")])]) == []
    assert found([one, document("b", "Now the group slept.", [("group", "PERSON NOM", "x")])]) == [("label-varies", "a", "group")]
    us = [document("a", "He told us all.", [("us", "PERSON PRO", "x")]), document("b", "He told US all.", [("US", "GPE", "x")])]
    assert found(us) == []


# ------------------------------------------------------------------------------------- name-unmarked


def test_a_name_that_is_marked_elsewhere():
    one = document("a", "Belmar fell.", [("Belmar", "GPE", "b")])
    bare = document("b", "First line\n\nHe saw Belmar-born men, BELMAR, belmar and Belmarians.")
    suspects = lint([one, bare], LABELS)
    assert [(s.doc, s.line, s.start, s.end) for s in suspects] == [("b", 3, 19, 25), ("b", 3, 36, 42)]
    assert suspects[0].what == "'Belmar' is a name (marked once) and has no mention"
    assert suspects[0].score == pytest.approx(1 / 3, abs=1e-3)
    assert suspects[0].sentence == "He saw Belmar-born men, BELMAR, belmar and Belmarians."


def test_the_longest_name_and_names_of_the_knowledge_base():
    text = "He saw Port  Belmar and Karan."
    assert found([document("a", text)], kb=KB) == [("name-unmarked", "a", "Port  Belmar"), ("name-unmarked", "a", "Karan")]
    assert found([document("a", text)]) == []


def test_regions_and_layers_that_nobody_annotated():
    one = document("a", "Belmar fell.", [("Belmar", "GPE", "b")])
    twice = document("b", "Belmar fell. Belmar fell.", regions=(Region(start=0, end=12, kind="duplicate"),))
    assert [(s.doc, s.start) for s in lint([one, twice], LABELS)] == [("b", 13)]
    assert twice.gold is not None
    none = twice._replace(gold=msgspec.structs.replace(twice.gold, mentions=None))
    assert lint([one, none], LABELS) == []
    ignored = twice._replace(gold=msgspec.structs.replace(twice.gold, ignore=((13, 25),)))
    assert lint([one, ignored], LABELS) == []


@pytest.mark.parametrize(
    ("outer", "inner", "expected"),
    [
        (("Syrian Observatory", "ORG"), ("Syrian", "NORP"), 0),
        (("Ivo Karan", "PERSON"), ("Karan", "PERSON"), 0),
        (("Bank of Belmar", "ORG"), ("Belmar", "GPE"), 1),
        (("the Belmar army", "ORG NOM"), ("Belmar", "GPE"), 1),
        (("the Syrian army", "ORG NOM"), ("Syrian", "NORP"), 1),
    ],
)
def test_names_inside_names(outer: tuple[str, str], inner: tuple[str, str], expected: int):
    """Rules 3 and 4: a demonym and the same thing again have no mention inside a name, other names have."""
    known = document("a", f"It is {inner[0]}.", [(*inner, "i")])
    inside = document("b", f"He left {outer[0]} alone.", [(*outer, "o")])
    assert found([known, inside]) == [("name-unmarked", "b", inner[0])] * expected


def test_a_name_of_the_same_type_inside_a_name_is_told_by_its_link():
    known = document("a", "It is Belmar.", [("Belmar", "GPE", "b")], links={"b": "kb-belmar"})

    def inside(link: str) -> Document:
        return document("b", "It is Belmar Province.", [("Belmar Province", "GPE", "p")], links={"p": link})

    assert found([known, inside("kb-belmar")]) == []
    assert found([known, inside("kb-province")]) == [("name-unmarked", "b", "Belmar")]


# ------------------------------------------------------------------------------------- cluster-split


def test_a_name_in_two_clusters():
    text = "Belmar fell. Then belmar rose on Monday, a Monday. Belmar sank."
    rows = [
        ("Belmar", "GPE", "b"),
        ("belmar", "GPE", "c"),
        ("Monday", "DATE", "d"),
        ("Monday", "DATE", "e"),
        ("Belmar", "GPE", "c"),
    ]
    (suspect,) = lint([document("a", text, rows)], LABELS)
    assert suspect[1:7] == ("cluster-split", "a", 1, 18, 24, "'belmar' and 'Belmar' at 0 have one name and two clusters")
    assert found([document("a", text, [(n, t, "b" if t == "GPE" else "d") for n, t, _ in rows])]) == []


def test_a_link_on_two_clusters():
    rows = [("Belmar", "GPE", "b"), ("the port", "GPE NOM", "p")]
    split = document("a", "Belmar fell; the port burns.", rows, links={"b": "Q1", "p": "Q1"})
    assert found([split]) == [("cluster-split", "a", "the port")]
    assert found([document("a", split.article.text, rows, links={"b": "Q1", "p": "Q2"})]) == []


# ---------------------------------------------------------------------------------- relation-missing

TEXT = "Karan left. Karan runs Belmar now."
ROWS = [("Karan", "PERSON", "k"), ("Karan", "PERSON", "k"), ("Belmar", "GPE", "b")]
LINKS = {"k": "kb-karan", "b": "kb-belmar"}


def version(name: str, *relations: tuple[str, ...], text: str = TEXT, event: str | None = "e", **rest: Any) -> Document:
    return document(name, text, ROWS, links=rest.pop("links", LINKS), relations=relations, event=event, outlet=name, **rest)


def test_a_relation_that_another_version_states():
    (suspect,) = lint([version("a", ("leads", "k", "b")), version("b")], LABELS)
    assert suspect[1:7] == ("relation-missing", "b", 1, 12, 29, "leads('Karan', 'Belmar') asserted is in a, not here")
    assert suspect.sentence == "Karan runs Belmar now."
    assert suspect.score == 0.5
    three = [version("a", ("leads", "k", "b")), version("b"), version("c", ("leads", "k", "b"))]
    assert lint(three, LABELS)[0].score == pytest.approx(2 / 3, abs=1e-3)


def test_a_relation_that_is_stated_with_another_factuality_is_less_of_a_suspect():
    suspects = lint([version("a", ("leads", "k", "b")), version("b", ("leads", "k", "b", "denied"))], LABELS)
    assert [(s.doc, s.score) for s in suspects] == [("a", 0.25), ("b", 0.25)]
    assert suspects[0].what.endswith("denied is in b, here only asserted")


def test_relations_that_are_not_missing():
    """Another event, no event, two sentences, no links, a layer that was not attempted, a symmetric one turned round."""
    stated = version("a", ("leads", "k", "b"))
    apart = "Karan left. Karan won. It is in Belmar now."
    for other in (version("b", event="f"), version("b", text=apart), version("b", links={})):
        assert found([stated, other], "relation-missing") == []
    assert found([version("a", ("leads", "k", "b"), event=None), version("b", event=None)]) == []
    bare = version("b")
    assert bare.gold is not None
    assert found([stated, bare._replace(gold=msgspec.structs.replace(bare.gold, relations=None))]) == []
    assert found([version("a", ("allied_with", "k", "b")), version("b", ("allied_with", "b", "k"))]) == []
    assert len(found([version("a", ("supports", "k", "b")), version("b", ("supports", "b", "k"))])) == 2


@pytest.mark.parametrize(
    ("text", "together"),
    [
        ("Karan met Mr. Karan of Belmar.", True),
        ("Karan met J. Karan of Belmar.", True),
        ("Karan met Karan.\nBelmar fell", False),
        ("Karan met “Karan.” Belmar fell", False),
        ("Karan met Karan! (Belmar fell)", False),
        ("Karan met Karan… belmar or Belmar fell", True),
    ],
)
def test_what_a_sentence_is(text: str, together: bool):
    assert bool(found([version("a", ("leads", "k", "b")), version("b", text=text)], "relation-missing")) == together


# --------------------------------------------------------------------------------------- link-varies


def linked(name: str, link: str | None, surface: str = "Belmar", label: str = "GPE") -> Document:
    return document(name, f"Now {surface} fell; {surface} rose.", [(surface, label, "b")] * 2, links={"b": link} if link else {})


def test_a_name_that_is_linked_to_two_things():
    suspects = lint([linked("a", "Q1"), linked("b", "Q2"), linked("c", "Q1")], LABELS)
    assert [s[1:7] for s in suspects] == [("link-varies", "b", 1, 4, 10, "'Belmar' is 'Q2' here, and 'Q1' in a, c")]
    assert suspects[0].score == pytest.approx(2 / 3, abs=1e-3)
    assert found([linked("a", "Q1"), linked("b", "Q1")]) == []


def test_an_entity_without_the_link_that_its_name_has_elsewhere():
    assert found([linked("a", "Q1"), linked("b", None)]) == [("link-varies", "b", "Belmar")]
    assert found([linked("a", "Q1"), linked("c", "Q2"), linked("b", None)], "link-varies")[0][1] != "b"
    assert found([linked("a", None), linked("b", None)], kb=KB) == []


def test_an_entity_whose_name_is_a_unique_alias():
    documents = [linked("a", "kb-belmar"), linked("b", None, "Port Belmar")]
    assert found(documents, kb=KB) == [("link-varies", "b", "Port Belmar")]
    assert found(documents, "link-varies") == []
    other = Known(id="kb-other", name="Port Belmar", type="GPE")
    assert found(documents, "link-varies", kb=(*KB, other)) == []
    assert found([documents[0], linked("b", None, "Port Belmar", "PERSON")], "link-varies", kb=KB) == []
    assert found([linked("a", "kb-karan", "Karan", "PERSON"), documents[1]], "link-varies", kb=KB) == []


def test_cases_that_the_guidelines_often_allow_rank_lower():
    """A name inside a name, a demonym in two clusters; a name of another type that the cluster itself has is left out."""
    known = document("a", "It is Belmar.", [("Belmar", "GPE", "b")])
    inside = document("b", "He left Bank of Belmar alone.", [("Bank of Belmar", "ORG", "o")])
    assert [s.score for s in lint([known, inside], LABELS)] == [0.25]
    own = document("b", "Belmar, or Bank of Belmar.", [("Belmar", "GPE", "o"), ("Bank of Belmar", "ORG", "o")])
    assert found([known, own], "name-unmarked") == []
    twice = document("a", "A Syrian met a Syrian.", [("Syrian", "NORP", "x"), ("Syrian", "NORP", "y")])
    assert [(s.code, s.score) for s in lint([twice], LABELS)] == [("cluster-split", 0.45)]


def test_two_links_in_one_document_alone_are_no_matter_of_other_documents():
    rows = [("Belmar", "GPE", "b"), ("Belmar", "GPE", "c")]
    one = document("a", "Now Belmar fell; Belmar rose.", rows, links={"b": "Q1", "c": "Q2"})
    assert found([one]) == [("cluster-split", "a", "Belmar")]


def test_no_sentence_ends_inside_a_mention():
    text = "Oh! Belmar fell to Karan."
    rows = [("Oh! Belmar", "GPE", "b"), ("Karan", "PERSON", "k")]
    one = document("a", text, rows, links=LINKS, relations=[("leads", "k", "b")], event="e")
    (missing,) = lint([one, document("b", text, rows, links=LINKS, event="e")], LABELS)
    assert missing.sentence == text


# ---------------------------------------------------------------------------------------- properties

WORDS = st.sampled_from(["Belmar", "Karan", "the", "of", "army", "Syrian", "US", "us.", "Bank", "fell.", "\n"])


@st.composite
def documents(draw: st.DrawFn, name: str) -> Document:
    words = draw(st.lists(WORDS, min_size=1, max_size=14))
    starts = [sum(len(w) + 1 for w in words[:i]) for i in range(len(words))]
    spans = st.tuples(st.integers(0, len(words) - 1), st.integers(1, 2), st.sampled_from(["GPE", "PERSON", "NORP", "ORG"]))
    rows = draw(st.lists(spans, max_size=6, unique=True))
    text = " ".join(words)
    mentions = tuple(
        Mention(
            id=f"m{n}", start=starts[i], end=starts[last] + len(words[last]), type=t, kind=draw(st.sampled_from(["NAM", "NOM"]))
        )
        for n, (i, w, t) in enumerate(rows)
        for last in [min(i + w, len(words)) - 1]
    )
    cluster = [draw(st.integers(0, 3)) for _ in mentions]
    links = st.sampled_from([None, "kb-belmar", "kb-karan", "Q1"])
    entities = tuple(
        Entity(id=f"e{c}", mentions=tuple(f"m{n}" for n, own in enumerate(cluster) if own == c), link=draw(links))
        for c in sorted(set(cluster))
    )
    ids = st.sampled_from([e.id for e in entities] or ["x"])
    kinds = st.sampled_from(["fights", "leads", "controls"])
    made = st.builds(Relation, type=kinds, head=ids, tail=ids, factuality=st.sampled_from(["asserted", "denied"]))
    relations = tuple(draw(st.lists(made, max_size=3)))
    gold = Annotation(id=name, mentions=mentions, entities=entities, relations=relations)
    return Document(Article(id=name, text=text, event=draw(st.sampled_from(["e", "f", None]))), gold)


CORPORA = st.integers(1, 4).flatmap(lambda n: st.tuples(*(documents(f"d{i}") for i in range(n))))


@given(CORPORA, st.randoms(use_true_random=False))
def test_order_means_nothing(held: tuple[Document, ...], random: Any):
    """Neither that of documents, nor that of items, nor what items are called."""
    shuffled = []
    for article, gold in held:
        assert gold is not None
        lists = {
            layer: tuple(random.sample(getattr(gold, layer), len(getattr(gold, layer))))
            for layer in ("mentions", "entities", "relations")
        }
        shuffled.append(Document(article, msgspec.structs.replace(gold, **lists)))
    random.shuffle(shuffled)
    assert lint(shuffled, LABELS, KB[::-1]) == lint(held, LABELS, KB)


@given(CORPORA)
def test_suspects_are_ranked_have_ids_of_their_own_and_stand_in_their_sentence(held: tuple[Document, ...]):
    suspects = lint(held, LABELS, KB)
    texts = {d.article.id: d.article.text for d in held}
    assert len({s.id for s in suspects}) == len(suspects)
    assert [s.score for s in suspects] == sorted((s.score for s in suspects), reverse=True)
    for s in suspects:
        assert 0 < s.score <= 1
        assert 0 <= s.start < s.end <= len(texts[s.doc])
        assert texts[s.doc][s.start : s.end].strip() in s.sentence
        assert s.line == 1 + texts[s.doc][: s.start].count("\n")


@given(documents("a"), st.integers(2, 4))
def test_one_document_in_several_outlets_misses_no_relation(one: Document, copies: int):
    """Nor does it differ in labels or links from itself, beyond what it has within one copy."""
    held = [
        Document(msgspec.structs.replace(one.article, id=f"d{i}", outlet=f"o{i}", event="e"), one.gold) for i in range(copies)
    ]
    assert [s for s in lint(held, LABELS, KB) if s.code == "relation-missing"] == []
    alone = {(s.code, s.start, s.end) for s in lint(held[:1], LABELS, KB) if s.code in ("name-unmarked", "cluster-split")}
    together = {(s.code, s.start, s.end) for s in lint(held, LABELS, KB) if s.code in ("name-unmarked", "cluster-split")}
    assert alone == together


def test_an_id_does_not_depend_on_the_rest_of_the_corpus():
    usual = [document(f"a{i}", "He went to Belmar today.", [("Belmar", "GPE", "b")]) for i in range(5)]
    odd = document("odd", "She went to Belmar today.", [("Belmar", "ORG", "b")])
    few, many = lint([*usual[:2], odd], LABELS), lint([*usual, odd], LABELS)
    assert [s.id for s in few] == [s.id for s in many]
    assert few[0].score < many[0].score


# ------------------------------------------------------------------------------------------ verdicts


def suspect(name: str) -> Suspect:
    return Suspect(name, "label-varies", "a", 1, 0, 1, "", "", 1.0)


def test_verdicts_are_put_to_their_suspects():
    given_ = [
        Placed(Verdict(id=name, decision=decision, why="seen"), "v.toml", line)
        for line, (name, decision) in enumerate(
            [("s1", "right"), ("s2", "open"), ("s3", "mended"), ("gone", "right"), ("done", "mended")], 1
        )
    ]
    judged = judge([suspect(name) for name in ("s1", "s2", "s3", "s4")], given_)
    assert [(s.id, v and v.decision) for s, v in judged.rows] == [("s1", "right"), ("s2", "open"), ("s3", "mended"), ("s4", None)]
    assert judged.waiting == 1
    assert [(f.code, f.severity, f.path, f.line) for f in judged.findings] == [
        ("VERDICT_STANDS", "warning", "v.toml", 3),
        ("VERDICT_GONE", "warning", "v.toml", 4),
    ]


def test_no_suspect_in_the_corpus_waits_and_no_verdict_is_stale(corpus: Path, repo: Path):
    from newsgold.corpus.formats.exchange import documents_at

    suspects = lint(documents_at(corpus, LABELS), LABELS, read_known(corpus))
    judged = judge(suspects, read_verdicts(repo / "annotation" / "lint_verdicts.toml"))
    assert suspects
    assert [f"{s.id} {s.code} {s.doc}:{s.line} {s.what}" for s, verdict in judged.rows if verdict is None] == []
    assert [str(f) for f in judged.findings] == []
    assert [v.id for _, v in judged.rows if v is not None and v.decision == "open"] == []


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ('[[verdict]]\nid = "a"\ndecision = "wrong"\nwhy = "x"\n', "BAD_SHAPE", 3),
        ('[[verdict]]\nid = "a"\ndecision = "right"\nwhy = ""\n', "BAD_SHAPE", 4),
        ('[[verdict]]\nid = "a"\ndecision = "right"\n', "BAD_SHAPE", 1),
        ('[[verdict]]\nid = "a"\ndecision = "right"\nwhy = "x"\n' * 2, "DUPLICATE_ID", 6),
        ("[[verdict]\n", "BAD_TOML", 1),
    ],
)
def test_verdicts_that_cannot_be_used(tmp_path: Path, text: str, code: str, line: int):
    path = tmp_path / "v.toml"
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_verdicts(path)
    assert [(f.code, f.line) for f in caught.value.findings] == [(code, line)]
    with pytest.raises(FileFault):
        read_verdicts(tmp_path / "none.toml")
    path.write_text("")
    assert read_verdicts(path) == []


# --------------------------------------------------------------------------- files and the command line


def test_the_knowledge_base_with_its_names(tmp_path: Path):
    assert read_known(tmp_path) == ()
    kb = tmp_path / "kb.jsonl"
    kb.write_text(
        '{"id": "kb-a", "name": "A", "aliases": ["B"], "description": "x"}\n\n{"id": "kb-b", "name": "C", "type": "GPE"}\n'
    )
    assert read_known(tmp_path / "gold") == (Known(id="kb-a", name="A", aliases=("B",)), Known(id="kb-b", name="C", type="GPE"))
    kb.write_text('{"id": "kb-a", "name": "A"}\n{"id": "kb-b", "name": 1}\n')
    with pytest.raises(DataError) as caught:
        read_known(tmp_path)
    assert [(f.code, f.line, f.pointer) for f in caught.value.findings] == [("BAD_SHAPE", 2, "/name")]


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "newsgold.cli", "corpus", "lint", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_demands_a_verdict_on_each(tmp_path: Path):
    held = [document("a", "Belmar fell.", [("Belmar", "GPE", "b")]), document("b", "One\x1b[31m line\nHe saw Belmar\x07 here.")]
    articles, golds, verdicts = tmp_path / "a.jsonl", tmp_path / "g.jsonl", tmp_path / "v.toml"
    articles.write_bytes(b"\n".join(msgspec.json.encode(d.article) for d in held))
    golds.write_bytes(b"\n".join(msgspec.json.encode(d.gold) for d in held))
    (expected,) = lint(held, LABELS)
    bare = run(golds, "--articles", articles)
    assert bare.returncode == 1, bare.stderr
    assert bare.stdout.splitlines() == [
        f"0.500 {expected.id} name-unmarked b:2 [21, 27) 'Belmar' is a name (marked once) and has no mention",
        r"    He saw Belmar\x07 here.",
    ]
    assert bare.stderr == "1 suspect(s), 1 without a verdict, 0 warning(s)\n"
    rows = "".join(f'[[verdict]]\nid = "{name}"\ndecision = "right"\nwhy = "a ship"\n' for name in (expected.id, "gone"))
    verdicts.write_text(rows)
    judged = run(golds, "--articles", articles, "--verdicts", verdicts)
    assert judged.returncode == 0, judged.stderr
    assert judged.stdout.splitlines()[2] == "    right: a ship"
    assert "warning: " in judged.stdout
    assert "v.toml:6 VERDICT_GONE" in judged.stdout
    as_json = json.loads(run(golds, "--articles", articles, "--verdicts", verdicts, "--json").stdout)
    assert as_json["suspects"] == [{**expected._asdict(), "verdict": {"decision": "right", "why": "a ship"}}]
    assert [f["code"] for f in as_json["findings"]] == ["VERDICT_GONE"]
    assert run(golds, "--articles", articles, "--verdicts", tmp_path / "none.toml").returncode == 3


def test_a_slip_in_the_corpus_is_found(corpus: Path):
    """The seed with one name unmarked, and one made a cluster of its own."""
    from newsgold.corpus.formats.exchange import documents_at

    (seed,) = [d for d in documents_at(corpus, LABELS) if d.article.id == "damascus-declared-secure"]
    article, gold = seed
    assert gold is not None
    assert gold.mentions is not None
    assert gold.entities is not None
    before = {s.id for s in lint([Document(article, gold)], LABELS)}
    slip = next(m for m in gold.mentions if m.text == "Damascus")
    less = msgspec.structs.replace(gold, mentions=tuple(m for m in gold.mentions if m is not slip))
    new = [s for s in lint([Document(article, less)], LABELS) if s.id not in before]
    assert ("name-unmarked", slip.start, slip.end) in [(s.code, s.start, s.end) for s in new]
    entities = tuple(msgspec.structs.replace(e, mentions=tuple(m for m in e.mentions if m != slip.id)) for e in gold.entities)
    apart = msgspec.structs.replace(gold, entities=(*entities, Entity(id="apart", mentions=(str(slip.id),))))
    assert "cluster-split" in {s.code for s in lint([Document(article, apart)], LABELS) if s.id not in before}
