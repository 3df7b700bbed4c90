"""Between bytes and values: hostile JSON, canonical form, places in files, atomic writes."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from newsgold.corpus import codec
from newsgold.corpus.codec import (
    canonical,
    decode_file,
    decode_jsonl,
    decode_record,
    decode_text,
    encode,
    encode_gold,
    encode_jsonl,
    json_schema,
    locate,
    sha256,
    strict_json,
    write_atomic,
)
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity, Mention, Region, Relation, Source, Stance
from newsgold.corpus.shapes import pointer_of
from newsgold.errors import MAX_FINDINGS_PER_FILE, FileFault, Finding

LABELS = default_labels()
GOLD = Path(__file__).parent / "data" / "valid" / "corpus" / "gold" / "tessen-bridge.json"

# ------------------------------------------------------------------ any annotation at all

texts = st.text(st.sampled_from('ab"\\/\u2028\u2029\x85\x0b\x1c\r\n\t\0é😀e\u0301\ud7ff\ue000\ufeff'), max_size=4)
ids = st.sampled_from(["m1", "m2", "m3", "m4", "e1", "e2", ""])
optional_ids = ids | st.none()
offsets = st.integers(-3, 30)


def tuples(strategy: st.SearchStrategy[Any], size: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=size).map(tuple)


mentions = st.builds(
    Mention,
    id=optional_ids,
    start=offsets,
    end=offsets,
    type=st.sampled_from(["GPE", "DATE", "X"]),
    kind=st.sampled_from(["NAM", "VAL", "PRO", "", None]),
    text=texts | st.none(),
)
entities = st.builds(Entity, id=optional_ids, mentions=tuples(ids, 3), link=st.sampled_from(["Q1", "Q2", "", None]))
relations = st.builds(
    Relation,
    type=st.sampled_from(["fights", "controls", "adjacent_to"]),
    head=ids,
    tail=ids,
    factuality=st.sampled_from(["asserted", "denied"]),
    evidence=st.none() | tuples(st.tuples(ids, ids), 3),
)
stances = st.builds(
    Stance,
    id=optional_ids,
    start=st.none() | offsets,
    end=st.none() | offsets,
    holder=ids | st.just("AUTHOR"),
    target=ids,
    polarity=st.sampled_from(["favor", "against"]),
    basis=st.sampled_from(["explicit", "implied"]),
)
annotations = st.builds(
    Annotation,
    id=st.sampled_from(["a", "b"]) | texts,
    by=texts | st.none(),
    text_sha256=texts | st.none(),
    split=texts | st.none(),
    event=texts | st.none(),
    ignore=tuples(st.tuples(offsets, offsets), 3),
    mentions=st.none() | tuples(mentions),
    entities=st.none() | tuples(entities),
    relations=st.none() | tuples(relations),
    stances=st.none() | tuples(stances),
)
articles = st.builds(
    Article,
    id=texts,
    text=texts,
    title=texts | st.none(),
    language=st.sampled_from(["en", "de"]),
    origin=st.sampled_from(["imported", "written"]),
    split=texts | st.none(),
    source=st.builds(Source, name=texts | st.none(), url=texts | st.none()),
    regions=tuples(st.builds(Region, start=offsets, end=offsets, kind=texts), 2),
)


def value_of(raw: bytes, kind: type[Any] = Annotation) -> Any:
    value = decode_record(raw, kind, "p")
    assert isinstance(value, kind), [str(f) for f in value]
    return value


def shuffled(annotation: Annotation, seed: int) -> Annotation:
    """The same data: other orders, symmetric relations turned round."""
    rng = random.Random(seed)

    def mix(items: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        return None if items is None else tuple(rng.sample(items, len(items)))

    def turned(r: Relation) -> Relation:
        r = msgspec.structs.replace(r, evidence=mix(r.evidence))
        if not LABELS.symmetric(r.type) or r.head == r.tail or rng.random() < 0.5:
            return r
        evidence = None if r.evidence is None else tuple((t, h) for h, t in r.evidence)
        return msgspec.structs.replace(r, head=r.tail, tail=r.head, evidence=evidence)

    layers = {layer: mix(getattr(annotation, layer)) for layer in LAYERS}
    if layers["entities"]:
        layers["entities"] = tuple(msgspec.structs.replace(e, mentions=mix(e.mentions)) for e in layers["entities"])
    if layers["relations"]:
        layers["relations"] = tuple(map(turned, layers["relations"]))
    return msgspec.structs.replace(annotation, ignore=mix(annotation.ignore), **layers)


# -------------------------------------------------------------------------- canonical


@given(annotations)
def test_canonical_is_idempotent(annotation: Annotation) -> None:
    once = canonical(annotation, LABELS)
    assert canonical(once, LABELS) == once
    assert encode(canonical(once, LABELS)) == encode(once)


@given(annotations, st.integers(0, 1_000))
@example(Annotation(id="a", entities=(Entity(id="e1", mentions=(), link="Q1"), Entity(id="e1", mentions=(), link="Q2"))), 1)
@example(Annotation(id="a", relations=tuple(Relation(type="controls", head="x", tail="y", evidence=e) for e in (None, ()))), 1)
@example(Annotation(id="a", mentions=tuple(Mention(start=0, end=1, type="X", text=t) for t in (None, "", "a"))), 1)
def test_equal_data_are_equal_bytes(annotation: Annotation, seed: int) -> None:
    expected = encode(canonical(annotation, LABELS))
    assert encode(canonical(shuffled(annotation, seed), LABELS)) == expected
    assert encode_gold(canonical(shuffled(annotation, seed), LABELS)) == encode_gold(canonical(annotation, LABELS))


@given(annotations)
def test_canonical_keeps_every_item(annotation: Annotation) -> None:
    after = canonical(annotation, LABELS)
    for layer in LAYERS:
        before_items, after_items = getattr(annotation, layer), getattr(after, layer)
        assert (before_items is None) == (after_items is None)
        assert len(before_items or ()) == len(after_items or ())
    kinds = sorted(LABELS.kind(m.type, m.kind) for m in annotation.mentions or ())
    assert kinds == sorted(LABELS.kind(m.type, m.kind) for m in after.mentions or ())


def test_canonical_order_is_the_one_of_the_design() -> None:
    annotation = Annotation(
        id="a",
        ignore=((5, 6), (1, 2)),
        mentions=(
            Mention(id="m4", start=3, end=4, type="DATE", kind="VAL"),
            Mention(id="m3", start=0, end=2, type="ORG", kind="NAM"),
            Mention(id="m2", start=0, end=9, type="ORG", kind="NOM"),
            Mention(id="m1", start=0, end=2, type="GPE"),
        ),
        entities=(Entity(id="e9", mentions=("m4",)), Entity(id="e1", mentions=("m3",)), Entity(id="e2", mentions=("m1", "m2"))),
        relations=(
            Relation(type="fights", head="e9", tail="e2", evidence=(("m4", "m2"), ("m4", "m1"))),
            Relation(type="controls", head="e9", tail="e2", factuality="denied"),
            Relation(type="controls", head="e9", tail="e2"),
            Relation(type="controls", head="e2", tail="e9"),
        ),
        stances=(
            Stance(id="s2", start=1, end=2, holder="m1", target="m2", polarity="favor"),
            Stance(holder="m1", target="m2", polarity="favor"),
            Stance(id="s1", start=1, end=2, holder="m1", target="m2", polarity="favor", basis="explicit"),
        ),
    )
    result = canonical(annotation, LABELS)
    assert result.ignore == ((1, 2), (5, 6))
    assert [(m.id, m.kind) for m in result.mentions or ()] == [("m2", "NOM"), ("m1", None), ("m3", None), ("m4", None)]
    assert [(e.id, e.mentions) for e in result.entities or ()] == [("e2", ("m2", "m1")), ("e1", ("m3",)), ("e9", ("m4",))]
    assert [(r.type, r.head, r.tail, r.factuality, r.evidence) for r in result.relations or ()] == [
        ("controls", "e2", "e9", "asserted", None),
        ("controls", "e9", "e2", "asserted", None),
        ("controls", "e9", "e2", "denied", None),
        ("fights", "e2", "e9", "asserted", (("m2", "m4"), ("m1", "m4"))),
    ]
    assert [s.id for s in result.stances or ()] == ["s1", "s2", None]


def test_defaults_written_out_are_the_same_bytes_as_left_out() -> None:
    short = (
        b'{"id":"a","mentions":[{"id":"m1","start":0,"end":1,"type":"GPE"},{"id":"m2","start":2,"end":3,"type":"DATE"}],"entities":[],'
        b'"relations":[{"type":"controls","head":"m1","tail":"m2"}],'
        b'"stances":[{"holder":"AUTHOR","target":"m1","polarity":"favor"}]}'
    )
    table = json.loads(short)
    table |= {"schema_version": 1, "by": None, "text_sha256": None, "split": None, "event": None, "ignore": []}
    table["mentions"][0] |= {"kind": "NAM", "text": None}
    table["mentions"][1] |= {"kind": "VAL"}
    table["relations"][0] |= {"factuality": "asserted", "evidence": None}
    table["stances"][0] |= {"id": None, "start": None, "end": None, "basis": "explicit"}
    long = json.dumps(table, indent=2).encode()
    assert encode(canonical(value_of(long), LABELS)) == encode(canonical(value_of(short), LABELS)) == short
    article = {"id": "a", "text": "x"}
    full = {**article, "language": "en", "origin": "imported", "title": None, "source": {"name": None}, "regions": []}
    assert encode(value_of(json.dumps(full).encode(), Article)) == b'{"id":"a","text":"x"}'


def test_a_layer_not_attempted_and_an_empty_one_differ() -> None:
    assert encode(Annotation(id="a")) == b'{"id":"a"}'
    assert encode(Annotation(id="a", mentions=())) == b'{"id":"a","mentions":[]}'
    assert encode_gold(Annotation(id="a", mentions=(), stances=())) == b'{"id":"a",\n"mentions":[],\n"stances":[]}\n'


# ------------------------------------------------------------------------- round trips


@given(annotations)
def test_a_record_comes_back_from_a_line_and_from_a_gold_file(annotation: Annotation) -> None:
    value = canonical(annotation, LABELS)
    raw = encode(value)
    assert b"\n" not in raw
    assert decode_jsonl(raw + b"\n", Annotation, "p").records[0].value == value
    decoded = decode_file(encode_gold(value), Annotation, "p")
    assert (decoded.findings, [r.value for r in decoded.records]) == ([], [value])
    assert encode(decoded.records[0].value) == raw


@given(st.lists(annotations, max_size=4))
def test_a_file_of_records_comes_back_sorted(values: list[Annotation]) -> None:
    raw = encode_jsonl(values)
    back = [r.value for r in decode_jsonl(raw, Annotation, "p").records]
    assert back == sorted(values, key=lambda a: (a.id, a.by or ""))
    assert raw.count(b"\n") == len(values)


@given(articles)
def test_an_article_comes_back(article: Article) -> None:
    assert value_of(encode(article), Article) == article


@given(annotations, st.booleans())
def test_json_of_other_writers_reads_the_same(annotation: Annotation, ascii_only: bool) -> None:
    raw = json.dumps(json.loads(msgspec.json.encode(annotation)), indent=1, ensure_ascii=ascii_only).encode()
    assert value_of(raw) == annotation


def test_the_gold_of_the_tests_is_canonical() -> None:
    (record,) = decode_file(GOLD.read_bytes(), Annotation, "p").records
    assert encode_gold(canonical(record.value, LABELS)) == GOLD.read_bytes()


# ------------------------------------------------------------------------ hostile JSON

FIRST = b'{"id":"a","mentions":[]}'
DEEP = b"[" * 100_000 + b"]" * 100_000
HOSTILE: list[tuple[bytes, str]] = [
    (b'{"id":"b","mentions":[{"start":NaN,"end":1,"type":"X"}]}', "NOT_FINITE"),
    (b'{"id":"b","x":Infinity}', "NOT_FINITE"),
    (b'{"id":"b","x":-Infinity}', "NOT_FINITE"),
    (b'{"id":"b","mentions":[{"start":0,"end":1e999,"type":"X"}]}', "NOT_FINITE"),
    (b'{"id":"b","mentions":[{"start":0,"end":-1e999,"type":"X"}]}', "NOT_FINITE"),
    (b'{"id":"b","id":"b"}', "DUPLICATE_KEY"),
    (b'{"id":"c","id":"b"}', "DUPLICATE_KEY"),
    (b'{"id":"b","\\u0069d":"b"}', "DUPLICATE_KEY"),
    (b'{"id":"b","mentions":[{"start":0,"end":1,"end":1,"type":"X"}]}', "DUPLICATE_KEY"),
    (b'{"id":"b","mentions":[],"mentions":[]}', "DUPLICATE_KEY"),
    (b'{"id":"b","mentions":[{"start":0,"end":18446744073709551616,"type":"X"}]}', "BIG_INTEGER"),
    (b'{"id":"b","mentions":[{"start":0,"end":9007199254740993,"type":"X"}]}', "BIG_INTEGER"),
    (b'{"id":"b","mentions":[{"start":-9007199254740993,"end":1,"type":"X"}]}', "BIG_INTEGER"),
    (b'{"id":"b","mentions":[{"start":0,"end":' + b"9" * 5_000 + b',"type":"X"}]}', "BIG_INTEGER"),
    (b'{"id":"b","by":"\\ud800"}', "LONE_SURROGATE"),
    (b'{"id":"b","by":"\\udfff\\ud800"}', "LONE_SURROGATE"),
    (b'{"id":"b","by":"\\\\ud83d\\ude00"}', "LONE_SURROGATE"),
    (b'{"id":"b","\\udc00":1}', "LONE_SURROGATE"),
    (b'{"id":"b","by":"\xed\xa0\x80"}', "NOT_UTF8"),
    (b'{"id":"b","by":"\xff"}', "NOT_UTF8"),
    (b'{"id":"b","by":"\xc0\xaf"}', "NOT_UTF8"),
    (b'\xef\xbb\xbf{"id":"b"}', "BOM"),
    ('{"id":"b"}'.encode("utf-16-le"), "BAD_JSON"),
    (DEEP, "TOO_DEEP"),
    (b'{"id":"b","mentions":' + DEEP + b"}", "TOO_DEEP"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "TOO_DEEP"),
    (b'{"id":"b"}}', "BAD_JSON"),
    (b'{"id":"b"} {"id":"c"}', "BAD_JSON"),
    (b'{"id":"b"}\0', "BAD_JSON"),
    (b'{"id":"b",}', "BAD_JSON"),
    (b"{'id':'b'}", "BAD_JSON"),
    (b'{"id":"b"} // c', "BAD_JSON"),
    (b'{"id":"b","by":"\x01"}', "BAD_JSON"),
    (b'{"id":"b","by":"\\x"}', "BAD_JSON"),
    (b'{"id":"b","mentions":[{"start":00,"end":1,"type":"X"}]}', "BAD_JSON"),
    (b'{"id":', "BAD_JSON"),
    (b"[]", "BAD_SHAPE"),
    (b"null", "BAD_SHAPE"),
    (b"3", "BAD_SHAPE"),
    (b"{}", "BAD_SHAPE"),
    (b'{"id":1}', "BAD_SHAPE"),
    (b'{"id":"b","zap":1}', "BAD_SHAPE"),
    (b'{"id":"b","mentions":[{"start":true,"end":1,"type":"X"}]}', "BAD_SHAPE"),
    (b'{"id":"b","mentions":[{"start":0.5,"end":1,"type":"X"}]}', "BAD_SHAPE"),
    (b'{"id":"b","ignore":[[1,2,3]]}', "BAD_SHAPE"),
    (b'{"id":"b","mentions":' + b"[" * 500 + b"]" * 500 + b"}", "BAD_SHAPE"),
]


@pytest.mark.parametrize(("raw", "code"), HOSTILE, ids=[f"{code}-{raw[:40]!r}" for raw, code in HOSTILE])
def test_hostile_json_is_named_with_its_line_and_hurts_nobody_else(raw: bytes, code: str) -> None:
    decoded = decode_jsonl(b"\n".join([FIRST, b"", raw, b'{"id":"z"}', b""]), Annotation, "p")
    assert {(f.code, f.line, f.path) for f in decoded.findings} == {(code, 3, "p")}
    assert [(r.value.id, r.line) for r in decoded.records] == [("a", 1), ("z", 4)]


@pytest.mark.parametrize("depth", [*range(100, 1_100, 50), *range(960, 1_000)])
def test_no_depth_is_a_crash(depth: int) -> None:
    for head, tail in ((b"[", b"]"), (b'{"a":', b"}"), (b'{"id":[', b"]}")):
        for inner in (b"1", b"NaN", b'"\\ud800"'):
            found = decode_record(head * depth + inner + tail * depth, Annotation, "p")
            assert isinstance(found, list)
            assert {f.code for f in found} <= {"TOO_DEEP", "BAD_SHAPE", "NOT_FINITE", "LONE_SURROGATE"}


@pytest.mark.parametrize(
    ("number", "ok"), [(2**53, True), (2**53 + 1, False), (-(2**53), True), (-(2**53) - 1, False), (2**63, False), (0, True)]
)
def test_integers_up_to_2_to_the_53rd(number: int, ok: bool) -> None:
    raw = encode(Annotation(id="a", schema_version=number))
    found = decode_record(raw, Annotation, "p")
    assert isinstance(found, Annotation) == ok


@pytest.mark.parametrize(
    ("number", "ok"),
    [("2147483647", True), ("-2147483648", True), ("2147483648", False), ("-2147483649", False), ("23.0", False)],
)
@pytest.mark.parametrize(
    ("record", "pointer"),
    [
        ('"mentions":[\n{"start":0,"end":1,"type":"X"},\n{"start":%s,"end":1,"type":"X"}]', "/mentions/1/start"),
        ('"stances":[{"holder":"a","target":"b","polarity":"c"},\n\n{"holder":"a","target":"b","polarity":"c","end":%s}]',
         "/stances/1/end"),
        ('"ignore":[[0,1],\n[\n0,%s]]', "/ignore/1/1"),
    ],
)  # fmt: skip
def test_an_offset_is_a_whole_number_of_32_bits_and_else_a_finding_with_its_place(
    record: str, pointer: str, number: str, ok: bool
) -> None:
    decoded = decode_file(('{"id":"a",' + record % number + "}").encode(), Annotation, "p")
    assert bool(decoded.records) == ok
    assert [(f.code, f.line, f.pointer, f.doc) for f in decoded.findings] == [("BAD_SHAPE", 3, pointer, "a")] * (not ok)


@pytest.mark.parametrize(
    ("message", "pointer"),
    [
        ("Expected `int`, got `float` - at `$.mentions[3].start`", "/mentions/3/start"),
        ("Expected `str`, got `int` - at `$.types[...].test`", "/types"),
        ("Expected `str` - at `key in $.types`", "/types"),
        ("Object missing required field `id`", ""),
    ],
)
def test_the_place_that_the_decoder_names_becomes_a_pointer(message: str, pointer: str) -> None:
    assert pointer_of(message) == pointer


def test_a_hash_of_digits_is_no_integer() -> None:
    assert value_of(b'{"id":"a","text_sha256":"%s"}' % (b"12345678" * 8)).text_sha256 == "12345678" * 8


@pytest.mark.parametrize(
    ("tail", "code"), [(b'{"id":"b"', "TRUNCATED"), (b'{"id":"b', "TRUNCATED"), ('{"id":"é'.encode()[:-1], "TRUNCATED")]
)
def test_a_last_line_that_breaks_off(tail: bytes, code: str) -> None:
    decoded = decode_jsonl(FIRST + b"\n" + tail, Annotation, "p")
    assert [(f.code, f.line) for f in decoded.findings] == [(code, 2)]
    assert len(decoded.records) == 1
    with_break = decode_jsonl(FIRST + b"\n" + tail + b"\n", Annotation, "p")
    assert {f.code for f in with_break.findings} <= {"BAD_JSON", "NOT_UTF8"}


def test_every_prefix_of_a_file_is_read_or_refused() -> None:
    raw = encode_jsonl([Annotation(id="a", by="é"), Annotation(id="b", mentions=(Mention(start=0, end=1, type="GPE"),))])
    for cut in range(len(raw)):
        decoded = decode_jsonl(raw[:cut], Annotation, "p")
        whole = raw[:cut].count(b"\n") + (raw[cut : cut + 1] == b"\n")
        assert len(decoded.records) == whole
        assert bool(decoded.findings) == (not cut or (raw[cut - 1 : cut] != b"\n" and raw[cut : cut + 1] != b"\n"))


@pytest.mark.parametrize("raw", [b"", b"\n", b" \n\t\n\r\n"])
def test_nothing_is_no_data(raw: bytes) -> None:
    for found in (decode_jsonl(raw, Annotation, "p").findings, decode_file(raw, Annotation, "p").findings):
        assert [f.code for f in found] == ["EMPTY_FILE"]


def test_blank_lines_and_crlf_are_no_fault() -> None:
    decoded = decode_jsonl(b'\r\n{"id":"a"}\r\n\r\n{"id":"b"}\r\n', Annotation, "p")
    assert (decoded.findings, [(r.value.id, r.line) for r in decoded.records]) == ([], [("a", 2), ("b", 4)])


def test_only_a_line_feed_ends_a_line() -> None:
    text = "one\u2028two\u2029three\x85four\x0bfive\x0csix\x1cseven"
    decoded = decode_jsonl(json.dumps({"id": "a", "text": text}, ensure_ascii=False).encode() + b"\n", Article, "p")
    # control characters must be escaped in JSON; the separators of Unicode need not
    assert [f.code for f in decoded.findings] == []
    assert decoded.records[0].value.text == text


def test_utf_16_is_refused_on_every_line() -> None:
    decoded = decode_jsonl('{"id":"a"}\n{"id":"b"}\n'.encode("utf-16"), Annotation, "p")
    assert not decoded.records
    assert decoded.findings[0].code == "NOT_UTF8"


def test_faults_of_a_gold_file_have_their_own_lines() -> None:
    raw = b"""{"id":"a",
"by":"x",
"by":
  "y",
"mentions":[
{"start":NaN,"end":1,"type":"X"},
{"start":0,
 "end":1e400,"type":"\\ud800"},
{"start":9007199254740993,"end":1,"type":"X"}
]}
"""
    found = decode_file(raw, Annotation, "p").findings
    assert [(f.line, f.code, f.pointer, f.doc) for f in found] == [
        (3, "DUPLICATE_KEY", "/by", "a"),
        (6, "NOT_FINITE", "/mentions/0/start", "a"),
        (8, "NOT_FINITE", "/mentions/1/end", "a"),
        (8, "LONE_SURROGATE", "/mentions/1/type", "a"),
        (9, "BIG_INTEGER", "/mentions/2/start", "a"),
    ]
    assert [(f.code, f.line) for f in decode_file(b'{"id":\n"a"\n\xff}', Annotation, "p").findings] == [("NOT_UTF8", 3)]
    assert [(f.code, f.line) for f in decode_file(b'{"id":\n"a"\n,}', Annotation, "p").findings] == [("BAD_JSON", 3)]


def test_every_departure_from_the_shape_is_named() -> None:
    raw = b"""{"id":"a","zap":1,
"mentions":[
{"start":"0","end":1,"type":"X"},
{"start":0,"kind":3}],
"relations":[{"type":"t","head":"h","tail":"t","evidence":[["a"],["a",4]]}],
"entities":7}"""
    found = decode_file(raw, Annotation, "p").findings
    assert {f.code for f in found} == {"BAD_SHAPE"}
    assert [(f.line, f.pointer, f.wanted) for f in found if f.wanted] == [
        (3, "/mentions/0/start", "integer"),
        (4, "/mentions/1/kind", "string or null"),
        (5, "/relations/0/evidence/1/1", "string"),
        (6, "/entities", "array or null"),
    ]
    told = " ".join(f.got for f in found)
    for part in ("an unknown field 'zap'", "'end' is a required property", "'type' is a required property", "too short"):
        assert part in told
    assert all(len(f.got) <= 170 for f in found)


def test_a_thousand_findings_are_enough_and_all_good_records_are_read() -> None:
    raw = b'{"id":1}\n' * (MAX_FINDINGS_PER_FILE + 500) + FIRST + b"\n"
    decoded = decode_jsonl(raw, Annotation, "p")
    assert len(decoded.findings) == MAX_FINDINGS_PER_FILE
    assert [r.value.id for r in decoded.records] == ["a"]


json_texts = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
)


@given(json_texts, st.sampled_from([None, 1]), st.booleans())
def test_good_json_has_no_faults(value: Any, indent: int | None, ascii_only: bool) -> None:
    raw = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()
    assert strict_json(raw, "p") == (value, [])


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b'{"id":', b'"a"', b",", b"}", b"[", b"]", b"\\", b"\n", b"1", b"\xed", b"NaN"])).map(b"".join)
)
def test_no_bytes_are_a_crash(raw: bytes) -> None:
    decoded = decode_jsonl(raw, Annotation, "p")
    assert decoded.records or decoded.findings
    decode_file(raw, Annotation, "p")
    decode_text(raw, "p")
    locate(raw, "/a/0")


# ------------------------------------------------------------------------ lines of items


nested = st.recursive(
    st.integers() | st.sampled_from(["", '"', "\\", "[1,\n2]", "{", "a:b,"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b\\", 'c"', "d:,{", "0"]), inner),
)


@given(nested, st.integers(0, 2))
def test_every_pointer_is_located(value: Any, blank: int) -> None:
    raw = b"\n" * blank + json.dumps(value, indent=1).encode()

    def walk(value: Any, pointer: str, line: int) -> int:
        """The line after the value, whose members stand on lines of their own."""
        assert locate(raw, pointer) == line
        members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        line += 1
        for key, member in members:
            line = walk(member, f"{pointer}/{key}", line)
        return line + bool(members and value)

    assert walk(value, "", blank) == raw.count(b"\n") + 1


def test_items_of_a_gold_file_stand_one_a_line() -> None:
    raw = GOLD.read_bytes()
    (record,) = decode_file(raw, Annotation, str(GOLD)).records
    lines = raw.split(b"\n")
    for layer in LAYERS:
        for i, item in enumerate(getattr(record.value, layer)):
            line = lines[record.line_of(f"/{layer}/{i}") - 1].rstrip(b",")
            assert json.loads(line) == json.loads(msgspec.json.encode(item))
            assert record.line_of(f"/{layer}/{i}/type") == record.line_of(f"/{layer}/{i}")
    assert record.line_of("/id") == record.line_of("/text_sha256") == record.line_of("/nothing") == record.line_of("") == 1
    assert record.line_of("/mentions/999") == record.line_of("/mentions") == 2


def test_a_record_of_one_line_is_on_its_line() -> None:
    (record,) = decode_jsonl(b'\n\n{"id":"a"}\n', Annotation, "p").records
    assert (record.line, record.line_of("/id"), record.line_of("/mentions/3")) == (3, 3, 3)


# ------------------------------------------------------------------------------ schema


@pytest.mark.parametrize("kind", [Annotation, Article])
@pytest.mark.parametrize("labels", [None, LABELS])
def test_schema_is_valid(kind: type[Any], labels: Any) -> None:
    schema = json_schema(kind, labels)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert json.dumps(schema)


@given(annotations)
def test_schema_accepts_what_the_types_accept(annotation: Annotation) -> None:
    for raw in (encode(annotation), encode_gold(annotation)):
        jsonschema.validate(json.loads(raw), json_schema(Annotation), Draft202012Validator)


@given(articles)
def test_schema_of_articles_accepts_what_the_types_accept(article: Article) -> None:
    jsonschema.validate(json.loads(encode(article)), json_schema(Article), Draft202012Validator)


scalars = st.sampled_from([None, True, 0, -1, 1.5, "", "a", [], {}])


@given(st.data())
def test_schema_and_types_refuse_the_same(data: st.DataObject) -> None:
    table: Any = json.loads(encode(data.draw(annotations)))
    target: Any = table
    while isinstance(target, (dict, list)) and target:
        keys = list(target) if isinstance(target, dict) else range(len(target))
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()) or not isinstance(target[key], (dict, list)) or not target[key]:
            if data.draw(st.booleans()):
                target[key] = data.draw(scalars)
            else:
                del target[key]
            break
        target = target[key]
    raw = json.dumps(table).encode()
    accepted = isinstance(decode_record(raw, Annotation, "p"), Annotation)
    assert accepted == Draft202012Validator(json_schema(Annotation)).is_valid(table)


def test_schema_with_labels_knows_the_labels() -> None:
    validator = Draft202012Validator(json_schema(Annotation, LABELS))
    gold = json.loads(GOLD.read_bytes())
    assert validator.is_valid(gold)
    for layer, field in (("mentions", "type"), ("mentions", "kind"), ("relations", "type"), ("relations", "factuality")):
        bad = json.loads(GOLD.read_bytes())
        bad[layer][0][field] = "NONE"
        assert not validator.is_valid(bad)
        bad[layer][0].pop(field)
        assert validator.is_valid(bad) == (field in ("kind", "factuality"))
    for field in ("polarity", "basis"):
        bad = json.loads(GOLD.read_bytes())
        bad["stances"][0][field] = "NONE"
        assert not validator.is_valid(bad)


# ------------------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ("raw", "code", "line"),
    [
        (b"", "EMPTY_FILE", 0),
        (b" \r\n\t", "NO_TEXT", 0),
        (b"\xef\xbb\xbfText", "BOM", 0),
        (b"a\0b", "NOT_TEXT", 0),
        ("Text".encode("utf-16"), "NOT_TEXT", 0),
        (b"one\ntwo\xff", "NOT_UTF8", 2),
        (b"\xed\xa0\x80", "NOT_UTF8", 1),
    ],
)
def test_what_is_no_text(raw: bytes, code: str, line: int) -> None:
    fault = decode_text(raw, "p")
    assert isinstance(fault, Finding)
    assert (fault.code, fault.line) == (code, line)


@given(st.text(min_size=1).filter(lambda t: t.encode("utf-8", "ignore").strip() and "\0" not in t and t[0] != "\ufeff"))
def test_a_text_is_what_stands_there(text: str) -> None:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    assert decode_text(raw, "p") == text


def test_hash_of_a_text_is_that_of_its_bytes() -> None:
    assert sha256("é\r\n") == sha256("é\r\n".encode())


# ------------------------------------------------------------------------- atomic writes


def stray(folder: Path) -> list[str]:
    return [p.name for p in folder.iterdir() if p.name.startswith(".")]


def test_write_says_whether_bytes_changed(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    assert write_atomic(path, b"one")
    stamp = path.stat().st_mtime_ns, path.stat().st_ino
    assert not write_atomic(path, b"one")
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == stamp
    assert write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o644
    assert stray(path.parent) == []


STEPS = ["tempfile.mkstemp", "os.fdopen", "os.fsync", "os.chmod", "os.replace"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("old", [None, b"old"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("step", STEPS)
def test_a_write_that_dies_at_any_step_leaves_old_or_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool, old: bytes | None, error: BaseException
) -> None:
    path = tmp_path / "file"
    if old is not None:
        path.write_bytes(old)
    module, name = step.split(".")
    target = getattr(codec, module)
    true: Callable[..., Any] = getattr(target, name)

    def dies(*args: Any, **options: Any) -> Any:
        if after:
            result = true(*args, **options)
            if name in ("mkstemp", "fdopen"):
                return result
        raise error

    monkeypatch.setattr(target, name, dies)
    expected = FileFault if isinstance(error, OSError) else type(error)
    if after and name in ("mkstemp", "fdopen"):
        assert write_atomic(path, b"new")
    else:
        with pytest.raises(expected):
            write_atomic(path, b"new")
    monkeypatch.undo()
    content = path.read_bytes() if path.exists() else None
    assert content in (old, b"new")
    assert (content == b"new") == (after and name in ("mkstemp", "fdopen", "replace"))
    assert stray(tmp_path) == []


def test_a_full_disk_is_a_file_fault_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    program = (
        "import resource, signal, sys; from pathlib import Path; from newsgold.corpus.codec import write_atomic;"
        "from newsgold.errors import FileFault;"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_atomic(Path(sys.argv[1]), b'x' * 5000)\n"
        "except FileFault as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert "File too large" in done.stdout
    assert "untouched" in done.stdout
    assert path.read_bytes() == b"old"
    assert stray(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_a_device_is_written_to_and_never_replaced() -> None:
    with pytest.raises(FileFault, match="No space left"):
        write_atomic(Path("/dev/full"), b"x")
    assert Path("/dev/full").is_char_device()
    assert write_atomic(Path(os.devnull), b"x")
    assert Path(os.devnull).is_char_device()


def test_places_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "file" / "below", tmp_path / ("x" * 300)):
        with pytest.raises(FileFault, match="cannot write"):
            write_atomic(path, b"x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "folder").is_dir()
    with pytest.raises(FileFault, match="cannot read"):
        codec.read_bytes(tmp_path / "folder")


def test_a_folder_that_may_not_be_written() -> None:
    # the superuser may write anywhere, so the program gives its rights away
    program = (
        "import os, sys; from pathlib import Path\n"
        "from newsgold.corpus.codec import write_atomic; from newsgold.errors import FileFault\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "try: write_atomic(Path(sys.argv[1]), b'new')\n"
        "except FileFault as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "file"
        path.write_bytes(b"old")
        path.parent.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
        path.parent.chmod(0o755)
        assert "Permission denied" in done.stdout
        assert path.read_bytes() == b"old"
        assert stray(path.parent) == []
