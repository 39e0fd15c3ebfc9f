"""Formulas of laws, set by Matplotlib's mathtext."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_POINTS, _FAMILY = 14.5, "cm"
_ROW_GAP = 0.9 * _POINTS


def formula(latex: str) -> Figure:
    """LaTeX as ``bayeslaw.formula.latex`` writes it, lines aligned at their equals signs."""
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import MathTextParser

    font = FontProperties(size=_POINTS, math_fontfamily=_FAMILY)
    measure = MathTextParser("path").parse
    rows = [[(text, measure(text, prop=font)) for text in sides] for sides in formula_lines(latex)]
    left, right = (max(row[side][1].width for row in rows) for side in (0, 1))
    above = [max(size.height - size.depth for _, size in row) for row in rows]
    below = [max(size.depth for _, size in row) for row in rows]
    # Everything in points; ink may reach a little beyond what the parser measures.
    width = left + right + _POINTS
    height = sum(above) + sum(below) + _ROW_GAP * len(rows)
    figure = Figure(figsize=(width / 72, height / 72))
    top = height - _ROW_GAP / 2
    for sides, ascent, descent in zip(rows, above, below, strict=True):
        for (text, _), align in zip(sides, ("right", "left"), strict=True):
            figure.text(
                (left + _POINTS / 2) / width,
                (top - ascent) / height,
                text,
                fontproperties=font,
                ha=align,
                va="baseline",
            )
        top -= ascent + descent + _ROW_GAP
    return figure


def formula_lines(latex: str) -> list[tuple[str, str]]:
    """Mathtext left of each equals sign, and from it on."""
    aligned = re.fullmatch(r"\\begin\{aligned\}(.*)\\end\{aligned\}", latex.strip(), re.DOTALL)
    lines = aligned[1].split(r"\\") if aligned else [latex]
    sides = []
    for line in lines:
        target, _, expression = line.replace("&=", "=", 1).partition("=")
        sides.append((f"${target.strip()}$", f"$\\;=\\;{_display(expression.strip())}$"))
    return sides


def _display(latex: str) -> str:
    """Outer fractions in full size, and dots between words, which would read as a phrase."""
    latex = re.sub(r"(\\mathrm\{\w+\}) \\, |\\, (?=\\mathrm)", r"\1 \\cdot ", latex)
    parts, scripts = [], list[bool]()
    for part in re.split(r"(\\frac|[\^_]?\{|\})", latex):
        if part.endswith("{"):
            scripts.append(len(part) > 1)
        elif part == "}":
            scripts.pop()
        elif part == r"\frac" and len(scripts) < 2 and not any(scripts):
            part = r"\dfrac"
        parts.append(part)
    return "".join(parts)
