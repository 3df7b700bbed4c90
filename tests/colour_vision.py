"""How far apart colours look, to eyes that see all of them and to those that do not.

Simulation: Machado, Oliveira and Fernandes, "A physiologically-based model for
simulation of color vision deficiency", IEEE TVCG 15(6), 2009, the matrices of
full severity, which apply to linear RGB. Difference: CIEDE2000 as in Sharma, Wu
and Dalal, "The CIEDE2000 color-difference formula: implementation notes",
Color Research and Application 30(1), 2005; about 2 can just be seen side by side.
"""

from __future__ import annotations

from itertools import combinations
from math import atan2, cos, degrees, exp, hypot, radians, sin, sqrt

Triple = tuple[float, float, float]
Matrix = tuple[Triple, Triple, Triple]

VISIONS: dict[str, Matrix] = {
    "all colours": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
_XYZ: Matrix = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)


def nearest(colours: dict[str, str], vision: str) -> tuple[float, str, str]:
    """The two of some ``#rrggbb`` colours that look most alike, and how far apart they are."""
    seen = {name: lab(colour, vision) for name, colour in colours.items()}
    return min((ciede2000(seen[a], seen[b]), a, b) for a, b in combinations(seen, 2))


def contrast(one: str, two: str) -> float:
    """The contrast ratio of two colours, from 1 to 21, as in WCAG 2.2."""
    darker, lighter = sorted(_times(_XYZ, _linear(colour))[1] for colour in (one, two))
    return (lighter + 0.05) / (darker + 0.05)


def _linear(colour: str) -> tuple[float, ...]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return tuple(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)


def lab(colour: str, vision: str) -> Triple:
    """CIELAB of an sRGB colour as somebody sees it."""
    seen = tuple(min(max(c, 0.0), 1.0) for c in _times(VISIONS[vision], _linear(colour)))
    x, y, z = (_root(c / white) for c, white in zip(_times(_XYZ, seen), _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _times(matrix: Matrix, vector: tuple[float, ...]) -> tuple[float, ...]:
    return tuple(sum(a * b for a, b in zip(row, vector, strict=True)) for row in matrix)


def _root(ratio: float) -> float:
    return ratio ** (1 / 3) if ratio > 216 / 24389 else (24389 / 27 * ratio + 16) / 116


def ciede2000(one: Triple, two: Triple) -> float:
    """The difference of two CIELAB colours."""
    mean = (hypot(*one[1:]) + hypot(*two[1:])) / 2
    grow = 1.5 - 0.5 * sqrt(mean**7 / (mean**7 + 25**7))
    (c1, h1), (c2, h2) = ((hypot(a * grow, b), degrees(atan2(b, a * grow)) % 360) for _, a, b in (one, two))
    turn = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0.0
    lightness, chroma, hue = two[0] - one[0], c2 - c1, 2 * sqrt(c1 * c2) * sin(radians(turn / 2))
    mean_l, mean_c, mean_h = (one[0] + two[0]) / 2, (c1 + c2) / 2, h1 + turn / 2 if c1 * c2 else h1 + h2
    waves = (
        1
        - 0.17 * cos(radians(mean_h - 30))
        + 0.24 * cos(radians(2 * mean_h))
        + 0.32 * cos(radians(3 * mean_h + 6))
        - 0.20 * cos(radians(4 * mean_h - 63))
    )
    l_part = lightness / (1 + 0.015 * (mean_l - 50) ** 2 / sqrt(20 + (mean_l - 50) ** 2))
    c_part, h_part = chroma / (1 + 0.045 * mean_c), hue / (1 + 0.015 * mean_c * waves)
    twist = 2 * sqrt(mean_c**7 / (mean_c**7 + 25**7)) * sin(radians(60 * exp(-(((mean_h % 360 - 275) / 25) ** 2))))
    return sqrt(l_part**2 + c_part**2 + h_part**2 - twist * c_part * h_part)
