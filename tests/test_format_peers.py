"""Every file of public projects' data is read or refused with a reason; the counts are those of REFERENCE.md.

Run as a script it prints the lines of that table.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from newsgold.corpus.formats import FORMATS, import_files, sniff
from newsgold.corpus.formats.exchange import tallies
from newsgold.corpus.formats.terms import Terms
from newsgold.corpus.model import LAYERS
from newsgold.errors import count_codes, has_errors

REPO = Path(__file__).parent.parent


class Peers(NamedTuple):
    """A set of files, the format to read them with, and its options; ``{}`` in a value stands for the folder of all sets."""

    name: str
    format: str
    options: tuple[tuple[str, str], ...] = ()


SETS = (
    Peers("brat-samples", "brat"),
    Peers("litbank", "brat"),
    Peers("doccano-examples", "doccano"),
    Peers("prodigy-news", "prodigy"),
    Peers("prodigy-rel", "prodigy"),
    Peers("crossner-politics", "conll"),
    Peers("hipe2022-en", "conll"),
    Peers("uner-ewt", "conll"),
    Peers("wikineural-en", "conll"),
    Peers("wnut17", "conll"),
    Peers("conll04", "conll"),
    Peers("gum-news", "conll"),
    Peers("scierc-mini", "conll"),
    Peers("rusentrel", "brat"),
    Peers("re-docred", "docred"),
    Peers("revisit-docred", "docred"),
    Peers("dwie-annos", "dwie"),
    Peers("cassis-xmi", "xmi"),
    Peers("inception-tsv-xmi", "xmi"),
)
UNSUPPORTED = (
    "babe",
    "coref-double",
    "crossre",
    "dse",
    "fa-kes",
    "fignews",
    "meantime-en",
    "newsmtsc",
    "newswcl50",
    "norec-fine",
    "re3d",
    "seesaw",
    "label-studio-apache",
    "label-studio-frontend",
    "label-studio-multi",
    "label-studio-quotes",
)
"""Sets in no format that is imported."""


def files_of(name: str, home: Path) -> list[Path]:
    """The files of a set, without the note about it."""
    return [f for f in sorted((home / name).rglob("*")) if f.is_file() and f != home / name / "README.md"]


def refused(name: str, home: Path) -> str:
    """The line of a set in the table of those that no format reads."""
    files = files_of(name, home)
    kinds = Counter(sniff(file) for file in files)
    return f"| {name} | {len(files)} | {'; '.join(f'{n} {what}' for what, n in sorted(kinds.items()))} |"


def line(peers: Peers, home: Path) -> str:
    """The line of a set in the table."""
    files = files_of(peers.name, home)
    options = {key: value.format(home) for key, value in peers.options}
    counts: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for file in files:
        if peers.format == "brat" and file.suffix == ".txt" and file.with_suffix(".ann").exists():
            continue  # it is the other half of that one
        imported = import_files(peers.format, [file], Terms(), **options)
        errors = [f for f in imported.findings if f.severity == "error"]
        counts.update(tallies(imported.documents))
        lost.update({loss.what: loss.n for loss in imported.losses})
        if imported.documents:
            codes.update(count_codes(imported.findings))
        else:
            assert errors, f"{file} gave neither documents nor a finding"
            first = errors[0]
            reason = first.got.partition(", which")[0].partition(":")[0] if first.code == "WRONG_FORMAT" else first.code
            refused[reason] += 1
    cells = [peers.name, f"`{peers.format}`", len(files), counts["documents"], *(counts[layer] for layer in LAYERS)]
    cells += [", ".join(f"{n} {code}" for code, n in sorted(part.items())) or "–" for part in (codes, lost)]
    cells.append("; ".join(f"{n} {reason}" for reason, n in sorted(refused.items())) or "–")
    return f"| {' | '.join(map(str, cells))} |"


@pytest.mark.parametrize("peers", SETS, ids=lambda peers: f"{peers.name}-{peers.format}")
def test_the_counts_in_the_reference_are_those_of_the_files(peers: Peers, shared: Path) -> None:
    assert line(peers, shared / "peers") in (REPO / "REFERENCE.md").read_text(encoding="utf-8").split("\n")


def test_every_line_of_the_table_is_tested() -> None:
    section = (REPO / "REFERENCE.md").read_text(encoding="utf-8").partition("\n## Other formats\n")[2].partition("\n## ")[0]
    rows = section.partition("| set |")[2].split("\n")[2:]
    rows = [row.split("|")[1].strip() for row in rows if row.startswith("|")]
    assert rows == [*(peers.name for peers in SETS), "set of no such format", "---", *UNSUPPORTED]


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_no_format_reads_is_refused_by_each_with_a_finding(name: str, shared: Path) -> None:
    assert refused(name, shared / "peers") in (REPO / "REFERENCE.md").read_text(encoding="utf-8").split("\n")
    codes: Counter[str] = Counter()
    for file in files_of(name, shared / "peers"):
        for form in FORMATS:
            imported = import_files(form, [file], Terms())
            assert imported.documents == (), f"{form} made documents of {file}"
            assert has_errors(imported.findings), f"{form} said nothing of {file}"
            codes.update(f.code for f in imported.findings)
    assert set(codes) <= {"WRONG_FORMAT", "NOT_TEXT"}


if __name__ == "__main__":
    HOME = Path(os.environ.get("NEWSGOLD_SHARED", REPO.parent / "shared")) / "peers"
    for peers in SETS:
        print(line(peers, HOME))  # noqa: T201 -- run by hand, it prints the table
    for name in UNSUPPORTED:
        print(refused(name, HOME))  # noqa: T201 -- run by hand, it prints the table
