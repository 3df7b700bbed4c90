"""Agreement as one HTML page that needs nothing else, for people who make and manage annotation.

The page makes no request: styles and plots are in it, and its policy forbids the
rest. Equal agreement is an equal page, byte for byte. Plots take the colour of
the text around them, so they are read in light and in dark.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib import resources
from typing import TYPE_CHECKING, Any

from newsgold.annotation.agreement import SHOWN, Agreement, Figure, reasons
from newsgold.annotation.disagreements import LAYERS, Disagreement
from newsgold.errors import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LISTED = 300
"""So many disagreements are on the page; all are in the JSON."""
TITLES = {
    "mentions.strict": "mentions: span and type",
    "mentions.exact": "mentions: span",
    "mentions.partial": "mentions: overlap, half for another boundary",
    "mentions.type_kappa": "types of shared spans, Cohen's κ",
    "mentions.type_alpha": "types of shared spans, Krippendorff's α",
    "mentions.type_fleiss": "types of spans that all marked, Fleiss' κ",
    "mentions.u_alpha": "what is marked, and with which types, uα",
    "mentions.gamma": "mentions, γ",
    "coref.conll": "coreference, CoNLL",
    "coref.lea": "coreference, LEA",
    "coref.masi_alpha": "clusters of shared mentions, MASI α",
    "coref.masi_alpha_shared": "the same, other mentions left out",
    "linking.accuracy": "links of shared mentions",
    "relations.mapped": "relations, end to end",
    "relations.boundaries": "relations: mention pairs, end to end",
    "relations.agreed": "relations between agreed entities",
    "relations.agreed_boundaries": "relations between agreed mentions",
    "relations.type_kappa": "types of related pairs, κ",
    "stance.pair": "stance: who on whom",
    "stance.tuple": "stance: who, on whom, which side",
    "stance.polarity": "polarity of shared pairs, share that agree",
    "stance.polarity_alpha": "polarity of shared pairs, Krippendorff's α",
}
"""The keys of tables in words."""
_BLUE = "#4b86d6"


def report(agreement: Agreement, found: Sequence[Disagreement], *, limit: int = LISTED) -> str:
    """The page.

    Args:
        agreement: The figures.
        found: All disagreements, ranked.
        limit: How many of them are listed.
    """
    from jinja2 import Environment, StrictUndefined

    template = resources.files("newsgold.annotation").joinpath("report.html.jinja").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": number, "interval": interval, "count": count, "item": item, "safe_text": printable}
    whole = {key: agreement.pooled[key] for key in SHOWN if key in agreement.pooled}
    counts = {layer: sum(d.layer == layer for d in found) for layer in LAYERS}
    by_type = {key: agreement.pooled[key].by_type for key in ("mentions.strict", "mentions.u_alpha") if key in agreement.pooled}
    return environment.from_string(template).render(
        agreement=agreement,
        annotators=[
            (name, len(batch.names), {layer: int(part[i].sum()) for layer, part in agreement.passes.attempted.items()})
            for i, (name, batch) in enumerate(agreement.passes.annotators)
        ],
        titles=TITLES,
        whole=whole,
        pairs={name: agreement.figures(name) for name in agreement.pairs},
        types=[name for name in agreement.labels.types if any(name in own for own in by_type.values())],
        by_type=by_type,
        counts=counts,
        found=found[:limit],
        left=max(0, len(found) - limit),
        plots=_plots(whole, by_type.get("mentions.strict", {}), agreement),
        reasons=reasons(whole.values()),
    )


def number(value: float | None) -> str:
    """A value of three decimals, or a dash."""
    return "–" if value is None else f"{value:.3f}"


def interval(ci: Sequence[float] | None) -> str:
    """An interval, or a dash."""
    return "–" if ci is None else f"{ci[0]:.3f} to {ci[1]:.3f}"


def count(value: float) -> str:
    """A number of items."""
    return f"{value:.6g}"


def item(layer: str, value: Mapping[str, Any]) -> str:
    """In words what an annotator says."""
    if layer == "mentions":
        return printable(f"{value['type']} “{value['text']}” {value['start']}–{value['end']}")
    if layer == "coreference":
        return printable(" = ".join(f"“{text}” {a}" for text, (a, _) in zip(value["texts"], value["mentions"], strict=True)))
    if layer == "links":
        return printable(f"“{value['text']}” → {value['link']}")
    one, two = value["texts"]
    if layer == "relations":
        factuality = "" if value["factuality"] == "asserted" else f", {value['factuality']}"
        return printable(f"{value['type']}(“{one}”, “{two}”){factuality}")
    return printable(f"{one} {value['polarity']} “{two}”")


# -------------------------------------------------------------------------- plots


def _plots(whole: Mapping[str, Figure], types: Mapping[str, Figure], agreement: Agreement) -> list[tuple[str, str, str]]:
    """(heading, what it shows, SVG) of every plot there is something for."""
    layers = {key: f for key, f in whole.items() if f.value is not None}
    known = {name: f for name, f in types.items() if f.value is not None}
    out = []
    if layers:
        out.append(
            (
                "All figures",
                "Each figure over all annotators, with its 95 % interval where there is one; the values are in the first table.",
                _plot("layers", 0.3 * len(layers) + 0.9, lambda axes: _dots(axes, layers)),
            )
        )
    if known:
        what = "F1 of span and type for each entity type, with its 95 % interval; the values are in the table of types."
        out.append(("Types", what, _plot("types", 0.3 * len(known) + 0.9, lambda axes: _bars(axes, known))))
    for key, confusion in agreement.confusions.items():
        if len(confusion.labels) < 2:
            continue
        size = 0.36 * len(confusion.labels) + 1.6
        what = (
            "Labels of items that two annotators both marked, all pairs and both ways round: the stronger the colour, the larger"
            " its share of the row. What is off the diagonal is disagreement; the counts are in the table of confusions."
        )
        grid = confusion.pooled
        title = {"mentions.type": "Confusion of types", "relations.type": "Confusion of relations"}.get(
            key, "Confusion of polarities"
        )
        out.append((title, what, _plot(key, size, lambda axes, c=confusion, g=grid: _heat(axes, c.labels, g))))
    return out


def _plot(name: str, height: float, draw: Callable[..., None]) -> str:
    """A plot as SVG to be put into a page: the same bytes every time, text as text, black as the page's own colour."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    settings: Any = {
        "svg.hashsalt": name,
        "svg.fonttype": "none",
        "text.parse_math": False,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
    with mpl.rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label may have letters that the measuring font lacks
        canvas = Canvas(figsize=(7.2, height), layout="constrained")
        draw(canvas.add_subplot())
        out = io.StringIO()
        canvas.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|href="#)', lambda m: m[1] + name.replace(".", "-") + "-", svg)
    return svg.replace("#000000", "currentColor").replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _ends(figure: Figure) -> tuple[float, float]:
    """How far the interval reaches to both sides."""
    low, high = figure.ci95 or (figure.value, figure.value)
    value = figure.value or 0.0
    return max(0.0, value - (low or 0.0)), max(0.0, (high or 0.0) - value)


def _axis(axes: Axes, names: Sequence[str], values: Sequence[float]) -> None:
    axes.set_yticks(range(len(names)), list(names))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xlim(min(0.0, *values), 1.02)
    axes.grid(axis="x", color="#8888884d", linewidth=0.6)
    axes.set_axisbelow(True)


def _dots(axes: Axes, figures: Mapping[str, Figure]) -> None:
    values = [f.value or 0.0 for f in figures.values()]
    reach = [list(side) for side in zip(*map(_ends, figures.values()), strict=True)]
    axes.errorbar(values, range(len(values)), xerr=reach, fmt="o", color=_BLUE, markersize=5, linewidth=1.6, capsize=3)
    _axis(axes, [TITLES[key] for key in figures], [v - low for v, low in zip(values, reach[0], strict=True)])


def _bars(axes: Axes, figures: Mapping[str, Figure]) -> None:
    values = [f.value or 0.0 for f in figures.values()]
    reach = [list(side) for side in zip(*map(_ends, figures.values()), strict=True)]
    axes.barh(range(len(values)), values, xerr=reach, color=_BLUE, ecolor="#000000", height=0.6, capsize=3)
    _axis(axes, [printable(name) for name in figures], values)


def _heat(axes: Axes, labels: Sequence[str], grid: Sequence[Sequence[float]]) -> None:
    from matplotlib.patches import Rectangle

    for y, row in enumerate(grid):
        total = sum(row)
        for x, value in enumerate(row):
            if value:
                axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=_BLUE, alpha=0.1 + 0.6 * value / total, linewidth=0))
                axes.text(x, y, f"{value:.4g}", ha="center", va="center", fontsize=8)
    names = [printable(name) for name in labels]
    axes.set_xticks(range(len(labels)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(labels)), names)
    axes.set_xlim(-0.5, len(labels) - 0.5)
    axes.set_ylim(len(labels) - 0.5, -0.5)
