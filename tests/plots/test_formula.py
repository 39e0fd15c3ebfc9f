"""Formulas of laws as pictures: every letter and every bar is drawn."""

from __future__ import annotations

import io

import matplotlib as mpl
import pytest
from matplotlib.font_manager import FontProperties
from matplotlib.mathtext import MathTextParser

import bayeslaw as bl
from bayeslaw.formula.latex import latex
from bayeslaw.law.library import cards
from bayeslaw.plots.formula import formula, formula_lines

mpl.use("Agg")


def drawn(text: str) -> tuple[str, int]:
    """Characters that mathtext draws, in a font whose glyphs are numbered by Unicode, and bars."""
    font = FontProperties(math_fontfamily="dejavusans")
    parsed = MathTextParser("path").parse(text, prop=font)
    return "".join(chr(glyph[2]) for glyph in parsed.glyphs), len(parsed.rects)


@pytest.mark.parametrize("name", sorted(cards()))
def test_every_law_is_drawn(name: str) -> None:
    law = bl.law(name)
    written = latex(law.formula)
    sides = [side for line in formula_lines(written) for side in line]
    letters, bars = zip(*map(drawn, sides), strict=True)
    # A letter that the renderer dropped would be missing.
    for letter in law.letters:
        head = letter.split("_")[0].rstrip("0123456789")
        if len(head) == 1:
            assert head in "".join(letters), letter
    assert sum(bars) == written.count(r"\frac") + written.count(r"\sqrt")
    assert len(sides) == 2 * (written.count(r" \\ ") + 1)
    figure = formula(written)
    figure.savefig(io.BytesIO(), format="svg")
    assert [text.get_text() for text in figure.texts] == sides
    for text in figure.texts:
        box = text.get_window_extent()
        assert box.x0 >= 0
        assert box.y0 >= 0
        assert box.x1 <= figure.bbox.x1
        assert box.y1 <= figure.bbox.y1


def test_fractions_and_products_as_a_reader_expects() -> None:
    def right(text: str) -> str:
        ((_, found),) = formula_lines(f"y = {text}")
        return found.removeprefix(r"$\;=\;").removesuffix("$")

    assert right(r"\frac{A}{N}") == r"\dfrac{A}{N}"
    assert right(r"x^{\frac{1}{\alpha}}") == r"x^{\frac{1}{\alpha}}"
    assert right(r"\frac{1}{\frac{1}{\frac{1}{x}}}") == r"\dfrac{1}{\dfrac{1}{\frac{1}{x}}}"
    assert drawn(f"${right(r'\mathrm{shape} \, \mathrm{room}')}$")[0] == "shape⋅room"
    assert "⋅" not in drawn(f"${right(r'a \, N')}$")[0]
    with pytest.raises(ValueError, match=r"\\foo"):
        formula(r"y = \foo")
