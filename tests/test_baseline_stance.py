"""The stance of the trained baseline: targets, polarities, holders and spans."""

from __future__ import annotations

from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.stance_model import Choices, Example, Position, candidates, fit_stance
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import AUTHOR, Article

LABELS = default_labels()
NAMES = (("Zorv", "Belm"), ("Marn", "Tess"), ("Ruiz", "Orsk"), ("Vrel", "Ilva"), ("Dahl", "Pell"), ("Fenn", "Korr"))
EAGER = Choices(strength=10.0, holder_strength=10.0, threshold=0.4)


def sentence(text: str, *names: str) -> tuple[Reading, list[Span]]:
    reading = Reading(Article(id="a", text=text))
    return reading, [Span(reading.words.index(w), reading.words.index(w) + 1, "PERSON", "NAM") for w in names]


def examples() -> list[Example]:
    out = []
    for a, b in NAMES:
        out.append(Example(*sentence(f"{a} frowdled {b} .", a, b), [Position(0, 1, "against", "explicit", 1, 3)]))
        out.append(Example(*sentence(f"{a} glimmed {b} .", a, b), [Position(0, 1, "favor", "implied", 1, 3)]))
        out.append(Example(*sentence(f"A day with frabjous {b} .", b), [Position(AUTHOR, 0, "favor", "explicit", 3, 5)]))
        out.append(Example(*sentence(f"{a} saw {b} .", a, b), []))
    return out


def test_it_learns_polarity_holder_basis_and_span() -> None:
    model = fit_stance(examples(), LABELS, EAGER)
    assert model.positions(*sentence("Krat frowdled Dorn .", "Krat", "Dorn")) == [Position(0, 1, "against", "explicit", 1, 3)]
    assert model.positions(*sentence("Krat glimmed Dorn .", "Krat", "Dorn")) == [Position(0, 1, "favor", "implied", 1, 3)]
    assert model.positions(*sentence("A day with frabjous Dorn .", "Dorn")) == [Position(AUTHOR, 0, "favor", "explicit", 3, 5)]
    assert model.positions(*sentence("Krat saw Dorn .", "Krat", "Dorn")) == []


def test_a_target_has_one_polarity() -> None:
    model = fit_stance(examples(), LABELS, EAGER)._replace(threshold=0.0)
    found = model.positions(*sentence("Krat frowdled Dorn and glimmed Sarn .", "Krat", "Dorn", "Sarn"))
    assert [p.target for p in found] == [0, 1, 2]


def test_values_are_no_targets() -> None:
    reading = Reading(Article(id="a", text="Krat condemned 12 May ."))
    spans = [Span(0, 1, "PERSON", "NAM"), Span(2, 4, "DATE", "VAL"), Span(2, 3, "UNHEARD", "NAM")]
    assert {target for target, _, _ in candidates(reading, spans, LABELS)} == {0}


def test_the_polarities_are_the_inventorys() -> None:
    polarities = [polarity for _, polarity, _ in candidates(*sentence("Krat frowdled .", "Krat"), LABELS)]
    assert polarities == list(LABELS.polarities)
