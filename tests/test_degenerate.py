"""Degenerate systems: each ranks below an honest simple one in its headline, on made-up documents and on the corpus."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from newsgold.benchmark.baselines.rules import annotate as rules
from newsgold.benchmark.score import score
from newsgold.corpus.model import AUTHOR, Annotation, Entity, Mention, Relation, Stance
from newsgold.corpus.store import read_annotations, read_articles
from strategies import LABELS

replace = msgspec.structs.replace
KINDS = ("NAM", "NOM", "PRO", "VAL")


class Document(NamedTuple):
    """A text with its gold."""

    text: str
    gold: Annotation


# ------------------------------------------------------------------- made-up news

NAMES = {
    "PERSON": ("Ana Dorvik", "Petr Halm", "General Ada Ruiz", "Ilse Marn", "Tomas Vrel"),
    "ORG": ("the Belmar Guard", "the Harbour Council", "the Ilva Front", "Orsk Relief", "the Ministry of Ports"),
    "GPE": ("Tessen", "Kestria", "Marovia", "Belmar"),
    "FAC": ("the Orsk bridge", "Halm barracks", "Tessen airport"),
}
AGAIN = {"PERSON": ("she", "the general", "he"), "ORG": ("the group", "it"), "GPE": ("the country", "it"), "FAC": ("the site",)}
FILLER = ("said that", "reached", "on the road to", "was seen near", "after days of talks with", "spoke about", "blamed")
FITTING = (
    *(("controls", "ORG", "GPE"), ("leads", "PERSON", "ORG"), ("attacks", "ORG", "FAC"), ("fights", "ORG", "ORG")),
    *(("located_in", "FAC", "GPE"), ("supports", "GPE", "ORG"), ("present_in", "PERSON", "GPE"), ("based_in", "ORG", "GPE")),
)


def written(number: int) -> Document:
    """A document of a seeded generator: sentences in which a few entities are named and named again."""
    rng = random.Random(number)
    cast = [(name, label) for label, names in NAMES.items() for name in rng.sample(names, 2)]
    text, mentions, owner = "", [], []
    for n in range(24):
        who = n if n < len(cast) else rng.randrange(len(cast))
        name, label = cast[who]
        first = who not in owner
        surface = name if first or rng.random() < 0.5 else rng.choice(AGAIN[label])
        kind = "NAM" if surface == name else "NOM" if " " in surface else "PRO"
        mentions.append(Mention(id=f"m{n}", start=len(text), end=len(text) + len(surface), type=label, kind=kind, text=surface))
        owner.append(who)
        text += f"{surface} {rng.choice(FILLER)} "
        if n % 3 == 2:
            text += f"{rng.randrange(2, 900)} families. "
    entities = [Entity(id=f"e{w}", mentions=tuple(f"m{n}" for n in range(24) if owner[n] == w)) for w in range(len(cast))]
    gold = Annotation(id=f"belmar-{number:02}", mentions=tuple(mentions), entities=tuple(entities))
    return Document(text, replace(gold, relations=_related(rng, gold, cast), stances=_held(rng, gold)))


def _related(rng: random.Random, gold: Annotation, cast: list[tuple[str, str]]) -> tuple[Relation, ...]:
    """Six relations between entities of fitting types, each with the pair of first mentions that says it."""
    first = [e.mentions[0] for e in gold.entities or ()]
    fits = [
        (label, h, t)
        for label, domain, range_ in FITTING
        for h in range(len(cast))
        for t in range(len(cast))
        if h != t and (cast[h][1], cast[t][1]) == (domain, range_) and not (LABELS.symmetric(label) and h > t)
    ]
    return tuple(
        Relation(type=label, head=f"e{h}", tail=f"e{t}", evidence=((first[h], first[t]),)) for label, h, t in rng.sample(fits, 6)
    )


def _held(rng: random.Random, gold: Annotation) -> tuple[Stance, ...]:
    """Five stances, three of them against, some by the article itself."""
    first = [e.mentions[0] for e in gold.entities or ()]
    picked = [rng.sample(first, 2) for _ in range(5)]
    holders = [AUTHOR if rng.random() < 0.3 else holder for holder, _ in picked]
    polarities = ("against", "against", "against", "favor", "favor")
    return tuple(
        Stance(id=f"s{i}", start=i, end=i + 4, holder=h, target=t, polarity=p)
        for i, (h, (_, t), p) in enumerate(zip(holders, picked, polarities, strict=True))
    )


# ---------------------------------------------------------------- an honest system


def honest(document: Document) -> Annotation:
    """Gold with 30 % of the items of each layer dropped, and 20 % of the rest made wrong.

    Of the mentions, half of the wrong ones have another span, and so are wrong for coreference too; as many
    others are moved to another cluster.
    """
    gold, rng = document.gold, random.Random(document.gold.id)
    mentions = [_wrong_mention(rng, m, len(document.text)) for m in gold.mentions or () if rng.random() < 0.7]
    kept = {m.id for m in mentions}
    clusters = [[m for m in e.mentions if m in kept] for e in gold.entities or ()]
    for cluster in clusters:
        for m in [m for m in cluster if rng.random() < 0.1]:
            cluster.remove(m)
            rng.choice(clusters).append(m)
    entities = tuple(
        Entity(id=e.id, mentions=tuple(dict.fromkeys(c))) for e, c in zip(gold.entities or (), clusters, strict=True) if c
    )
    known = {e.id for e in entities} | kept | {AUTHOR, "UNKNOWN"}
    names = [e.id for e in entities if e.id]
    relations = [r for r in gold.relations or () if {r.head, r.tail} <= known and rng.random() < 0.7]
    stances = [s for s in gold.stances or () if {s.holder, s.target} <= known and rng.random() < 0.7]
    return replace(
        gold,
        mentions=tuple(mentions),
        entities=entities,
        relations=tuple(
            replace(r, tail=rng.choice([n for n in names if n != r.head]), evidence=None)
            if rng.random() < 0.2
            else replace(r, evidence=None)
            for r in relations
        ),
        stances=tuple(replace(s, polarity="favor") if rng.random() < 0.2 else s for s in stances),
    )


def _wrong_mention(rng: random.Random, mention: Mention, length: int) -> Mention:
    """The mention; in one case of five with another type or a longer span."""
    if rng.random() < 0.8:
        return mention
    if rng.random() < 0.5:
        return replace(mention, type="LOC" if mention.type != "LOC" else "FAC")
    return replace(mention, end=min(mention.end + 3, length), start=max(mention.start - 1, 0), text=None)


# -------------------------------------------------------------- degenerate systems


def _named(spans: Iterable[tuple[int, int, str]]) -> tuple[Mention, ...]:
    return tuple(Mention(id=f"m{i}", start=s, end=e, type=t) for i, (s, e, t) in enumerate(spans))


def whole_text(document: Document) -> Annotation:
    """One span over the whole text for each type."""
    return Annotation(id=document.gold.id, mentions=_named((0, len(document.text), t) for t in LABELS.types))


def _tokens(text: str) -> list[tuple[int, int]]:
    runs = groupby(range(len(text)), key=lambda i: text[i].isspace())
    return [(group[0], group[-1] + 1) for blank, group in ((blank, list(run)) for blank, run in runs) if not blank]


def tiles(document: Document, width: int = 10) -> Annotation:
    """Every stretch of ten tokens, with every type."""
    tokens = _tokens(document.text)
    cuts = [(tokens[i][0], tokens[min(i + width, len(tokens)) - 1][1]) for i in range(0, len(tokens), width)]
    return Annotation(id=document.gold.id, mentions=_named((s, e, t) for s, e in cuts for t in LABELS.types))


def every_token(document: Document) -> Annotation:
    """Every token, with every type."""
    return tiles(document, 1)


def one_cluster(document: Document) -> Annotation:
    """All gold mentions as one entity."""
    mentions = document.gold.mentions or ()
    return replace(document.gold, entities=(Entity(id="e0", mentions=tuple(str(m.id) for m in mentions)),))


def all_alone(document: Document) -> Annotation:
    """Every gold mention as an entity of its own."""
    mentions = document.gold.mentions or ()
    return replace(document.gold, entities=tuple(Entity(id=f"a{m.id}", mentions=(str(m.id),)) for m in mentions))


def everything_related(document: Document) -> Annotation:
    """Every gold entity related to every other by every relation."""
    ids = [str(e.id) for e in document.gold.entities or ()]
    triples = ((t, h, k) for t in LABELS.relations for h in ids for k in ids if h != k)
    return replace(document.gold, relations=tuple(Relation(type=t, head=h, tail=k) for t, h, k in triples))


def everything_against(document: Document) -> Annotation:
    """Every gold mention against every other, and the article against each."""
    return _all_against(document, [AUTHOR, *(str(m.id) for m in document.gold.mentions or ())])


def author_against_everything(document: Document) -> Annotation:
    """The article against every gold mention."""
    return _all_against(document, [AUTHOR])


def _all_against(document: Document, holders: list[str]) -> Annotation:
    ids = [str(m.id) for m in document.gold.mentions or ()]
    pairs = [(h, t) for h in holders for t in ids if h != t]
    stances = (Stance(id=f"s{i}", holder=h, target=t, polarity="against") for i, (h, t) in enumerate(pairs))
    return replace(document.gold, stances=tuple(stances))


SYSTEMS: dict[Callable[[Document], Annotation], str] = {
    whole_text: "mentions.strict",
    tiles: "mentions.strict",
    every_token: "mentions.strict",
    one_cluster: "coref.lea",
    all_alone: "coref.lea",
    everything_related: "relations.mapped",
    everything_against: "stance.tuple",
    author_against_everything: "stance.tuple",
}
"""The headline in which each of them must lose."""


# -------------------------------------------------------------------------- tests


def f1(documents: list[Document], system: Callable[[Document], Annotation], key: str, **options: Any) -> float:
    """A headline of a system; faulty items count as predicted, so that a finding excuses nobody."""
    predictions = [replace(system(d), text_sha256=None, by="x") for d in documents]
    result = score([d.gold for d in documents], predictions, labels=LABELS, allow_findings=True, **options).to_dict()
    return float(result["scores"][key]["f1"] or 0)


@pytest.fixture(scope="module")
def made_up() -> list[Document]:
    return [written(n) for n in range(12)]


@pytest.fixture(scope="module")
def committed(corpus: Path) -> list[Document]:
    """The gold of the corpus with its texts."""
    texts = {r.value.id: r.value.text for r in read_articles(corpus).records}
    return [Document(texts[r.value.id], r.value) for r in read_annotations(corpus).records]


def test_the_made_up_documents_are_sound(made_up: list[Document]):
    for text, gold in made_up:
        assert all(text[m.start : m.end] == m.text for m in gold.mentions or ())
        assert sorted(m for e in gold.entities or () for m in e.mentions) == sorted(str(m.id) for m in gold.mentions or ())
    assert f1(made_up, lambda d: d.gold, "mentions.strict") == 1


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s.__name__)
@pytest.mark.parametrize("kinds", [("NAM", "VAL"), KINDS], ids=["names", "all"])
def test_below_an_honest_system_on_made_up_documents(made_up: list[Document], system: Any, kinds: tuple[str, ...]):
    key = SYSTEMS[system]
    assert f1(made_up, system, key, kinds=kinds) < f1(made_up, honest, key, kinds=kinds)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s.__name__)
def test_below_an_honest_system_on_the_corpus(committed: list[Document], system: Any):
    key = SYSTEMS[system]
    # honest errors are drawn by id: ten copies of each document make up for its small number of items
    copies = [Document(text, replace(gold, id=f"{gold.id}.{n}")) for text, gold in committed for n in range(10)]
    assert f1(committed, system, key) < f1(copies, honest, key)


@pytest.mark.parametrize("system", SYSTEMS, ids=lambda s: s.__name__)
def test_below_the_rules_on_the_corpus(corpus: Path, committed: list[Document], system: Any, request: pytest.FixtureRequest):
    articles = {r.value.id: r.value for r in read_articles(corpus).records}
    key = SYSTEMS[system]
    own = f1(committed, lambda d: rules(articles[d.gold.id]), key)
    if own:  # a baseline that finds nothing of a layer ranks nobody in it
        assert f1(committed, system, key) < own


@pytest.mark.parametrize("key", sorted({*SYSTEMS.values()}))
def test_the_honest_system_is_no_straw_man(made_up: list[Document], key: str):
    """It is far from perfect, so that to rank below it says something."""
    assert 0.2 < f1(made_up, honest, key) < 0.8
