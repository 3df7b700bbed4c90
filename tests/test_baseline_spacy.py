"""The baselines of spaCy: the stock pipeline, and the one that is trained on from there."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.baselines import spacy_pipeline
from newsgold.benchmark.baselines.spacy_pipeline import Pairs, _lessons, fit, learnable, stock, train
from newsgold.benchmark.systems import Options, open_system
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.errors import UsageError

LABELS = default_labels()
TEXT = "Orvik fever reached Tessen. The U.S. Army of Marovia sent help on Monday!\nMara Dan spoke of Orvik fever? She left"


def gold(text: str, *spans: tuple[str, str, str | None]) -> tuple[Article, Annotation]:
    """An article with mentions at the first place of each surface."""
    mentions = tuple(
        Mention(id=f"m{n}", start=text.index(s), end=text.index(s) + len(s), type=t, kind=k) for n, (s, t, k) in enumerate(spans)
    )
    key = f"a{len(text)}"
    return Article(id=key, title="t", text=text, language="en"), Annotation(id=key, mentions=mentions)


PAIRS: Pairs = [
    gold(
        TEXT,
        ("The U.S. Army of Marovia", "ORG", None),
        ("U.S.", "GPE", None),
        ("Tessen", "GPE", None),
        ("Mara Dan", "PERSON", "NAM"),
        ("She", "PERSON", "PRO"),
        ("Monday", "DATE", "VAL"),
    ),
    gold("Nothing happened in Tessen.", ("Tessen", "GPE", "NAM")),
]


@pytest.fixture
def few_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spacy_pipeline, "EPOCHS", 12)


def test_the_stock_pipeline_answers_without_gold():
    answer = stock([], LABELS)(PAIRS[0][0])
    assert ("Monday", "DATE", "VAL") in [(m.text, m.type, m.kind) for m in answer.mentions or ()]
    assert answer.entities is None


def test_what_is_learnt_is_names_and_values_and_the_outermost_of_them():
    surfaces = [TEXT[m.start : m.end] for m in learnable(PAIRS[0][1], LABELS)]
    assert surfaces == ["Tessen", "The U.S. Army of Marovia", "Monday", "Mara Dan"]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9), st.sampled_from(["NAM", "NOM", "PRO", None]))))
def test_what_is_learnt_never_overlaps(spans: list[tuple[int, int, str | None]]):
    mentions = tuple(Mention(start=s, end=s + n, type="GPE", kind=k) for s, n, k in spans)
    learnt = learnable(Annotation(id="a", mentions=mentions), LABELS)
    assert all(a.end <= b.start for a, b in pairwise(learnt))
    named = [m for m in mentions if m.kind in ("NAM", None)]
    assert all(any(a.start < m.end and m.start < a.end for a in learnt) for m in named)


def test_lessons_are_sentences_that_cut_no_mention_and_hold_all_tokens():
    article, annotation = PAIRS[0]
    nlp = spacy.blank("en")
    lessons = list(_lessons(nlp, article, learnable(annotation, LABELS)))
    assert [lesson.reference.text.strip() for lesson in lessons] == [
        "Orvik fever reached Tessen.",
        "The U.S. Army of Marovia sent help on Monday!",
        "",  # the line's end
        "Mara Dan spoke of Orvik fever?",
        "She left",
    ]
    assert "".join(lesson.reference.text_with_ws for lesson in lessons) == TEXT
    assert [[e.text for e in lesson.reference.ents] for lesson in lessons] == [
        ["Tessen"],
        ["The U.S. Army of Marovia", "Monday"],
        [],
        ["Mara Dan"],
        [],
    ]
    assert not any(lesson.predicted.ents for lesson in lessons)


@pytest.mark.usefixtures("few_epochs")
def test_training_is_the_same_in_any_order_and_leaves_chance_alone():
    random.seed(5)
    before = random.getstate()
    first = train(PAIRS, LABELS).get_pipe("ner").model.to_bytes()
    assert random.getstate() == before
    random.seed(6)
    again = train(list(reversed(PAIRS)), LABELS).get_pipe("ner").model.to_bytes()
    assert first == again
    assert first != train(PAIRS, LABELS, seed=1).get_pipe("ner").model.to_bytes()


def test_another_inventory_is_learnt_and_can_be_kept(tmp_path: Path):
    """A type the stock pipeline has never heard of, from a text that it is then read back from."""
    labels = msgspec.structs.replace(LABELS, types={"illness": msgspec.structs.replace(LABELS.types["GPE"], name="illness")})
    article, annotation = gold(TEXT, ("Orvik fever", "illness", None))
    pairs = [(msgspec.structs.replace(article, id=f"a{n}"), annotation) for n in range(4)]
    found = fit(pairs, labels)(article).mentions or ()
    assert ("Orvik fever", "illness", "NAM") in [(m.text, m.type, m.kind) for m in found]
    train(pairs, labels).to_disk(tmp_path / "trained")
    kept = open_system(f"spacy:{tmp_path / 'trained'}", Options(), labels).answer(article)
    assert kept.annotation.mentions == found


def test_gold_without_a_name_is_refused():
    with pytest.raises(UsageError, match="nothing to train on"):
        fit([gold("She left", ("She", "PERSON", "PRO"))], LABELS)
