"""The relations of the trained baseline: which pairs are candidates, and what is learnt of claims and factuality."""

from __future__ import annotations

from newsgold.benchmark.baselines.features import Reading, Span
from newsgold.benchmark.baselines.predicates import Claim
from newsgold.benchmark.baselines.relation_model import Choices, Example, candidates, fit_relations
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Article

LABELS = default_labels()


def sentence(text: str, *names: tuple[str, str]) -> tuple[Reading, list[Span], list[str]]:
    """A text, the mentions of these single words with their types, and the types."""
    reading = Reading(Article(id="a", text=text))
    spans = [Span(reading.words.index(word), reading.words.index(word) + 1, type_name, "NAM") for word, type_name in names]
    return reading, spans, [type_name for _, type_name in names]


def test_candidates_are_what_the_inventory_accepts() -> None:
    found = {
        (name, head, tail)
        for name, head, tail, _ in candidates(*sentence("Zorv quilled Belm .", ("Zorv", "PERSON"), ("Belm", "GPE")), LABELS)
    }
    wanted = {
        (name, *way)
        for name, label in LABELS.relations.items()
        for way, types in (((0, 1), ("PERSON", "GPE")), ((1, 0), ("GPE", "PERSON")))
        if LABELS.accepts(label.domain, types[0]) and LABELS.accepts(label.range, types[1])
        if not (label.symmetric and way == (1, 0))
    }
    assert found == wanted
    assert ("state_affiliation", 0, 1) in found


def test_no_pair_crosses_a_sentence_or_reaches_too_far() -> None:
    apart = sentence("Zorv left . Belm fell .", ("Zorv", "PERSON"), ("Belm", "GPE"))
    far = sentence("Zorv " + "and so " * 20 + "Belm .", ("Zorv", "PERSON"), ("Belm", "GPE"))
    assert list(candidates(*apart, LABELS)) == list(candidates(*far, LABELS)) == []


def test_it_learns_a_verb_its_direction_and_what_is_denied() -> None:
    examples = []
    for a, b in (("Zorv", "Belm"), ("Marn", "Tess"), ("Ruiz", "Orsk"), ("Vrel", "Ilva")):
        for text, claims in (
            (f"{a} quilled {b} .", [Claim("controls", 0, 1, "asserted")]),
            (f"{a} never quilled {b} .", [Claim("controls", 0, 1, "denied")]),
            (f"{a} saw {b} .", []),
        ):
            examples.append(Example(*sentence(text, (a, "ORG"), (b, "GPE")), claims))
    model = fit_relations(examples, LABELS, Choices(threshold=0.5))

    def claims(text: str) -> list[Claim]:
        return model.claims(*sentence(text, ("Krat", "ORG"), ("Dorn", "GPE")))

    assert claims("Krat quilled Dorn .") == [Claim("controls", 0, 1, "asserted")]
    assert claims("Krat never quilled Dorn .") == [Claim("controls", 0, 1, "denied")]
    assert claims("Krat saw Dorn .") == []


def test_the_ends_of_a_symmetric_relation_may_stand_in_either_order() -> None:
    examples = []
    for n, (a, b) in enumerate((("Zorv", "Belm"), ("Marn", "Tess"), ("Ruiz", "Orsk"), ("Vrel", "Ilva"))):
        ends = (0, 1) if n % 2 else (1, 0)
        examples.append(
            Example(*sentence(f"{a} bordles {b} .", (a, "GPE"), (b, "GPE")), [Claim("adjacent_to", *ends, "asserted")])
        )
        examples.append(Example(*sentence(f"{a} or {b} .", (a, "GPE"), (b, "GPE")), []))
    model = fit_relations(examples, LABELS, Choices(threshold=0.5))
    assert model.claims(*sentence("Krat bordles Dorn .", ("Krat", "GPE"), ("Dorn", "GPE"))) == [
        Claim("adjacent_to", 0, 1, "asserted")
    ]
