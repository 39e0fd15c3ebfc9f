"""Pictures in the sizes of papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, real

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Inches across a column and a page of the usual two-column paper.
WIDTHS = {"column": 3.35, "page": 6.9}
# No text is smaller in print, in points.
_SMALLEST = 6.0
_PLACE = "plots.save"


@public
def save(
    figure: Figure, path: str | Path, *, width: Literal["column", "page"] | float | None = None
) -> None:
    """Write a picture, in the width of a paper's column or page if asked.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What a function of this room returns; it is resized.
    path : str or Path
        The file; its suffix gives the format.
    width : {"column", "page"} or float, optional
        3.35 or 6.9 inches, or so many; as drawn unless given. Letters shrink less than the picture
        and stay above 6 points, so that it can be set at its own size.

    Raises
    ------
    RequestError
        If the width is unknown or the file cannot be written.
    """
    from matplotlib.text import Text

    from bayeslaw.core.files import destination

    destination(path, place=_PLACE)
    if width is not None:
        if isinstance(width, str) and width not in WIDTHS:
            remedy = "Give column, page or a number of inches"
            raise RequestError(f"width = {width!r}", place=_PLACE, remedy=remedy)
        inches = WIDTHS[width] if isinstance(width, str) else real(width, "width", place=_PLACE)
        if not inches > 0:
            raise RequestError(f"width = {width!r}", place=_PLACE, remedy="Give inches")
        old, height = (float(side) for side in figure.get_size_inches())
        share = inches / old
        for text in figure.findobj(Text):
            text.set_fontsize(max(_SMALLEST, text.get_fontsize() * min(share, 1.0) ** 0.5))
        # Letters need more height than the picture.
        figure.set_size_inches(inches, height * (share if share > 1 else share**0.6))
    figure.savefig(path, dpi=300)
