"""Agreement of passes: the published conventions, row by row; properties; files; disagreements; gamma."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from newsgold.annotation import gamma as gamma_module
from newsgold.annotation.agreement import Agreement, agree
from newsgold.annotation.comparison import CHANCE, LIKE_SCORES
from newsgold.annotation.disagreements import LAYERS, disagreements, task_links
from newsgold.annotation.gamma import gamma
from newsgold.benchmark.score import Bootstrap, score
from newsgold.corpus.codec import encode_jsonl
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.errors import DataError, UsageError
from newsgold.metrics.suite import METRICS
from strategies import annotations, slow_strict
from test_output import PRF, SCHEMAS

LABELS = default_labels()
CONVENTIONS = Path(__file__).parent.parent / "annotation" / "agreement_conventions.md"
replace = msgspec.structs.replace


# ------------------------------------------------------------ passes in shorthand


def a_pass(
    spans: str = "",
    *,
    doc: str = "d1",
    clusters: str | None = None,
    relations: Sequence[str] | None = (),
    stances: Sequence[str] | None = (),
    event: str | None = None,
    by: str | None = None,
) -> Annotation:
    """A pass written as "0-4 GPE, 6-9 ORG"; mentions are m0, m1 …, clusters "m0 m1, m2", relations "controls m0 m1"."""
    rows = [re.fullmatch(r"(\d+)-(\d+) (\w+)", part.strip()) for part in spans.split(",") if part.strip()]
    mentions = tuple(Mention(id=f"m{i}", start=int(m[1]), end=int(m[2]), type=m[3]) for i, m in enumerate(rows) if m)
    if clusters is None:
        clusters = ", ".join(str(m.id) for m in mentions)
    entities = tuple(
        Entity(id=f"e{i}", mentions=tuple(part.split())) for i, part in enumerate(p for p in clusters.split(",") if p.strip())
    )
    return Annotation(
        id=doc,
        by=by,
        event=event,
        mentions=mentions,
        entities=entities,
        relations=None if relations is None else tuple(_relation(r) for r in relations),
        stances=None if stances is None else tuple(_stance(s) for s in stances),
    )


def _relation(text: str) -> Relation:
    kind, head, tail, *rest = text.split()
    return Relation(type=kind, head=head, tail=tail, evidence=((head, tail),), factuality=rest[0] if rest else "asserted")


def _stance(text: str) -> Stance:
    holder, polarity, target = text.split()
    return Stance(holder=holder, polarity=polarity, target=target)


FOUR = "0-4 GPE, 6-9 GPE, 12-15 ORG, 20-24 PERSON"
THREE = {"a": [a_pass(FOUR), a_pass(FOUR, doc="d2")], "b": [a_pass(FOUR), a_pass(FOUR, doc="d2")], "c": [a_pass(FOUR)]}


def two(a: Annotation, b: Annotation | None = None) -> dict[str, list[Annotation]]:
    """A pass each, or one of both."""
    return {"a": [a], "b": [a if b is None else b]}


def twice(a: str, b: str, *, event: str | None = None) -> dict[str, list[Annotation]]:
    """The same passes on two documents."""
    return {name: [a_pass(spans, doc=doc, event=event) for doc in ("d1", "d2")] for name, spans in (("a", a), ("b", b))}


CONTROLS = ["controls m2 m0"]
CASES: dict[str, dict[str, list[Annotation]]] = {
    "nothing": two(a_pass()),
    "one-empty": two(a_pass("0-4 GPE, 6-9 ORG"), a_pass()),
    "identical": two(
        a_pass(
            FOUR,
            clusters="m0 m1, m2, m3",
            relations=["controls m2 m0", "leads m3 m2"],
            stances=["m3 favor m0", "m2 against m0"],
        )
    ),
    "one-type": two(a_pass("0-4 GPE, 6-9 GPE")),
    "types-swapped": two(a_pass("0-4 GPE, 6-9 ORG"), a_pass("0-4 ORG, 6-9 GPE")),
    "one-constant": two(a_pass("0-4 GPE, 6-9 GPE"), a_pass("0-4 ORG, 6-9 GPE")),
    "disjoint": two(a_pass("0-4 GPE"), a_pass("4-8 GPE")),
    "missing-document": {"a": [a_pass(FOUR), a_pass(FOUR, doc="d2")], "b": [a_pass(FOUR)]},
    "empty-document": {"a": [a_pass(FOUR), a_pass(FOUR, doc="d2")], "b": [a_pass(FOUR), a_pass(doc="d2")]},
    "no-shared-document": two(a_pass(FOUR), a_pass(FOUR, doc="d2")),
    "layer-absent": {
        "a": [a_pass(FOUR, relations=CONTROLS), a_pass(FOUR, doc="d2", relations=CONTROLS)],
        "b": [a_pass(FOUR, relations=CONTROLS), a_pass(FOUR, doc="d2", relations=None)],
    },
    "layer-empty": two(a_pass(FOUR, relations=CONTROLS), a_pass(FOUR, relations=[])),
    "layer-never": two(a_pass(FOUR, relations=CONTROLS), a_pass(FOUR, relations=None)),
    "one-document": two(a_pass(FOUR), a_pass("0-4 GPE, 6-9 ORG")),
    "two-documents": twice(FOUR, "0-4 GPE, 6-9 ORG"),
    "one-event": twice(FOUR, "0-4 GPE", event="x"),
    "span-twice": two(a_pass("0-4 GPE, 0-4 ORG, 6-9 ORG, 12-15 GPE")),
    "one-cluster": two(a_pass("0-4 GPE, 6-9 GPE", clusters="m0 m1")),
    "all-singletons": two(a_pass("0-4 GPE, 6-9 GPE")),
    "together-apart": two(a_pass("0-4 GPE, 6-9 GPE", clusters="m0 m1"), a_pass("0-4 GPE, 6-9 GPE")),
    "one-polarity": two(a_pass(FOUR, stances=["m2 against m0", "m3 against m0"])),
    "polarities-differ": two(
        a_pass(FOUR, stances=["m2 against m0", "m3 favor m0"]), a_pass(FOUR, stances=["m2 favor m0", "m3 against m0"])
    ),
    "two-polarities": two(a_pass(FOUR, stances=["m2 against m0", "m2 favor m0"])),
    "related-twice": two(a_pass(FOUR, relations=[*CONTROLS, "attacks m2 m0", "leads m3 m2"])),
    "entity-of-one": two(
        a_pass("0-4 GPE, 6-9 ORG, 12-15 ORG", relations=["controls m1 m0", *CONTROLS]),
        a_pass("0-4 GPE, 6-9 ORG", relations=["controls m1 m0"]),
    ),
    "third-missing": THREE,
    "span-of-two": {"a": [a_pass(FOUR)], "b": [a_pass(FOUR)], "c": [a_pass("0-4 GPE, 6-9 ORG")]},
}


@cache
def result_of(case: str) -> Agreement:
    return agree(CASES[case], labels=LABELS, resamples=200, by_event=case == "one-event")


def rows() -> list[tuple[str, ...]]:
    found = re.findall(r"^\| `([a-z-]+)` \|.*?\| `([\w.]+)` \| (\S+) \| (\S+) \|(.*?)\|$", CONVENTIONS.read_text(), re.MULTILINE)
    assert len(found) > 40
    return found


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"{row[0]}:{row[1]}")
def test_every_row_of_the_conventions_holds(row: tuple[str, ...]):
    case, key, value, items, why = row
    pooled = result_of(case).pooled
    if value == "absent":
        assert key not in pooled
        return
    figure = pooled[key]
    assert figure.value == (None if value == "null" else pytest.approx(float(value), abs=5e-4))
    assert figure.n == float(items)
    assert (figure.why or "") == why.strip()


def test_every_case_is_in_the_conventions_and_every_key():
    listed = rows()
    assert {row[0] for row in listed} == set(CASES)
    text = CONVENTIONS.read_text()
    assert [key for key in (*CHANCE, *LIKE_SCORES) if f"`{key}`" not in text] == []


# ------------------------------------------------------------------- properties


def copies_of(value: Annotation, number: int) -> list[Annotation]:
    return [replace(value, id=f"d{i}") for i in range(number)]


@st.composite
def several(draw: st.DrawFn, *, annotators: int | None = None) -> dict[str, list[Annotation]]:
    """Passes of two to four annotators over up to three documents, some of which they do not have."""
    names = "abcd"[: annotators or draw(st.integers(2, 3))]
    out = {}
    for name in names:
        docs = draw(st.lists(st.sampled_from(["d0", "d1", "d2"]), min_size=1, unique=True))
        out[name] = [draw(annotations(d, distinct=True)) for d in docs]
    return out


def values(result: Agreement) -> dict[str, Any]:
    return {key: (f.value, f.documents, f.n, f.ci95) for key, f in result.pooled.items()}


def same(left: dict[str, Any], right: dict[str, Any]) -> None:
    assert left.keys() == right.keys()
    for key, one in left.items():
        assert [one[0], *one[1:3], *(one[3] or [])] == pytest.approx([right[key][0], *right[key][1:3], *(right[key][3] or [])]), (
            key
        )


@given(st.lists(annotations(distinct=True), min_size=1, max_size=3), st.integers(2, 4))
@settings(max_examples=20)
def test_annotators_who_say_the_same_agree(made: list[Annotation], number: int):
    # a relation between entities without evidence matches nothing as a mention pair, not even itself
    docs = [
        replace(value, id=f"d{i}", relations=tuple(r for r in value.relations or () if r.evidence))
        for i, value in enumerate(made)
    ]
    result = agree({str(i): docs for i in range(number)}, labels=LABELS, resamples=0)
    assert {key: f.value for key, f in result.pooled.items() if f.value not in (None, pytest.approx(1))} == {}
    assert disagreements(result.passes, LABELS, result.kinds) == []
    for confusion in result.confusions.values():
        grid = np.array(confusion.pooled)
        assert np.array_equal(grid, np.diag(np.diag(grid)))


@given(several(annotators=3), st.permutations("abc"))
@settings(max_examples=20)
def test_the_order_of_annotators_means_nothing(passes: dict[str, list[Annotation]], order: list[str]):
    first = agree(passes, labels=LABELS, resamples=100)
    second = agree({name: passes[name] for name in order}, labels=LABELS, resamples=100)
    same(values(first), values(second))
    assert [d._replace(variants=()) for d in disagreements(first.passes, LABELS, first.kinds)] == [
        d._replace(variants=()) for d in disagreements(second.passes, LABELS, second.kinds)
    ]


@given(several(), st.data())
@settings(max_examples=15)
def test_the_order_of_documents_means_nothing(passes: dict[str, list[Annotation]], data: st.DataObject):
    mixed = {name: data.draw(st.permutations(docs)) for name, docs in passes.items()}
    first, second = (agree(p, labels=LABELS, resamples=100) for p in (passes, mixed))
    same(values(first), values(second))
    assert first.signature == second.signature
    assert first.to_dict() == second.to_dict()


@given(several(annotators=3))
@settings(max_examples=15)
def test_a_document_that_one_annotator_alone_has_changes_no_figure(passes: dict[str, list[Annotation]]):
    alone = {**passes, "a": [*passes["a"], a_pass(FOUR, doc="z9")]}
    first, second = (agree(p, labels=LABELS, resamples=0) for p in (passes, alone))
    same(values(first), values(second))


@given(annotations(distinct=True), annotations(distinct=True), st.integers(2, 4))
@settings(max_examples=15)
def test_a_document_repeated_leaves_scores_and_gives_them_no_width(a: Annotation, b: Annotation, times: int):
    """Values of sums over equal documents are those of one; alphas of few items move with their number."""
    one, many = (agree({"a": copies_of(a, n), "b": copies_of(b, n)}, labels=LABELS, resamples=50).pooled for n in (1, times))
    for key, figure in one.items():
        if key not in ("mentions.type_alpha", "stance.polarity_alpha", "mentions.u_alpha"):
            assert many[key].value == pytest.approx(figure.value), key
            assert many[key].n == pytest.approx(times * figure.n)


def flat(values: dict[str, Any]) -> dict[str, Any]:
    """A score without nesting."""
    return {**values.get("counts", {}), **{name: v for name, v in values.items() if name != "counts"}}


@given(several(annotators=2))
@settings(max_examples=20)
def test_a_pair_is_scored_as_a_system_is(passes: dict[str, list[Annotation]]):
    shared = {x.id for x in passes["a"]} & {x.id for x in passes["b"]}
    result = agree(passes, labels=LABELS, resamples=200)
    (pair,) = result.pairs.values()
    assert pair.documents == len(shared)
    if not shared:
        assert result.pooled == {}
        return
    sides = [[x for x in passes[name] if x.id in shared] for name in "ab"]
    scored = score(*sides, kinds=tuple(LABELS.kinds), labels=LABELS, bootstrap=Bootstrap(200)).to_dict()["scores"]
    for key in scored:
        if key.startswith(("mentions.", "coref", "linking.")):
            own = {name: v for name, v in pair.scores[key].items() if name not in ("documents", "compared", "ci95", "by_type")}
            theirs = {name: v for name, v in scored[key].items() if name not in ("ci95", "by_type")}
            assert flat(own) == pytest.approx(flat(theirs)), key  # sums of thirds depend on the order of the documents
            assert pair.scores[key]["by_type"].keys() == scored[key]["by_type"].keys()
            value = own["f1" if own["kind"] == "prf" else "value"]
            assert result.pooled[key].value == pytest.approx(value), key
    right = sum(slow_strict(a, b, tuple(LABELS.kinds))[0] for a in sides[0] for b in sides[1] if a.id == b.id)
    assert pair.scores["mentions.strict"]["counts"]["p_num"] == right


@given(several(annotators=2))
@settings(max_examples=15)
def test_either_of_a_pair_may_come_first(passes: dict[str, list[Annotation]]):
    """Exchanged, precision and recall change places in every score, those of relations and stance too."""
    first, second = (agree(p, labels=LABELS, resamples=0) for p in (passes, {"b": passes["b"], "a": passes["a"]}))
    (one,), (two,) = first.pairs.values(), second.pairs.values()
    for key, own in one.scores.items():
        other = two.scores[key]
        if own["kind"] == "prf":
            assert [own["precision"], own["recall"], own["f1"]] == pytest.approx(
                [other["recall"], other["precision"], other["f1"]]
            ), key
        else:
            assert own["value"] == pytest.approx(other["value"]), key


@given(several())
@settings(max_examples=15)
def test_intervals_hold_the_value_and_need_two_documents(passes: dict[str, list[Annotation]]):
    for figure in agree(passes, labels=LABELS, resamples=100).pooled.values():
        if figure.ci95 is not None:
            assert figure.documents > 1
            assert figure.ci95[0] <= figure.value <= figure.ci95[1]
            assert figure.why is None
        else:
            assert figure.why
        assert figure.value is None or figure.value <= 1 + 1e-12


def test_agreed_entities_and_mentions_by_hand():
    """The third entity of a shares no span with b's, so its relation is out; e1 → e0 stays, and b's other type is wrong."""
    a = a_pass("0-4 GPE, 6-9 ORG, 12-15 ORG, 20-22 GPE", relations=["controls m1 m0", "controls m2 m0", "attacks m1 m3"])
    b = a_pass("0-4 GPE, 6-9 ORG, 13-15 ORG, 20-22 GPE", relations=["controls m1 m0", "controls m2 m0", "supports m1 m3"])
    (pair,) = agree({"a": [a], "b": [b]}, labels=LABELS, resamples=0).pairs.values()
    assert pair.scores["relations.mapped"]["counts"] == {"p_num": 1, "p_den": 3, "r_num": 1, "r_den": 3}
    for key in ("relations.agreed", "relations.agreed_boundaries"):
        assert pair.scores[key]["counts"] == {"p_num": 1, "p_den": 2, "r_num": 1, "r_den": 2}


def test_relation_types_are_compared_whatever_the_direction():
    a = a_pass(FOUR, relations=["leads m3 m2", "attacks m2 m0"])
    b = a_pass(FOUR, relations=["represents m3 m2", "attacks m0 m2"])
    result = agree({"a": [a], "b": [b]}, labels=LABELS, resamples=0)
    confusion = result.confusions["relations.type"]
    assert confusion.labels == ("attacks", "leads", "represents")
    assert confusion.pairs["a × b"] == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]
    assert confusion.pooled == [[2, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert result.pooled["relations.type_kappa"].value == pytest.approx((0.5 - 0.25) / (1 - 0.25))


def test_duplicate_regions_count_for_nobody():
    ignored = {"a": [replace(a_pass("0-4 GPE, 30-34 GPE"), ignore=((30, 40),))], "b": [a_pass("0-4 GPE, 35-39 ORG")]}
    result = agree(ignored, labels=LABELS, resamples=0)
    assert (result.pooled["mentions.strict"].value, result.pooled["mentions.strict"].n) == (1, 2)
    assert result.pooled["mentions.u_alpha"].value is None  # one value, and no gap is left
    assert disagreements(result.passes, LABELS, result.kinds) == []


def test_the_length_of_the_text_counts_where_it_is_known():
    passes = {"a": [a_pass("0-4 GPE")], "b": [a_pass("0-4 GPE, 6-9 GPE")]}
    article = Article(id="d1", text="x" * 200)
    short, long = (agree(passes, labels=LABELS, resamples=0, articles=texts) for texts in (None, {"d1": article}))
    assert short.pooled["mentions.u_alpha"].value < long.pooled["mentions.u_alpha"].value < 1
    assert "|continuum:last-mention|" in short.signature
    assert "|continuum:text|" in long.signature


def test_kinds_filter_mentions_only():
    both = {
        name: [
            replace(a_pass(FOUR), mentions=tuple(replace(m, kind=k) for m, k in zip(a_pass(FOUR).mentions, kinds, strict=True)))
        ]
        for name, kinds in (("a", ("NAM", "NAM", "PRO", "NAM")), ("b", ("NAM", "NAM", "PRO", "NOM")))
    }
    every, named = (agree(both, labels=LABELS, kinds=kinds, resamples=0).pooled for kinds in (None, ("NAM",)))
    assert every["mentions.strict"].n == 8
    assert named["mentions.strict"].n == 5
    assert named["mentions.u_alpha"].n == 5
    assert named["coref.conll"] == every["coref.conll"]
    with pytest.raises(UsageError, match="no mention kind"):
        agree(both, labels=LABELS, kinds=("NAME",))


# ------------------------------------------------------------------------ files


def write(path: Path, *passes: Annotation) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode_jsonl(passes))
    return path


def names_of(*sources: Path) -> list[tuple[str, int]]:
    return [(name, len(batch.names)) for name, batch in agree(sources, labels=LABELS, resamples=0).passes.annotators]


def test_annotators_are_named_by_the_annotations_or_the_file(tmp_path: Path):
    one = write(tmp_path / "one.jsonl", a_pass(FOUR, by="ana"), a_pass(FOUR, doc="d2", by="boris"))
    two = write(tmp_path / "two.jsonl", a_pass(FOUR), a_pass(FOUR, doc="d2"))
    assert names_of(one, two) == [("ana", 1), ("boris", 1), ("two", 2)]


def test_one_annotator_s_files_on_different_documents_are_one(tmp_path: Path):
    one = write(tmp_path / "one.jsonl", a_pass(FOUR, by="ana"))
    two = write(tmp_path / "two.jsonl", a_pass(FOUR, doc="d2", by="ana"))
    other = write(tmp_path / "other.jsonl", a_pass(FOUR, by="boris"), a_pass(FOUR, doc="d2", by="boris"))
    assert names_of(one, two, other) == [("ana", 2), ("boris", 2)]
    result = agree((one, two, other), labels=LABELS, resamples=0)
    assert [result.passes.annotators[0].batch.record(row).path for row in (0, 1)] == [str(one), str(two)]
    assert result.pooled["mentions.strict"].value == 1


def test_one_name_on_one_document_twice_is_two_annotators(tmp_path: Path):
    one = write(tmp_path / "r1" / "gold.jsonl", a_pass(FOUR, by="gold"))
    two = write(tmp_path / "r2" / "gold.jsonl", a_pass(FOUR, by="gold"))
    assert names_of(one, two) == [(f"gold ({one})", 1), (f"gold ({two})", 1)]
    three = write(tmp_path / "third.jsonl", a_pass(FOUR, by="gold"))
    assert names_of(one, three) == [("gold", 1), ("third", 1)]


def test_a_folder_of_passes_and_a_corpus(tmp_path: Path, corpus: Path):
    write(tmp_path / "ana.jsonl", a_pass(FOUR, by="ana"))
    write(tmp_path / "boris.jsonl", a_pass(FOUR, by="boris"))
    (tmp_path / "raw").mkdir()
    assert names_of(tmp_path) == [("ana", 1), ("boris", 1)]
    assert names_of(corpus, tmp_path)[0][0] == "gold"


def test_what_cannot_be_compared(tmp_path: Path):
    one = write(tmp_path / "one.jsonl", a_pass(FOUR, by="ana"))
    with pytest.raises(UsageError, match="two annotators or more"):
        agree((one,), labels=LABELS)
    with pytest.raises(UsageError, match="given twice"):
        agree((one, tmp_path / "." / "one.jsonl"), labels=LABELS)
    twice = write(tmp_path / "twice.jsonl", a_pass(FOUR, by="b"), a_pass(FOUR, by="b"))
    with pytest.raises(DataError, match="DUPLICATE_DOCUMENT"):
        agree((one, twice), labels=LABELS)
    odd = write(tmp_path / "odd.jsonl", a_pass("0-4 ODD", by="b"))
    with pytest.raises(DataError, match="UNKNOWN_TYPE"):
        agree((one, odd), labels=LABELS)


def test_nothing_to_compare_is_said():
    for case in (CASES["no-shared-document"], two(Annotation(id="d1"))):
        result = agree(case, labels=LABELS)
        assert (result.pooled, result.confusions) == ({}, {})
        assert result.notes == ("nothing was compared: two annotators attempted no layer of the same document",)
        assert disagreements(result.passes, LABELS, result.kinds) == []


def test_passes_on_different_texts_are_not_compared():
    a, b = (replace(a_pass(FOUR), text_sha256=digest * 64) for digest in "01")
    with pytest.raises(DataError, match=r"TEXT_HASH .* as 'a' has it"):
        agree({"a": [a], "b": [b]}, labels=LABELS)
    agree({"a": [a], "b": [replace(b, text_sha256=None)]}, labels=LABELS)
    long = Article(id="d1", text="too short")
    with pytest.raises(DataError, match="SPAN"):
        agree({"a": [a_pass(FOUR)], "b": [a_pass(FOUR)]}, labels=LABELS, articles={"d1": long})


# ---------------------------------------------------------------- disagreements


def found(passes: dict[str, list[Annotation]]) -> list[Any]:
    return disagreements(agree(passes, labels=LABELS, resamples=0).passes, LABELS, tuple(LABELS.kinds))


def test_kinds_of_disagreement():
    base = "0-4 GPE, 6-9 GPE, 12-15 ORG, 20-24 PERSON"
    kinds = {
        ("mentions", "type"): (a_pass(base), a_pass(base.replace("ORG", "GPE"))),
        ("mentions", "boundary"): (a_pass(base), a_pass(base.replace("12-15", "11-15"))),
        ("mentions", "missing"): (a_pass(base), a_pass("0-4 GPE, 6-9 GPE, 20-24 PERSON")),
        ("coreference", "clusters"): (a_pass(base, clusters="m0 m1, m2, m3"), a_pass(base)),
        ("links", "link"): tuple(
            replace(a_pass(base), entities=(Entity(id="e0", mentions=("m0", "m1"), link=link), *a_pass(base).entities[2:]))
            for link in ("Q1", None)
        ),
        ("relations", "missing"): (a_pass(base, relations=["controls m2 m0"]), a_pass(base)),
        ("relations", "type"): (a_pass(base, relations=["controls m2 m0"]), a_pass(base, relations=["attacks m2 m0"])),
        ("relations", "direction"): (a_pass(base, relations=["attacks m2 m0"]), a_pass(base, relations=["attacks m0 m2"])),
        ("relations", "factuality"): (
            a_pass(base, relations=["attacks m2 m0"]), a_pass(base, relations=["attacks m2 m0 denied"]),
        ),
        ("stance", "missing"): (a_pass(base, stances=["m2 favor m0"]), a_pass(base)),
        ("stance", "polarity"): (a_pass(base, stances=["AUTHOR favor m0"]), a_pass(base, stances=["AUTHOR against m0"])),
    }  # fmt: skip
    for (layer, kind), (a, b) in kinds.items():
        (one,) = found({"a": [a], "b": [b]})
        assert (one.doc, one.layer, one.kind, one.cost) == ("d1", layer, kind, 1 + (layer == "links")), (layer, kind)
        assert {name for v in one.variants for name in v.annotators} == {"a", "b"}
        assert one.start < one.end
    assert {layer for layer, _ in kinds} == set(LAYERS)


def test_symmetric_relations_have_no_direction():
    assert found({"a": [a_pass(FOUR, relations=["fights m2 m0"])], "b": [a_pass(FOUR, relations=["fights m0 m2"])]}) == []


def test_the_costliest_come_first_and_the_majority_is_seen():
    """Two of three lack a mention that carries a relation and a stance: two pairs differ on three items."""
    full = a_pass(FOUR, relations=["controls m2 m0"], stances=["m2 favor m0"])
    bare = a_pass("0-4 GPE, 6-9 GPE, 20-24 PERSON")
    other = replace(bare, mentions=(*bare.mentions, Mention(id="m9", start=40, end=44, type="GPE")))
    rows = found({"a": [full], "b": [bare], "c": [other]})
    assert [(d.layer, d.cost) for d in rows] == [("mentions", 6), ("mentions", 2), ("relations", 2), ("stance", 2)]
    assert [v.annotators for v in rows[0].variants] == [("a",), ("b", "c")]
    assert rows[0].variants[0].items == ({"start": 12, "end": 15, "type": "ORG", "text": ""},)
    assert rows[0].variants[1].items == ()


def test_a_disagreement_about_clusters_is_not_listed_again_with_relations():
    a = a_pass(FOUR, clusters="m0 m1, m2, m3", relations=["controls m2 m0"])
    b = a_pass(FOUR, clusters="m0, m1, m2, m3", relations=["controls m2 m0"])
    assert [d.layer for d in found({"a": [a], "b": [b]})] == ["coreference"]


def test_a_layer_left_out_is_no_disagreement():
    assert found({"a": [a_pass(FOUR, relations=["controls m2 m0"])], "b": [a_pass(FOUR, relations=None)]}) == []


@given(several())
@settings(max_examples=15)
def test_without_disagreements_on_mentions_strict_is_1(passes: dict[str, list[Annotation]]):
    result = agree(passes, labels=LABELS, resamples=0)
    rows = disagreements(result.passes, LABELS, result.kinds)
    assert [d.cost for d in rows] == sorted((d.cost for d in rows), reverse=True)
    strict = result.pooled.get("mentions.strict")
    apart = any(d.layer == "mentions" for d in rows)
    assert apart == (strict is not None and strict.value not in (None, pytest.approx(1)))


def test_links_into_a_running_server(tmp_path: Path):
    raw = tmp_path / "raw"
    raw.mkdir()
    tasks = [{"id": 5, "project": 2, "data": {"doc_id": "d1"}}, {"id": "x", "project": 2, "data": {"doc_id": "d1"}}, {"id": 7}, 3]
    (raw / "p.json").write_text(json.dumps(tasks))
    wanted = {"d1": ("https://ls.example/x/projects/2/data?task=5",)}
    assert task_links([tmp_path], "https://ls.example/x/") == wanted
    assert task_links([tmp_path / "ana.jsonl"], "https://ls.example/x") == wanted
    assert task_links([tmp_path / "elsewhere" / "ana.jsonl"], "https://ls.example") == {}
    for url in ("javascript:alert(1)", "ls.example", "https://a b"):
        with pytest.raises(UsageError, match="http"):
            task_links([tmp_path], url)


# ------------------------------------------------------------------------- gamma


def test_gamma_is_the_library_s():
    pytest.importorskip("pygamma_agreement", reason="the extra gamma is not installed")
    other = "0-4 GPE, 6-10 GPE, 12-15 GPE"
    passes = {"a": [a_pass(FOUR), a_pass(FOUR, doc="d2")], "b": [a_pass(other), a_pass(doc="d2")]}
    units = [(name, m.start, m.end, m.type) for name, (one, _) in passes.items() for m in one.mentions or ()]
    # the library itself, asked directly with the same random numbers, at the same time
    code = f"""
import hashlib, random, numpy
from pyannote.core import Segment
from pygamma_agreement import CombinedCategoricalDissimilarity, Continuum
seed = int.from_bytes(hashlib.sha256(b"d1").digest()[:4], "big")
random.seed(seed)
numpy.random.seed(seed)
text = Continuum()
for name, start, end, kind in {units!r}:
    text.add(name, Segment(start, end), kind)
print(text.compute_gamma(CombinedCategoricalDissimilarity(alpha=1, beta=1, delta_empty=1), n_samples=30).gamma)
"""
    direct = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    result = agree(passes, labels=LABELS, resamples=0, gamma=partial(gamma, seconds=600))
    figure = result.pooled["mentions.gamma"]
    assert (figure.documents, figure.n) == (1, 7)
    (note,) = result.notes
    assert note.startswith("gamma is of 1 of 2 document(s); in the others fewer than two annotators marked anything")
    assert figure.value == pytest.approx(float(direct.communicate()[0].splitlines()[-1]), abs=1e-6)


def test_gamma_s_time_is_bounded():
    assert gamma_module._run([{"doc": 0, "seed": 1, "units": {}}], 0.01) == []


def test_without_the_extra_gamma_says_what_is_missing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gamma_module, "installed", lambda: False)
    result = agree(CASES["identical"], labels=LABELS, resamples=0, gamma=gamma)
    assert "mentions.gamma" not in result.pooled
    assert result.notes == ('gamma needs the extra: pip install "newsgold[gamma]"',)


# ------------------------------------------------------------------- the command


def command(*arguments: object) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "newsgold.cli", "annotation", "agree", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of three annotators' passes, as ``pull`` writes one."""
    folder = tmp_path_factory.mktemp("three")
    for name, spans in (("ana", FOUR), ("boris", "0-4 GPE, 6-9 ORG, 12-15 ORG"), ("c\u00e9line", "0-4 GPE, 6-10 GPE")):
        own = (a_pass(spans, doc=doc, by=name, relations=["controls m1 m0"], stances=["m0 favor m1"]) for doc in ("d1", "d2"))
        write(folder / f"{name}.jsonl", *own)
    return folder


def test_what_is_printed_for_machines_fits_its_schema(three: Path, tmp_path: Path):
    done = command(three, "--json", "--out", tmp_path, "--bootstrap", 50)
    assert done.returncode == 0, done.stderr
    out = json.loads(done.stdout)
    schema = {**SCHEMAS["agree"], "$defs": {"prf": PRF}}
    assert [error.message for error in Draft202012Validator(schema).iter_errors(out)] == []
    assert list(out["pairs"]) == ["ana \u00d7 boris", "ana \u00d7 c\u00e9line", "boris \u00d7 c\u00e9line"]
    assert {s["kind"] for pair in out["pairs"].values() for s in pair["scores"].values()} == {"prf", "accuracy", "mean"}
    assert set(out["pooled"]) >= {*CHANCE} - {"mentions.gamma"}
    assert set(out["pooled"]) <= {*METRICS, *LIKE_SCORES, *CHANCE}
    assert json.loads((tmp_path / "agreement.json").read_bytes()) == out
    assert (tmp_path / "agreement.html").read_text().startswith("<!DOCTYPE html>")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    again = command(three, "--json", "--out", tmp_path, "--bootstrap", 50)
    assert again.stdout == done.stdout
    assert "wrote" not in again.stderr
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_what_is_printed_for_people(three: Path):
    done = command(three, "--bootstrap", 50)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("newsgold:")
    assert lines[1] == "3 annotators and the documents of each: ana (2), boris (2), c\u00e9line (2); 2 in all"
    assert [line.split()[0] for line in lines if line.startswith("mentions.strict")] == ["mentions.strict"] * 4
    assert any(re.match(r"mentions\.strict +0\.\d{3} +\[0\.\d{3}, 0\.\d{3}\] +2 +36$", line) for line in lines)
    none = command(three, "--bootstrap", 0)
    assert "[" not in none.stdout
    assert "no interval: no resamples were asked for" in none.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--kinds", "NAME"), 2, "no mention kind"),
        (("--url", "ftp://x"), 2, "http"),
        (("--bootstrap", "-1"), 2, "bootstrap"),
        (("nowhere.jsonl",), 3, "nowhere.jsonl"),
    ],
)
def test_wrong_calls(three: Path, arguments: tuple[str, ...], code: int, said: str):
    done = command(three, *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr


def test_a_server_s_address_without_raw_exports_says_so(three: Path):
    assert "no task is known" in command(three, "--url", "http://127.0.0.1:1", "--bootstrap", 0).stderr


def test_names_cannot_harm_a_terminal(tmp_path: Path):
    paths = [write(tmp_path / f"{i}.jsonl", a_pass(FOUR, by=f"a\x1b[31m\u202e{i}|")) for i in (1, 2)]
    done = command(*paths)
    assert done.returncode == 0, done.stderr
    assert not set("\x1b\u202e") & set(done.stdout + done.stderr)
