"""Made-up reports of matches with gold, in an inventory that shares no label with ours: something to learn in a second."""

from __future__ import annotations

import re
from itertools import count

from newsgold.corpus.codec import sha256
from newsgold.corpus.labels import parse_labels
from newsgold.corpus.model import Annotation, Article, Entity, Mention, Relation, Stance

_LABEL = 'definition = "x"\ntest = "y"\n'
_NAMES = (
    *(f"kinds.{kind}" for kind in ("NAM", "NOM", "VAL")),
    *(f"types.{name}" for name in ("PLAYER", "CLUB", "SCORE")),
    *(f"relations.{name}" for name in ("plays_for", "beats", "meets")),
    *(f"polarities.{name}" for name in ("likes", "dislikes")),
)
_MORE = {
    "types.SCORE": "value = true\n",
    "relations.plays_for": 'domain = ["PLAYER"]\nrange = ["CLUB"]\n',
    "relations.beats": 'domain = ["CLUB"]\nrange = ["CLUB"]\n',
    "relations.meets": 'domain = ["CLUB"]\nrange = ["CLUB"]\nsymmetric = true\n',
}
SPORT = parse_labels(
    ('name = "sport"\nversion = "1"\n' + "".join(f"[{name}]\n{_LABEL}{_MORE.get(name, '')}" for name in _NAMES)).encode(),
    "sport.toml",
)
"""The inventory: no pronouns, no factualities, no bases; a value type; a relation without direction."""

PLAYERS = ("Bo Ekdal", "Kim Soral", "Ada Wint", "Ulf Brand", "Mira Tosk", "Jon Heller", "Pia Lund", "Sven Orre")
CLUBS = (
    "Arne United",
    "Malvik Town",
    "Dorset Rovers",
    "Holm Athletic",
    "Vesta City",
    "Lunde Rangers",
    "Torp Albion",
    "Fagerli Wanderers",
)
SENTENCES = (
    "{CLUB:a} beat {CLUB:b} {SCORE:s} . beats a b",
    "{CLUB:a} will meet {CLUB:b} again . meets a b",
    "{PLAYER:p} plays for {CLUB:a} this year . plays_for p a",
    "{PLAYER:p} , who plays for {CLUB:b} , scored late . plays_for p b",
    "{PLAYER:p} praised {CLUB:b} . likes p b",
    "{PLAYER:p} condemned {CLUB:a} . dislikes p a",
    "{CLUB:a:the captain of *} left early .",
    "It rained on {PLAYER:p} and {CLUB:b} .",
)
_SLOT = re.compile(r"\{(\w+):(\w)(?::([^}]*))?\}")


def report(number: int) -> tuple[Article, Annotation]:
    """The article with this number, of event ``number // 2``, and its gold; the names change from event to event."""
    names = {"a": CLUBS[number // 2 % 8], "b": CLUBS[(number // 2 + 3) % 8], "p": PLAYERS[number // 2 % 8], "s": f"{number} - 1"}
    text, mentions, entities = "", [], {}
    relations, stances = [], []
    ids = (f"m{n}" for n in count(1))
    for k in range(len(SENTENCES)):
        sentence, _, claim = SENTENCES[(k * (number % 3 + 2) + number) % len(SENTENCES)].partition(" . ")
        here, at, begun = {}, 0, len(text)
        for slot in _SLOT.finditer(sentence):
            text += sentence[at : slot.start()]
            at = slot.end()
            type_name, key, around = slot.groups()
            name = names[key]
            if around is not None:
                mentions.append(_mention(next(ids), text + around.replace("*", name), len(text), "PLAYER", "NOM"))
                entities[mentions[-1].id] = [mentions[-1].id]
                text += around.partition("*")[0]
            mentions.append(_mention(next(ids), text + name, len(text), type_name, "VAL" if key == "s" else "NAM"))
            text += name
            here[key] = mentions[-1].id
            entities.setdefault(key if key != "s" else mentions[-1].id, []).append(mentions[-1].id)
        text += sentence[at:].removesuffix(" .") + ".\n"
        match claim.split():
            case ["likes" | "dislikes" as polarity, holder, target]:
                span = (mentions[-1].start - len("condemned " if polarity == "dislikes" else "praised "), mentions[-1].end)
                stances.append(_stance(len(stances), span, here[holder], here[target], polarity))
            case [relation, head, tail]:
                relations.append((relation, head, tail, (here[head], here[tail])))
        assert len(text) > begun
    numbered = {key: Entity(id=f"e{n}", mentions=tuple(ids)) for n, (key, ids) in enumerate(entities.items(), 1)}
    first = {key: n for n, key in enumerate(entities)}
    claims: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for relation, head, tail, pair in relations:
        if SPORT.symmetric(relation) and first[tail] < first[head]:
            head, tail, pair = tail, head, pair[::-1]
        claims.setdefault((relation, str(numbered[head].id), str(numbered[tail].id)), []).append(pair)
    article = Article(id=f"match-{number}", text=text, event=f"cup-{number // 2}", text_sha256=sha256(text))
    gold = Annotation(
        id=article.id,
        by="gold",
        event=article.event,
        text_sha256=article.text_sha256,
        mentions=tuple(mentions),
        entities=tuple(numbered.values()),
        relations=tuple(Relation(type=r, head=h, tail=t, evidence=tuple(pairs)) for (r, h, t), pairs in claims.items()),
        stances=tuple(stances),
    )
    return article, gold


def _mention(name: str, text: str, start: int, type_name: str, kind: str) -> Mention:
    return Mention(id=name, start=start, end=len(text), type=type_name, kind=kind, text=text[start:])


def _stance(number: int, span: tuple[int, int], holder: str, target: str, polarity: str) -> Stance:
    return Stance(id=f"s{number}", start=span[0], end=span[1], holder=holder, target=target, polarity=polarity)


REPORTS = [report(number) for number in range(8)]
"""Eight reports, two an event."""
