"""The guidelines: every example is an annotation that the validator accepts and the inventory allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsgold.corpus.labels import Labels, load_labels, parse_labels
from newsgold.corpus.store import read_annotations
from snippets import SnippetFault, faults, read


@pytest.fixture(scope="module")
def labels(corpus: Path) -> Labels:
    return load_labels(corpus / "labels.toml")


PAGES = ("guidelines.md", *(f"cards/{layer}.md" for layer in ("mentions", "coreference", "relations", "stance")))


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_valid(repo: Path, labels: Labels, page: str) -> None:
    text = (repo / "annotation" / page).read_text(encoding="utf-8")
    assert len(list(read(text, labels))) >= {"guidelines.md": 420, "cards/mentions.md": 4}.get(page, 0)
    wrong = list(faults(page, text, labels))
    assert not wrong, "\n".join(wrong)


BROKEN = {
    "a relation is gone": ("[relations.supports]", "[relations.helps]", "no relation is called 'supports'"),
    "a type is gone": ("[types.EVENT]", "[types.HAPPENING]", "UNKNOWN_TYPE"),
    "a kind is gone": ("[kinds.PRO]", "[kinds.PRONOUN]", "UNKNOWN_KIND"),
    "a factuality is gone": ("[factualities.denied]", "[factualities.refused]", "needs a factuality"),
    "a polarity is gone": ("[polarities.neutral]", "[polarities.balanced]", "is no polarity"),
    "a basis is gone": ("[bases.implied]", "[bases.hinted]", "is no polarity and basis"),
    "a range is narrower": (
        'range = ["GPE", "LOC", "FAC"]\ncolour = "#cfff83"',
        'range = ["LOC"]\ncolour = "#cfff83"',
        "RELATION_RANGE",
    ),
    "a demonym is no state": ('counts_as = "GPE"\n', "", "MIXED_TYPES"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_example_that_no_longer_fits_the_inventory_is_named_by_its_line(repo: Path, corpus: Path, case: str) -> None:
    old, new, said = BROKEN[case]
    inventory = (corpus / "labels.toml").read_text(encoding="utf-8")
    assert inventory.count(old) == 1
    text = (repo / "annotation" / "guidelines.md").read_text(encoding="utf-8")
    found = list(faults("guidelines.md", text, parse_labels(inventory.replace(old, new).encode(), "labels.toml")))
    assert any(said in fault for fault in found)
    lines = text.split("\n")
    for fault in found:
        page, number, rest = fault.split(":", 2)
        assert page == "guidelines.md"
        assert rest.split(": ")[-1] in lines[int(number) - 1]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("[Belmar]{GPE.NAM} fell. => controls([Belmar], [Guard]) asserted", "no mention is called"),
        ("[Belmar]{GPE.NAM} fell. => holds([Belmar], [Belmar]) asserted", "no relation is called"),
        ("[Belmar]{GPE.NAM} and [Belmar]{GPE.NAM}. => same([Belmar], [Belmar])", "say which"),
        ('[Belmar]{GPE.NAM} fell. => no mention "Belmar"', "is marked"),
        ("[Belmar fell.", "never closed"),
        ("[A]{GPE.NAM} met [B]{GPE.NAM}. => same([A], [B]) ; no same([A], [B])", "its opposite"),
    ],
)
def test_an_example_that_does_not_fit_is_named(labels: Labels, line: str, said: str) -> None:
    (fault,) = read(f"```snippet\n{line}\n```\n", labels)
    assert isinstance(fault, SnippetFault)
    assert said in str(fault)
    assert fault.line == 2


def test_every_rule_and_hard_case_that_is_cited_stands_in_the_guidelines(repo: Path) -> None:
    annotation = repo / "annotation"
    text = (annotation / "guidelines.md").read_text(encoding="utf-8")
    rules = re.findall(r"^\*\*(R\d+) – ", text, re.MULTILINE)
    cases = re.findall(r"^\| (HC-\d+) \|", text, re.MULTILINE)
    assert sorted(rules, key=lambda r: int(r[1:])) == [f"R{n}" for n in range(1, len(rules) + 1)]
    assert cases == [f"HC-{n:02}" for n in range(1, len(cases) + 1)]
    for page in (*(annotation / page for page in PAGES), *annotation.glob("rounds/*/decisions.toml")):
        cited = set(re.findall(r"\b(?:HC-\d+|R\d+)\b", page.read_text(encoding="utf-8")))
        assert cited <= {*rules, *cases}, page


def test_the_qualification_is_done_on_training_articles(repo: Path, corpus: Path) -> None:
    text = (repo / "annotation" / "guidelines.md").read_text(encoding="utf-8")
    part = text[text.index("**Qualification.**") : text.index("## 13. ")]
    articles = re.findall(r"`(orsk-[a-z-]+)`", part)
    assert len(articles) == 2
    for article in articles:
        assert 'split = "train"' in (corpus / "articles" / f"{article}.toml").read_text(encoding="utf-8")
        assert (corpus / "gold" / f"{article}.json").is_file()


def test_the_passes_of_the_pilot_are_cited_with_their_figures(repo: Path) -> None:
    """The marks of the qualification are set against what the passes reached, figure by figure."""
    guidelines = (repo / "annotation" / "guidelines.md").read_text(encoding="utf-8")
    part = guidelines[guidelines.index("**Qualification.**") : guidelines.index("## 13. ")]
    marks = re.findall(r"^\| `([a-z.]+)` \| (0\.\d+) \|$", part, re.MULTILINE)
    page = (repo / "annotation" / "agreement.md").read_text(encoding="utf-8")
    page = page[page.index("## Round pilot-1") : page.index("### After adjudication")]
    reached = [re.findall(rf"^\| `{re.escape(key)}` \| (0\.\d+) ", page, re.MULTILINE)[0] for key, _ in marks]
    assert re.findall(r"0\.\d{3}\b", part) == reached
    assert all(float(mark) < float(value) for (_, mark), value in zip(marks, reached, strict=True))


def test_the_target_of_every_stance_of_gold_is_no_value_and_stands_in_its_span(corpus: Path, labels: Labels) -> None:
    """R24 and HC-84: the span holds evaluation and target."""
    stances = 0
    for record in read_annotations(corpus).records:
        gold = record.value
        mentions = {m.id: m for m in gold.mentions or ()}
        for stance in gold.stances or ():
            target = mentions[stance.target]
            assert target.start < stance.end, f"{gold.id}: {stance.id}"
            assert stance.start < target.end, f"{gold.id}: {stance.id}"
            assert not labels.types[target.type].value, f"{gold.id}: {stance.id}"
            stances += 1
    assert stances >= 60


def test_every_label_has_five_examples_and_five_look_alikes(repo: Path, labels: Labels) -> None:
    text = (repo / "annotation" / "guidelines.md").read_text(encoding="utf-8")
    part = text[text.index("## 10. Label by label") : text.index("## 11. ")]
    cards = re.split(r"^\*\*(?=[\w ]+(?:\.\*\*|\*\* and))", part, flags=re.MULTILINE)
    examples = {
        card.split(".**")[0].split("**")[0]: re.findall(r"^```snippet\n(.*?)^```", card, re.DOTALL | re.MULTILINE)
        for card in cards[1:]
    }
    wanted = {*labels.kinds, *labels.types, *labels.relations, *labels.factualities, *labels.polarities, "explicit"}
    assert wanted <= set(examples)
    short = {
        name: [len(b.splitlines()) for b in examples[name]]
        for name in wanted
        if [len(b.splitlines()) for b in examples[name]] != [5, 5]
    }
    assert short == {}
