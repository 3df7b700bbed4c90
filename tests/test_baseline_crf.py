"""The mentions of the trained baseline: what is proposed, what is decided, and what is left out for the judge to learn."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from matches import REPORTS, SPORT
from newsgold.benchmark.baselines.crf import Choices, Lesson, MentionModel, _decided, _folds, _likely, fit_mentions, lesson
from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.judge import Judge

EVEN = Judge({"p": 1.0}, 0.0)
PLACES = st.tuples(st.integers(0, 12), st.integers(1, 5), st.sampled_from("AB"))
FOUND = st.lists(st.tuples(PLACES.map(lambda p: Span(p[0], p[0] + p[1], p[2], "X")), st.integers(-3, 3)), max_size=15)


def lessons(reports: int) -> list[Lesson]:
    out = []
    for article, gold in REPORTS[:reports]:
        reading = Reading(article)
        out.append(lesson(reading, reading.spans(gold.mentions or (), SPORT).values()))
    return out


def test_mentions_inside_mentions_are_found() -> None:
    model = fit_mentions(lessons(6), Choices())
    reading = Reading(REPORTS[7][0])
    found = model.find(reading)
    inner = [(a, b) for a in found for b in found if a != b and a.first <= b.first and b.end <= a.end]
    assert [(reading.words[a.first], a.type, a.kind, b.type) for a, b in inner] == [("the", "PLAYER", "NOM", "CLUB")]
    assert found == sorted(found, key=lambda s: (s.first, -s.end))


@given(FOUND)
def test_what_is_decided_never_crosses_and_no_place_has_two_labels(found: list[tuple[Span, int]]) -> None:
    kept = _decided([(span, {"p": odds}) for span, odds in found], EVEN, 0.5)
    assert len({(s.first, s.end) for s in kept}) == len(kept)
    assert not any(a.first < b.first < a.end < b.end for a in kept for b in kept)
    best: dict[tuple[int, int], int] = {}
    for span, odds in found:
        best[span.first, span.end] = max(odds, best.get((span.first, span.end), odds))
    assert all(best[s.first, s.end] >= 0 for s in kept)
    if best and max(best.values()) > 0:
        assert kept


def test_of_two_that_cross_the_likelier_stays() -> None:
    found = [(Span(0, 3, "A", "X"), {"p": 1.0}), (Span(2, 5, "A", "X"), {"p": 2.0}), (Span(2, 3, "B", "X"), {"p": 0.5})]
    assert _decided(found, EVEN, 0.5) == [Span(2, 5, "A", "X"), Span(2, 3, "B", "X")]
    assert _decided(found, EVEN, 0.99) == []


def test_a_span_is_as_likely_as_its_least_likely_tag() -> None:
    marginals = [
        {"B-A\tX": 0.9, "O": 0.1},
        {"I-A\tX": 0.6, "O": 0.4},
        {"B-A\tX": 0.05, "O": 0.95},
        {"B-B\tY": 0.3, "O": 0.7},
    ]
    found = dict(_likely(marginals, 10))
    assert {span: round(p, 6) for span, p in found.items()} == {
        Span(10, 11, "A", "X"): 0.4,
        Span(10, 12, "A", "X"): 0.6,
        Span(13, 14, "B", "Y"): 0.3,
    }


def test_the_judge_learns_from_left_out_events_where_there_are_three() -> None:
    learnt = lessons(8)
    assert _folds(learnt[:4]) == [[0], [1], [2], [3]]
    assert _folds(learnt[:6]) == [[0, 1], [2, 3], [4, 5]]
    assert sorted(n for fold in _folds(learnt) for n in fold) == list(range(8))
    assert _folds(learnt[:1]) == []


def test_without_an_event_an_article_is_one() -> None:
    bare = [x._replace(reading=Reading(msgspec.structs.replace(x.reading.article, event=None))) for x in lessons(3)]
    assert _folds(bare) == [[0], [1], [2]]


def test_layers_with_too_few_mentions_are_not_tagged() -> None:
    few = [x._replace(gold=frozenset(sorted(x.gold)[:1])) for x in lessons(2)]
    model = fit_mentions(few, Choices())
    assert isinstance(model, MentionModel)
    assert [field.layers for field in model.fields] == [()] * 4
    assert all(s in x.gold or s.label in {r.label for r in x.reading.ruled.values()} for x in few for s in model.find(x.reading))
