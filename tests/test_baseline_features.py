"""What the trained baselines see: layers, tags, twins of the rules' mentions, and tokens without their names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from newsgold.benchmark.baselines.features import Reading, Span, covering, layers, shape, spans_of, tags, token_features
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article, Mention, Region

NEWS = "Marovian army takes Belmar\n\nThe commander of the Belmar Guard, Ana Dorvik, left the town of Belmar on 12 May."
PLACES = st.tuples(st.integers(0, 18), st.integers(1, 6), st.sampled_from("AB"), st.sampled_from("XY"))
SPANS = st.sets(PLACES.map(lambda p: Span(p[0], p[0] + p[1], p[2], p[3])), max_size=12)


def overlap(a: Span, b: Span) -> bool:
    return a.first < b.end and b.first < a.end


@given(SPANS, st.booleans())
def test_a_layer_holds_nothing_that_overlaps_and_all_layers_hold_everything(spans: set[Span], outermost: bool) -> None:
    found = layers(spans, outermost_first=outermost)
    assert sorted(s for layer in found for s in layer) == sorted(spans)
    for layer in found:
        assert not any(overlap(a, b) for a in layer for b in layer if a != b)
    for n, layer in enumerate(found[1:]):
        assert all(any(overlap(s, other) for other in found[n]) for s in layer)


def test_the_outermost_are_in_the_first_layer_or_in_the_last() -> None:
    whole, part, inner = Span(0, 9, "A", "X"), Span(2, 6, "B", "X"), Span(3, 4, "A", "Y")
    assert layers([inner, whole, part], outermost_first=True) == [[whole], [part], [inner]]
    assert layers([inner, whole, part], outermost_first=False) == [[inner], [part], [whole]]


@given(SPANS)
def test_tags_give_their_spans_back(spans: set[Span]) -> None:
    for layer in layers(spans, outermost_first=True):
        assert sorted(spans_of(tags(layer, 24))) == sorted(layer)
        assert sorted(spans_of(tags(layer, 24)[2:], 2)) == sorted(spans_of(["O", "O", *tags(layer, 24)[2:]]))


def test_an_inside_that_continues_nothing_begins_a_span() -> None:
    assert list(spans_of(["I-A\tX", "I-A\tX", "I-B\tX", "O"])) == [Span(0, 2, "A", "X"), Span(2, 3, "B", "X")]


@given(SPANS)
def test_covering_names_every_token_of_every_span(spans: set[Span]) -> None:
    found = covering((s, s.first, s.end) for s in spans)
    assert {(i, s) for i, here in found.items() for s in here} == {(i, s) for s in spans for i in range(s.first, s.end)}


def test_mentions_are_ranges_of_tokens_and_others_are_left_out() -> None:
    article = Article(id="a", text=NEWS, regions=(Region(start=0, end=26, kind="duplicate"),))
    reading = Reading(article)
    at = NEWS.index("Belmar Guard")
    mentions = [
        Mention(id="whole", start=at, end=at + 12, type="ORG"),
        Mention(id="half", start=at, end=at + 9, type="ORG"),
        Mention(id="twice", start=0, end=8, type="NORP"),
        Mention(start=at, end=at + 12, type="ORG"),
    ]
    assert reading.spans(mentions, default_labels()) == {"whole": Span(4, 6, "ORG", "NAM")}
    assert reading.words[4:6] == ["Belmar", "Guard"]


def test_the_head_stands_before_the_first_preposition() -> None:
    reading = Reading(Article(id="a", text="the commander of the Belmar Guard and Ana Dorvik"))
    assert reading.words[reading.head(Span(0, 6, "PERSON", "NOM"))] == "commander"
    assert reading.words[reading.head(Span(7, 9, "PERSON", "NAM"))] == "Dorvik"


def test_a_twin_shares_half_the_tokens_at_least() -> None:
    reading = Reading(Article(id="a", text=NEWS))
    twin = reading.twin(Span(8, 10, "PERSON", "NAM"))
    assert twin is None or reading.ruled[twin].overlap(Span(8, 10, "PERSON", "NAM")) >= 0.5
    for name, span in reading.ruled.items():
        assert reading.twin(span) == name
    assert reading.twin(Span(0, len(reading.words), "PERSON", "NAM")) is None


def test_names_and_numbers_are_seen_by_their_looks_alone() -> None:
    one = Reading(Article(id="a", text="He met Zorvan Quilp in 2031 , sources said ."))
    two = Reading(Article(id="a", text="He met Bextor Vulnt in 1977 , sources said ."))
    seen, other = (
        [[f for f in row if not f.startswith(("in", "out"))] for row in token_features(reading)] for reading in (one, two)
    )
    assert seen == other
    assert any("w=sources" in feature for feature in seen[7])


def test_shapes() -> None:
    assert [shape(word) for word in ("Belmar", "BG", "2031", "F-16", "é", "İ", "of")] == ["Xx", "X", "9", "X-9", "x", "X", "x"]


@given(st.text(max_size=80))
def test_any_text_can_be_read(text: str) -> None:
    reading = Reading(Article(id="a", text=text))
    assert len(token_features(reading)) == len(reading.words)
    assert [i for s in reading.sentences for i in s] == list(range(len(reading.words)))
