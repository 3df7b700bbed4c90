"""The degenerate systems: what each does, and that no score of ours rewards it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.benchmark.baselines import FITTED, SYSTEMS, card_of
from newsgold.benchmark.baselines.degenerate import LONGEST, NEAR, RATE
from newsgold.benchmark.baselines.rules import annotate
from newsgold.benchmark.baselines.spotting import tokenise
from newsgold.benchmark.score import score
from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels, default_labels
from newsgold.corpus.model import AUTHOR, Annotation, Article, Region, Relation, Stance
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.corpus.validate import check_annotation

LABELS = default_labels()
TEXT = "The army of Marovia took the town of Belmar. Marovia praised Kestria, and Kestria thanked the army of Marovia."
TAUGHT = Annotation(
    id="t",
    relations=tuple(Relation(type=t, head="e1", tail="e2") for t in ("leads", "controls", "fights", "controls")),
    stances=tuple(Stance(holder=AUTHOR, target="e1", polarity=p) for p in ("favor", "against", "against")),
)
GOLD = [(Article(id="t", text="Marovia."), TAUGHT)]
DEGENERATE = {
    **{name: s.function for name, s in SYSTEMS.items() if card_of(name).kind == "degenerate"},
    **{name: f.fit(GOLD, LABELS) for name, f in FITTED.items() if card_of(name).kind == "degenerate"},
}


def article(text: str = TEXT, *regions: Region) -> Article:
    return Article(id="a", text=text, regions=regions)


def near_text() -> st.SearchStrategy[str]:
    return st.one_of(st.text(max_size=80), st.lists(st.sampled_from(TEXT.split()), max_size=30).map(" ".join))


@pytest.mark.parametrize("name", DEGENERATE)
@given(text=near_text(), cut=st.integers(0, 40))
@settings(max_examples=60)
def test_any_text_gives_a_valid_prediction_and_the_same_again(name: str, text: str, cut: int) -> None:
    of = article(text, *([Region(start=0, end=cut, kind="duplicate")] if 0 < cut <= len(text) else []))
    got = DEGENERATE[name](of)
    assert got == DEGENERATE[name](of)
    assert check_annotation(Record(got, "p.jsonl", 1, b""), LABELS, "prediction", of) == []


def test_the_whole_document_in_every_type() -> None:
    got = DEGENERATE["whole-document"](article())
    assert {(m.start, m.end) for m in got.mentions or ()} == {(0, len(TEXT))}
    assert [m.type for m in got.mentions or ()] == list(LABELS.types)
    assert (got.entities, got.relations, got.stances) == (None, None, None)
    assert DEGENERATE["whole-document"](article("")).mentions == ()


def test_random_spans_depend_on_the_document_alone_and_come_at_the_rate() -> None:
    text = " ".join(f"word{n}" for n in range(4000))
    one, other = (DEGENERATE["random-spans"](Article(id=name, text=text)).mentions or () for name in ("a", "b"))
    assert one != other
    assert len(one) == pytest.approx(RATE * 4000, rel=0.1)
    lengths = {text[m.start : m.end].count(" ") + 1 for m in one}
    assert lengths == set(range(1, LONGEST + 1))
    assert {m.type for m in one} == set(LABELS.types)


def test_random_spans_keep_out_of_duplicates() -> None:
    text = " ".join(f"word{n}" for n in range(400))
    middle = Region(start=text.index("word100"), end=text.index("word300"), kind="duplicate")
    found = DEGENERATE["random-spans"](article(text, middle)).mentions or ()
    assert found
    assert all(m.end <= middle.start or m.start >= middle.end for m in found)


def test_the_clusters_are_as_named_and_the_mentions_those_of_rules() -> None:
    mentions = annotate(article()).mentions
    alone, together = (DEGENERATE[name](article()) for name in ("rules-singletons", "rules-one-cluster"))
    assert alone.mentions == together.mentions == mentions
    assert len(mentions or ()) > 3
    assert [e.mentions for e in alone.entities or ()] == [(m.id,) for m in mentions or ()]
    assert [e.mentions for e in together.entities or ()] == [tuple(m.id for m in mentions or ())]
    assert DEGENERATE["rules-one-cluster"](article("")).entities == ()


def test_the_commonest_relation_is_between_all_that_are_near_and_may_have_it() -> None:
    got = DEGENERATE["rules-every-pair"](article())
    types = {e.id: next(m.type for m in got.mentions or () if m.id == e.mentions[0]) for e in got.entities or ()}
    spans = {m.id: (m.start, m.end) for m in got.mentions or ()}
    assert got.relations
    for r in got.relations:
        label = LABELS.relations["controls"]
        assert (r.type, r.factuality) == ("controls", "asserted")
        assert r.head != r.tail
        assert LABELS.accepts(label.domain, types[r.head])
        assert LABELS.accepts(label.range, types[r.tail])
        assert r.evidence
        assert all(max(spans[h][0] - spans[t][1], spans[t][0] - spans[h][1]) <= NEAR for h, t in r.evidence)
    far = TEXT.replace(" took", f" {'quietly ' * 20}took").replace(". Marovia", f"{' later' * 20}. Marovia")
    assert len(DEGENERATE["rules-every-pair"](article(far)).relations or ()) < len(got.relations)


def test_a_symmetric_relation_is_said_once() -> None:
    fights = Annotation(id="t", relations=(Relation(type="fights", head="e1", tail="e2"),))
    got = FITTED["rules-every-pair"].fit([(article(), fights)], LABELS)(article())
    pairs = [frozenset((r.head, r.tail)) for r in got.relations or ()]
    assert len(pairs) == len(set(pairs)) > 0


def test_the_commonest_polarity_is_between_the_author_and_the_three_named_most() -> None:
    got = DEGENERATE["rules-majority-stance"](article())
    sizes = {str(e.id): len(e.mentions) for e in got.entities or ()}
    targets = {s.target for s in got.stances or ()}
    assert {s.polarity for s in got.stances or ()} == {"against"}
    assert {s.holder for s in got.stances or ()} == {AUTHOR, *targets}
    assert len(got.stances or ()) == 3 * 3
    assert sorted(sizes.values(), reverse=True)[:3] == sorted((sizes[t] for t in targets), reverse=True)


@pytest.mark.parametrize("gold", [[], [(article(), Annotation(id="a"))]])
def test_without_gold_the_layer_is_attempted_and_empty(gold: list[tuple[Article, Annotation]]) -> None:
    assert FITTED["rules-every-pair"].fit(gold, LABELS)(article()).relations == ()
    assert FITTED["rules-majority-stance"].fit(gold, LABELS)(article()).stances == ()


def test_an_inventory_without_relations_and_stance() -> None:
    bare = Labels(name="bare", version="1", kinds=LABELS.kinds, types=LABELS.types)
    assert FITTED["rules-every-pair"].fit(GOLD, bare)(article()).relations == ()
    assert FITTED["rules-majority-stance"].fit(GOLD, bare)(article()).stances == ()


def test_no_headline_rewards_them(corpus: Path) -> None:
    """On our gold each stands far below the rules in its own layer: a metric that changes this is broken."""
    texts = [r.value for r in read_articles(corpus).records]
    golds = {r.value.id: r.value for r in read_annotations(corpus).records}
    pairs = [(a, golds[a.id]) for a in texts if a.split == "train"]
    rows = {**DEGENERATE, **{n: FITTED[n].fit(pairs, LABELS) for n in FITTED if n in DEGENERATE}, "rules": annotate}

    def f1(name: str, key: str) -> float:
        predictions = [rows[name](a) for a in texts]
        value = score(corpus, predictions).to_dict()["scores"][key]["f1"]
        return float(value or 0)

    for name, key in (
        ("whole-document", "mentions.strict"), ("random-spans", "mentions.strict"), ("rules-singletons", "coref.lea"),
        ("rules-one-cluster", "coref.lea"), ("rules-every-pair", "relations.mapped"), ("rules-majority-stance", "stance.tuple"),
    ):  # fmt: skip
        assert f1(name, key) < 0.6 * f1("rules", key), (name, key)
    assert f1("whole-document", "mentions.strict") == 0
    assert f1("random-spans", "mentions.strict") < 0.05


def test_the_rate_is_about_that_of_gold(corpus: Path) -> None:
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    golds = [r.value for r in read_annotations(corpus).records]
    tokens = sum(len(tokenise(articles[g.id]).words) for g in golds)
    assert 0.5 * RATE < sum(len(g.mentions or ()) for g in golds) / tokens < 2 * RATE
