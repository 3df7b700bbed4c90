"""Label Studio's own labelling screen, in a real browser: nothing is lost in it, and every label can be made in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from browser import Studio, browser
from newsgold.annotation import label_studio
from newsgold.annotation.local import Local
from newsgold.corpus.codec import canonical, encode, sha256
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import fill, read_annotations, read_articles
from strategies_studio import LABELS, Case, rich_cases

TEXT = "Ana Ruiz met her aide in Tessen.\r\n\r\n\tShe blamed the 😀 army of Tessen."


@pytest.fixture(scope="module")
def screen(studio: Local) -> Iterator[Studio]:
    """The labelling screen of the session's server."""
    with browser() as chromium:
        signed_in = Studio(studio, chromium)
        yield signed_in
        signed_in.close()


def article(text: str, name: str = "doc") -> Article:
    return Article(id=name, text=text, text_sha256=sha256(text), split="train", event="e")


def spot(surface: str, text: str = TEXT) -> tuple[int, int]:
    start = text.index(surface)
    return start, start + len(surface)


def imported(path: Path, export: bytes, articles: list[Article], labels: Labels) -> label_studio.Imported:
    file = path / "export.json"
    file.write_bytes(export)
    return label_studio.import_export(file, {a.id: a for a in articles}, labels)


def the_pass(path: Path, export: bytes, one: Article, labels: Labels = LABELS) -> Annotation:
    done = imported(path, export, [one], labels)
    assert done.findings == ()
    (only,) = done.passes
    assert only.annotation is not None
    return only.annotation


def as_gold(annotation: Annotation) -> bytes:
    return encode(msgspec.structs.replace(annotation, by="gold"))


def items(export: bytes) -> list[dict[str, Any]]:
    """The result items of the only annotation of an export's only annotated task."""
    ((only,),) = [task["annotations"] for task in json.loads(export) if task["annotations"]]
    return only["result"]


# --------------------------------------------------------------------- nothing is lost


@pytest.mark.parametrize("way", ["prediction", "annotation"])
def test_the_gold_of_the_corpus_survives_the_screen(screen: Studio, corpus: Path, tmp_path: Path, way: str) -> None:
    """Opened and submitted untouched; or, as an annotation, changed and changed back, for only then it can be updated."""
    labels = find_labels(None, corpus)
    articles = [r.value for r in read_articles(corpus).records]
    gold = {r.value.id: r.value for r in read_annotations(corpus).records}
    assert gold
    tasks = label_studio.tasks(
        articles, labels, annotations={k: [v] for k, v in gold.items()}, as_annotations=way == "annotation"
    )
    project, ids = screen.project(f"gold as {way}", label_studio.config(labels), list(tasks))
    chosen = ids[:2]
    for task in chosen:
        screen.open(project, task)
        if way == "annotation":
            screen.tick_and_untick("bad_text")
        screen.submit()
    done = imported(tmp_path, screen.export(project), articles, labels)
    assert {f.code for f in done.findings} <= {"LS_NO_ANNOTATION"}
    annotations = [p.annotation for p in done.passes if p.annotation is not None]
    assert len(annotations) >= len(chosen)
    for one in annotations:
        assert as_gold(one) == encode(canonical(gold[one.id], labels))


@pytest.mark.parametrize("inventory", ["ours", "odd"])
def test_random_annotations_survive_the_screen(screen: Studio, tmp_path: Path, inventory: str) -> None:
    """Nested, crossing and identical spans, arrows both ways and to oneself, any ids and labels."""
    some = [case for case in rich_cases(60) if case.inventory == inventory][-4:]
    assert len(some) == 4
    named = [rename(case, f"doc-{place}") for place, case in enumerate(some)]
    tasks = [task for case in named for task in label_studio.tasks([case.article], case.labels, annotations=only(case))]
    project, ids = screen.project(f"random, {inventory}", label_studio.config(some[0].labels), tasks)
    for task in ids:
        screen.open(project, task)
        screen.submit()
    done = imported(tmp_path, screen.export(project), [case.article for case in named], some[0].labels)
    assert done.findings == ()
    assert {p.doc: p.annotation and as_gold(p.annotation) for p in done.passes} == {
        case.article.id: encode(case.annotation) for case in named
    }


def rename(case: Case, name: str) -> Case:
    return Case(msgspec.structs.replace(case.article, id=name), msgspec.structs.replace(case.annotation, id=name), case.inventory)


def only(case: Case) -> dict[str, list[Annotation]]:
    return {case.article.id: [case.annotation]}


# ------------------------------------------------------------------- labelled by mouse

# What is dragged over, in texts that have gone wrong somewhere.
HARD = {
    "emoji": ("Die 👩‍👧‍👦 der 😀 Ana 🇩🇪 Ruiz.", ["👩‍👧‍👦", "😀 Ana", "🇩🇪", "Ruiz"]),
    "arabic": ("قال أحمد إن Damascus آمنة، ثم غادر.", ["أحمد", "Damascus", "آمنة", "غادر"]),
    "combining": ("Cafe\u0301 Gru\u0308n, Nguye\u0302\u0303n.", ["Cafe\u0301", "Gru\u0308n", "Nguye\u0302\u0303n"]),
    "crlf": ("One army\r\nleft.\r\n\r\nTwo cities\rfell\r\nhere.", ["One army", "left", "Two cities", "army\r\nleft", "fell"]),
    "nbsp": ("5\u00a0000 men of\u202fthe\u2060m\u00adon\u200b here", ["5\u00a0000", "of\u202fthe", "here"]),
    "markup": ("<b>Ana</b> & &amp; Ruiz <script>", ["<b>", "Ana", "&", "&amp;", "Ruiz", "<script>"]),
    "blank lines": ("\n\nAna\n\n\n Ruiz\n\n", ["Ana", "Ruiz", "Ana\n\n\n Ruiz"]),
    "leading": ("   Ana\n\t\tRuiz  of\tTessen", ["   Ana", "Ruiz", "of\tTessen", "Ruiz  of"]),
}


def test_what_the_mouse_labels_is_what_was_under_it(screen: Studio) -> None:
    articles = [article(text, f"hard-{place}") for place, (text, _) in enumerate(HARD.values())]
    project, ids = screen.project("by mouse", label_studio.config(LABELS), list(label_studio.tasks(articles, LABELS)))
    for task, (text, surfaces) in zip(ids, HARD.values(), strict=True):
        screen.open(project, task)
        for surface in surfaces:
            screen.mark(*spot(surface, text), "1")
        screen.submit()
    given = {task["data"]["doc_id"]: task["annotations"][0]["result"] for task in json.loads(screen.export(project))}
    for one, (text, surfaces) in zip(articles, HARD.values(), strict=True):
        spans = {(i["value"]["start"], i["value"]["end"]) for i in given[one.id]}
        assert [text[a:b] for a, b in sorted(spans)] == [text[a:b] for a, b in sorted(spot(s, text) for s in surfaces)]
        read = label_studio.from_result(given[one.id], one, LABELS, by="a")
        assert {f.code for f in read.findings} == {"LS_ENTITY"}


# ------------------------------------------------------------------------ whole by hand


def by_hand(screen: Studio, surface: str, hotkey: str, *, text: str = TEXT, **answers: str) -> None:
    """Label a surface and answer its controls."""
    start, end = spot(surface, text)
    screen.mark(start, end, hotkey)
    screen.select_newest()
    for control, answer in answers.items():
        if control in ("entity_id", "link"):
            screen.write(control, answer)
        else:
            screen.choose(answer)


def test_a_document_annotated_by_mouse_and_keyboard_alone(screen: Studio, tmp_path: Path) -> None:
    """Mentions, nested ones too, kinds given and left open, entity ids, a link, arrows with their labels, a stance."""
    doc = article(TEXT)
    project, (task,) = screen.project("by hand", label_studio.config(LABELS), list(label_studio.tasks([doc], LABELS)))
    screen.open(project, task)
    by_hand(screen, "Ana Ruiz", "1", entity_id="e1", link="Q42")
    by_hand(screen, "her", "1", kind="PRO", entity_id="e1")
    by_hand(screen, "her aide", "1", kind="NOM", entity_id="e2")
    by_hand(screen, "Tessen", "4", entity_id="e3")
    by_hand(screen, "She", "1", kind="PRO", entity_id="e1")
    by_hand(screen, "the 😀 army of Tessen", "3", kind="NOM", entity_id="e4")
    by_hand(screen, "blamed", "0", polarity="against", basis="explicit", holder_kind="MENTION")
    screen.relate(at("Ana"), at("Tessen"), "present_in")
    screen.relate(at("army"), at("Tessen"), "controls", "withdraws_from:prospective")
    screen.relate(at("blamed"), at("She"), "stance_holder")
    screen.relate(at("blamed"), at("army"), "stance_target")
    screen.submit()
    export = screen.export(project)
    made = the_pass(tmp_path, export, doc)
    assert as_gold(made) == encode(expected_by_hand(doc, {TEXT[m.start : m.end]: m.id for m in made.mentions or ()}, made))


def at(surface: str) -> int:
    return TEXT.index(surface)


def expected_by_hand(doc: Article, ids: dict[str, str | None], made: Annotation) -> Annotation:
    """What was labelled above; the screen mints the ids of regions."""

    def mention(surface: str, type_name: str, kind: str) -> Mention:
        start, end = spot(surface)
        return Mention(id=ids[surface], start=start, end=end, type=type_name, kind=kind, text=surface)

    def name(surface: str) -> str:
        return ids[surface] or ""

    ana, her, aide, tessen, she, army = "Ana Ruiz", "her", "her aide", "Tessen", "She", "the 😀 army of Tessen"
    start, end = spot("blamed")
    stance = Stance(id=(made.stances or ())[0].id, start=start, end=end, holder=name(she), target=name(army), polarity="against")
    controls = Relation(type="controls", head="e4", tail="e3", evidence=((name(army), name(tessen)),))
    return canonical(
        fill(
            Annotation(
                id=doc.id,
                by="gold",
                text_sha256=doc.text_sha256,
                mentions=(
                    mention(ana, "PERSON", "NAM"),
                    mention(her, "PERSON", "PRO"),
                    mention(aide, "PERSON", "NOM"),
                    mention(tessen, "GPE", "NAM"),
                    mention(she, "PERSON", "PRO"),
                    mention(army, "ORG", "NOM"),
                ),
                entities=(
                    Entity(id="e1", mentions=(name(ana), name(her), name(she)), link="Q42"),
                    Entity(id="e2", mentions=(name(aide),)),
                    Entity(id="e3", mentions=(name(tessen),)),
                    Entity(id="e4", mentions=(name(army),)),
                ),
                relations=(
                    Relation(type="present_in", head="e1", tail="e3", evidence=((name(ana), name(tessen)),)),
                    controls,
                    msgspec.structs.replace(controls, type="withdraws_from", factuality="prospective"),
                ),
                stances=(stance,),
            ),
            doc,
        ),
        LABELS,
    )


# --------------------------------------------------------------- what the screen offers


def test_every_label_has_its_key_and_an_entity_its_pick(screen: Studio, tmp_path: Path) -> None:
    """Digits label, an id is picked or written and left without a key pressed, and a second span may lie on the first."""
    doc = article("Ana Ruiz met one two three four five six seven eight.")
    words = ["Ana Ruiz", *doc.text[9:-1].split()]
    ana = Mention(id="m1", start=0, end=8, type="PERSON", kind="NAM", text="Ana Ruiz")
    known = Annotation(id=doc.id, by="system", mentions=(ana,), entities=(Entity(id="e1", mentions=("m1",), link="Q42"),))
    (task,) = label_studio.tasks([doc], LABELS, annotations={doc.id: [known]})
    assert task["data"]["entities"] == [{"value": "e1 · Ana Ruiz (Q42)", "alias": "e1"}]
    project, (number,) = screen.project("keys and picks", label_studio.config(LABELS), [task])
    screen.open(project, number)
    for place, label in enumerate(LABELS.types.values()):
        by_hand(screen, words[place], label.hotkey or "", text=doc.text)
        if place % 2:
            screen.pick("e1 · Ana Ruiz (Q42)")
        else:
            screen.page.fill("input[name=entity_id]", f"new-{place}")
            screen.page.click("h4 >> nth=0")
    screen.submit()
    made = the_pass(tmp_path, screen.export(project), doc)
    types = {m.id: m.type for m in made.mentions or () if m.id != "m1"}
    assert list(types.values()) == list(LABELS.types)
    entity_of = {name: e.id for e in made.entities or () for name in e.mentions}
    assert [entity_of[name] for name in types] == [f"new-{p}" if p % 2 == 0 else "e1" for p in range(len(types))]
    assert [e.link for e in made.entities or () if e.id == "e1"] == ["Q42"]


def test_picked_against_written_is_a_finding(screen: Studio, tmp_path: Path) -> None:
    doc = article("Ana Ruiz met Ben.")
    mentions = (
        Mention(id="m1", start=0, end=8, type="PERSON", kind="NAM", text="Ana Ruiz"),
        Mention(id="m2", start=13, end=16, type="PERSON", kind="NAM", text="Ben"),
    )
    entities = (Entity(id="e1", mentions=("m1",)), Entity(id="e2", mentions=("m2",)))
    known = Annotation(id=doc.id, by="system", mentions=mentions, entities=entities)
    tasks = list(label_studio.tasks([doc], LABELS, annotations={doc.id: [known]}))
    project, (task,) = screen.project("two ids", label_studio.config(LABELS), tasks)
    screen.open(project, task)
    screen.select(2)
    screen.pick("e2 · Ben")
    screen.submit()
    done = imported(tmp_path, screen.export(project), [doc], LABELS)
    (fault,) = done.findings
    assert fault.code == "LS_ENTITY"
    assert fault.got.startswith("['e1', 'e2'], region 'm1'")


def test_a_stance_without_its_answers_cannot_be_submitted(screen: Studio) -> None:
    doc = article("She blamed the army.")
    project, (task,) = screen.project("open stance", label_studio.config(LABELS), list(label_studio.tasks([doc], LABELS)))
    screen.open(project, task)
    screen.mark(4, 10, "0")
    screen.page.click("button[name=submit]")
    screen.page.wait_for_selector("text=is required")
    assert json.loads(screen.export(project))[0]["annotations"] == []


def test_five_hundred_regions_survive_the_screen(screen: Studio, tmp_path: Path) -> None:
    """With as many entities, 250 arrows, and 20 stances that leave their basis open."""
    words = [f"Tessen{number}" for number in range(500)]
    doc = article(" ".join(words))
    starts = [sum(len(word) + 1 for word in words[:place]) for place in range(500)]
    mentions = tuple(
        Mention(id=f"m{n}", start=a, end=a + len(word), type="GPE", kind="NAM", text=word)
        for n, (a, word) in enumerate(zip(starts, words, strict=True))
    )
    gold = canonical(
        fill(
            Annotation(
                id=doc.id,
                by="gold",
                text_sha256=doc.text_sha256,
                mentions=mentions,
                entities=tuple(Entity(id=f"e{n}", mentions=(f"m{n}",)) for n in range(500)),
                relations=tuple(
                    Relation(type="located_in", head=f"e{n}", tail=f"e{n + 1}", evidence=((f"m{n}", f"m{n + 1}"),))
                    for n in range(0, 500, 2)
                ),
                stances=tuple(
                    Stance(id=f"s{n}", start=starts[n], end=starts[n] + 4, holder=f"m{n}", target=f"m{n + 9}", polarity="favor")
                    for n in range(0, 200, 10)
                ),
            ),
            doc,
        ),
        LABELS,
    )
    (task,) = label_studio.tasks([doc], LABELS, annotations={doc.id: [gold]})
    for row in task["predictions"]:
        row["result"] = [item for item in row["result"] if item.get("from_name") != "basis"]
    project, (number,) = screen.project("five hundred", label_studio.config(LABELS), [task])
    screen.open(project, number)
    assert screen.regions() == 520
    screen.submit()
    assert as_gold(the_pass(tmp_path, screen.export(project), doc)) == encode(gold)
