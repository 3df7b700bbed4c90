"""The baselines: what always holds of their annotations, and a worked example for each thing they know."""

from __future__ import annotations

import tomllib
from collections import Counter
from importlib import resources

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsgold.benchmark.baselines import FITTED, SYSTEMS, card_of, empty, gazetteer
from newsgold.benchmark.baselines.lexicon import gazetteer as known
from newsgold.benchmark.baselines.lexicon import inflect, plural
from newsgold.benchmark.baselines.names import MAX_SENTENCE, sentences
from newsgold.benchmark.baselines.rules import annotate as rules
from newsgold.benchmark.baselines.spotting import tokenise
from newsgold.corpus.codec import Record, sha256
from newsgold.corpus.labels import default_labels
from newsgold.corpus.model import Annotation, Article, Region
from newsgold.corpus.validate import check_annotation

LABELS = default_labels()
READERS = ("empty", "gazetteer", "rules")
"""Those whose annotations would pass as an annotator's; the degenerate ones have a file of their own."""

NEWS = """Marovian army takes Belmar as rebels pull out

The Marovian army seized the town of Belmar on Monday after the last fighters of the Belmar Guard left the area, the
government said. President Ana Dorvik said that her forces would hold the bridge over the Ilva until 12 May.

"We will not leave," said Petr Halm, a spokesman for the Guard. He accused the army of shelling a hospital in Orsk Hill,
where some 1,600 families have lived for more than three years. Dorvik condemned the Guard and Kestria.
"""

PIECES = (
    *("Marovia", "Marovian", "Kestria", "Belmar Guard", "Tessen", "Ana Dorvik", "President", "al-Varun", "BOHR", "UN", "French"),
    *(
        "the",
        "a",
        "army",
        "fighters",
        "town",
        "residents of",
        "group of",
        "government",
        "rebels",
        "northern",
        "bridge",
        "capital",
    ),
    *(
        "he",
        "it",
        "their",
        "its",
        "her",
        "we",
        "said",
        "seized",
        "left",
        "was attacked by",
        "condemned",
        "blamed",
        "pro-",
        "-based",
    ),
    *(
        "deal between",
        "and",
        "in",
        "near",
        "of",
        "'s",
        ", ",
        ". ",
        '"',
        "\n",
        "\n\n",
        "\r\n",
        "-",
        "not",
        "will",
        "if",
        "May",
        "2018",
    ),
    *(
        "12",
        "two",
        "hundreds of",
        "Monday",
        "weeks",
        "per cent",
        "é",
        "\u0301",
        "\U0001f600",
        "_",
        "’s",
        "½",
        "İ",
        "\t",
        "is a danger",
    ),
)
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join))


@st.composite
def articles(draw: st.DrawFn) -> Article:
    """Any text, with any duplicate regions."""
    text = draw(TEXTS)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=4)))
    pairs = zip(cuts[::2], cuts[1::2], strict=False)
    regions = tuple(Region(start=a, end=b, kind=draw(st.sampled_from(["title", "body", "duplicate"]))) for a, b in pairs)
    return Article(id="a", text=text, regions=regions, text_sha256=sha256(text) if text.isascii() else None)


def article(text: str, *regions: Region) -> Article:
    return Article(id="marovia", text=text, regions=regions)


def findings(annotation: Annotation, of: Article, role: str) -> list[str]:
    record = Record(annotation, "p.jsonl", 1, b"")
    return [f"{f.code} {f.pointer} {f.got}" for f in check_annotation(record, LABELS, role, of)]


# -------------------------------------------------------------------- what always holds


@pytest.mark.parametrize("name", READERS)
@given(of=articles())
@settings(deadline=None, max_examples=150)
def test_any_text_gives_a_valid_annotation(name: str, of: Article) -> None:
    got = SYSTEMS[name].function(of)
    assert (got.id, got.by, got.text_sha256) == ("a", name, of.text_sha256)
    mentions = got.mentions or ()
    assert [m.id for m in mentions] == [f"m{i + 1}" for i in range(len(mentions))]
    assert all(m.text == of.text[m.start : m.end] and m.start < m.end for m in mentions)
    assert sorted(mentions, key=lambda m: (m.start, -m.end)) == list(mentions)
    assert sorted(m for e in got.entities or () for m in e.mentions) == sorted(str(m.id) for m in mentions)
    assert findings(got, of, "prediction") == []
    assert findings(got, of, "pass") == []


@pytest.mark.parametrize("name", READERS)
@given(of=articles())
@settings(deadline=None, max_examples=50)
def test_the_same_article_gives_the_same_annotation(name: str, of: Article) -> None:
    assert SYSTEMS[name].function(of) == SYSTEMS[name].function(of)


@pytest.mark.parametrize("name", READERS)
def test_a_text_that_mixes_everything(name: str) -> None:
    of = article(NEWS * 20)
    assert findings(SYSTEMS[name].function(of), of, "pass") == []


def test_a_text_without_full_stops_is_cut() -> None:
    tokens = tokenise(article(NEWS.replace(".", "").replace("\n", " ") * 20))
    numbers = sentences(tokens)
    assert max(Counter(numbers).values()) == MAX_SENTENCE


@pytest.mark.parametrize("name", ["gazetteer", "rules"])
def test_duplicates_have_no_mentions(name: str) -> None:
    title, body = "French troops leave Kenya", "On Monday French troops left Kenya."
    text = f"{title}\n{title}\n\n{body}"
    duplicate = Region(start=len(title) + 1, end=2 * len(title) + 1, kind="duplicate")
    whole, without = SYSTEMS[name].function(article(text)), SYSTEMS[name].function(article(text, duplicate))
    spans = {(m.start, m.end) for m in without.mentions or ()}
    assert spans == {(m.start, m.end) for m in whole.mentions or () if not duplicate.start <= m.start < duplicate.end}
    assert len(spans) < len(whole.mentions or ())


def test_a_mention_does_not_reach_into_a_duplicate() -> None:
    text = "He visited South Africa."
    got = gazetteer(article(text, Region(start=17, end=len(text), kind="duplicate")))
    assert got.mentions == ()


# ---------------------------------------------------------------------------- the cards


def test_every_system_has_a_card() -> None:
    names = [*SYSTEMS, *FITTED]
    with resources.files("newsgold.benchmark.baselines").joinpath("cards.toml").open("rb") as file:
        assert {*tomllib.load(file)} == {"defaults", *names}
    cards = {name: card_of(name) for name in names}
    assert [(c.name, SYSTEMS[name].version) for name, c in cards.items() if name in SYSTEMS] == [(n, "1") for n in SYSTEMS]
    assert all(c.summary and c.saw and c.command and c.kind in ("baseline", "degenerate") for c in cards.values())
    assert all(cards[name].kind == "degenerate" or cards[name].cost for name in names)
    assert all(cards[name].caution for name in names if cards[name].kind == "degenerate" or name in FITTED)


def test_nothing_learns_from_the_test_split() -> None:
    assert all(set(f.splits) <= {"train", "validation"} for f in FITTED.values())


def test_layers_attempted() -> None:
    of = article(NEWS)
    assert empty(of) == Annotation(id="marovia", by="empty", mentions=(), entities=(), relations=(), stances=())
    got = gazetteer(of)
    assert got.mentions
    assert got.entities
    assert got.relations is None
    assert got.stances is None
    assert None not in (rules(of).relations, rules(of).stances)


# ------------------------------------------------------------------------- the gazetteer


def surfaces(annotation: Annotation, *types: str) -> list[str]:
    return [str(m.text) for m in annotation.mentions or () if not types or m.type in types]


def test_the_list_of_countries_is_whole() -> None:
    names = known()
    assert len(names.capital_of) > 190
    assert names.country_of["Kenyans"] == "Kenya"
    assert (plural("Iraqi"), plural("Chinese"), plural("Spanish"), plural("Kurd")) == ("Iraqis", "Chinese", "Spanish", "Kurds")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The South Sudanese delegation met the UN in Nairobi.", [("South Sudanese", "NORP"), ("UN", "ORG"), ("Nairobi", "GPE")]),
        ("The Red Sea and West Africa", [("Red Sea", "LOC"), ("West Africa", "LOC")]),
        ("Muslims and Kenyans met the Red Cross.", [("Muslims", "NORP"), ("Kenyans", "NORP"), ("Red Cross", "ORG")]),
        ("U.S. and UAE ministers", [("U.S.", "GPE"), ("UAE", "GPE")]),
        ("a French-brokered truce", [("French", "NORP")]),
    ],
)
def test_gazetteer_names(text: str, expected: list[tuple[str, str]]) -> None:
    assert [(m.text, m.type) for m in gazetteer(article(text)).mentions or ()] == expected


def test_gazetteer_clusters_equal_surfaces() -> None:
    got = gazetteer(article("Kenya and Kenya, Nairobi; two towns, two rivers."))
    assert [e.mentions for e in got.entities or ()] == [("m1", "m2"), ("m3",), ("m4",), ("m5",)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("They met on Monday evening.", ["Monday"]),
        ("On 12 May 2018 it rained.", ["12 May 2018"]),
        ("On May 12, 2018, it rained.", ["May 12, 2018"]),
        ("In April and in May they may march.", ["April", "May"]),
        ("In recent months and the past two weeks", ["recent months", "the past two weeks"]),
        ("shut for more than three years", ["more than three years"]),
        ("a 72-hour truce and a six-hour truce", ["72-hour"]),
        ("a month-long siege", ["month-long"]),
        ("on Saturday and Sunday at noon", ["Saturday", "Sunday"]),
        ("since 2012 and last year", ["2012", "last year"]),
        ("Yesterday, two weeks ago, in the 1990s", ["Yesterday", "two weeks ago", "the 1990s"]),
        ("within six hours, at 6 p.m. or 10:30", []),
        ("a three-year-old child aged 12", []),
    ],
)
def test_dates(text: str, expected: list[str]) -> None:
    assert surfaces(gazetteer(article(text)), "DATE") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("some 1,600 shells and at least two dozen rockets", ["some 1,600", "at least two dozen"]),
        ("Hundreds of gunmen, tens of thousands of people", ["Hundreds", "tens of thousands"]),
        ("twenty-five men and a hundred women", ["twenty-five", "a hundred"]),
        ("one of the three towns, no one else", ["one", "three"]),
        ("by 12 per cent, 5% and 5 percent to 40 euros and $30 million", []),
        ("a 35-year-old man within six hours on 12 May", []),
        ("several towns, many people, the second group", []),
    ],
)
def test_counts(text: str, expected: list[str]) -> None:
    assert surfaces(gazetteer(article(text)), "CARDINAL") == expected


# ------------------------------------------------------------------------------- the rules


def marked(text: str) -> set[str]:
    return {f"{m.text}|{m.type}.{m.kind}" for m in rules(article(text)).mentions or ()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("President Ana Dorvik met Mr Halm in Tessen.", "Ana Dorvik|PERSON.NAM Halm|PERSON.NAM Tessen|GPE.NAM"),
        ("The Belmar Observatory for Human Rights spoke.", "Belmar Observatory for Human Rights|ORG.NAM"),
        ("They came to al-Varun camp and the town of Maret.", "al-Varun|GPE.NAM Maret|GPE.NAM They|PERSON.PRO"),
        ("The BOHR group spoke near the Ilva river.", "BOHR|ORG.NAM Ilva|LOC.NAM"),
        ("Cars burned. Prices rose.", ""),
        ("Marovians met the French.", "Marovians|NORP.NAM French|NORP.NAM"),
        ("They met near Tessen Airport in Tessen.", "They|PERSON.PRO Tessen Airport|FAC.NAM Tessen|GPE.NAM"),
    ],
)
def test_names_by_shape(text: str, expected: str) -> None:
    got = {m for m in marked(text) if not m.endswith("NOM")}
    assert got == set(_items(expected))


def _items(listed: str) -> list[str]:
    """``A b|T.K C|T.K`` taken apart."""
    out, words = [], []
    for word in listed.split():
        words.append(word)
        if "|" in word:
            out.append(" ".join(words))
            words = []
    return out


@pytest.mark.parametrize(
    ("text", "nominals"),
    [
        ("The Marovian army moved.", ["The Marovian army|ORG"]),
        ("Kestrian envoy Petr Halm spoke to Marovia's government.", ["Marovia's government|ORG"]),
        ("Fighters loyal to him fled.", ["Fighters|PERSON"]),
        ("The bridge over the Ilva which engineers repaired is open.", ["The bridge over the Ilva|FAC", "engineers|PERSON"]),
        ("A government-affiliated newspaper spoke.", ["A government-affiliated newspaper|ORG", "government|ORG"]),
        ("A second group of Kestrian officers stayed.", ["A second group of Kestrian officers|PERSON"]),
        ("Marovian and Kestrian troops left.", ["Marovian and Kestrian troops|ORG"]),
        ("Hundreds of rebel fighters left.", ["Hundreds of rebel fighters|PERSON"]),
        ("The war hit northern Marovia.", ["northern Marovia|LOC"]),
        ("He is an envoy of Kestria.", []),
        ("No soldiers came.", []),
        ("The hospital said that buses had come.", ["The hospital|ORG"]),
        ("Army convoys came.", []),
    ],
)
def test_nominals(text: str, nominals: list[str]) -> None:
    got = sorted(f"{m.text}|{m.type}" for m in rules(article(text)).mentions or () if m.kind == "NOM")
    assert got == sorted(nominals)


def test_the_battle_joins_the_named_one() -> None:
    got = marked("The Battle of Orsk Hill ended; the battle cost lives.")
    assert {"Battle of Orsk Hill|EVENT.NAM", "Orsk Hill|GPE.NAM", "the battle|EVENT.NOM"} <= got


@pytest.mark.parametrize(
    ("text", "pronouns"), [("It is raining.", 0), ("It was said that he left.", 1), ("I saw us and them.", 3)]
)
def test_pronouns(text: str, pronouns: int) -> None:
    assert sum(m.endswith("PRO") for m in marked(text)) == pronouns


def clusters(text: str) -> list[list[str]]:
    got = rules(article(text))
    surface = {m.id: str(m.text) for m in got.mentions or ()}
    return [[surface[m] for m in e.mentions] for e in got.entities or () if len(e.mentions) > 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("President Ana Dorvik left. Dorvik said she was ill.", ["Ana Dorvik", "Dorvik", "she"]),
        ("The Belmar Guard denied this. The Guard left with its men.", ["Belmar Guard", "Guard", "its"]),
        ("The Orsk Relief Society (ORS) closed. ORS is small.", ["Orsk Relief Society", "ORS", "ORS"]),
        ("Marovia waited. The Marovian army left.", ["Marovia", "Marovian"]),
        ("Petr Halm, an envoy of Kestria, left.", ["Petr Halm", "an envoy of Kestria"]),
        ("A convoy reached Belmar. The town is empty.", ["Belmar", "The town"]),
        ("Soldiers came. The soldiers left.", ["Soldiers", "The soldiers"]),
    ],
)
def test_coreference(text: str, expected: list[str]) -> None:
    assert expected in clusters(text)


def test_a_people_is_not_its_country() -> None:
    assert clusters("Kenya is home to Ugandans. Uganda is near.") == []


def relations(text: str) -> set[str]:
    got = rules(article(text))
    surface = {m.id: m.text for m in got.mentions or ()}
    return {f"{r.type}({surface[h]}, {surface[t]}) {r.factuality}" for r in got.relations or () for h, t in r.evidence or ()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The army seized Belmar.", "controls(The army, Belmar) asserted"),
        ("The army captured a driver.", "attacks(The army, a driver) asserted"),
        ("The army is trying to retake Belmar from the Guard.", "controls(Guard, Belmar) asserted"),
        ("The army is trying to retake Belmar from the Guard.", "controls(The army, Belmar) prospective"),
        ("The Guard will leave Belmar if Kestria agrees.", "withdraws_from(Guard, Belmar) prospective"),
        ("The Guard refused to leave Belmar.", "withdraws_from(Guard, Belmar) denied"),
        ("Belmar was shelled by the army.", "attacks(The army, Belmar) asserted".replace("The", "the")),
        ("The army clashed with the Guard.", "fights(The army, Guard) asserted"),
        ("Rebels allied with Kestria moved.", "allied_with(Rebels, Kestria) asserted"),
        ("Kestria-backed rebels moved.", "supports(Kestria, Kestria-backed rebels) asserted"),
        ("A Tessen-based relief group closed.", "based_in(A Tessen-based relief group, Tessen) asserted"),
        ("A deal between Marovia and the Guard began.", "agreement_with(Marovia, Guard) asserted"),
        ("Talks between Marovia and Kestria began.", "agreement_with(Marovia, Kestria) prospective"),
        ("A Kestrian-brokered deal between Marovia and Ruvia began.", "mediates(Kestrian, Marovia) asserted"),
        ("Marovian President Ana Dorvik left.", "leads(Ana Dorvik, Marovian) asserted"),
        ("Kestrian envoy Petr Halm spoke.", "represents(Petr Halm, Kestrian) asserted"),
        ("A spokesman for the Guard spoke.", "represents(A spokesman for the Guard, Guard) asserted"),
        ("The coalition led by Kestria met.", "leads(Kestria, The coalition) asserted"),
        ("The Belmar Guard came. Guard fighters fled.", "member_of(Guard fighters, Guard) asserted"),
        ("The Guard's northern brigade fled.", "part_of(The Guard's northern brigade, Guard) asserted"),
        ("Marovian soldiers fled.", "state_affiliation(Marovian soldiers, Marovian) asserted"),
        ("The hospital in Belmar closed.", "located_in(The hospital in Belmar, Belmar) asserted"),
        ("Belmar, Marovia, is quiet.", "located_in(Belmar, Marovia) asserted"),
        ("Residents of Belmar slept.", "present_in(Residents of Belmar, Belmar) asserted"),
        ("They sat at a checkpoint near the bridge.", "adjacent_to(a checkpoint near the bridge, the bridge) asserted"),
    ],
)
def test_relations(text: str, expected: str) -> None:
    assert expected in relations(text)


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("Families left Belmar.", "withdraws_from"),
        ("Kestria praised the Guard.", "supports"),
        ("The attack on Belmar ended.", "attacks"),
        ("Marovia's deputy president Petr Halm left.", "leads"),
        ("The army bombed Belmar, and the songs went on.", "controls"),
    ],
)
def test_no_relation(text: str, relation: str) -> None:
    assert not any(r.startswith(relation) for r in relations(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Ana Dorvik condemned the Guard.", ("Ana Dorvik", "Guard", "against", "explicit", "condemned the Guard")),
        ("Ana Dorvik praised Kestria.", ("Ana Dorvik", "Kestria", "favor", "explicit", "praised Kestria")),
        (
            "Ana Dorvik demanded that the Guard leave Belmar.",
            ("Ana Dorvik", "Guard", "against", "implied", "demanded that the Guard"),
        ),
        ("Pro-Kestrian rebels marched.", ("Pro-Kestrian rebels", "Kestrian", "favor", "explicit", "Pro-Kestrian")),
        ("The brutal Guard has returned.", ("AUTHOR", "Guard", "against", "explicit", "brutal Guard")),
        ("It was said that the Guard was a disgrace.", ("UNKNOWN", "Guard", "against", "explicit", "Guard was a disgrace")),
        ("Petr Halm said the Guard was a danger.", ("Petr Halm", "Guard", "against", "explicit", "Guard was a danger")),
        (
            "Petr Halm said that he took no side on Kestria.",
            ("he", "Kestria", "neutral", "explicit", "took no side on Kestria"),
        ),
    ],
)
def test_stance(text: str, expected: tuple[str, ...]) -> None:
    got = rules(article(text))
    surface = {str(m.id): str(m.text) for m in got.mentions or ()}
    found = [
        (surface.get(s.holder, s.holder), surface[s.target], s.polarity, s.basis, text[s.start : s.end])
        for s in got.stances or ()
    ]
    assert found == [expected]


@pytest.mark.parametrize(
    "text", ["The Guard denied shelling Belmar.", "Kestria bombed Belmar.", "Ana Dorvik did not condemn the Guard."]
)
def test_no_stance(text: str) -> None:
    assert rules(article(text)).stances == ()


def test_a_dateline_is_the_town() -> None:
    assert ["TESSEN", "Tessen", "Tessen"] in clusters(
        "TESSEN (BOHR) - Rebels shelled the Marovian capital Tessen, near Tessen Airport."
    )


def test_a_headline_shows_only_known_names() -> None:
    got = rules(article("Army Seizes Belmar From Rebels\n\nThe army seized the town of Belmar, residents said."))
    assert ("Belmar", "GPE") in {(m.text, m.type) for m in (got.mentions or ())[:2]}
    assert "Army Seizes Belmar From Rebels" not in surfaces(got)


@pytest.mark.parametrize(
    ("verb", "form"),
    [("attack", "attacked"), ("seize", "seizing"), ("hit", "hit"), ("leave", "left"), ("clash", "clashes"), ("deny", "denies")],
)
def test_inflection(verb: str, form: str) -> None:
    assert form in inflect(verb)


def test_inflection_makes_no_wrong_past() -> None:
    assert "holded" not in inflect("hold")
