"""The rows of annotators: what a pass of theirs would score if it were a system's.

Two figures, because one alone misleads. **Against gold** is an upper bound
wherever gold was adjudicated from this very pass. **Left out** holds the pass
against gold that was made without it: gold itself where the pass had no part in
it; elsewhere each other pass that had, for there nobody adjudicated without this one.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from newsgold.benchmark.card import Maker, SystemCard
from newsgold.corpus.model import Annotation

_IN_GOLD = (
    "Against gold the scores are an upper bound, for gold was made from this pass. Those left out are against what was made"
    " without it, and are agreement of passes. Neither is a ceiling for systems."
)
GOLD = "gold"
VERSION = "1"


class Pass(NamedTuple):
    """One annotator's annotation of one document."""

    annotator: str
    round: str
    annotation: Annotation
    in_gold: bool
    """Whether the gold of the document was adjudicated from it."""


class LeftOut(NamedTuple):
    """References that were made without an annotator, and that annotator's passes, row by row."""

    references: tuple[Annotation, ...]
    passes: tuple[Annotation, ...]
    documents: int
    against: Mapping[str, int]
    """How many documents were held against whom: ``gold``, or another annotator."""


def submissions(passes: Iterable[Pass], made_by: Mapping[str, Maker | None]) -> list[tuple[SystemCard, list[Annotation]]]:
    """A card and predictions for each annotator, sorted by name.

    Of several passes over one document the one that gold was made from counts, else the one of the last round.
    ``made_by`` says of an annotator whether it is people or a language model.
    """
    chosen: dict[str, dict[str, Pass]] = defaultdict(dict)
    for one in sorted(passes, key=lambda p: (p.in_gold, p.round)):
        chosen[one.annotator][one.annotation.id] = one
    return [_submission(name, list(chosen[name].values()), made_by.get(name)) for name in sorted(chosen)]


def _submission(name: str, passes: Sequence[Pass], made_by: Maker | None) -> tuple[SystemCard, list[Annotation]]:
    rounds = sorted({p.round for p in passes})
    in_gold = tuple(sorted(p.annotation.id for p in passes if p.in_gold))
    part = f"The gold of {len(in_gold)} of them was adjudicated from this very pass." if in_gold else "Gold was made without it."
    card = SystemCard(
        name=name,
        version=VERSION,
        kind="annotator",
        summary=f"One annotator's passes over {len(passes)} document(s), of the round(s) {', '.join(rounds)}.",
        saw=f"Every document it annotated, and the guidelines. {part}",
        caution=_IN_GOLD if in_gold else None,
        command="newsgold benchmark leaderboard --baselines",
        made_by=made_by,
        in_gold=in_gold,
        authors=(name,),
    )
    bare = (msgspec.structs.replace(p.annotation, by=name, split=None, event=None, ignore=()) for p in passes)
    return card, sorted(bare, key=lambda a: a.id)


def left_out(
    name: str, passes: Mapping[str, Iterable[Annotation]], in_gold: Mapping[str, Collection[str]], gold: Iterable[Annotation]
) -> LeftOut:
    """An annotator's passes beside what was made without them.

    Args:
        name: Who is left out.
        passes: Everybody's, by name.
        in_gold: Of each annotator the documents whose gold was adjudicated from the pass.
        gold: With event and regions to ignore filled in.

    A document with several references stands once for each, under ids of its own and one event.
    """
    by_document = {who: {a.id: a for a in of} for who, of in passes.items()}
    references: list[Annotation] = []
    own: list[Annotation] = []
    against: Counter[str] = Counter()
    documents = 0
    for one in gold:
        mine = by_document[name].get(one.id)
        if mine is None:
            continue
        others = {who: of[one.id] for who, of in sorted(by_document.items()) if who != name and one.id in in_gold[who]}
        rows = others if one.id in in_gold[name] else {GOLD: one}
        documents += bool(rows)
        for who, reference in rows.items():
            row = f"row-{len(own) + 1}"
            event, span = one.event or one.id, one.ignore
            references.append(msgspec.structs.replace(reference, id=row, split=one.split, event=event, ignore=span))
            own.append(msgspec.structs.replace(mine, id=row))
            against[who] += 1
    return LeftOut(tuple(references), tuple(own), documents, dict(against))
