"""The figures of ``DATASHEET.md``: tables, and pictures of the same numbers.

:func:`gather` counts what they show; each ``*_table`` is a passage in Markdown,
and :func:`pictures` the SVG files. A picture depends on the numbers and on the
version of matplotlib alone: no date, no random ids, the font that matplotlib
brings, and whatever style the user has set is put aside. Every bar and dot has
the id of what it shows.
"""

from __future__ import annotations

import io
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from newsgold.annotation.agreement import Agreement, agree
from newsgold.annotation.records import AdjudicationRecord, provenance, references
from newsgold.annotation.rounds import Round
from newsgold.corpus.labels import Labels
from newsgold.corpus.markdown import table
from newsgold.corpus.model import LAYERS, Annotation, Article
from newsgold.corpus.tally import UNITS, Tally

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FOLDER = "annotation/figures"
"""Where the pictures lie, from the root of the repository."""
SHOWN = {
    "mentions.strict": "mentions: strict F1",
    "coref.conll": "coreference: CoNLL F1",
    "linking.accuracy": "links: accuracy",
    "relations.agreed": "relations on shared entities: F1",
    "stance.pair": "stance: F1 of pairs",
    "stance.polarity": "stance: polarity of shared pairs",
}
"""The figure of agreement that stands for each layer."""
MAKERS = {
    "seed": "unknown author and publisher",
    "written": "a language model, for this corpus",
    "imported": "named in the metadata",
}
"""Who made the texts of each origin."""
ROADS = ("in every pass", "in some pass, kept", "added in adjudication", "no record")
"""How an item came into the gold."""


class Document(NamedTuple):
    """One article, as the tables count it."""

    article: Article
    gold: Annotation | None
    tally: Tally
    roads: Mapping[str, Counter[str]]
    """By layer, how many items of its gold came by each of :data:`ROADS`."""

    @property
    def split(self) -> str:
        """The split, ``none`` outside of all."""
        return self.article.split or "none"

    @property
    def words(self) -> int:
        """Words as ``corpus stats`` counts them."""
        return int(self.tally.stats()["words"])


class Sheet(NamedTuple):
    """Everything that is shown."""

    documents: tuple[Document, ...]
    tally: Tally
    rounds: Mapping[str, Agreement]
    labels: Labels

    @property
    def splits(self) -> list[str]:
        """The splits that there are, in order."""
        return self.tally.in_order


class Count(NamedTuple):
    """How often a label occurs."""

    layer: str
    label: str
    by_split: Mapping[str, int]


def gather(articles: Iterable[Article], gold: Mapping[str, Annotation], rounds: Sequence[Round], labels: Labels) -> Sheet:
    """Count documents, their gold, and how the records of the rounds say that it came about."""
    by_id = {article.id: article for article in articles}
    records: dict[str, list[AdjudicationRecord]] = {}
    for record in (record for one in rounds for record in one.records):
        records.setdefault(record.document, []).append(record)
    whole, documents = Tally(), []
    for article in by_id.values():
        own, tally = gold.get(article.id), Tally()
        for each in (whole, tally):
            each.add(article, own)
        documents.append(Document(article, own, tally, _roads(own, records.get(article.id, ()))))
    made = {one.name: one.adjudicated for one in rounds if len(one.adjudicated) > 1}
    agreed = {name: agree(passes, labels=labels, articles=by_id, by_event=True) for name, passes in made.items()}
    return Sheet(tuple(documents), whole, agreed, labels)


def _roads(gold: Annotation | None, records: Sequence[AdjudicationRecord]) -> dict[str, Counter[str]]:
    """How the items of one gold came about, by the record that knows most of them, the latest of equals."""
    if gold is None:
        return {}
    named = references(gold)
    everything = {name for names in named.values() for name in names}
    known = [(provenance(record), record) for record in reversed(records)]
    best, record = max(known, key=lambda pair: len(everything & pair[0].keys()), default=({}, None))
    out: dict[str, Counter[str]] = {}
    for layer, names in named.items():
        roads = out[layer] = Counter()
        for name in names:
            if record is None or name not in best:
                roads[ROADS[3]] += 1
            elif {*best[name].sources} >= {*record.passes}:
                roads[ROADS[0]] += 1
            else:
                roads[ROADS[1] if best[name].sources else ROADS[2]] += 1
    return out


def counts(sheet: Sheet) -> list[Count]:
    """Every label of the inventory, those that do not occur too, in its order."""
    sections: dict[str, Iterable[str]] = {
        "mentions": sheet.labels.types,
        "relations": sheet.labels.relations,
        "stances": sheet.labels.polarities,
    }
    return [
        Count(layer, label, {split: sheet.tally.types[split][layer][label] for split in sheet.splits})
        for layer, section in sections.items()
        for label in section
    ]


def events(sheet: Sheet) -> dict[tuple[str, str], list[Document]]:
    """The documents of each (split, event), in the order of the splits; one without an event is alone."""
    out: dict[tuple[str, str], list[Document]] = {}
    for document in sorted(sheet.documents, key=lambda d: (sheet.splits.index(d.split), d.article.event or d.article.id)):
        out.setdefault((document.split, document.article.event or document.article.id), []).append(document)
    return out


# -------------------------------------------------------------------------- tables


def tables(sheet: Sheet) -> dict[str, Callable[[], str]]:
    """The passages of the datasheet, by name."""
    makers: dict[str, Callable[[Sheet], str]] = {
        "figures": sizes_table,
        "label-counts": labels_table,
        "lengths": lengths_table,
        "texts": texts_table,
        "roads": roads_table,
        "overlap": overlap_table,
        "rounds": rounds_table,
    }
    return {name: lambda make=make: make(sheet) for name, make in makers.items()}  # type: ignore[misc]  # default binds it


def sizes_table(sheet: Sheet) -> str:
    """How much there is, by split and by origin."""
    whole = sheet.tally.stats()
    groups = {"all": whole, **{f"split {k}": v for k, v in whole["by_split"].items()}}
    groups |= {f"origin {k}": v for k, v in whole["by_origin"].items()}
    return table(("", *UNITS), ((name, *(row[unit] for unit in UNITS)) for name, row in groups.items()))


def labels_table(sheet: Sheet) -> str:
    """How often each label occurs in each split."""
    rows = ((c.layer, f"`{c.label}`", *c.by_split.values(), sum(c.by_split.values())) for c in counts(sheet))
    return table(("layer", "label", *sheet.splits, "all"), rows)


def lengths_table(sheet: Sheet) -> str:
    """The words of each document, a row an event, and what they come to."""
    outlets = list(dict.fromkeys(d.article.outlet or "unknown" for d in sorted(sheet.documents, key=_by_outlet)))
    rows = []
    for (split, event), documents in events(sheet).items():
        words = {outlet: [str(d.words) for d in documents if (d.article.outlet or "unknown") == outlet] for outlet in outlets}
        rows.append((split, f"`{event}`", *(", ".join(own) or "–" for own in words.values())))
    numbers = sorted(d.words for d in sheet.documents)
    about = f"\nWords a document: least {numbers[0]}, median {statistics.median(numbers):g}, most {numbers[-1]}.\n"
    return table(("split", "event", *outlets), rows) + about


def _by_outlet(document: Document) -> tuple[bool, str]:
    return document.article.outlet is None, document.article.outlet or ""


def texts_table(sheet: Sheet) -> str:
    """Who made the texts: the share of each origin in each split, in words and in labels."""
    rows = []
    for split in sheet.splits:
        own = [d for d in sheet.documents if d.split == split]
        for origin in dict.fromkeys(d.article.origin for d in own):
            part = [d for d in own if d.article.origin == origin]
            shares = [_share(sum(map(size, part)), sum(map(size, own))) for size in (_words, _labels)]
            rows.append((split, origin, MAKERS[origin], len(part), *shares))
    return table(("split", "origin", "text made by", "documents", "of the words", "of the labels"), rows)


def _words(document: Document) -> int:
    return document.words


def _labels(document: Document) -> int:
    return sum(len(getattr(document.gold, layer, None) or ()) for layer in LAYERS)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def roads_table(sheet: Sheet) -> str:
    """How the items of the gold came about, by split and by layer."""
    groups: dict[str, Counter[str]] = {"all": Counter()}
    groups |= {f"split {split}": Counter() for split in sheet.splits}
    for document in sheet.documents:
        for layer, roads in document.roads.items():
            for group in ("all", f"split {document.split}", layer):
                groups.setdefault(group, Counter()).update(roads)
    shown = [road for road in ROADS if groups["all"][road] or road != ROADS[3]]
    rows = []
    for name, roads in groups.items():
        whole = roads.total()
        rows.append((name, whole, *(f"{roads[road]:,} ({_share(roads[road], whole)})" for road in shown)))
    return table(("", "items", *shown), rows)


def overlap_table(sheet: Sheet) -> str:
    """How many of the entities that a split links to are linked to in ``train`` as well."""
    links = {split: {link for d in sheet.documents if d.split == split for link in _links(d)} for split in sheet.splits}
    train = links.get("train", set())
    rows = [(split, len(own), len(own & train), _share(len(own & train), len(own))) for split, own in links.items()]
    return table(("split", "linked entities", "of these in train", "share"), (row for row in rows if row[0] != "train"))


def _links(document: Document) -> Iterable[str]:
    entities = document.gold.entities if document.gold else None
    return (entity.link for entity in entities or () if entity.link is not None)


def rounds_table(sheet: Sheet) -> str:
    """The agreement of every round, a row a layer."""
    head = ["", *(f"{name}: {', '.join(result.passes.names)}" for name, result in sheet.rounds.items())]
    rows = []
    for key, name in SHOWN.items():
        cells = []
        for result in sheet.rounds.values():
            figure = result.pooled.get(key)
            if figure is None or figure.value is None:
                cells.append("–")
                continue
            interval = f" [{figure.ci95[0]:.3f}, {figure.ci95[1]:.3f}]" if figure.ci95 else ""
            cells.append(f"{figure.value:.3f}{interval}, n {figure.n:,.6g}")
        rows.append((f"{name} (`{key}`)", *cells))
    return table(head, rows)


# ------------------------------------------------------------------------ pictures

SPLIT_STYLE = {
    "train": ("#0072B2", ""),
    "validation": ("#E69F00", "///"),
    "test": ("#333333", "\\\\\\"),
    "none": ("#999999", "x"),
}
"""Colour and hatch of each split; the colour-blind tell them apart, as they do those of rounds (after Okabe and Ito 2008)."""
ROUND_STYLE = (("#0072B2", "o"), ("#D55E00", "s"), ("#009E73", "D"), ("#CC79A7", "^"))
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "newsgold",
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "ytick.major.size": 0.0,
    "path.simplify": False,
}
_WIDTH = 8.0
_ROW, _HEAD, _FOOT = 0.24, 0.38, 0.55
"""Inches: a row, the room above the rows and the room below."""


def pictures(sheet: Sheet) -> dict[str, bytes]:
    """The SVG files of :data:`FOLDER`, by name."""
    return {"labels.svg": _draw_labels(sheet), "agreement.svg": _draw_agreement(sheet), "lengths.svg": _draw_lengths(sheet)}


def _svg(title: str, height: float, draw: Callable[[Figure], None]) -> bytes:
    """One picture; matplotlib is loaded here alone, for it takes half a second."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)
        figure = Figure(figsize=(_WIDTH, height), facecolor="white")
        draw(figure)
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Title": title, "Date": None, "Creator": None})
    return b"".join(line.rstrip() + b"\n" for line in out.getvalue().splitlines())


def _panel(figure: Figure, top: float, rows: Sequence[tuple[str, bool]], *, left: float, right: float = 0.93) -> Axes:
    """A panel ``top`` inches down, with the words of each row at its left, and whether they are a heading."""
    whole, tall = figure.get_figheight(), _ROW * len(rows)
    axes = figure.add_axes((left, 1 - (top + tall) / whole, right - left, tall / whole))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [words for words, _ in rows])
    for text, (_, heading) in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_fontweight("bold" if heading else "normal")
    axes.grid(axis="x", color="#dddddd", linewidth=0.6)
    return axes


def _legend(figure: Figure, splits: Iterable[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(label=split, **_fill(split)) for split in splits]
    figure.legend(handles=handles, loc="upper right", bbox_to_anchor=(0.94, 1.0), ncols=len(handles), frameon=False)


def _fill(split: str) -> dict[str, Any]:
    colour, hatch = SPLIT_STYLE[split]
    return {"facecolor": colour, "hatch": hatch, "edgecolor": "white", "linewidth": 0.4}


def _draw_labels(sheet: Sheet) -> bytes:
    found = counts(sheet)
    layers = {layer: [c for c in found if c.layer == layer] for layer in dict.fromkeys(c.layer for c in found)}
    height = _HEAD + len(found) * _ROW + len(layers) * _FOOT

    def draw(figure: Figure) -> None:
        _legend(figure, sheet.splits)
        top = _HEAD
        for layer, rows in layers.items():
            axes = _panel(figure, top, [(c.label, False) for c in rows], left=0.19)
            top += _ROW * len(rows) + _FOOT
            for y, count in enumerate(rows):
                at = 0
                for split, n in count.by_split.items():
                    if n:
                        (bar,) = axes.barh(y, n, 0.72, left=at, **_fill(split))
                        bar.set_gid(f"{layer}-{count.label}-{split}")
                    at += n
                axes.annotate(f"{at}", (at, y), (4, 0), textcoords="offset points", va="center")
            axes.set_xlabel(layer)

    return _svg("How often each label occurs, by split", height, draw)


def _draw_lengths(sheet: Sheet) -> bytes:
    rows: list[tuple[str, Document | None]] = []
    for (split, event), documents in events(sheet).items():
        rows.append((f"{event} ({split})", None))
        rows += [(d.article.outlet or "outlet unknown", d) for d in sorted(documents, key=_by_outlet)]

    def draw(figure: Figure) -> None:
        _legend(figure, sheet.splits)
        axes = _panel(figure, _HEAD, [(words, d is None) for words, d in rows], left=0.3)
        for y, (_, document) in enumerate(rows):
            if document is not None:
                (bar,) = axes.barh(y, document.words, 0.72, **_fill(document.split))
                bar.set_gid(f"words-{document.article.id}")
                axes.annotate(f"{document.words}", (document.words, y), (4, 0), textcoords="offset points", va="center")
        axes.set_xlabel("words")

    return _svg("Words of each document, by event", _HEAD + len(rows) * _ROW + _FOOT, draw)


def _draw_agreement(sheet: Sheet) -> bytes:
    rows: list[tuple[str, str | None, str]] = []
    for key, name in SHOWN.items():
        rows.append((name, None, key))
        rows += [(f"{name}, {len(result.passes.names)} passes", name, key) for name, result in sheet.rounds.items()]
    style = {name: ROUND_STYLE[i % len(ROUND_STYLE)] for i, name in enumerate(sheet.rounds)}

    def draw(figure: Figure) -> None:
        axes = _panel(figure, 0.2, [(words, name is None) for words, name, _ in rows], left=0.36, right=0.84)
        least = 1.0
        for y, (_, name, key) in enumerate(rows):
            if name is None:
                continue
            pooled = sheet.rounds[name].pooled.get(key)
            if pooled is None or pooled.value is None:
                axes.annotate("no value", (1, y), (4, 0), textcoords="offset points", va="center")
                continue
            colour, marker = style[name]
            if pooled.ci95 is not None:
                (line,) = axes.plot(pooled.ci95, (y, y), color=colour, linewidth=2)
                line.set_gid(f"interval-{name}-{key}")
            (dot,) = axes.plot(pooled.value, y, marker, color=colour, markersize=6, clip_on=False)
            dot.set_gid(f"value-{name}-{key}")
            shown = f"{pooled.value:.3f}, n {pooled.n:,.6g}"
            axes.annotate(shown, (1, y), (8, 0), textcoords="offset points", va="center", annotation_clip=False)
            least = min(least, pooled.value, *(pooled.ci95 or ()))
        start = min(math.floor(least * 10) / 10, 0.9)
        axes.set_xlim(start, 1)
        axes.set_xlabel(f"agreement between passes (axis from {start:.1f}); line: 95 % interval")

    return _svg("Agreement of the passes, by layer and round", 0.2 + len(rows) * _ROW + _FOOT, draw)
