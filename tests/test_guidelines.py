"""The guidelines: every example is an annotation that the validator accepts and the inventory allows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels, load_labels
from newsgold.corpus.validate import check_annotation
from snippets import Snippet, SnippetFault, read


@pytest.fixture(scope="module")
def labels(corpus: Path) -> Labels:
    return load_labels(corpus / "labels.toml")


PAGES = ("guidelines.md", *(f"cards/{layer}.md" for layer in ("mentions", "coreference", "relations", "stance")))


@pytest.mark.parametrize("page", PAGES)
def test_every_example_is_valid(repo: Path, labels: Labels, page: str) -> None:
    text = (repo / "annotation" / page).read_text(encoding="utf-8")
    found = list(read(text, labels))
    assert len(found) >= {"guidelines.md": 400, "cards/mentions.md": 3}.get(page, 0)
    wrong = [str(one) for one in found if isinstance(one, SnippetFault)]
    for one in found:
        if isinstance(one, Snippet):
            faults = check_annotation(Record(one.annotation, "guidelines.md", one.line), labels, "pass", one.article)
            wrong += [f"line {one.line}: {fault.code} {fault.pointer} {fault.got}: {one.source}" for fault in faults]
    assert not wrong, "\n".join(wrong)


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
    assert "line 2" in str(fault)


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
