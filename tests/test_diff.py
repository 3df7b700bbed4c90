"""What changed: items matched by what they are, the same both ways, and counted."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given

from newsgold.corpus.codec import sha256
from newsgold.corpus.diff import KINDS, Change, Diff, Entry, compare
from newsgold.corpus.labels import Labels, default_labels
from newsgold.corpus.model import LAYERS, Annotation, Article, Entity, Mention, Region, Relation, Stance
from strategies import annotations, corpora

LABELS = default_labels()
replace = msgspec.structs.replace

GOLD = Annotation(
    id="a",
    mentions=(
        Mention(id="m1", start=0, end=6, type="GPE", text="Tessen"),
        Mention(id="m2", start=10, end=17, type="GPE", text="Marovia"),
        Mention(id="m3", start=20, end=22, type="GPE", kind="PRO", text="it"),
    ),
    entities=(Entity(id="e1", mentions=("m1", "m3")), Entity(id="e2", mentions=("m2",), link="Q1")),
    relations=(Relation(type="fights", head="e1", tail="e2", evidence=(("m1", "m2"),)),),
    stances=(Stance(id="s1", start=0, end=22, holder="m1", target="m2", polarity="against"),),
)


def entries(golds: list[Annotation]) -> list[Entry]:
    return [Entry(gold.id, None, gold) for gold in sorted(golds, key=lambda gold: gold.id)]


def diff(old: Annotation | None, new: Annotation | None, articles: tuple[Any, Any] = (None, None)) -> Diff:
    sides = [[Entry("a", article, gold)] for article, gold in zip(articles, (old, new), strict=True)]
    return compare(sides[0], sides[1], (LABELS, LABELS))


def told(found: Diff) -> list[tuple[str, str, str]]:
    return [(change.layer, change.change, change.item) for change in found.changes]


# ------------------------------------------------------------------------- properties


@given(corpora())
def test_nothing_is_no_change(golds: list[Annotation]) -> None:
    assert compare(entries(golds), entries(golds), (LABELS, LABELS)) == Diff((), {})


@given(corpora(distinct=True))
def test_other_ids_are_no_change(golds: list[Annotation]) -> None:
    named = [renamed(gold) for gold in golds]
    assert compare(entries(golds), entries(named), (LABELS, LABELS)).changes == ()


def renamed(gold: Annotation) -> Annotation:
    def new(name: str | None) -> Any:
        return name if name in (None, "AUTHOR", "UNKNOWN") else f"x{name}"

    return replace(
        gold,
        mentions=tuple(replace(m, id=new(m.id)) for m in gold.mentions or ()),
        entities=tuple(replace(e, id=new(e.id), mentions=tuple(map(new, e.mentions))) for e in gold.entities or ()),
        relations=tuple(
            replace(
                r,
                head=new(r.head),
                tail=new(r.tail),
                evidence=None if r.evidence is None else tuple((new(a), new(b)) for a, b in r.evidence),
            )
            for r in gold.relations or ()
        ),
        stances=tuple(replace(s, id=new(s.id), holder=new(s.holder), target=new(s.target)) for s in gold.stances or ()),
    )


@given(annotations("a", distinct=True), annotations("a", distinct=True))
def test_the_way_back_undoes_it(old: Annotation, new: Annotation) -> None:
    there, back = diff(old, new), diff(new, old)
    undone = [inverse(change) for change in back.changes]
    assert sorted(map(repr, there.changes)) == sorted(map(repr, undone))


def inverse(change: Change) -> Change:
    kind = {"added": "removed", "removed": "added", "changed": "changed"}[change.change]
    return change._replace(change=kind, old=change.new, new=change.old)


@given(corpora(distinct=True), corpora(distinct=True))
def test_counts_lead_from_one_to_the_other(old: list[Annotation], new: list[Annotation]) -> None:
    found = compare(entries(old), entries(new), (LABELS, LABELS))
    for layer in LAYERS:
        before, after = (sum(len(getattr(gold, layer) or ()) for gold in golds) for golds in (old, new))
        counts = found.counts.get(layer, {})
        assert before + counts.get("added", 0) - counts.get("removed", 0) == after
    assert all(found.counts[c.layer][c.change] for c in found.changes)
    assert all(kind in KINDS for counts in found.counts.values() for kind in counts)


# ------------------------------------------------------------------------------ cases


def with_mention(**fields: Any) -> Annotation:
    return replace(GOLD, mentions=(replace(GOLD.mentions[0], **fields), *GOLD.mentions[1:]))


@pytest.mark.parametrize(
    ("new", "wanted"),
    [
        (with_mention(type="FAC"), [("mentions", "changed", "[0, 6]")]),
        (with_mention(kind="NOM"), [("mentions", "changed", "[0, 6]")]),
        (with_mention(kind="NAM"), []),
        (with_mention(text=None), []),
        (
            replace(with_mention(start=1), relations=(), stances=()),
            [
                ("entities", "changed", "[0, 6]"),
                ("mentions", "added", "[1, 6]"),
                ("mentions", "removed", "[0, 6]"),
                ("relations", "removed", "fights"),
                ("stances", "removed", "[0, 22]"),
            ],
        ),
        (replace(GOLD, entities=(GOLD.entities[0], replace(GOLD.entities[1], link="Q2"))), [("entities", "changed", "[10, 17]")]),
        (replace(GOLD, entities=(GOLD.entities[0], replace(GOLD.entities[1], link=None))), [("entities", "changed", "[10, 17]")]),
        (
            replace(
                GOLD, entities=(GOLD.entities[1], replace(GOLD.entities[0], mentions=("m1",)), Entity(id="e9", mentions=("m3",)))
            ),
            [("entities", "added", "[20, 22]"), ("entities", "changed", "[0, 6]")],
        ),
        (replace(GOLD, relations=(replace(GOLD.relations[0], head="e2", tail="e1", evidence=(("m2", "m1"),)),)), []),
        (replace(GOLD, relations=(replace(GOLD.relations[0], evidence=(("m3", "m2"),)),)), [("relations", "changed", "fights")]),
        (
            replace(GOLD, relations=(replace(GOLD.relations[0], factuality="denied"),)),
            [("relations", "added", "fights"), ("relations", "removed", "fights")],
        ),
        (replace(GOLD, relations=()), [("relations", "removed", "fights")]),
        (replace(GOLD, stances=(replace(GOLD.stances[0], polarity="favor"),)), [("stances", "changed", "[0, 22]")]),
        (replace(GOLD, stances=(replace(GOLD.stances[0], basis="implied"),)), [("stances", "changed", "[0, 22]")]),
        (
            replace(GOLD, stances=(replace(GOLD.stances[0], holder="AUTHOR"),)),
            [("stances", "added", "[0, 22]"), ("stances", "removed", "[0, 22]")],
        ),
        (replace(GOLD, stances=None), [("gold", "removed", "stances")]),
        (replace(GOLD, by="gold"), [("metadata", "changed", "by")]),
        (replace(GOLD, split="test"), [("splits", "changed", "split")]),
        (replace(GOLD, ignore=((30, 40),)), [("metadata", "changed", "ignore")]),
        (None, [("gold", "removed", "")]),
    ],
)  # fmt: skip
def test_each_change(new: Annotation | None, wanted: list[tuple[str, str, str]]) -> None:
    found = diff(GOLD, new)
    assert sorted(told(found)) == wanted
    assert sorted(told(diff(new, GOLD))) == sorted(
        (layer, {"added": "removed", "removed": "added"}.get(kind, kind), item) for layer, kind, item in wanted
    )


def test_items_of_whole_documents_and_layers_are_counted() -> None:
    found = compare([], [Entry("a", None, GOLD)], (LABELS, LABELS))
    assert told(found) == [("documents", "added", "")]
    assert found.counts == {
        "documents": {"added": 1},
        "mentions": {"added": 3},
        "entities": {"added": 2},
        "relations": {"added": 1},
        "stances": {"added": 1},
    }
    assert diff(replace(GOLD, stances=None), GOLD).counts == {"gold": {"added": 1}, "stances": {"added": 1}}


def test_texts_and_metadata() -> None:
    article = Article(id="a", text="Tessen and Marovia: it", title="Tessen", split="test", event="x", text_sha256="0" * 64)
    assert told(diff(GOLD, GOLD, (article, replace(article, text="Tessen and Marovia, it")))) == [("texts", "changed", "sha256")]
    # where the words are left out, the recorded hash counts, and nothing is said of title and surfaces
    bare = replace(article, text="", title=None, text_sha256=sha256(article.text))
    assert told(diff(GOLD, with_mention(text=None), (article, bare))) == []
    for fields, layer, items in (
        ({"title": "T"}, "metadata", ["title"]),
        ({"event": "y"}, "metadata", ["event"]),
        ({"outlet": "Courier"}, "metadata", ["outlet"]),
        ({"split": "train"}, "splits", ["split"]),
        ({"regions": (Region(start=0, end=6, kind="duplicate"),)}, "metadata", ["ignore", "regions"]),
    ):
        found = diff(GOLD, GOLD, (article, replace(article, **fields)))
        assert [(c.layer, c.item) for c in found.changes] == [(layer, item) for item in items]


def relabelled(**sections: Any) -> Labels:
    return replace(LABELS, **sections)


def test_the_inventory() -> None:
    fac = LABELS.types["FAC"]
    cases: list[tuple[Labels, list[tuple[str, str]]]] = [
        (relabelled(version="2"), [("changed", "version")]),
        (relabelled(types={**LABELS.types, "LAW": fac}), [("added", "types.LAW")]),
        (relabelled(types={**LABELS.types, "FAC": replace(fac, test="Is it built?")}), [("changed", "types.FAC")]),
        (relabelled(kinds=dict(reversed(LABELS.kinds.items()))), [("changed", "kinds: codes")]),
        (relabelled(polarities={}), [("removed", f"polarities.{name}") for name in sorted(LABELS.polarities)]),
    ]
    for new, wanted in cases:
        found = compare([], [], (LABELS, new))
        assert [(c.change, c.item) for c in found.changes] == wanted
        assert {c.layer for c in found.changes} == {"labels"}


def test_a_type_that_became_a_value_changes_the_kinds_of_its_mentions() -> None:
    gold = replace(GOLD, mentions=(Mention(id="m1", start=0, end=6, type="EVENT"),), entities=(), relations=(), stances=())
    new = relabelled(types={**LABELS.types, "EVENT": replace(LABELS.types["EVENT"], value=True)})
    found = compare([Entry("a", None, gold)], [Entry("a", None, gold)], (LABELS, new))
    assert told(found) == [("labels", "changed", "types.EVENT"), ("mentions", "changed", "[0, 6]")]
