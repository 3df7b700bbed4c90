"""The Label Studio bridge: configuration, tasks, exports, and the way there and back."""

from __future__ import annotations

import json
import random
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from colour_vision import VISIONS, Triple, ciede2000, contrast, nearest
from newsgold.annotation import label_studio, task_stream
from newsgold.annotation.label_config import CONTROLS, relation_names
from newsgold.annotation.local import Local
from newsgold.corpus.codec import canonical, encode, sha256
from newsgold.corpus.labels import Label, Labels, default_labels, find_labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Region, Relation, Stance
from newsgold.corpus.store import fill
from newsgold.errors import FAULTS, DataError, FileFault, Finding, UsageError, has_errors
from strategies_studio import LABELS, ODD, Case, cases, inventory, rich_cases, shapes

# ------------------------------------------------------------------- a small document

TEXT = "Dr. 😀 Ana Ruiz met\r\nher aide in Tessen.\r\n\r\nShe blamed the army."


def spot(surface: str) -> tuple[int, int]:
    start = TEXT.index(surface)
    return start, start + len(surface)


def mention(name: str, surface: str, type_name: str, kind: str | None = None) -> Mention:
    start, end = spot(surface)
    return Mention(id=name, start=start, end=end, type=type_name, kind=kind, text=surface)


ARTICLE = Article(
    id="tessen",
    text=TEXT,
    title="Tessen",
    split="test",
    event="seed",
    text_sha256=sha256(TEXT),
    regions=(Region(start=0, end=3, kind="duplicate"),),
)
GOLD = canonical(
    fill(
        Annotation(
            id="tessen",
            by="gold",
            text_sha256=sha256(TEXT),
            mentions=(
                mention("m1", "Ana Ruiz", "PERSON"),
                mention("m2", "her aide", "PERSON", "NOM"),
                mention("Xy_-9aZ0kL", "her", "PERSON", "PRO"),
                mention("m4", "Tessen", "GPE"),
                mention("m5", "She", "PERSON", "PRO"),
                mention("m6", "the army", "ORG", "NOM"),
            ),
            entities=(
                Entity(id="e1", mentions=("m1", "Xy_-9aZ0kL", "m5"), link="Q42"),
                Entity(id="e2", mentions=("m2",)),
                Entity(id="e3", mentions=("m4",), link="kb-tessen"),
                Entity(id="e4", mentions=("m6",)),
            ),
            relations=(
                Relation(type="present_in", head="e1", tail="e3", evidence=(("m1", "m4"),)),
                Relation(type="attacks", head="e4", tail="e1", factuality="denied", evidence=(("m6", "m5"), ("m6", "m1"))),
                Relation(type="attacks", head="e4", tail="e1", evidence=(("m6", "m5"),)),
                Relation(type="fights", head="e4", tail="e1", factuality="prospective", evidence=(("m6", "m5"),)),
            ),
            stances=(
                Stance(id="s1", start=spot("blamed")[0], end=spot("blamed")[1], holder="m5", target="m6", polarity="against"),
                Stance(id="s2", start=0, end=3, holder=AUTHOR, target="m1", polarity="favor", basis="implied"),
            ),
        ),
        ARTICLE,
    ),
    LABELS,
)


def read(items: list[Any], *, by: str = "gold") -> label_studio.Reading:
    return label_studio.from_result(items, ARTICLE, LABELS, by=by)


def gold_items() -> list[dict[str, Any]]:
    carried = label_studio.to_result(GOLD, ARTICLE, LABELS)
    assert not carried.findings
    return json.loads(json.dumps(carried.items))


def codes(findings: tuple[Finding, ...]) -> list[str]:
    return sorted({f.code for f in findings})


def back(case: Case, items: list[Any]) -> bytes:
    reading = label_studio.from_result(items, case.article, case.labels, by="gold")
    assert reading.annotation is not None, reading.findings
    return encode(reading.annotation)


# ------------------------------------------------------------------------ there and back


@given(cases())
@settings(deadline=None, max_examples=150)
def test_there_and_back_is_the_identity(case: Case) -> None:
    """Byte for byte in canonical form, for whatever ids, spans and pairs."""
    carried = label_studio.to_result(case.annotation, case.article, case.labels)
    assert carried.findings == ()
    assert back(case, json.loads(json.dumps(carried.items))) == encode(case.annotation)


@given(cases(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_items_means_nothing(case: Case, chance: random.Random) -> None:
    items = label_studio.to_result(case.annotation, case.article, case.labels).items
    chance.shuffle(items)
    for item in items:
        if item["type"] == "relation":
            chance.shuffle(item["labels"])
    assert back(case, items) == encode(case.annotation)


@given(cases())
@settings(deadline=None)
def test_what_the_ui_makes_of_surfaces_does_no_harm(case: Case) -> None:
    """The UI escapes line breaks, doubles CRLF and collapses blanks."""
    items = label_studio.to_result(case.annotation, case.article, case.labels).items
    for item in items:
        if isinstance(surface := item.get("value", {}).get("text"), str):
            surface = re.sub(r"[ \t]+", " ", surface).replace("\r\n", "\\n\\n").replace("\n", "\\n")
            item["value"]["text"] = surface
    assert back(case, items) == encode(case.annotation)


@given(cases())
@settings(deadline=None)
def test_a_completed_prediction_is_carried_whole(case: Case) -> None:
    """Ids taken away are minted again; nothing is left out that has its evidence."""
    carried = label_studio.to_result(case.annotation, case.article, case.labels, prediction=True)
    assert carried.findings == ()
    assert back(case, carried.items) == encode(case.annotation)


def test_the_examples_have_every_difficulty() -> None:
    found = {shape for case in rich_cases(30) for shape in shapes(case)}
    assert found == {
        "apart", "nested", "crossing", "identical", "symmetric", "two labels on a pair", "there and back", "arrow to itself",
        "stance on a mention",
    }  # fmt: skip


@pytest.mark.parametrize("inventory", ["ours", "odd"])
def test_a_real_server_gives_back_what_it_got(studio: Local, tmp_path: Path, inventory: str) -> None:
    """Thirty random annotations, as finished work: byte for byte in canonical form."""
    some = [case for case in rich_cases(100) if case.inventory == inventory][-30:]
    assert len(some) == 30
    articles, wanted, tasks = {}, {}, []
    for place, case in enumerate(some):
        name = f"doc-{place}"
        article = articles[name] = msgspec.structs.replace(case.article, id=name)
        gold = msgspec.structs.replace(case.annotation, id=name)
        wanted[name] = encode(gold)
        tasks += label_studio.tasks([article], case.labels, annotations={name: [gold]}, as_annotations=True)
    labels = some[0].labels
    with httpx.Client(base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60) as server:
        made = server.post("/api/projects/", json={"title": f"thirty, {inventory}", "label_config": config_text(labels)})
        project = f"/api/projects/{made.json()['id']}"
        assert server.post(f"{project}/import", json=tasks).status_code == 201
        (tmp_path / "export.json").write_bytes(server.get(f"{project}/export?exportType=JSON").content)
    done = label_studio.import_export(tmp_path / "export.json", articles, labels)
    assert done.findings == ()
    assert {p.doc: p.annotation and encode(msgspec.structs.replace(p.annotation, by="gold")) for p in done.passes} == wanted


def config_text(labels: Labels) -> str:
    return label_studio.config(labels).decode()


INVENTORIES_OF_OTHERS = {
    "ours": LABELS,
    "odd": ODD,
    "no stance": msgspec.structs.replace(LABELS, polarities={}, bases={}),
    "no relations": msgspec.structs.replace(LABELS, relations={}),
    "mentions only": msgspec.structs.replace(LABELS, relations={}, factualities={}, polarities={}, bases={}),
    "many types": inventory([f"T{number}" for number in range(200)], [f"r{number}" for number in range(50)]),
}


@pytest.mark.parametrize("name", INVENTORIES_OF_OTHERS)
def test_a_real_server_accepts_the_configuration(studio: Local, name: str) -> None:
    text = config_text(INVENTORIES_OF_OTHERS[name])
    with httpx.Client(base_url=studio.url, headers={"Authorization": f"Token {studio.token}"}, timeout=60) as server:
        answer = server.post("/api/projects/validate/", json={"label_config": text})
        assert answer.status_code == 204, answer.text
        wrong = server.post("/api/projects/validate/", json={"label_config": text.replace('toName="text"', 'toName="gone"')})
        assert wrong.status_code == 400


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("lines", [False, True])
def test_gold_to_tasks_to_export_to_gold(tmp_path: Path, indent: int | None, lines: bool) -> None:
    tasks = list(label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [GOLD]}, as_annotations=True))
    path = tmp_path / "export.json"
    path.write_text("\n".join(json.dumps(t, indent=indent) for t in tasks) if lines else json.dumps(tasks, indent=indent))
    imported = label_studio.import_export(path, {"tessen": ARTICLE}, LABELS)
    assert imported.findings == ()
    (one,) = imported.passes
    assert (one.doc, one.annotator, one.status, one.ground_truth) == ("tessen", "gold", "submitted", True)
    assert one.annotation is not None
    assert encode(one.annotation) == encode(GOLD)


def test_the_gold_of_the_corpus_comes_back(corpus: Path, tmp_path: Path) -> None:
    from newsgold.corpus.store import read_annotations, read_articles

    if not list((corpus / "gold").glob("*.json")):
        pytest.skip("the corpus has no gold yet")
    labels = find_labels(None, corpus)
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    gold = {r.value.id: r.value for r in read_annotations(corpus).records}
    tasks = label_studio.tasks(articles.values(), labels, annotations={k: [v] for k, v in gold.items()}, as_annotations=True)
    path = tmp_path / "export.json"
    path.write_text(json.dumps(list(tasks)))
    imported = label_studio.import_export(path, articles, labels)
    annotations = {p.doc: encode(p.annotation) for p in imported.passes if p.annotation}
    assert annotations == {name: encode(canonical(value, labels)) for name, value in gold.items()}


# ----------------------------------------------------------------------------- items


def test_items_look_like_the_ui_s() -> None:
    items = gold_items()
    start, end = spot("Ana Ruiz")
    assert items[0] == {
        "value": {"start": start, "end": end, "text": "Ana Ruiz", "labels": ["PERSON"]},
        "id": "m1",
        "from_name": "mention",
        "to_name": "text",
        "type": "labels",
        "origin": "manual",
    }
    assert [i["from_name"] for i in items if i.get("id") == "m1"] == ["mention", "kind", "entity_id", "link"]
    assert [i["from_name"] for i in items if i.get("id") == "s2"] == ["stance", "polarity", "basis", "holder_kind"]


def test_a_pair_has_one_arrow_with_all_its_labels() -> None:
    arrows = [i for i in gold_items() if i["type"] == "relation"]
    assert len({(a["from_id"], a["to_id"]) for a in arrows}) == len(arrows)
    assert {
        "from_id": "m6",
        "to_id": "m5",
        "type": "relation",
        "direction": "right",
        "labels": ["attacks", "attacks:denied"],
    } in arrows
    assert {"from_id": "m5", "to_id": "m6", "type": "relation", "direction": "right", "labels": ["fights:prospective"]} in arrows


def test_holder_and_target_may_be_one_mention() -> None:
    stance = Stance(id="s3", start=0, end=3, holder="m1", target="m1", polarity="favor")
    gold = canonical(msgspec.structs.replace(GOLD, stances=(stance,)), LABELS)
    items = label_studio.to_result(gold, ARTICLE, LABELS).items
    assert items[-1]["labels"] == ["stance_holder", "stance_target"]
    assert read(items).annotation == gold


def test_items_are_checked_against_a_real_export(shared: Path) -> None:
    """Every key that we write is one that the UI writes, of the same type."""
    real = json.loads((shared / "label-studio/final_export_after_ui_submit.json").read_text())[0]["annotations"][0]["result"]

    def shapes(items: list[dict[str, Any]]) -> set[tuple[Any, ...]]:
        return {
            (i["type"], *sorted((k, type(v).__name__) for k, v in (i.get("value") or i).items()), *sorted(set(i) - {"meta"}))
            for i in items
            if i["type"] == "relation" or "start" in i["value"]
        }

    assert shapes(gold_items()) == shapes(real)


# ------------------------------------------------------ what cannot be carried is said


def without(**layers: Any) -> Annotation:
    return msgspec.structs.replace(GOLD, **layers)


def every_mention(**changes: Any) -> Annotation:
    return without(mentions=tuple(msgspec.structs.replace(m, **changes) for m in GOLD.mentions or ()))


BROKEN = {
    "a layer that was not attempted": (without(stances=None), "LS_NOT_CARRIED"),
    "a mention without id": (without(mentions=(*(GOLD.mentions or ()), Mention(start=0, end=2, type="ORG"))), "LS_NOT_CARRIED"),
    "a mention in no entity": (without(entities=(GOLD.entities or ())[1:], relations=()), "LS_ENTITY"),
    "a mention in two entities": (without(entities=(*(GOLD.entities or ()), Entity(id="e9", mentions=("m1",)))), "LS_ENTITY"),
    "an entity without mentions": (without(entities=(*(GOLD.entities or ()), Entity(id="e9", mentions=()))), "LS_NOT_CARRIED"),
    "a link that means none": (
        without(entities=(msgspec.structs.replace((GOLD.entities or ())[0], link="NIL"), *(GOLD.entities or ())[1:])),
        "LS_NOT_CARRIED",
    ),
    "a relation without evidence": (without(relations=(Relation(type="leads", head="e1", tail="e4"),)), "LS_NOT_CARRIED"),
    "a relation between mentions": (
        without(relations=(Relation(type="leads", head="m1", tail="m6", evidence=(("m1", "m6"),)),)),
        "LS_NOT_CARRIED",
    ),
    "evidence of another entity": (
        without(relations=(Relation(type="leads", head="e1", tail="e4", evidence=(("m4", "m6"),)),)),
        "LS_NOT_CARRIED",
    ),
    "evidence that does not exist": (
        without(relations=(Relation(type="leads", head="e1", tail="e4", evidence=(("m1", "m77"),)),)),
        "LS_RELATION_DANGLING",
    ),
    "a stance without span": (without(stances=(Stance(id="s1", holder="m1", target="m6", polarity="favor"),)), "LS_NOT_CARRIED"),
    "a stance of an entity": (
        without(stances=(Stance(id="s1", start=0, end=2, holder="e1", target="m6", polarity="favor"),)),
        "LS_RELATION_DANGLING",
    ),
    "a wrong surface": (every_mention(text="?"), "LS_NOT_CARRIED"),
    "an unknown type": (every_mention(type="X"), "LS_UNKNOWN_LABEL"),
    "a span outside": (every_mention(end=999), "LS_OFFSETS"),
    "another text": (without(text_sha256="0" * 64), "TEXT_HASH"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_nothing_is_lost_in_silence(what: str) -> None:
    annotation, code = BROKEN[what]
    carried = label_studio.to_result(annotation, ARTICLE, LABELS)
    assert code in codes(carried.findings)
    assert has_errors(carried.findings)
    with pytest.raises(DataError):
        list(label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [annotation]}, as_annotations=True))
    told: list[Finding] = []
    (task,) = label_studio.tasks(
        [ARTICLE], LABELS, annotations={"tessen": [annotation, GOLD]}, as_annotations=True, report=told.append
    )
    assert has_errors(told)
    assert len(task["annotations"]) == 1, "an annotation with errors is left out whole"


def test_gold_needs_a_name() -> None:
    with pytest.raises(DataError, match="BAD_ID"):
        list(label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [without(by=None)]}, as_annotations=True))


def test_an_annotation_of_another_article_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(UsageError):
        label_studio.to_result(without(id="other"), ARTICLE, LABELS)


# ----------------------------------------------------------------------- pre-annotations


def test_a_prediction_is_completed() -> None:
    """Ids and clusters are minted in a fixed order; one mention stands for its cluster."""
    (a, b), (c, d) = spot("Ana Ruiz"), spot("Tessen")
    prediction = Annotation(
        id="tessen",
        by="tagger",
        mentions=(
            Mention(id="p1", start=c, end=d, type="GPE"),
            Mention(start=a, end=b, type="PERSON"),
            Mention(id="x#1", start=a, end=b, type="ORG"),
        ),
        relations=(Relation(type="present_in", head="x#1", tail="p1"),),
    )
    (task,) = label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [prediction]})
    (row,) = task["predictions"]
    assert row["model_version"] == "tagger"
    value = read(row["result"]).annotation
    assert value is not None
    assert [(m.id, m.type) for m in value.mentions or ()] == [("p3", "ORG"), ("p2", "PERSON"), ("p1", "GPE")]
    assert [e.mentions for e in value.entities or ()] == [("p3",), ("p2",), ("p1",)]
    assert [r.evidence for r in value.relations or ()] == [(("p3", "p1"),)]
    assert value.stances == ()


def test_what_a_prediction_lacks_is_not_invented() -> None:
    (a, b), (c, d), (e, f) = spot("Ana Ruiz"), spot("Tessen"), spot("She")
    prediction = Annotation(
        id="tessen",
        by="tagger",
        mentions=(
            Mention(id="m1", start=a, end=b, type="PERSON"),
            Mention(id="m2", start=e, end=f, type="PERSON"),
            Mention(id="m3", start=c, end=d, type="GPE"),
            Mention(id="m4", start=900, end=901, type="GPE"),
            Mention(id="m5", start=0, end=2, type="PLACE"),
            Mention(id="m6", start=0, end=2, type="GPE", text="??"),
        ),
        entities=(
            Entity(id="e1", mentions=("m1", "m2", "m4"), link=" Q1 "),
            Entity(id="e2", mentions=("m3", "m1")),
            Entity(id="e3", mentions=()),
        ),
        relations=(
            Relation(type="present_in", head="e1", tail="e2"),
            Relation(type="present_in", head="m1", tail="e2"),
            Relation(type="knows", head="m1", tail="m2"),
            Relation(type="leads", head="m1", tail="m4"),
        ),
        stances=(
            Stance(holder="m1", target="m3", polarity="favor"),
            Stance(start=0, end=2, holder="e1", target="m3", polarity="favor"),
            Stance(start=0, end=2, holder="m1", target="e2", polarity="love"),
            Stance(start=0, end=2, holder=UNKNOWN, target="e2", polarity="favor"),
        ),
    )
    carried = label_studio.to_result(prediction, ARTICLE, LABELS, prediction=True)
    assert {(f.code, f.severity) for f in carried.findings} == {("LS_NOT_CARRIED", "warning")}
    assert sorted(f.pointer for f in carried.findings) == [
        "/entities/0", "/entities/0/link", "/entities/1", "/mentions/3", "/mentions/4", "/mentions/5",
        "/relations/0", "/relations/2", "/relations/3", "/stances/0", "/stances/1", "/stances/2",
    ]  # fmt: skip
    value = read(carried.items).annotation
    assert value is not None
    assert [(r.type, r.evidence) for r in value.relations or ()] == [("present_in", (("m1", "m3"),))]
    assert [(s.holder, s.target) for s in value.stances or ()] == [(UNKNOWN, "m3")]


ids_or_none = st.none() | st.sampled_from(["a", "b", "c", "a#b", "p1", AUTHOR, ""])
refs = st.sampled_from(["a", "b", "c", "a#b", "p1", AUTHOR, "", "e", "zz"])
spans = st.integers(-2, 90)


@given(
    st.builds(
        Annotation,
        id=st.just("tessen"),
        by=st.none() | st.just("sys"),
        mentions=st.none()
        | st.lists(
            st.builds(
                Mention,
                id=ids_or_none,
                start=spans,
                end=spans,
                type=st.sampled_from(["GPE", "ORG", "X"]),
                kind=st.sampled_from([None, "NAM", "Y"]),
            )
        ).map(tuple),
        entities=st.none()
        | st.lists(
            st.builds(
                Entity,
                id=st.none() | refs,
                mentions=st.lists(refs).map(tuple),
                link=st.sampled_from([None, "", "NIL", " Q1", "Q1\n", "Q2"]),
            )
        ).map(tuple),
        relations=st.none()
        | st.lists(
            st.builds(
                Relation,
                type=st.sampled_from(["leads", "fights", "Z"]),
                head=refs,
                tail=refs,
                factuality=st.sampled_from(["asserted", "denied", "?"]),
                evidence=st.none() | st.lists(st.tuples(refs, refs)).map(tuple),
            )
        ).map(tuple),
        stances=st.none()
        | st.lists(
            st.builds(
                Stance,
                id=ids_or_none,
                start=st.none() | spans,
                end=st.none() | spans,
                holder=refs,
                target=refs,
                polarity=st.sampled_from(["favor", "?"]),
                basis=st.sampled_from(["explicit", "!"]),
            )
        ).map(tuple),
    )
)
@settings(deadline=None)
def test_no_prediction_makes_items_that_harm(prediction: Annotation) -> None:
    """Whatever a system writes, its pre-annotation is one that can be read back without any finding."""
    carried = label_studio.to_result(prediction, ARTICLE, LABELS, prediction=True)
    assert not has_errors(carried.findings)
    reading = read(carried.items)
    assert reading.findings == ()
    exact = label_studio.to_result(prediction, ARTICLE, LABELS)
    assert read(exact.items).annotation is not None or has_errors(exact.findings)


# ----------------------------------------------------------------- one test a code: items


def region(items: list[Any], name: str, control: str = "mention") -> dict[str, Any]:
    return next(i for i in items if i.get("id") == name and i["from_name"] == control)


def drop(items: list[Any], name: str, control: str) -> None:
    items.remove(region(items, name, control))


def arrow(items: list[Any], head: str, tail: str, **changes: Any) -> None:
    found = [i for i in items if i.get("from_id") == head and i.get("to_id") == tail]
    if not found:
        found = [{"type": "relation", "from_id": head, "to_id": tail, "direction": "right", "labels": []}]
        items += found
    found[0].update(changes)


def control(items: list[Any], name: str, of: str, **value: Any) -> None:
    items.append({**region(items, name, of), "value": value})


def pick(items: list[Any], name: str, entity: str) -> None:
    """What the screen makes of a pick."""
    spot = next(i["value"] for i in items if i.get("id") == name)
    value = {"start": spot["start"], "end": spot["end"], "text": spot["text"], "choices": [entity]}
    items.append({"id": name, "type": "choices", "from_name": "entity", "to_name": "text", "value": value})


ITEM_FAULTS: dict[str, tuple[str, Callable[[list[Any]], object]]] = {
    "not an object": ("LS_UNKNOWN_ITEM", lambda i: i.append(7)),
    "a foreign control": ("LS_UNKNOWN_ITEM", lambda i: region(i, "m1", "kind").update(from_name="level")),
    "a foreign type": ("LS_UNKNOWN_ITEM", lambda i: region(i, "m1", "kind").update(type="rating")),
    "a foreign object": ("LS_UNKNOWN_ITEM", lambda i: region(i, "m1", "kind").update(to_name="html")),
    "a control that is no string": ("LS_UNKNOWN_ITEM", lambda i: region(i, "m1", "kind").update(from_name=["kind"])),
    "no value": ("LS_UNKNOWN_ITEM", lambda i: region(i, "m1", "kind").pop("value")),
    "an answer that is no text": ("LS_UNKNOWN_ITEM", lambda i: region(i, "m1", "link")["value"].update(text=[7])),
    "a sideways arrow": ("LS_UNKNOWN_ITEM", lambda i: arrow(i, "m1", "m4", direction="up")),
    "labels that are none": ("LS_UNKNOWN_ITEM", lambda i: arrow(i, "m1", "m4", labels="leads")),
    "an unknown type": ("LS_UNKNOWN_LABEL", lambda i: region(i, "m1")["value"].update(labels=["PER"])),
    "an unknown kind": ("LS_UNKNOWN_LABEL", lambda i: region(i, "m1", "kind")["value"].update(choices=["name"])),
    "an unknown relation": ("LS_UNKNOWN_LABEL", lambda i: arrow(i, "m1", "m4", labels=["present_in", "likes"])),
    "an unknown factuality": ("LS_UNKNOWN_LABEL", lambda i: arrow(i, "m1", "m4", labels=["present_in:maybe"])),
    "a label that is no text": ("LS_UNKNOWN_LABEL", lambda i: arrow(i, "m1", "m4", labels=[["present_in"]])),
    "two types": ("LS_LABELS", lambda i: region(i, "m1")["value"].update(labels=["PERSON", "ORG"])),
    "no type": ("LS_LABELS", lambda i: region(i, "m1")["value"].pop("labels")),
    "two kinds": ("LS_LABELS", lambda i: region(i, "m1", "kind")["value"].update(choices=["NAM", "NOM"])),
    "an id with #": ("LS_REGION_ID", lambda i: i.append({**region(i, "m1"), "id": "m1#2"})),
    "a reserved id": ("LS_REGION_ID", lambda i: i.append({**region(i, "m1"), "id": AUTHOR})),
    "no id": ("LS_REGION_ID", lambda i: i.append({k: v for k, v in region(i, "m1").items() if k != "id"})),
    "an id twice": ("LS_REGION_ID", lambda i: i.append(region(i, "m1"))),
    "an answer of no region": ("LS_REGION_ID", lambda i: i.append({**region(i, "m1", "kind"), "id": "gone"})),
    "an answer of another region": ("LS_REGION_ID", lambda i: i.append({**region(i, "m1", "kind"), "id": "s1"})),
    "a span outside": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(end=999)),
    "a span reversed": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(start=9, end=4)),
    "a negative offset": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(start=-9)),
    "a float": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(start=6.0)),
    "a truth": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(start=True)),
    "an XPath": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(start="/div[1]/text()[1]")),
    "a surface from elsewhere": ("LS_OFFSETS", lambda i: region(i, "m1")["value"].update(text="Tessen")),
    "no entity": ("LS_ENTITY", lambda i: drop(i, "m1", "entity_id")),
    "an emptied entity": ("LS_ENTITY", lambda i: region(i, "m1", "entity_id")["value"].update(text=[])),
    "two entities": ("LS_ENTITY", lambda i: region(i, "m1", "entity_id")["value"].update(text=["e1", "e2"])),
    "an entity written and another picked": ("LS_ENTITY", lambda i: pick(i, "m1", "e2")),
    "an entity picked that is no id": ("LS_ENTITY", lambda i: (drop(i, "m1", "entity_id"), pick(i, "m1", "Ana Ruiz"))),
    "an entity picked for a stance": ("LS_REGION_ID", lambda i: pick(i, "s1", "e2")),
    "an entity that is no id": ("LS_ENTITY", lambda i: region(i, "m1", "entity_id")["value"].update(text=["Ana Ruiz"])),
    "two links": ("LS_LINK", lambda i: region(i, "m5", "link")["value"].update(text=["Q43"])),
    "a bare arrow": ("LS_RELATION_UNLABELLED", lambda i: arrow(i, "m1", "m2")),
    "an arrow without labels": ("LS_RELATION_UNLABELLED", lambda i: (arrow(i, "m1", "m2"), i[-1].pop("labels"))),
    "an arrow to nowhere": ("LS_RELATION_DANGLING", lambda i: arrow(i, "m1", "gone", labels=["leads"])),
    "an arrow without ends": ("LS_RELATION_DANGLING", lambda i: i.append({"type": "relation", "labels": ["leads"]})),
    "a relation of a stance": ("LS_RELATION_ENDS", lambda i: arrow(i, "s1", "m1", labels=["leads"])),
    "a holder between mentions": ("LS_RELATION_ENDS", lambda i: arrow(i, "m1", "m2", labels=["stance_holder"])),
    "both ways but not symmetric": ("LS_RELATION_ENDS", lambda i: arrow(i, "m1", "m4", direction="bi")),
    "no polarity": ("LS_STANCE", lambda i: drop(i, "s1", "polarity")),
    "two polarities": ("LS_STANCE", lambda i: region(i, "s1", "polarity")["value"].update(choices=["favor", "against"])),
    "two bases": ("LS_STANCE", lambda i: region(i, "s1", "basis")["value"].update(choices=["explicit", "implied"])),
    "two holders": ("LS_STANCE", lambda i: arrow(i, "s1", "m1", labels=["stance_holder"])),
    "two targets": ("LS_STANCE", lambda i: arrow(i, "s1", "m4", labels=["stance_target"])),
    "no holder": ("LS_STANCE", lambda i: arrow(i, "s1", "m5", labels=["stance_target"], to_id="m6")),
    "author and arrow": ("LS_STANCE", lambda i: region(i, "s1", "holder_kind")["value"].update(choices=[AUTHOR])),
    "author and unknown": ("LS_STANCE", lambda i: region(i, "s2", "holder_kind")["value"].update(choices=[AUTHOR, UNKNOWN])),
}  # fmt: skip


@pytest.mark.parametrize("what", ITEM_FAULTS)
def test_a_faulty_item_refuses_the_annotation(what: str) -> None:
    code, spoil = ITEM_FAULTS[what]
    items = gold_items()
    spoil(items)
    reading = read(items, by="annotator-3")
    assert codes(reading.findings) == [code]
    assert reading.annotation is None
    assert all("annotator-3" in f.got and f.doc == "tessen" for f in reading.findings)


@pytest.mark.parametrize("again", [False, True])
def test_an_entity_may_be_picked_instead_of_written(again: bool) -> None:
    """Both at once are no conflict if they say the same."""
    items = gold_items()
    for name, entity in (("m1", "e1"), ("m4", "e3")):
        pick(items, name, entity)
        if not again:
            drop(items, name, "entity_id")
    assert read(items).annotation == GOLD


def test_offsets_in_utf16_units_are_converted() -> None:
    """The surface proves it; the code-point reading is tried first."""
    items = gold_items()
    for item in items:
        if "value" in item and item["value"]["start"] > 4:
            item["value"]["start"] += 1
            item["value"]["end"] += 1
    reading = read(items)
    assert codes(reading.findings) == ["LS_UTF16"]
    assert not has_errors(reading.findings)
    assert reading.annotation == GOLD


def test_utf16_offsets_past_the_text_are_converted() -> None:
    article = Article(id="tessen", text="😀😀😀 Tessen")
    item = {
        "id": "x",
        "type": "labels",
        "from_name": "mention",
        "to_name": "text",
        "value": {"start": 7, "end": 13, "text": "Tessen", "labels": ["GPE"]},
    }
    entity = {"id": "x", "type": "textarea", "from_name": "entity_id", "to_name": "text", "value": {"text": ["e1"]}}
    reading = label_studio.from_result([item, entity], article, LABELS, by="a")
    assert reading.annotation is not None
    assert [(m.start, m.end, m.text) for m in reading.annotation.mentions or ()] == [(4, 10, "Tessen")]


@pytest.mark.parametrize(
    ("text", "surface"),
    [
        ("spoke.\r\n\r\n\r\nBerlin", "spoke.\\n\\n\\n\\n\\n\\nBerlin"),
        ("Karan\n\n\nBerlin", "Karan\\n\\n\\nBerlin"),
        ("Karan  in    Berlin", "Karan in Berlin"),
        ("Karan\t\tBerlin", "Karan Berlin"),
        ("to\u00a0\u00a0New", "to\u00a0\u00a0New"),
        ("Karan\u2029Berlin", "Karan\u2029Berlin"),
        ("C:\\new", "C:\\new"),
        ("whatever", None),
        ("whatever", ""),
    ],
)
def test_surfaces_as_the_ui_stores_them(text: str, surface: str | None) -> None:
    """Pairs measured in Label Studio 1.23.2: a surface is compared, never copied."""
    article = Article(id="tessen", text=text)
    value = {"start": 0, "end": len(text), "labels": ["GPE"], **({} if surface is None else {"text": surface})}
    item = {"id": "x", "type": "labels", "from_name": "mention", "to_name": "text", "value": value}
    entity = {"id": "x", "type": "textarea", "from_name": "entity_id", "to_name": "text", "value": {"text": ["e1"]}}
    reading = label_studio.from_result([item, entity], article, LABELS, by="a")
    assert reading.annotation is not None
    assert [m.text for m in reading.annotation.mentions or ()] == [text]


def test_what_annotators_may_leave_open() -> None:
    """Kind, basis and the kind of a drawn holder have defaults; answers are trimmed; NIL is no link."""
    items = gold_items()
    drop(items, "m1", "kind")
    drop(items, "s1", "basis")
    drop(items, "s1", "holder_kind")
    region(items, "m1", "entity_id")["value"]["text"] = [" e1 \n"]
    region(items, "m5", "link")["value"]["text"] = ["NIL"]
    assert read(items).annotation == GOLD


def test_directions() -> None:
    """``left`` is the arrow turned; ``bi`` suits symmetric relations; a stance arrow means the same both ways."""
    items = gold_items()
    for item in items:
        if item["type"] != "relation":
            continue
        if item["labels"] == ["fights:prospective"]:
            item.update(direction="bi")
        else:
            item.update(from_id=item["to_id"], to_id=item["from_id"], direction="left")
    arrow(items, "m6", "s1", direction="right")
    assert read(items).annotation == GOLD


def test_a_symmetric_pair_may_be_drawn_either_way() -> None:
    items = gold_items()
    arrow(items, "m6", "m5", labels=["attacks", "attacks:denied", "fights:prospective"])
    assert read(items).annotation == GOLD


def test_flags_and_note_ride_along() -> None:
    items = gold_items()
    for name, value in (("doc_flags", {"choices": ["needs_discussion"]}), ("doc_note", {"text": ["two readings"]})):
        items.append({"id": "d", "type": CONTROLS[name].type, "from_name": name, "to_name": "text", "value": value})
    reading = read(items)
    assert (reading.annotation, reading.flags, reading.note) == (GOLD, ("needs_discussion",), "two readings")


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 99)
    | st.text(max_size=5)
    | st.sampled_from(["m1", "relation", "labels", "mention", "text", "entity_id"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "id",
                    "type",
                    "value",
                    "from_name",
                    "to_name",
                    "labels",
                    "text",
                    "start",
                    "end",
                    "from_id",
                    "to_id",
                    "direction",
                    "choices",
                ]
            ),
            inner,
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(st.lists(JSON, max_size=4), st.integers(0, 20))
@settings(deadline=None, max_examples=200)
def test_no_item_makes_the_reader_fall(junk: list[Any], place: int) -> None:
    items = gold_items()
    items[place:place] = junk
    reading = read(items)
    assert all(f.code in FAULTS for f in reading.findings)
    assert reading.annotation is not None or has_errors(reading.findings)


# ----------------------------------------------------------------- one test a code: tasks


def exported(tmp_path: Path, *changes: dict[str, Any], articles: dict[str, Article] | None = None) -> label_studio.Imported:
    """Import one exported task for each set of changes."""
    (task,) = label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [GOLD]}, as_annotations=True)
    path = tmp_path / "export.json"
    path.write_text(json.dumps([{**task, **change} for change in changes]))
    return label_studio.import_export(path, {"tessen": ARTICLE} if articles is None else articles, LABELS)


TASK_FAULTS: dict[str, tuple[str, dict[str, Any]]] = {
    "JSON_MIN": ("LS_NOT_JSON_EXPORT", {"data": None, "annotations": None}),
    "an annotation by id only": ("LS_NOT_JSON_EXPORT", {"annotations": [3]}),
    "an annotation without result": ("LS_NOT_JSON_EXPORT", {"annotations": [{"id": 3}]}),
    "a foreign task": ("LS_NO_DOC_ID", {"data": {"text": "x"}}),
    "an unknown article": ("UNKNOWN_DOCUMENT", {"data": {"doc_id": "nowhere", "text": "x"}}),
    "another text": ("LS_TEXT", {"data": {"doc_id": "tessen", "text": "x"}}),
    "another hash": ("LS_TEXT", {"data": {"doc_id": "tessen", "text": TEXT, "text_sha256": "0"}}),
    "predictions only": ("LS_NO_ANNOTATION", {"annotations": [], "predictions": [{"result": []}]}),
    "skipped only": ("LS_NO_ANNOTATION", {"annotations": [{"result": [7], "was_cancelled": True}]}),
}


@pytest.mark.parametrize("what", TASK_FAULTS)
def test_a_faulty_task(tmp_path: Path, what: str) -> None:
    code, change = TASK_FAULTS[what]
    imported = exported(tmp_path, change)
    assert code in codes(imported.findings)
    assert all(p.annotation is None for p in imported.passes)
    assert all(f.path.endswith("export.json") and f.line == 1 for f in imported.findings)


def test_findings_say_where(tmp_path: Path) -> None:
    row = {"completed_by": 7, "result": [*gold_items(), 7]}
    imported = exported(tmp_path, {}, {"annotations": [row]})
    (fault,) = imported.findings
    assert (fault.code, fault.doc, fault.pointer) == (
        "LS_UNKNOWN_ITEM",
        "tessen",
        f"/1/annotations/0/result/{len(row['result']) - 1}",
    )
    assert fault.got == "7, by annotator-7"
    assert [p.annotation is None for p in imported.passes] == [False, True]


def test_every_kind_of_pass(tmp_path: Path) -> None:
    rows = [
        {"completed_by": 1, "result": gold_items(), "ground_truth": True, "unique_id": "u-1", "updated_at": "2026-11-22"},
        {"completed_by": {"id": 2, "email": "two@example.org"}, "result": []},
        {"completed_by": "three@example.org", "result": [7], "was_cancelled": True},
    ]
    drafts = [{"user": "four@example.org", "created_username": " four@example.org, 4", "result": [7]}, 12]
    imported = exported(tmp_path, {"annotations": rows, "drafts": drafts})
    one, two, three, four = imported.passes
    assert [p.status for p in imported.passes] == ["submitted", "empty", "skipped", "draft"]
    assert one == label_studio.Pass(
        "tessen",
        "annotator-1",
        "submitted",
        msgspec.structs.replace(GOLD, by="annotator-1"),
        True,
        (),
        "",
        "u-1",
        "2026-11-22",
        "/0/annotations/0",
    )
    assert two.annotator == "annotator-2"
    assert two.annotation is not None
    assert (two.annotation.mentions, two.annotation.stances) == ((), ())
    assert re.fullmatch("annotator-[0-9a-f]{12}", three.annotator)
    assert (four.annotator, four.annotation) == ("annotator-4", None)
    assert not has_errors(imported.findings), "a draft's faults are warnings"
    assert "@" not in repr(imported)


def test_one_annotator_twice_on_one_document(tmp_path: Path) -> None:
    imported = exported(tmp_path, {}, {})
    assert codes(imported.findings) == ["DUPLICATE_DOCUMENT"]


# ------------------------------------------------------------------- files and streaming

BAD_FILES: dict[str, tuple[str, bytes]] = {
    "empty": ("EMPTY_FILE", b" \n"),
    "CSV": ("LS_NOT_JSON_EXPORT", b'"annotation_id","annotator"\n1,2\n'),
    "CONLL": ("LS_NOT_JSON_EXPORT", b"-DOCSTART- -X- O\n"),
    "a zip": ("LS_NOT_JSON_EXPORT", b"PK\x03\x04\x00\x00"),
    "BOM": ("BOM", b"\xef\xbb\xbf[]"),
    "latin-1": ("NOT_UTF8", b'[{"data": "\xe9"}]'),
    "cut in a task": ("TRUNCATED", b'[{"data": {"text": "ab'),
    "cut between tasks": ("TRUNCATED", b'[{"data": {}},'),
    "cut at the end": ("TRUNCATED", b'[{"data": {}}'),
    "no comma": ("BAD_JSON", b'[{"data": {}} {"data": {}}]'),
    "a trailing comma": ("BAD_JSON", b'[{"data": {}},]'),
    "text behind": ("BAD_JSON", b"[] []"),
    "no JSON": ("BAD_JSON", b"[{'data': 1}]" + b" " * 99),
    "a key twice": ("DUPLICATE_KEY", b'[{"data": {"a": 1, "a": 2}}]'),
    "NaN": ("NOT_FINITE", b'[{"data": NaN}]'),
    "5,000 digits": ("BIG_INTEGER", b'[{"data": ' + b"9" * 5000 + b"}]"),
    "half a pair": ("LONE_SURROGATE", b'[{"data": "\\ud83d"}]'),
    "too deep": ("TOO_DEEP", b"[" * 200_000),
    "scalars": ("LS_NOT_JSON_EXPORT", b"[1, 2]"),
}


@pytest.mark.parametrize("what", BAD_FILES)
def test_a_bad_file_is_a_finding(tmp_path: Path, what: str) -> None:
    code, raw = BAD_FILES[what]
    path = tmp_path / "export.json"
    path.write_bytes(raw)
    imported = label_studio.import_export(path, {}, LABELS)
    assert code in codes(imported.findings)
    assert imported.passes == ()


def test_an_empty_export_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(b"[]\n")
    assert label_studio.import_export(path, {}, LABELS) == ((), ())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match="nowhere"):
        label_studio.import_export(tmp_path / "nowhere.json", {}, LABELS)


def test_a_pair_written_as_two_escapes_is_a_character(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    path.write_bytes(b'[{"a": "\\ud83d\\ude00"}]')
    assert [v.value for v in task_stream.read_values(path)] == [{"a": "😀"}]


def test_a_task_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is passed over if its end is in sight, and ends the reading if not."""
    monkeypatch.setattr(task_stream, "MAX_RECORD_BYTES", 100)
    monkeypatch.setattr(task_stream, "_CHUNK", 64)
    path = tmp_path / "export.json"
    path.write_bytes(b'[{"a": "%s"}, {"b": 1}]' % (b"x" * 110))
    first, second = task_stream.read_values(path)
    assert codes(first.findings) == ["RECORD_TOO_LONG"]
    assert second.value == {"b": 1}
    path.write_bytes(b'[{"a": "%s"}, {"b": 1}]' % (b"x" * 5000))
    (only,) = task_stream.read_values(path)
    assert codes(only.findings) == ["RECORD_TOO_LONG"]


@given(
    st.lists(JSON.filter(lambda v: isinstance(v, dict)), min_size=1, max_size=4), st.integers(1, 40), st.sampled_from([None, 1])
)
@settings(deadline=None)
def test_the_window_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], chunk: int, indent: int | None
) -> None:
    path = tmp_path_factory.getbasetemp() / "window.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_stream, "_CHUNK", chunk)
        path.write_text(json.dumps(values, indent=indent, ensure_ascii=False), encoding="utf-8", newline="")
        assert [v.value for v in task_stream.read_values(path)] == values
        path.write_text("\n".join(json.dumps(v) for v in values))
        read_back = list(task_stream.read_values(path))
        assert [v.value for v in read_back] == values
        assert [v.line for v in read_back] == list(range(1, len(values) + 1))


def test_memory_is_that_of_a_task(tmp_path: Path) -> None:
    path = tmp_path / "export.json"
    task = json.dumps({"data": {"text": "x" * 100_000}})
    path.write_text("[" + ",".join([task] * 100) + "]")
    tracemalloc.start()
    assert sum(1 for _ in task_stream.read_values(path)) == 100
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


# ------------------------------------------------------------------------- configuration


def test_the_configuration_is_deterministic_and_says_what_it_is() -> None:
    xml = label_studio.config(LABELS)
    assert xml.startswith(b"<!-- Generated from labels.toml by newsgold annotation config")
    assert xml.endswith(b"</View>\n")
    assert xml == label_studio.config(default_labels())
    assert label_studio.config_digest(LABELS) == sha256(xml.strip())


@pytest.mark.parametrize("labels", [LABELS, ODD], ids=["ours", "odd"])
def test_every_label_and_control_stands_in_it(labels: Labels) -> None:
    root = ElementTree.fromstring(label_studio.config(labels))
    values = {tag: [e.get("value") for e in root.iter(tag)] for tag in ("Label", "Relation", "Choice")}
    assert values["Label"] == [*labels.types, "STANCE"]
    assert values["Relation"] == [*relation_names(labels), "stance_holder", "stance_target"]
    assert {*labels.kinds, *labels.polarities, *labels.bases} < set(values["Choice"])
    controls = {e.get("name"): e for tag in ("Labels", "Choices", "TextArea") for e in root.iter(tag)}
    assert {name: e.tag.lower() for name, e in controls.items()} == {name: c.type for name, c in CONTROLS.items()}
    assert {e.get("toName") for e in controls.values()} == {"text"}
    (text,) = root.iter("Text")
    assert text.attrib == {"name": "text", "value": "$text", "granularity": "symbol", "saveTextResult": "yes"}


def test_per_region_controls_say_themselves_when_they_show() -> None:
    """Else a required one blocks every submission; a TextArea needs the enclosing View as well."""
    root = ElementTree.fromstring(label_studio.config(LABELS))
    views = [v for v in root.iter("View") if v.get("whenTagName")]
    inside = {e.get("name"): v.get("whenTagName") for v in views for e in v if e.get("name")}
    for e in root.iter():
        if CONTROLS.get(e.get("name", ""), CONTROLS["mention"]).of:
            assert (e.get("perRegion"), e.get("visibleWhen")) == ("true", "region-selected")
            assert e.get("whenTagName") == CONTROLS[e.get("name", "")].of == inside[e.get("name")]
        else:
            assert e.get("required") is None


def test_colours_and_hotkeys_come_from_the_inventory() -> None:
    root = ElementTree.fromstring(label_studio.config(LABELS))
    background = {e.get("value"): e.get("background") for tag in ("Label", "Relation") for e in root.iter(tag)}
    assert background["PERSON"] == LABELS.types["PERSON"].colour
    assert background["controls"] == LABELS.relations["controls"].colour
    assert len({background[f"controls{f}"] for f in ("", ":denied", ":prospective")}) == 3
    hotkeys = [e.get("hotkey") for e in root.iter() if e.get("hotkey")]
    assert len(hotkeys) == len(set(hotkeys)) == len(LABELS.types) + 1


@pytest.mark.parametrize("name", ["$var", " A", "", "a\nb", "a\x07", "\ufffe"])
def test_names_that_would_not_come_back_are_refused(name: str) -> None:
    with pytest.raises(DataError, match="BAD_LABELS"):
        label_studio.config(inventory([name], ["r"]))


@pytest.mark.parametrize("relations", [["a", "a:denied"], ["stance_holder"]])
def test_relations_that_would_share_a_label_are_refused(relations: list[str]) -> None:
    with pytest.raises(DataError, match="BAD_LABELS"):
        label_studio.config(inventory(["T"], relations))


@pytest.mark.parametrize(
    ("one", "two", "wanted"),
    [
        ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
        ((50.0, -1.0, 2.0), (50.0, 0.0, 0.0), 2.3669),
        ((50.0, 2.5, 0.0), (73.0, 25.0, -18.0), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((90.8027, -2.0831, 1.4410), (91.1528, -1.6435, 0.0447), 1.4441),
    ],
)
def test_the_colour_difference_is_the_published_one(one: Triple, two: Triple, wanted: float) -> None:
    """From the test data of Sharma, Wu and Dalal."""
    assert ciede2000(one, two) == pytest.approx(wanted, abs=5e-5)
    assert ciede2000(two, one) == pytest.approx(wanted, abs=5e-5)


def backgrounds(labels: Labels, tag: str) -> dict[str, str]:
    root = ElementTree.fromstring(label_studio.config(labels))
    return {e.get("value", ""): e.get("background", "") for e in root.iter(tag)}


@pytest.mark.parametrize("vision", VISIONS)
def test_colours_can_be_told_apart(vision: str) -> None:
    """The types and the stance by 14, the arrows by 6, whatever one sees of colours; 2 can just be seen."""
    types, arrows = backgrounds(LABELS, "Label"), backgrounds(LABELS, "Relation")
    asserted = {name: colour for name, colour in arrows.items() if ":" not in name}
    assert (len(types), len(asserted)) == (len(LABELS.types) + 1, len(LABELS.relations) + 2)
    assert nearest(types, vision) > (14, "", "")
    assert nearest(asserted, vision) > (6, "", "")


def test_names_can_be_read_on_their_colours() -> None:
    """The screen writes a type in its colour on white, and an arrow's label in dark grey on its colour."""
    assert min(contrast(colour, "#ffffff") for colour in backgrounds(LABELS, "Label").values()) >= 3
    dark = {name: msgspec.structs.replace(label, colour="#000040") for name, label in LABELS.relations.items()}
    for labels in (LABELS, msgspec.structs.replace(LABELS, relations=dark)):
        assert min(contrast(colour, "#45433e") for colour in backgrounds(labels, "Relation").values()) >= 4.5


def test_a_label_without_colour_has_none() -> None:
    labels = msgspec.structs.replace(ODD, kinds={"K": Label(name="K", definition="d", test="t", hotkey="k")})
    root = ElementTree.fromstring(label_studio.config(labels))
    assert all("background" not in e.attrib for e in root.iter("Label") if e.get("value") != "STANCE")
    assert [e.get("hotkey") for e in root.iter("Choice") if e.get("value") == "K"] == ["k"]


# ----------------------------------------------------------------------------- tasks


def test_a_task_shows_the_text_as_it_is() -> None:
    (task,) = label_studio.tasks([ARTICLE], LABELS)
    assert task == {
        "data": {
            "text": TEXT,
            "title": "Tessen",
            "doc_id": "tessen",
            "text_sha256": sha256(TEXT),
            "sync_key": f"tessen@{sha256(TEXT)[:12]}",
            "entities": [],
        }
    }


def test_the_entities_of_its_annotations_are_a_task_s_candidates() -> None:
    """The first name stands for the entity, else its first mention; blanks are one, long ones are cut."""
    (task,) = label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [GOLD]})
    assert task["data"]["entities"] == [
        {"value": "e1 · Ana Ruiz (Q42)", "alias": "e1"},
        {"value": "e2 · her aide", "alias": "e2"},
        {"value": "e3 · Tessen (kb-tessen)", "alias": "e3"},
        {"value": "e4 · the army", "alias": "e4"},
    ]
    long = Mention(id="m1", start=0, end=len(TEXT), type="ORG", kind="NOM")
    name = msgspec.structs.replace(long, id="m2", start=4, end=23, kind="NAM")
    both = Annotation(id="tessen", by="a", mentions=(long, name), entities=(Entity(id="x", mentions=("m1", "m2")),))
    (task,) = label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [both]})
    assert task["data"]["entities"] == [{"value": "x · 😀 Ana Ruiz met her", "alias": "x"}]
    alone = msgspec.structs.replace(both, mentions=(long,), entities=None)
    (task,) = label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [alone]})
    assert task["data"]["entities"] == [{"value": "p1 · " + " ".join(TEXT.split())[:60], "alias": "p1"}]


def test_picks_are_read_where_tasks_offered_none(tmp_path: Path) -> None:
    """Tasks from before there were candidates have no list of them."""
    (task,) = label_studio.tasks([ARTICLE], LABELS, annotations={"tessen": [GOLD]}, as_annotations=True)
    del task["data"]["entities"]
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]))
    assert label_studio.import_export(path, {"tessen": ARTICLE}, LABELS).passes[0].annotation == GOLD


# ------------------------------------------------------------------------ real exports


def test_every_real_file_is_imported_or_refused_with_a_code(shared: Path) -> None:
    """Foreign projects, other configurations, other formats: a coded finding each, never a traceback."""
    files = [f for f in (shared / "label-studio").iterdir() if f.is_file()]
    files += [f for folder in (shared / "peers").glob("label-studio-*") for f in folder.rglob("*") if f.is_file()]
    assert len(files) > 100
    seen = {}
    for file in files:
        imported = label_studio.import_export(file, {}, LABELS)
        assert has_errors(imported.findings), file
        assert imported.passes == ()
        seen[file.name] = codes(imported.findings)
    assert seen["export_JSON.json"] == seen["snapshot_full.json"] == ["UNKNOWN_DOCUMENT"]
    for name in (
        "export_JSON_MIN.json",
        "export_CSV.csv",
        "export_TSV.tsv",
        "export_CONLL2003.conll",
        "all_annotations_export.json",
    ):
        assert seen[name] == ["LS_NOT_JSON_EXPORT"]
    assert seen["data.json"] == ["LS_NO_DOC_ID"]


def real_articles(path: Path) -> dict[str, Article]:
    data = [task["data"] for task in json.loads(path.read_text())]
    return {d["doc_id"]: Article(id=d["doc_id"], text=d["text"], text_sha256=d.get("text_sha256")) for d in data}


def test_a_real_export_of_another_configuration(shared: Path) -> None:
    path = shared / "label-studio/snapshot_full.json"
    imported = label_studio.import_export(path, real_articles(path), LABELS)
    assert [p.status for p in imported.passes] == ["submitted", "submitted", "skipped", "empty", "draft", "submitted"]
    assert [p.annotator for p in imported.passes] == [f"annotator-{n}" for n in (3, 4, 3, 3, 3, 3)]
    assert [p.ground_truth for p in imported.passes][-1] is True
    assert {"LS_UNKNOWN_ITEM", "LS_UNKNOWN_LABEL", "LS_ENTITY", "LS_STANCE", "LS_NO_ANNOTATION"} <= set(codes(imported.findings))
    assert [p.annotation is not None for p in imported.passes] == [False, False, False, True, False, False]


REAL = inventory(
    ["PERSON", "ORG", "GPE", "LOC", "FAC", "EVENT", "DATE", "QUANTITY"],
    ["employed_by", "member_of", "leads", "located_in", "part_of"],
)
OURS = {"mention_level": "kind", "wikidata": "link"}
FOREIGN = {"target_id", "holder_id", "doc_stance"}


def translated(items: list[Any]) -> list[Any]:
    """Items of the recommended configuration under our controls' names; what has no counterpart is left out."""
    out = []
    for item in items:
        name = item.get("from_name")
        if name in FOREIGN or item.get("id") == "d1-s2":
            continue
        value = dict(item.get("value", {}))
        if name == "holder_kind":
            value["choices"] = [c.upper() for c in value["choices"]]
        out.append({**item, **({"from_name": OURS.get(name, name), "value": value} if name else {})})
    return out


def test_what_the_real_ui_submitted_is_read(shared: Path) -> None:
    """Items as the UI of Label Studio 1.23.2 wrote them; only the controls' names are made ours."""
    path = shared / "label-studio/final_export_after_ui_submit.json"
    (task,) = json.loads(path.read_text())
    article = real_articles(path)[task["data"]["doc_id"]]
    items = translated(task["annotations"][0]["result"])
    reading = label_studio.from_result(items, article, REAL, by="annotator-3")
    assert reading.findings == ()
    value = reading.annotation
    assert value is not None
    assert [m.id for m in value.mentions or ()][:2] == ["d1-m1", "d1-m2"]
    assert [m.text for m in value.mentions or ()] == [article.text[m.start : m.end] for m in value.mentions or ()]
    assert [(e.id, e.mentions, e.link) for e in value.entities or ()][:2] == [
        ("e1", ("d1-m1", "d1-m4"), "Q567"),
        ("e2", ("d1-m2", "d1-m5"), None),
    ]
    assert [(r.type, r.evidence) for r in value.relations or ()] == [
        ("located_in", (("d1-m2", "d1-m6"),)),
        ("part_of", (("d1-m2", "d1-m6"),)),
    ]
    assert [(s.id, s.holder, s.target, s.polarity) for s in value.stances or ()] == [("d1-s1", "d1-m4", "d1-m5", "against")]
    assert (reading.flags, reading.note) == (("needs_discussion",), "two stances share one span")
    again = label_studio.to_result(value, article, REAL)
    assert again.findings == ()
    assert label_studio.from_result(again.items, article, REAL, by="annotator-3").annotation == value


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("crossing", None),
        ("extra", None),
        ("dup_span_same_label", None),
        ("no_id", None),
        ("multi_label", "LS_LABELS"),
        ("dup_ids", "LS_REGION_ID"),
        ("out_of_range", "LS_OFFSETS"),
        ("reversed", "LS_OFFSETS"),
        ("unk_label", "LS_UNKNOWN_LABEL"),
        ("unk_control", "LS_LABELS"),
        ("relations", "LS_RELATION_UNLABELLED"),
    ],
)
def test_what_the_real_ui_makes_of_faults(shared: Path, case: str, code: str | None) -> None:
    """Regions that came without an entity id get one and stances are left out, so that the fault stands alone."""
    folder = shared / "label-studio"
    article = next(iter(real_articles(folder / "final_export_after_ui_submit.json").values()))
    items = translated(json.loads((folder / f"case_{case}_after_ui_submit.json").read_text())["result"])
    items = [i for i in items if not i.get("id", i.get("from_id")).startswith("d1-s")]
    named = {i["id"] for i in items if i.get("from_name") == "entity_id"}
    for item in [i for i in items if i.get("from_name") == "mention" and i["id"] not in named]:
        items.append({**item, "from_name": "entity_id", "type": "textarea", "value": {"text": [f"new-{item['id']}"]}})
    reading = label_studio.from_result(items, article, REAL, by="annotator-3")
    assert (reading.annotation is None) == (code is not None), reading.findings
    if code:
        assert code in codes(reading.findings)


def test_an_unusable_name_of_an_annotator_is_hashed_and_told(tmp_path: Path) -> None:
    """Two annotators whose names cannot be kept stay two, and neither name is shown."""
    task = {
        "data": label_studio.task_data(ARTICLE),
        "annotations": [{"newsgold_by": n, "result": []} for n in ("Ann@x.org", "Bo B")],
    }
    path = tmp_path / "e.json"
    path.write_text(json.dumps([task]))
    done = label_studio.import_export(path, {ARTICLE.id: ARTICLE}, LABELS)
    assert len({p.annotator for p in done.passes}) == 2
    assert all(re.fullmatch("annotator-[0-9a-f]{12}", p.annotator) for p in done.passes)
    assert [(f.code, f.severity, f.pointer) for f in done.findings] == [
        ("BAD_ID", "warning", f"/0/annotations/{i}/newsgold_by") for i in (0, 1)
    ]
    assert "x.org" not in " ".join(map(str, done.findings))


@pytest.mark.parametrize("before", [0, 65_000, 65_530, 200_000])
def test_a_wrong_byte_of_an_export_has_its_offset_and_line(tmp_path: Path, before: int) -> None:
    raw = b'[\n{"a": "' + b"x" * before + "é".encode() + b'",\n"b": "\xe9"}]'
    path = tmp_path / "e.json"
    path.write_bytes(raw)
    (fault,) = label_studio.import_export(path, {}, LABELS).findings
    assert (fault.code, fault.line, fault.got) == ("NOT_UTF8", 3, f"0xe9 at byte {raw.index(bytes([0xE9, 0x22]))}")
