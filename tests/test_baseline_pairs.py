"""The coreference of the trained baseline: which pairs are judged, and how mentions are joined."""

from __future__ import annotations

from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.judge import Judge
from newsgold.benchmark.baselines.pairs import Choices, Example, PairModel, fit_pairs, pairs
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article

LABELS = default_labels()


def reading(text: str) -> Reading:
    return Reading(Article(id="a", text=text))


def names(text: str, type_name: str = "PERSON") -> tuple[Reading, list[Span]]:
    """Every word is a mention."""
    read = reading(text)
    return read, [Span(i, i + 1, type_name, "NAM") for i in range(len(read.words))]


def test_it_learns_that_the_same_words_are_the_same() -> None:
    text, spans = names("Halm Dorvik Halm Ruiz Dorvik Halm")
    model = fit_pairs([Example(text, spans, [0, 1, 0, 2, 1, 0])] * 3, LABELS, Choices(strength=10.0, threshold=0.5))
    assert model.clusters(*names("Vrel Marn Marn Orsk Vrel")) == [0, 1, 1, 2, 0]


def test_types_that_do_not_go_together_are_never_joined() -> None:
    eager = PairModel(Judge({}, 5.0), 0.5, LABELS)
    text, _ = names("Kestria Kestria Kestria Kestria")
    types = ("GPE", "NORP", "PERSON", "NORP")
    cluster = eager.clusters(text, [Span(i, i + 1, t, "NAM") for i, t in enumerate(types)])
    assert cluster == [0, 0, 1, 0]
    # one NORP and one NORP are a cluster of NORP, which a GPE then makes its own
    assert eager.clusters(text, [Span(i, i + 1, t, "NAM") for i, t in enumerate(("NORP", "PERSON", "NORP", "GPE"))]) == [
        0,
        1,
        0,
        0,
    ]


def test_the_best_antecedent_wins_and_the_nearest_of_equals() -> None:
    text, spans = names("Halm Ruiz Halm")
    same = PairModel(Judge({"same_words": 9.0}, -1.0), 0.1, LABELS)
    assert same.clusters(text, spans) == [0, 0, 0]
    assert same._replace(threshold=0.5).clusters(text, spans) == [0, 1, 0]
    assert PairModel(Judge({}, -9.0), 0.5, LABELS).clusters(text, spans) == [0, 1, 2]
    assert same.clusters(reading(""), []) == []


def test_far_mentions_are_paired_where_they_share_their_last_word() -> None:
    text, spans = names("Halm " + " ".join(f"X{n}x" for n in range(300)) + " Halm")
    judged = list(pairs(text, spans))
    assert (0, 301) in {(i, j) for i, j, _ in judged}
    assert (1, 301) not in {(i, j) for i, j, _ in judged}
    assert len(judged) < 301 * 101
    assert all(i < j for i, j, _ in judged)
