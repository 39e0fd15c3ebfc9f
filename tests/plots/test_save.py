"""Pictures at the width of a paper's column or page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure

import bayeslaw as bl


@pytest.fixture
def figure() -> Figure:
    figure, ax = plt.subplots(figsize=(8, 4))
    ax.set_title("a title", fontsize=12)
    return figure


@pytest.mark.parametrize(
    ("width", "inches"), [(None, 8.0), ("column", 3.35), ("page", 6.9), (10, 10.0)]
)
def test_a_picture_has_the_width_that_is_asked(
    figure: Figure, tmp_path: Path, width: str | float | None, inches: float
) -> None:
    path = tmp_path / "picture.png"
    bl.plots.save(figure, path, width=width)
    wide, high = figure.get_size_inches()
    assert wide == pytest.approx(inches)
    # 300 pixels an inch, in the file as on the screen.
    pixels = plt.imread(path).shape
    assert pixels[:2] == pytest.approx((300 * high, 300 * inches), abs=1)
    # A narrow picture is taller for its width: letters shrink less than it does.
    shrunk = width in ("column", "page")
    assert bool(high / wide > 0.51) is shrunk
    size = figure.axes[0].title.get_fontsize()
    assert 6.0 <= size <= 12.0
    assert bool(size < 12.0) is shrunk


def test_letters_stay_readable(figure: Figure, tmp_path: Path) -> None:
    bl.plots.save(figure, tmp_path / "small.svg", width=1)
    assert figure.axes[0].title.get_fontsize() == 6.0


@pytest.mark.parametrize("width", ["half", 0, -3.0, float("nan"), True])
def test_widths_that_are_none_are_refused(figure: Figure, tmp_path: Path, width: Any) -> None:
    with pytest.raises(bl.BayesLawError, match=r"width ="):
        bl.plots.save(figure, tmp_path / "a.png", width=width)
    assert not (tmp_path / "a.png").exists()
