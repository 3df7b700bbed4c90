"""The guidelines: every example is an annotation that the validator accepts and the inventory allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsgold.corpus.codec import Record
from newsgold.corpus.labels import Labels, load_labels
from newsgold.corpus.validate import check_annotation
from snippets import Snippet, SnippetFault, read


@pytest.fixture(scope="module")
def labels(corpus: Path) -> Labels:
    return load_labels(corpus / "labels.toml")


def test_every_example_is_valid(repo: Path, labels: Labels) -> None:
    text = (repo / "annotation" / "guidelines.md").read_text(encoding="utf-8")
    found = list(read(text, labels))
    assert len(found) > 100
    wrong = [str(one) for one in found if isinstance(one, SnippetFault)]
    for one in found:
        if isinstance(one, Snippet):
            faults = check_annotation(Record(one.annotation, "guidelines.md", one.line), labels, "pass", one.article)
            wrong += [f"line {one.line}: {fault.code} {fault.pointer} {fault.got}: {one.source}" for fault in faults]
    assert not wrong, "\n".join(wrong)
