"""The datasheet: every question has its answer, and figures and pictures show what the data are."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest

from colour_vision import VISIONS, nearest
from newsgold import datasheet
from newsgold.annotation.records import AdjudicationRecord, Agreed, Decision
from newsgold.annotation.rounds import Round, read_rounds
from newsgold.corpus.labels import load_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Region, Relation, Stance
from newsgold.corpus.release import stats
from newsgold.corpus.store import read_annotations, read_articles
from newsgold.datasheet import FOLDER, ROADS, SHOWN, SPLIT_STYLE, Sheet, counts, gather, pictures, tables
from newsgold.errors import DataError
from newsgold.generated import render
from newsgold.metrics.uncertainty import POWER, t_quantile

SVG = {"svg": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
HEADINGS = (
    "Motivation", "Composition", "Collection", "Preprocessing", "Uses", "Distribution", "Maintenance",
    "Curation rationale", "Language variety", "Author demographic", "Annotator demographic", "Speech situation",
    "Text characteristics", "Recording quality", "Other", "Provenance appendix",
    "Origin and makers", "Evidence that the seed is spliced", "Labels describe the text, not the truth",
    "Dual use and forbidden uses", "Known errors", "What a score can and cannot show", "Rights in the seed, and take-down",
)  # fmt: skip


@pytest.fixture(scope="module")
def text(repo: Path) -> str:
    return (repo / "DATASHEET.md").read_text(encoding="utf-8")


def read_sheet(repo: Path) -> Sheet:
    labels = load_labels(repo / "corpus/labels.toml")
    articles = {r.value.id: r.value for r in read_articles(repo / "corpus").records}
    gold = {r.value.id: r.value for r in read_annotations(repo / "corpus").records}
    return gather(articles.values(), gold, read_rounds(repo / "annotation/rounds", articles, labels), labels)


@pytest.fixture(scope="module")
def sheet(repo: Path) -> Sheet:
    return read_sheet(repo)


@pytest.fixture(scope="module")
def drawn(sheet: Sheet) -> Mapping[str, bytes]:
    return pictures(sheet)


# ---------------------------------------------------------------------------- text


def test_every_question_is_asked_once_and_answered(text: str):
    found = re.findall(r"^\*\*Q(\d+)\. ([^*]+\?)\*\*\s+(\S.*)", text, re.MULTILINE)
    assert [int(number) for number, *_ in found] == list(range(1, 53))
    assert len({question for _, question, _ in found}) == 52
    assert text.count("**Q") == 52


def test_the_headings_are_there_and_say_something(text: str):
    parts = dict(re.findall(r"^##+ ([^\n]+)\n+(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert [name for name in HEADINGS if len(parts.get(name, "").split()) < 5] == []


def test_every_table_and_picture_is_shown_and_current(repo: Path, text: str, sheet: Sheet, drawn: Mapping[str, bytes]):
    for name, make in tables(sheet).items():
        assert f"<!-- generated: {name} -->\n{make()}<!-- /generated -->" in text, name
    for name, data in drawn.items():
        (about,) = re.findall(rf"!\[(.*)\]\({FOLDER}/{name}\)", text)
        assert f"<title>{about}</title>".encode() in data
        assert (repo / FOLDER / name).read_bytes() == data, name


def test_what_the_text_says_of_the_seed_is_so(repo: Path, text: str):
    seed = (repo / "corpus/articles/damascus-declared-secure.txt").read_bytes()
    words = seed.decode()
    assert f"{len(words):,} code points and {len(seed):,} bytes" in text
    assert words.count("Syrian regime declares Damascus fully secure") == 3
    named = (
        "United Kingdom -based",
        "Iran and Russian Federation",
        "Yarmouk",
        "Yarmuk",
        "Islamic State",
        "IS",
        "ISIS",
        "in April",
    )
    assert [name for name in (*named, "said army would continue", "a war monitoring group") if name not in text] == []
    assert [name for name in named if not re.search(rf"\b{name}\b", words)] == []
    assert [name for name in ("in April", "said army would continue", "A war monitoring group") if name not in words] == []
    assert words.index("Mr. Putin") < words.index("Vladimir Putin")
    assert words.index("A second batch") < words.index("The evacuations came a day")


def test_what_the_text_says_of_the_rest_is_so(repo: Path, text: str, sheet: Sheet):
    origins = Counter(d.article.origin for d in sheet.documents)
    assert (origins["seed"], origins["written"], len(sheet.documents)) == (1, 12, 13)
    assert "thirteen English news articles, of which one is real and twelve" in text
    assert [(split, [d.article.origin for d in docs]) for (split, _), docs in datasheet.events(sheet).items()] == [
        ("train", ["written"] * 4), ("validation", ["written"] * 4), ("test", ["written"] * 4), ("test", ["seed"]),
    ]  # fmt: skip
    calendar = re.findall(r"^\| EV-\d+ ", (repo / "corpus/world.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert f"three of the {len(calendar)} events" in text
    assert f"{t_quantile(0.975, 1):.1f} where a large test set has {t_quantile(0.975, 10**6):.2f}" in text
    assert f"about {t_quantile(0.975, 1) + t_quantile(POWER, 1):.0f} standard errors" in text


# -------------------------------------------------------------------------- numbers


def test_the_figures_are_those_of_stats(repo: Path, sheet: Sheet):
    expected = stats(repo / "corpus")
    assert {(c.layer, c.label): sum(c.by_split.values()) for c in counts(sheet) if sum(c.by_split.values())} == {
        (layer, label): n for layer, labels in expected["by_type"].items() for label, n in labels.items()
    }
    assert sum(d.words for d in sheet.documents) == expected["words"]
    for layer in ("mentions", "relations", "stances"):
        assert {s: sum(c.by_split[s] for c in counts(sheet) if c.layer == layer) for s in sheet.splits} == {
            s: row[layer] for s, row in expected["by_split"].items()
        }


def test_every_item_of_the_gold_has_a_record(sheet: Sheet):
    for document in sheet.documents:
        assert document.gold is not None
        assert document.roads["mentions"].total() == len(document.gold.mentions or ())
        assert sum(roads[ROADS[3]] for roads in document.roads.values()) == 0, document.article.id


def made(split: str | None, number: int, **more: object) -> tuple[Article, Annotation]:
    """An article of two words, with a mention each, a relation and a stance."""
    text = "Ana Belmar"
    spans = ((0, 3, "PERSON"), (4, 10, "GPE"))
    mentions = [Mention(id=f"m{i}", start=a, end=b, type=t, kind="NAM", text=text[a:b]) for i, (a, b, t) in enumerate(spans)]
    gold = Annotation(
        id=f"d{number}",
        mentions=tuple(mentions),
        entities=(Entity(id="e0", mentions=("m0",), link="kb-ana"), Entity(id="e1", mentions=("m1",))),
        relations=(Relation(type="leads", head="e0", tail="e1", evidence=(("m0", "m1"),)),),
        stances=(Stance(id="s0", start=0, end=10, holder="AUTHOR", target="m1", polarity="favor", basis="implied"),),
    )
    article = Article(
        id=f"d{number}",
        title="",
        text=text,
        origin="written",
        split=split,
        regions=(Region(start=0, end=10, kind="body"),),  # one of the three
    )
    return msgspec.structs.replace(article, **more), gold


def decision(layer: str, gold: str, passes: tuple[str, ...]) -> Decision:
    word = "kept" if passes else "added"
    return Decision(
        id="D1", layer=layer, item="x", passes=passes, decision=word, gold=gold, rule="R1", why="x"
    )  # as the layers are called


def test_how_items_came_about_is_read_off_the_record_that_knows_them():
    article, gold = made("train", 1)
    agreed = Agreed(mentions=("m0", "m1"), entities=("e0",), links=("link(e0)",))
    decisions = (decision("relations", "leads(m0,m1)", ("a",)), decision("stances", "s0", ()))
    old = AdjudicationRecord(
        schema_version=2, document="d1", round="r1", passes=("a", "b"), adjudicator="x", agreed=Agreed(mentions=("m0",))
    )
    new = msgspec.structs.replace(old, round="r2", agreed=agreed, decisions=decisions)
    labels = load_labels(Path(__file__).parent.parent / "corpus/labels.toml")
    (document,) = gather([article], {"d1": gold}, [Round("r1", {}, [new]), Round("r2", {}, [old])], labels).documents
    assert {layer: dict(roads) for layer, roads in document.roads.items()} == {
        "mentions": {"in every pass": 2},
        "entities": {"in every pass": 1, "no record": 1},
        "links": {"in every pass": 1},
        "relations": {"in some pass, kept": 1},
        "stances": {"added in adjudication": 1},
    }


def test_tables_of_a_small_corpus():
    rows = [made("train", 1, event="x", outlet="A | B"), made("train", 4, event="x", outlet="A | B")]
    rows += [made("test", 2, event="y"), made(None, 3, origin="imported")]
    labels = load_labels(Path(__file__).parent.parent / "corpus/labels.toml")
    sheet = gather([a for a, _ in rows], {g.id: g for _, g in rows[:3]}, [], labels)
    shown = {name: make() for name, make in tables(sheet).items()}
    assert shown["lengths"] == (
        "| split | event | A &#124; B | unknown |\n| --- | --- | --- | --- |\n"
        "| train | `x` | 2, 2 | – |\n| test | `y` | – | 2 |\n| none | `d3` | – | 2 |\n"
        "\nWords a document: least 2, median 2, most 2.\n"
    )
    assert "| none | imported | named in the metadata | 1 | 100.0 % | – |" in shown["texts"]
    assert "| test | 1 | 1 | 100.0 % |\n| none | 0 | 0 | – |" in shown["overlap"]
    assert "| split test | 7 | 0 (0.0 %) | 0 (0.0 %) | 0 (0.0 %) | 7 (100.0 %) |" in shown["roads"]
    assert {name: data[:5] for name, data in pictures(sheet).items()} == dict.fromkeys(pictures(sheet), b"<?xml")


# ------------------------------------------------------------------------- pictures


def widths(picture: bytes) -> dict[str, float]:
    """How wide each bar with an id of its own is, in points."""
    out = {}
    for group in ET.fromstring(picture).iter(f"{{{SVG['svg']}}}g"):
        path = group.find("svg:path", SVG)
        if path is not None and re.match(r"(mentions|relations|stances|words)-", group.get("id", "")):
            xs = [float(x) for x in re.findall(r"[ML] (\S+) ", path.get("d", ""))]
            out[group.get("id", "")] = max(xs) - min(xs)
    return out


def words_of(picture: bytes) -> list[str]:
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{{{SVG['svg']}}}text")]


def test_bars_are_as_long_as_the_numbers(sheet: Sheet, drawn: Mapping[str, bytes]):
    found = {f"{c.layer}-{c.label}-{split}": n for c in counts(sheet) for split, n in c.by_split.items() if n}
    found |= {f"words-{d.article.id}": d.words for d in sheet.documents}
    bars = widths(drawn["labels.svg"]) | widths(drawn["lengths.svg"])
    assert bars.keys() == found.keys()
    for layer in ("mentions", "relations", "stances", "words"):
        scale = [bars[name] / n for name, n in found.items() if name.startswith(f"{layer}-")]
        assert scale == pytest.approx([scale[0]] * len(scale), rel=1e-4)
    totals = [str(sum(c.by_split.values())) for c in counts(sheet)]
    assert Counter(totals) <= Counter(words_of(drawn["labels.svg"]))
    assert {str(d.words) for d in sheet.documents} <= {*words_of(drawn["lengths.svg"])}


def test_dots_stand_where_the_figures_say(sheet: Sheet, drawn: Mapping[str, bytes]):
    pooled = {f"value-{name}-{key}": result.pooled[key].value for name, result in sheet.rounds.items() for key in SHOWN}
    root = ET.fromstring(drawn["agreement.svg"])
    dots = {g.get("id", ""): g.find(".//svg:use", SVG) for g in root.iter(f"{{{SVG['svg']}}}g") if g.get("id", "") in pooled}
    places = {name: float(use.get("x", "")) for name, use in dots.items() if use is not None}
    assert places.keys() == {name for name, value in pooled.items() if value is not None}
    low, high = min(places, key=lambda n: pooled[n] or 0), max(places, key=lambda n: pooled[n] or 0)
    slope = (places[high] - places[low]) / ((pooled[high] or 0) - (pooled[low] or 0))
    assert {n: places[low] + slope * ((pooled[n] or 0) - (pooled[low] or 0)) for n in places} == pytest.approx(places, abs=0.01)
    assert {f"{pooled[n]:.3f}" for n in places} <= {shown.split(",")[0] for shown in words_of(drawn["agreement.svg"])}


def test_a_picture_is_the_same_elsewhere(repo: Path, tmp_path: Path, drawn: Mapping[str, bytes]):
    """Another process, another order of sets, another style of the user's; and nothing is loaded before it is needed."""
    (tmp_path / "matplotlibrc").write_text("font.family: serif\naxes.facecolor: black\nsvg.fonttype: path\nlines.color: r\n")
    code = (
        "import sys; from pathlib import Path; from test_datasheet import pictures, read_sheet\n"
        "sheet = read_sheet(Path(sys.argv[1])); assert 'matplotlib' not in sys.modules\n"
        "for name, data in pictures(sheet).items(): (Path(sys.argv[2]) / name).write_bytes(data)\n"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7", "MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "LC_ALL": "C"}
    env["PYTHONPATH"] = str(Path(__file__).parent)
    subprocess.run([sys.executable, "-W", "error", "-c", code, str(repo), str(tmp_path)], check=True, env=env, timeout=120)
    assert {name: (tmp_path / name).read_bytes() for name in drawn} == drawn


def test_a_picture_names_no_machine_and_no_day(drawn: Mapping[str, bytes]):
    for data in drawn.values():
        assert not re.search(rb"dc:date|/home|/work|/usr|\d{4}-\d\d-\d\d", data)
        assert b"fill: #ffffff" in data  # a ground of its own, so that it can be read on a dark page


@pytest.mark.parametrize("vision", VISIONS)
def test_splits_and_rounds_can_be_told_apart(vision: str):
    splits = {name: colour for name, (colour, _) in SPLIT_STYLE.items() if name != "none"}
    assert nearest(splits, vision) > (20, "", "")
    assert len({hatch for _, hatch in SPLIT_STYLE.values()}) == len(SPLIT_STYLE)
    assert len({marker for _, marker in datasheet.ROUND_STYLE}) == len(datasheet.ROUND_STYLE)


# ------------------------------------------------------------------------ bad input


def test_no_figure_is_made_of_gold_that_cannot_be_read(repo: Path, tmp_path: Path):
    for name in ("corpus/labels.toml", "corpus/articles", "corpus/gold"):
        target = tmp_path / name
        target.parent.mkdir(exist_ok=True)
        os.symlink(repo / name, target) if name != "corpus/gold" else target.mkdir()
    (tmp_path / "corpus/gold/belmar-entry-tta.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        render(tmp_path)
