"""Cards in files: what cannot be read, the line of an error, and a card written again."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_card import LOGNORMAL

import bayeslaw as bl
from bayeslaw.core.errors import CardError
from bayeslaw.law import Law
from bayeslaw.law.files import line_of


def test_a_file_that_is_no_card_is_named(tmp_path: Path) -> None:
    with pytest.raises(CardError, match=r"^mine\.toml: cannot be read \(No such file"):
        bl.law(tmp_path / "mine.toml")
    (tmp_path / "broken.toml").write_text("name = = 3")
    with pytest.raises(CardError, match=r"^broken\.toml: is not TOML .*line 1"):
        bl.law(tmp_path / "broken.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CardError, match=r"^binary\.toml: is not TOML"):
        Law.from_toml(tmp_path / "binary.toml")


def test_what_is_wrong_in_a_file_is_found_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('formula = "E + A*N**-alpha"\nvariable = 3\n')
    with pytest.raises(CardError, match=r"^mine\.toml: unknown key 'variable'.*'variables'"):
        Law.from_toml(path)


TOML = '''\
name = "mine"
formula = """
size = A*N**-alpha
L = E + size
"""

[variables]
N = { is = "N" }

[parameters]
E = { prior = { family = "lognormal", median = 0.6, factor = 1.5 } }
A = { on = "size / loss", prior = { family = "lognormal", median = 0.1, factor = 3 } }
alpha = { prior = { family = "lognormal", median = 0.25, factor = 2 } }

[coefficients.own]
E = 1.8
A = 400
alpha = 0.3

[[checks]]
of = "L"
at = { N = 1e9 }
value = 2.6
[[checks]]
of = "L"
at = { N = 1e9 }
value = 2.6
'''


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("A*N**-alpha", "A*N^alpha", 3),
        ("E + size", "E + + * size", 4),
        ("L = E + size", "L = E + log(size)", 4),
        ('N = { is = "N" }', 'N = { is = "N +" }', 8),
        ("factor = 3 } }", "factor = 1 } }", 12),
        ('on = "size / loss"', 'on = "sizes / loss"', 12),
        ("[coefficients.own]\nE = 1.8", "[coefficients.own]\nE = 'a'", 16),
        ('[[checks]]\nof = "L"\nat = { N = 1e9 }\nvalue = 2.6\n[[', "[[checks]]\nof='M'\n[[", 20),
        ("[variables]", "[variable]", None),
    ],
)
def test_an_error_names_the_line(tmp_path: Path, old: str, new: str, line: int | None) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(TOML.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(bl.BayesLawError) as caught:
        bl.law(path)
    said = str(caught.value)
    assert (f"(line {line})" in said) if line else ("(line" not in said), said


def test_lines_of_places() -> None:
    assert line_of(TOML, "mine.toml, check 2") == 24
    assert line_of(TOML, "mine.toml, [parameters] alpha, prior") == 13
    assert line_of(TOML, "mine.toml, [coefficients.own]") == 15
    assert line_of(TOML, "mine.toml, formula, line 2") == 4
    assert line_of(TOML, "mine.toml, check 3") is None
    assert line_of(TOML, "mine.toml, nowhere") is None


def test_a_saved_card_is_the_same_law(tmp_path: Path) -> None:
    law = bl.law("zhao2025").with_priors(beta={**LOGNORMAL, "median": 0.4})
    law.save(tmp_path / "other.toml")
    again = bl.law(tmp_path / "other.toml")
    assert again.card == law.card
    assert again.form == law.form
    with pytest.raises(CardError, match="cannot be written"):
        law.save(tmp_path / "no" / "such.toml")
