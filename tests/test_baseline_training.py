"""The trained baseline: it learns any inventory, says the same every time, knows its limits, and is worth its training."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from matches import REPORTS, SPORT, report
from newsgold.benchmark.baselines.rules import annotate as rules
from newsgold.benchmark.baselines.training import Model, Pairs, cross_validate, fit, headlines
from newsgold.corpus.codec import Record, encode_jsonl
from newsgold.corpus.labels import Labels, find_labels
from newsgold.corpus.model import Annotation, Article, Mention, Region
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.corpus.validate import check_annotation
from newsgold.errors import UsageError

replace = msgspec.structs.replace
TRAIN, HELD = REPORTS[:6], REPORTS[6:]


@pytest.fixture(scope="module")
def model() -> Model:
    return fit(TRAIN, SPORT)


def faults(model: Model, article: Article, labels: Labels) -> list[str]:
    record = Record(model(article), "p.jsonl", 1, b"")
    return [f.code for f in check_annotation(record, labels, "prediction", article) if f.severity == "error"]


def stances(annotations: Iterable[Annotation]) -> set[tuple[str | None, ...]]:
    """Document, words of holder and target, and polarity of each stance."""
    found = set()
    for annotation in annotations:
        words = {m.id: m.text for m in annotation.mentions or ()}
        found |= {(annotation.id, words[s.holder], words[s.target], s.polarity) for s in annotation.stances or ()}
    return found


def test_gold_of_the_reports_is_sound() -> None:
    for article, gold in REPORTS:
        assert [str(f) for f in check_annotation(Record(gold, "g.json", 1, b""), SPORT, "gold", article)] == []


def test_it_learns_an_inventory_that_no_rule_knows(model: Model) -> None:
    scores = headlines(model, HELD, SPORT)
    assert min(scores[key] or 0.0 for key in ("mentions.strict", "coref.lea", "relations.mapped")) > 0.9, scores
    said, held = stances([model(article) for article, _ in HELD]), stances([gold for _, gold in HELD])
    assert len(said & held) > 0.7 * max(len(said), len(held)), (said, held)


def test_its_answers_have_no_errors(model: Model) -> None:
    assert [faults(model, article, SPORT) for article, _ in REPORTS] == [[]] * len(REPORTS)


@pytest.mark.parametrize("text", ["", "\n", "A", "“", "Arne United", "\U0001f600 é beat \r\n\r\nArne", "Arne beat " * 400])
def test_any_text_gets_an_answer(model: Model, text: str) -> None:
    article = Article(id="odd", text=text)
    assert faults(model, article, SPORT) == []


def test_nothing_is_found_in_a_duplicate_region(model: Model) -> None:
    article, _ = REPORTS[6]
    inside = Region(start=0, end=len(article.text) // 2, kind="duplicate")
    found = model(replace(article, regions=(inside,)))
    assert found.mentions
    assert min(m.start for m in found.mentions) >= inside.end


def test_the_same_gold_gives_the_same_bytes_in_another_process(model: Model) -> None:
    code = """
import sys
from matches import REPORTS, SPORT
from newsgold.benchmark.baselines.training import fit
from newsgold.corpus.codec import encode_jsonl
system = fit(REPORTS[:6], SPORT)
sys.stdout.buffer.write(encode_jsonl([system(article) for article, _ in REPORTS]))
"""
    here = str(Path(__file__).parent)
    again = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONPATH": here, "PYTHONHASHSEED": "7"}
    )
    assert again.stdout == encode_jsonl([model(article) for article, _ in REPORTS])


def test_a_layer_without_gold_is_not_attempted() -> None:
    bare = [(article, replace(gold, relations=None, stances=None)) for article, gold in TRAIN[:4]]
    found = fit(bare, SPORT)(HELD[0][0])
    assert found.mentions
    assert found.entities is not None
    assert (found.relations, found.stances) == (None, None)
    alone = fit([(a, replace(g, entities=None)) for a, g in bare[:2]], SPORT)(HELD[0][0])
    assert alone.entities is None


def test_an_inventory_without_a_section_has_no_such_layer() -> None:
    narrow = replace(SPORT, relations={}, polarities={})
    found = fit([(a, replace(g, relations=(), stances=())) for a, g in TRAIN[:4]], narrow)(HELD[0][0])
    assert (found.relations, found.stances) == (None, None)


def test_a_mention_inside_a_token_is_left_out_with_what_names_it() -> None:
    article, gold = TRAIN[0]
    assert gold.mentions is not None
    inside = Mention(id="half", start=gold.mentions[0].start, end=gold.mentions[0].end - 1, type="CLUB", kind="NAM")
    mended = [(article, replace(gold, mentions=(*gold.mentions[1:], replace(inside, id=gold.mentions[0].id)))), *TRAIN[1:4]]
    found = fit(mended, SPORT)(HELD[0][0]).mentions
    assert found
    assert not any(m.text and m.text.endswith("Unite") for m in found)


def test_too_little_to_learn_from_is_said() -> None:
    with pytest.raises(UsageError, match="two articles with gold mentions or more, and there is 1"):
        fit(TRAIN[:1], SPORT)
    with pytest.raises(UsageError, match="there is 0"):
        fit([(a, replace(g, mentions=())) for a, g in TRAIN], SPORT)
    with pytest.raises(UsageError, match="two events or more, and the gold has 1"):
        cross_validate(TRAIN[:2], SPORT)


def test_cross_validation_leaves_out_whole_events() -> None:
    folds = cross_validate([*TRAIN[:5], report(9)], SPORT)
    assert [(f.event, f.documents) for f in folds] == [("cup-0", 2), ("cup-1", 2), ("cup-2", 1), ("cup-4", 1)]
    trained = fit([*TRAIN[2:5], report(9)], SPORT)
    assert folds[0].f1 == headlines(trained, TRAIN[:2], SPORT)
    assert all(f.seconds > 0 for f in folds)


def test_on_the_corpus_it_is_no_worse_than_the_rules_it_stands_on(corpus: Path) -> None:
    """Trained on train it finds the mentions of validation; a point is left for corrections of gold."""
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    gold = [(articles[r.value.id], r.value) for r in read_annotations(corpus).records]
    splits: dict[str, Pairs] = {s: [p for p in gold if p[0].split == s] for s in ("train", "validation")}
    labels = find_labels(None, corpus)
    learnt = headlines(fit(splits["train"], labels), splits["validation"], labels)
    ruled = headlines(rules, splits["validation"], labels)
    assert learnt["mentions.strict"] is not None
    assert ruled["mentions.strict"] is not None
    assert learnt["mentions.strict"] > ruled["mentions.strict"] - 0.01
    assert set(learnt) == set(ruled)
