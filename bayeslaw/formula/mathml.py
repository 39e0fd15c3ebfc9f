"""Formulas as MathML, which a browser sets without scripts or fonts of its own.

What stands in parentheses was decided once, for LaTeX: this reads the LaTeX that ``latex`` writes.
"""

from __future__ import annotations

import re
from html import escape

from bayeslaw.core.errors import FormulaError

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\S")
_WORD = re.compile(r"(<msu[bp]>)*<mi>\w{2,}</mi>")
_GREEK = {
    "epsilon": "ϵ",
    **dict(
        zip(
            "alpha beta gamma delta zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau "
            "upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi "
            "Omega".split(),
            "αβγδζηθικλμνξπρστυϕχψωΓΔΘΛΞΠΣΥΦΨΩ",
            strict=True,
        )
    ),
}
# A thin space is a product: it is read as one, and set with room.
_PLAIN = {
    **{name: f"<mi>{name}</mi>" for name in ("ln", "log", "exp", "min", "max")},
    **{name: f"<mi>{letter}</mi>" for name, letter in _GREEK.items()},
    "cdot": "<mo>⋅</mo>",
    "times": "<mo>×</mo>",
    ",": '<mo lspace="0" rspace="0.17em">&#8290;</mo>',
    "infty": "<mi>∞</mi>",
    "_": "<mi>_</mi>",
}


def mathml(latex: str) -> str:
    """LaTeX as ``bayeslaw.formula.latex`` writes it, as MathML."""
    aligned = re.fullmatch(r"\\begin\{aligned\}(.*)\\end\{aligned\}", latex.strip(), re.DOTALL)
    if aligned is None:
        body = _Reader(latex).all()
    else:
        rows = []
        for line in aligned[1].split(r"\\"):
            left, right = line.split("&=")
            rows.append(
                f'<mtr><mtd style="text-align: right">{_Reader(left).all()}</mtd>'
                f'<mtd style="text-align: left"><mo>=</mo>{_Reader(right).all()}</mtd></mtr>'
            )
        body = f'<mtable displaystyle="true">{"".join(rows)}</mtable>'
    space = 'xmlns="http://www.w3.org/1998/Math/MathML"'
    return f'<math {space} display="block" alttext="{escape(latex)}">{body}</math>'


class _Reader:
    """A reader of one line, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _TOKEN.findall(text)

    def all(self) -> str:
        """The whole line."""
        row = self.row(None)
        if self.tokens:
            raise self.unread(self.tokens[0])
        return row

    def row(self, end: str | None) -> str:
        """Everything up to a token, which is taken too."""
        found: list[str] = []
        while self.tokens and self.tokens[0] != end:
            token = self.tokens.pop(0)
            if token in "^_" and found:
                found.append(self.script(token, found.pop()))
            elif token == "\\," and (_WORD.match(found[-1]) or self.tokens[0] == "\\mathrm"):
                # Words side by side would read as a phrase.
                found.append(_PLAIN["cdot"])
            else:
                found.append(self.one(token))
        if end is not None:
            if not self.tokens:
                raise self.unread(f"no {end}")
            self.tokens.pop(0)
        return f"<mrow>{''.join(found)}</mrow>"

    def script(self, token: str, base: str) -> str:
        """A base with what stands above or below it, or both."""
        script = self.argument()
        if token == "_" and self.tokens[:1] == ["^"]:
            self.tokens.pop(0)
            return f"<msubsup>{base}{script}{self.argument()}</msubsup>"
        name = "msup" if token == "^" else "msub"
        return f"<{name}>{base}{script}</{name}>"

    def argument(self) -> str:
        """What a command or a script applies to."""
        if not self.tokens:
            raise self.unread("end")
        token = self.tokens.pop(0)
        return self.row("}") if token == "{" else self.one(token)

    def one(self, token: str) -> str:
        """One piece that starts with a token."""
        if token == "{":
            return self.row("}")
        if token[0] == "\\":
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token == "(":
            # A fence of its own is stretched to what it holds, as \left and \right are.
            return f"<mrow><mo>(</mo>{self.row(')')}<mo>)</mo></mrow>"
        if token in "+=,-":
            return f"<mo>{token.replace('-', '−')}</mo>"
        raise self.unread(token)

    def command(self, name: str) -> str:
        """What follows a backslash."""
        if name in _PLAIN:
            return _PLAIN[name]
        if name == "frac":
            return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.argument()}</msqrt>"
        if name == "hat":
            return f"<mover accent='true'>{self.argument()}<mo>^</mo></mover>"
        if name == "mathrm":
            return f"<mi>{escape(self.word())}</mi>"
        if name == "left":
            opening = self.tokens.pop(0)
            closing = {"(": ")", "|": "|"}[opening]
            inside = self.row("\\right")
            if self.tokens.pop(0) != closing:
                raise self.unread(closing)
            return f"<mrow><mo>{opening}</mo>{inside}<mo>{closing}</mo></mrow>"
        raise self.unread(f"\\{name}")

    def word(self) -> str:
        """Letters in braces that are no product."""
        letters = []
        self.tokens.pop(0)
        while (token := self.tokens.pop(0)) != "}":
            letters.append(token.removeprefix("\\"))
        return "".join(letters)

    def unread(self, token: str) -> FormulaError:
        """What is said of a token that ``latex`` does not write."""
        return FormulaError(
            f"{token!r} in {self.text!r} has no MathML",
            remedy="Only what bayeslaw.formula.latex writes does",
        )
