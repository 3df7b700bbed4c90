"""Every kind of export, every real file, and a stream that stays strict: what the bridge makes of them.

The tables of ``annotation/exports.md`` are made from what happens here::

    python tests/test_exports.py         write them
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsgold.annotation.label_studio import Imported, import_export, to_result
from newsgold.annotation.task_stream import read_values
from newsgold.corpus.codec import Strict, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.errors import FAULTS, has_errors

LABELS = default_labels()
DOCUMENT = Path(__file__).parent.parent / "annotation" / "exports.md"
TEXT = "Dr. 😀 Ana Ruiz left Tessen. She blamed the army."
ARTICLE = Article(id="tessen", text=TEXT, text_sha256=sha256(TEXT))


def _mention(name: str, surface: str, kind: str) -> Mention:
    start = TEXT.index(surface)
    return Mention(id=name, start=start, end=start + len(surface), type=kind, text=surface)


PASS = Annotation(
    id="tessen",
    by="ann",
    text_sha256=ARTICLE.text_sha256,
    mentions=(_mention("m1", "Ana Ruiz", "PERSON"), _mention("m2", "Tessen", "GPE"), _mention("m3", "the army", "ORG")),
    entities=tuple(Entity(id=f"e{n}", mentions=(f"m{n}",), link="Q42" if n == 1 else None) for n in (1, 2, 3)),
    relations=(Relation(type="present_in", head="e1", tail="e2", evidence=(("m1", "m2"),)),),
    stances=(Stance(id="s1", start=33, end=39, holder="m1", target="m3", polarity="against"),),
)

Items = list[dict[str, Any]]


def items() -> Items:
    carried = to_result(PASS, ARTICLE, LABELS)
    assert carried.findings == ()
    made: Items = json.loads(json.dumps(carried.items))
    return made


def the(found: Items, region: str, control: str = "mention") -> dict[str, Any]:
    return next(i for i in found if i.get("id") == region and i.get("from_name") == control)


def arrow(found: Items) -> dict[str, Any]:
    return next(i for i in found if i["type"] == "relation" and i["labels"] == ["present_in"])


def annotation(found: Items, **more: Any) -> dict[str, Any]:
    return {"id": 70, "completed_by": 4, "was_cancelled": False, "result": found, **more}


def task(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    data = {"text": TEXT, "title": "Tessen", "doc_id": "tessen", "text_sha256": ARTICLE.text_sha256}
    return {"id": 7, "data": data, "annotations": list(annotations), "drafts": [], "predictions": [], **more}


def export(*annotations: dict[str, Any], **more: Any) -> bytes:
    return json.dumps([task(*annotations, **more)], ensure_ascii=False).encode()


# -------------------------------------------------------------------- kinds of export


class Kind(NamedTuple):
    """A kind of export or of fault: what is done to a sound pass, and what must come of it."""

    data: Callable[[], bytes]
    passes: str
    codes: tuple[str, ...] = ()
    names: str = ""
    """What the finding must name besides task and annotation, where it is about an item of one."""


def _with(change: Callable[[Items], object], region: str, *codes: str) -> Kind:
    def data() -> bytes:
        found = items()
        change(found)
        return export(annotation(found))

    return Kind(data, "", codes, region)


def _put(region: str, control: str, **value: Any) -> Callable[[Items], object]:
    return lambda found: the(found, region, control)["value"].update(value)


def _another_entity(found: Items) -> None:
    found.append({**the(found, "m1", "entity_id"), "value": {"start": 6, "end": 14, "text": ["e9"]}})


def _other_link(found: Items) -> None:
    the(found, "m2", "entity_id")["value"]["text"] = ["e1"]
    found.append({**the(found, "m1", "link"), "id": "m2", "value": {"start": 20, "end": 26, "text": ["Q7"]}})


def _other_text() -> bytes:
    made = task(annotation(items()))
    made["data"]["text"] = TEXT + " More."
    return json.dumps([made]).encode()


def _utf16(found: Items) -> None:
    for item in found:
        if item["type"] != "relation":
            item["value"]["start"] += 1
            item["value"]["end"] += 1


KINDS: dict[str, Kind] = {
    "JSON": Kind(lambda: export(annotation(items())), "1 submitted"),
    "JSON, tasks one a line": Kind(lambda: json.dumps(task(annotation(items()))).encode() + b"\n", "1 submitted"),
    "a snapshot with drafts and predictions in full": Kind(
        lambda: export(
            annotation(items()), drafts=[{"id": 1, "user": 5, "result": []}], predictions=[{"model_version": "x", "result": []}]
        ),
        "1 submitted, 1 draft",
    ),
    "two annotators": Kind(
        lambda: export(annotation(items()), annotation(items(), id=71, completed_by=5)), "2 submitted"
    ),
    "submitted without a label": Kind(lambda: export(annotation([])), "1 empty"),
    "no task": Kind(lambda: b"[]", ""),
    "predictions only": Kind(lambda: export(predictions=[3]), "", ("LS_NO_ANNOTATION",)),
    "drafts only": Kind(lambda: export(drafts=[annotation(items())]), "1 draft", ("LS_NO_ANNOTATION",)),
    "skipped only": Kind(lambda: export(annotation(items(), was_cancelled=True)), "1 skipped", ("LS_NO_ANNOTATION",)),
    "JSON_MIN": Kind(
        lambda: json.dumps([{**task()["data"], "id": 7, "mention": [], "annotator": 4}]).encode(), "", ("LS_NOT_JSON_EXPORT",)
    ),
    "CSV": Kind(lambda: b'annotation_id,annotator,doc_id,mention\n70,4,tessen,"[]"\n', "", ("LS_NOT_JSON_EXPORT",)),
    "TSV": Kind(lambda: b"annotation_id\tannotator\tdoc_id\n70\t4\ttessen\n", "", ("LS_NOT_JSON_EXPORT",)),
    "CONLL2003": Kind(lambda: b"-DOCSTART- -X- O\nAna -X- _ B-PERSON\n", "", ("LS_NOT_JSON_EXPORT",)),
    "one annotation": Kind(lambda: json.dumps(annotation(items())).encode(), "", ("LS_NOT_JSON_EXPORT",)),
    "cut short": Kind(lambda: export(annotation(items()))[:-20], "", ("TRUNCATED",)),
    "an empty file": Kind(lambda: b"", "", ("EMPTY_FILE",)),
    "half a surrogate pair": Kind(
        lambda: export(annotation(items())).replace(b'"Tessen"', b'"\\ud83d"', 1), "", ("LONE_SURROGATE",)
    ),
    "a key twice": Kind(lambda: export(annotation(items())).replace(b'"id": 70', b'"id": 69, "id": 70'), "", ("DUPLICATE_KEY",)),
    "another project": Kind(lambda: export().replace(b"doc_id", b"url"), "", ("LS_NO_DOC_ID",)),
    "an article that is not here": Kind(lambda: export().replace(b'"tessen"', b'"belmar"'), "", ("UNKNOWN_DOCUMENT",)),
    "regions on other text": Kind(_other_text, "", ("LS_TEXT",)),
    "one annotator twice": Kind(
        lambda: export(annotation(items()), annotation([], id=71)), "1 submitted, 1 empty", ("DUPLICATE_DOCUMENT",)
    ),
    "UTF-16 offsets, as older versions counted": _with(_utf16, "m1", "LS_UTF16"),
    "reversed offsets": _with(_put("m1", "mention", start=14, end=6), "m1", "LS_OFFSETS"),
    "offsets past the end": _with(_put("m1", "mention", start=500, end=510), "m1", "LS_OFFSETS"),
    "the surface of other words": _with(_put("m1", "mention", text="Belmar"), "m1", "LS_OFFSETS"),
    "two regions with one id": _with(lambda found: found.append({**the(found, "m1")}), "m1", "LS_REGION_ID"),
    "an arrow to no region": _with(lambda found: arrow(found).update(to_id="gone"), "'m1' → 'gone'", "LS_RELATION_DANGLING"),
    "an arrow without label": _with(lambda found: arrow(found).update(labels=[]), "'m1' → 'm2'", "LS_RELATION_UNLABELLED"),
    "an arrow with a label unknown": _with(lambda found: arrow(found).update(labels=["eats"]), "'m1' → 'm2'", "LS_UNKNOWN_LABEL"),
    "an arrow to a stance": _with(lambda found: arrow(found).update(to_id="s1"), "'m1' → 's1'", "LS_RELATION_ENDS"),
    "an unknown label": _with(_put("m1", "mention", labels=["PLANET"]), "m1", "LS_UNKNOWN_LABEL"),
    "no label": _with(_put("m1", "mention", labels=[]), "m1", "LS_LABELS"),
    "an unknown control": _with(lambda found: the(found, "m1", "kind").update(from_name="level"), "m1", "LS_UNKNOWN_ITEM"),
    "an unknown type of item": _with(lambda found: the(found, "m1", "kind").update(type="rating"), "m1", "LS_UNKNOWN_ITEM"),
    "no entity id": _with(lambda found: found.remove(the(found, "m1", "entity_id")), "m1", "LS_ENTITY"),
    "two entity ids on one mention": _with(_another_entity, "m1", "LS_ENTITY"),
    "two links in one entity": _with(_other_link, "e1", "LS_LINK"),
    "a stance without polarity": _with(lambda found: found.remove(the(found, "s1", "polarity")), "s1", "LS_STANCE"),
}  # fmt: skip


def imported(path: Path, data: bytes) -> Imported:
    path.write_bytes(data)
    return import_export(path, {"tessen": ARTICLE}, LABELS)


def statuses(done: Imported) -> str:
    """What was read, such as ``1 submitted``; what was refused for its errors is none of it."""
    order = ("submitted", "empty", "skipped", "draft")
    counts = Counter(p.status for p in done.passes if p.annotation is not None or p.status == "skipped")
    return ", ".join(f"{counts[name]} {name}" for name in order if counts[name])


@pytest.mark.parametrize("what", KINDS)
def test_every_kind_of_export(tmp_path: Path, what: str) -> None:
    kind = KINDS[what]
    done = imported(tmp_path / "export", kind.data())
    assert tuple(sorted({f.code for f in done.findings})) == tuple(sorted(kind.codes)), [str(f) for f in done.findings]
    if kind.names:
        warned = all(FAULTS[code].severity == "warning" for code in kind.codes)
        assert statuses(done) == ("1 submitted" if warned else "")
        for fault in done.findings:
            assert fault.doc == "tessen"
            assert re.match("/0/annotations/0(/result/[0-9]+)?$", fault.pointer)
            assert "task 7, annotation 70" in fault.got
            assert "by annotator-4" in fault.got
        assert any(kind.names in fault.got for fault in done.findings)
    else:
        assert statuses(done) == kind.passes
    if "LS_NOT_JSON_EXPORT" in kind.codes:
        assert "Export as JSON" in done.findings[0].hint
        assert "relations" in done.findings[0].hint


def test_a_sound_pass_comes_back_as_it_was(tmp_path: Path) -> None:
    done = imported(tmp_path / "export", export(annotation(items(), newsgold_by="ann")))
    assert done.findings == ()
    (one,) = done.passes
    assert one.annotation is not None
    assert {m.id for m in one.annotation.mentions or ()} == {"m1", "m2", "m3"}
    assert one.annotation.relations == PASS.relations
    assert one.annotation.stances == PASS.stances


# ------------------------------------------------------------------------- real files


def real_files(shared: Path) -> list[Path]:
    folders = [shared / "label-studio", *sorted((shared / "peers").glob("label-studio-*"))]
    return [f for folder in folders for f in sorted(folder.rglob("*")) if f.is_file()]


def articles_of(path: Path) -> dict[str, Article]:
    """The articles that the tasks of a file show, so that nothing is refused merely for being unknown here."""
    try:
        values = [v.value for v in read_values(path) if isinstance(v.value, dict)]
    except (ValueError, RecursionError):
        return {}
    shown = [v["data"] for v in values if isinstance(v.get("data"), dict)]
    return {
        d["doc_id"]: Article(id=d["doc_id"], text=d["text"], text_sha256=d.get("text_sha256"))
        for d in shown
        if isinstance(d.get("doc_id"), str) and isinstance(d.get("text"), str)
    }


def outcomes(shared: Path) -> Iterator[tuple[str, str, str]]:
    """A row for each real file: its name, what was read, and what was found; neighbours alike make one row."""
    rows: list[tuple[list[str], str, str]] = []
    for path in real_files(shared):
        done = import_export(path, articles_of(path), LABELS)
        counts = Counter(f.code for f in done.findings)
        found = ", ".join(f"{code} {n}" for code, n in sorted(counts.items()))
        name = str(path.relative_to(shared)).removeprefix("peers/")
        if rows and rows[-1][1:] == (statuses(done), found) and Path(rows[-1][0][-1]).parent == Path(name).parent:
            rows[-1][0].append(name)
        else:
            rows.append(([name], statuses(done), found))
    for names, read, found in rows:
        folder = str(Path(names[0]).parent)
        yield f"{folder}: {', '.join(f'`{Path(n).name}`' for n in names)}", read, found


def test_every_real_file_is_imported_or_refused(shared: Path) -> None:
    files = real_files(shared)
    assert len(files) == 127
    for path in files:
        done = import_export(path, articles_of(path), LABELS)
        read = [p for p in done.passes if p.annotation is not None or p.status == "skipped"]
        assert read or done.findings, f"{path}: neither imported nor refused"
        for one in done.passes:
            refused = one.annotation is None and one.status in ("submitted", "empty")
            about = [f for f in done.findings if f.pointer.startswith(one.pointer)]
            assert has_errors(about) == refused, f"{path} {one.pointer}"
            assert all(f.doc == one.doc for f in about)


LOST = ("export_JSON_MIN", "export_CSV", "export_TSV", "export_CONLL2003")


def test_the_exports_that_lost_relations_are_refused_with_what_to_make(shared: Path) -> None:
    lost = [p for p in real_files(shared) if p.name.startswith(LOST)]
    assert len(lost) == 8
    for path in lost:
        (fault,) = import_export(path, articles_of(path), LABELS).findings
        assert (fault.code, fault.severity) == ("LS_NOT_JSON_EXPORT", "error")
        assert "Export as JSON" in str(fault)


# -------------------------------------------------------------------------- the tables

HEAD = """# What becomes of an export

`newsgold annotation import` reads the export type **JSON**, a snapshot, or tasks one a line. The tables are made by
`tests/test_exports.py`, which compares them with what happens; the codes are explained in `REFERENCE.md`.
"""


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *((cell.replace("|", "\\|") or "–" for cell in row) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def kinds(folder: Path) -> str:
    rows: list[tuple[str, ...]] = []
    for what, kind in KINDS.items():
        done = imported(folder / "export", kind.data())
        found = {f.code: f.severity for f in done.findings}
        rows.append((what, statuses(done), ", ".join(f"{code} ({found[code]})" for code in sorted(found))))
    about = (
        "An export with one task, made well or badly. A pass with an error is refused whole, the other passes are read; a draft"
        " is\nnever written. A fault of an item names task, annotation, region or arrow, and annotator.\n\n"
    )
    return "\n## Every kind of export\n" + about + table(("export", "passes read", "findings"), rows)


def real(shared: Path) -> str:
    about = (
        "The files of Label Studio 1.23.2 and of other projects that the bridge is tested on, against the articles that they"
        " show and our\nown inventory; the projects had other configurations, so that little is imported. The number follows"
        " the code.\n\n"
    )
    return "\n## Every real file\n" + about + table(("files", "passes read", "findings"), list(outcomes(shared)))


def sections() -> list[str]:
    return re.split(r"(?=\n## )", DOCUMENT.read_text(encoding="utf-8"))


def test_the_table_of_kinds_is_true(tmp_path: Path) -> None:
    assert sections()[:2] == [HEAD, kinds(tmp_path)], "python tests/test_exports.py writes it"


def test_the_table_of_real_files_is_true(shared: Path) -> None:
    assert sections()[2:] == [real(shared)], "python tests/test_exports.py writes it"


# ----------------------------------------------------------------------- strict streams


def strictly(text: str) -> tuple[Any, list[str]]:
    """A value and its faults as the hooks of the standard parser see them: slow, and without any short cut."""
    strict = Strict()
    value = json.loads(
        text,
        object_pairs_hook=strict.pairs,
        parse_constant=strict.constant,
        parse_float=strict.float,
        parse_int=strict.integer,
    )
    return value, sorted(code for code, _ in strict.notes)


KEYS = st.sampled_from(["a", "b", "a:b", "\\u003a", "\\u003A", "\\\\u003a", "\\u0061", ":"])
SCALARS = st.sampled_from(
    ['"x"', '":"', '"\\u003a"', '"::"', "1", "-0", "1e999", "-1e999", "1.5", "NaN", "Infinity", "null", "true", "1e5",
     "9007199254740993", "123456789012345678901234567890", "1" * 5000, '"1234567890123456789"', '"é 😀"', "9007199254740992"]
)  # fmt: skip


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f'"{key}": {value}' for key, value in pairs) + "}"


TEXTS = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(st.tuples(KEYS, inner), max_size=4).map(_object)
        | st.lists(inner, max_size=3).map(lambda values: f"[{', '.join(values)}]")
    ),
    max_leaves=12,
)


@given(TEXTS)
@example('{"a": 1, "a": ":"}')
@example('{"a": 1, "a": "\\u003a"}')
@example('{"a": {"b": 1, "b": 2}, "c": "\\u003A"}')
def test_the_fast_reading_notices_what_the_slow_one_does(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    """A key that stands twice is known by its colon; escapes of colons do not hide it."""
    path = tmp_path_factory.getbasetemp() / "strict.json"
    path.write_text(f"[{text}]", encoding="utf-8", newline="")
    (one,) = read_values(path)
    value, codes = strictly(text)
    assert sorted(f.code for f in one.findings) == codes
    assert one.value == (None if codes else value)


def test_values_are_seldom_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that the window cuts is parsed again from its start."""
    from newsgold.annotation import task_stream

    tried = []
    decode = task_stream._Buffer.decode
    monkeypatch.setattr(task_stream._Buffer, "decode", lambda self: (tried.append(self.at), decode(self))[1])
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{"data": {"text": "x" * 100_000}}] * 200))
    assert len(list(read_values(path))) == 200
    assert len(tried) < 1.4 * 200


if __name__ == "__main__":
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        shared = Path(os.environ.get("NEWSGOLD_SHARED", DOCUMENT.parent.parent.parent / "shared"))
        DOCUMENT.write_text(HEAD + kinds(Path(temporary)) + real(shared), encoding="utf-8")
    sys.stdout.write(f"wrote {DOCUMENT.name}\n")
