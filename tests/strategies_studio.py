"""Complete annotations of any shape for the Label Studio bridge, ours and somebody else's labels."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations

import msgspec
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from newsgold.corpus.codec import canonical, sha256
from newsgold.corpus.labels import Labels, RelationLabel, TypeLabel, default_labels
from newsgold.corpus.model import AUTHOR, UNKNOWN, Annotation, Article, Entity, Mention, Relation, Stance
from newsgold.corpus.store import fill

LABELS = default_labels()


def inventory(types: list[str], relations: list[str], *, symmetric: tuple[str, ...] = ()) -> Labels:
    """Somebody else's labels, with our kinds, factualities and stances."""

    def relation(name: str) -> RelationLabel:
        return RelationLabel(
            name=name, definition=name, test=name, domain=tuple(types), range=tuple(types), symmetric=name in symmetric
        )

    return msgspec.structs.replace(
        LABELS,
        types={name: TypeLabel(name=name, definition=name, test=name) for name in types},
        relations={name: relation(name) for name in relations},
    )


ODD = inventory(['A & B <"c">', "Ort:Straße", "名", "a,b"], ["is → of", "'meets'", "x&y;", "a:b"], symmetric=("'meets'", "a:b"))


INVENTORIES = {"ours": LABELS, "odd": ODD}

ALPHABET = st.sampled_from(
    [*"abc .", "\n", "\r\n", "\t", "é", "e\u0301", "😀", "👩‍👧", "م", "\u00a0", "\u2028", "\\n", "<", "&", "\ufeff"]
)
ITEM_IDS = st.from_regex(r"[A-Za-z0-9_-]{1,10}", fullmatch=True).filter(lambda name: name not in (AUTHOR, UNKNOWN))


class Case(msgspec.Struct):
    """An annotation with what it belongs to."""

    article: Article
    annotation: Annotation
    inventory: str

    @property
    def labels(self) -> Labels:
        return INVENTORIES[self.inventory]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Complete annotations: nested, crossing and identical spans, shared pairs, symmetric relations, any ids."""
    which = draw(st.sampled_from(sorted(INVENTORIES)))
    labels = INVENTORIES[which]
    text = "".join(draw(st.lists(ALPHABET, min_size=1, max_size=25)))
    article = Article(id="doc", text=text, text_sha256=sha256(text), split="train", event="e")
    every = draw(st.lists(ITEM_IDS, unique=True, min_size=3, max_size=11))
    entity_names, ids = every[:3], every[3:]
    cut = draw(st.integers(0, len(ids)))
    names, stance_names = (ids, []) if cut == 0 else (ids[:cut], ids[cut:])
    mentions = [_mention(draw, name, text, labels) for name in names]
    entity_of = {name: draw(st.sampled_from(entity_names)) for name in names}
    clusters: dict[str, list[str]] = defaultdict(list)
    for name, entity in entity_of.items():
        clusters[entity].append(name)
    links = st.sampled_from([None, "Q1", "kb-a", "é & 1"])
    entities = [Entity(id=e, mentions=tuple(m), link=draw(links)) for e, m in clusters.items()]
    stances = [_stance(draw, name, names, text, labels) for name in stance_names]
    annotation = Annotation(
        id="doc",
        by="gold",
        text_sha256=article.text_sha256,
        mentions=tuple(mentions),
        entities=tuple(entities),
        relations=_relations(draw, names, entity_of, labels),
        stances=tuple(stances),
    )
    return Case(article, canonical(fill(annotation, article), labels), which)


def _span(draw: st.DrawFn, text: str) -> tuple[int, int]:
    start = draw(st.integers(0, len(text) - 1))
    return start, draw(st.integers(start + 1, len(text)))


def _mention(draw: st.DrawFn, name: str, text: str, labels: Labels) -> Mention:
    start, end = _span(draw, text)
    kind = draw(st.sampled_from([None, *labels.kinds]))
    return Mention(id=name, start=start, end=end, type=draw(st.sampled_from(list(labels.types))), kind=kind, text=text[start:end])


def _stance(draw: st.DrawFn, name: str, mentions: list[str], text: str, labels: Labels) -> Stance:
    start, end = _span(draw, text)
    return Stance(
        id=name,
        start=start,
        end=end,
        holder=draw(st.sampled_from([AUTHOR, UNKNOWN, *mentions])),
        target=draw(st.sampled_from(mentions)),
        polarity=draw(st.sampled_from(list(labels.polarities))),
        basis=draw(st.sampled_from(list(labels.bases))),
    )


def _relations(draw: st.DrawFn, mentions: list[str], entity_of: dict[str, str], labels: Labels) -> tuple[Relation, ...]:
    evidence: dict[tuple[str, str, str, str], set[tuple[str, str]]] = defaultdict(set)
    for _ in range(draw(st.integers(0, 6)) if mentions else 0):
        kind = draw(st.sampled_from(list(labels.relations)[:4] + [r for r in labels.relations if labels.symmetric(r)]))
        factuality = draw(st.sampled_from(list(labels.factualities)))
        head, tail = draw(st.sampled_from(mentions)), draw(st.sampled_from(mentions))
        if labels.symmetric(kind) and entity_of[head] > entity_of[tail]:
            head, tail = tail, head
        evidence[kind, entity_of[head], entity_of[tail], factuality].add((head, tail))
    return tuple(
        Relation(type=kind, head=head, tail=tail, factuality=factuality, evidence=tuple(pairs))
        for (kind, head, tail, factuality), pairs in evidence.items()
    )


def rich_cases(count: int) -> list[Case]:
    """The same cases at every call: of 300 those with most items, and first the largest of every difficulty.

    What hypothesis makes depends on the modules that are loaded, so the largest alone may lack one.
    """
    made: list[Case] = []

    @given(cases())
    @settings(
        max_examples=300,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def collect(case: Case) -> None:
        made.append(case)

    collect()
    made.sort(key=_size)
    hard = {shape: n for n, case in enumerate(made) for shape in shapes(case)}  # the last, hence the largest
    first = sorted(set(hard.values()))
    rest = [n for n in range(len(made)) if n not in hard.values()][len(first) - count :]
    return [made[n] for n in sorted([*first, *rest])]


def _size(case: Case) -> int:
    return sum(len(layer or ()) for layer in (case.annotation.mentions, case.annotation.relations, case.annotation.stances))


def shapes(case: Case) -> set[str]:
    """What is difficult about a case."""
    mentions, relations = case.annotation.mentions or (), case.annotation.relations or ()
    found = {_overlap(a, b) for a, b in combinations(mentions, 2)}
    pairs = [pair for r in relations for pair in r.evidence or ()]
    found |= {"two labels on a pair"} if len(pairs) != len(set(pairs)) else set()
    found |= {"there and back"} if any((b, a) in pairs for a, b in pairs if a != b) else set()
    found |= {"arrow to itself"} if any(a == b for a, b in pairs) else set()
    found |= {"symmetric" for r in relations if case.labels.symmetric(r.type)}
    found |= {
        "stance on a mention" for s in case.annotation.stances or () if (s.start, s.end) in {(m.start, m.end) for m in mentions}
    }
    return found


def _overlap(a: Mention, b: Mention) -> str:
    if (a.start, a.end) == (b.start, b.end):
        return "identical"
    if a.end <= b.start or b.end <= a.start:
        return "apart"
    inside = (a.start <= b.start and b.end <= a.end) or (b.start <= a.start and a.end <= b.end)
    return "nested" if inside else "crossing"
