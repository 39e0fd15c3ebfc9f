"""A law as a page, the letters that it uses in its own sense, and the card to start from."""

from __future__ import annotations

import io
import json
import os
import re
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bayeslaw as bl
from bayeslaw.cli.app import main
from bayeslaw.core.errors import RequestError
from bayeslaw.core.vocabulary import VOCABULARY
from bayeslaw.law import Law, reading
from bayeslaw.law.description import conflicts, page
from bayeslaw.law.library import cards, new_card

every_name = pytest.mark.parametrize("name", cards())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def bayeslaw(*arguments: object, out: io.StringIO | None = None) -> tuple[int, str, str]:
    """Run the command line in this process: status, output and errors."""
    out = io.StringIO() if out is None else out
    err, before = io.StringIO(), sys.argv
    sys.argv = ["bayeslaw", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            try:
                code = main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
    finally:
        sys.argv = before
    return code, out.getvalue(), err.getvalue()


def squeezed(text: str) -> str:
    return " ".join(text.split())


# --- conflicts of letters ---------------------------------------------------------------------


def own(text: str, variables: dict[str, str], **entries: dict[str, Any]) -> Law:
    law = Law.from_formula(text, variables=variables)
    letters = {name: {**law.card["variables"][name], **entries.get(name, {})} for name in variables}
    return Law({**law.card, "variables": letters}, "t.toml")


def test_letters_in_their_usual_sense_are_no_conflict() -> None:
    assert conflicts(bl.law("zhao2025")) == ()
    assert conflicts(own("e + A*N**-alpha", {"N": "N"}, N={"means": "non-embedding"})) == ()
    assert conflicts(own("e + A*T**-alpha", {"T": "D"})) == ()


def test_a_letter_for_another_variable_says_which() -> None:
    law = own("e + A*N**-alpha + B*G**-beta", {"N": "N_a", "G": "granularity"})
    assert conflicts(law) == (
        "N here is N_a (parameters active per token), not total parameters",
        "G here is granularity (d_ff / d_expert with d_ff = 4 d_model), not active experts per "
        "token, shared ones included",
    )


def test_the_papers_definition_comes_before_the_vocabularys() -> None:
    law = own("e + A*N**-alpha", {"N": "N_a"}, N={"means": "active, without embeddings"})
    assert conflicts(law) == ("N here is N_a (active, without embeddings), not total parameters",)


def test_an_expression_or_a_variable_of_the_cards_own_is_a_conflict_too() -> None:
    law = own("e + A*E**-alpha + B*K**-beta", {"E": "E / K", "K": "depth"})
    assert conflicts(law) == (
        "E here is E / K, not number of experts",
        "K here is depth, not routed experts active per token",
    )


def test_another_unit_is_no_other_quantity_but_is_said() -> None:
    law = own("e + A*N**-alpha", {"N": "N / 1e9"}, N={"means": "billions of parameters"})
    assert conflicts(law) == ("N here is N / 1e9 (billions of parameters), not N itself",)


def test_parameters_and_lines_that_are_called_like_variables() -> None:
    assert conflicts(bl.law("chinchilla")) == (
        "E here is a parameter (irreducible loss), not number of experts",
    )
    law = Law.from_formula("S = A*N**-alpha\nC = G + S", variables=["N"], predicts="price")
    assert conflicts(law) == (
        "G here is a parameter, not active experts per token, shared ones included",
        "S here is a line of the formula, not shared experts over active experts",
        "C here is what is predicted (price), not training FLOPs",
    )


def test_a_law_that_predicts_a_canonical_variable_may_call_it_by_its_name() -> None:
    assert conflicts(Law.from_formula("D = A*C**a", variables=["C"], predicts="D")) == ()
    law = Law.from_formula("N = A*C**a", variables=["C"], predicts="N_a")
    assert conflicts(law) == ("N here is what is predicted (N_a), not total parameters",)


# --- the page ---------------------------------------------------------------------------------


@every_name
def test_a_page_holds_the_whole_card_as_plain_data(name: str) -> None:
    law = bl.law(name)
    found = page(law)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["name"] == law.name
    printed = {target for target, _ in law.formula.printed}
    written = [line.rstrip() for line in law.card["formula"].strip().splitlines()]
    if len(written) > 1:
        # Lines that only state priors are no part of the law.
        written = [line for line in written if line.partition("=")[0].strip() in printed]
    assert found["formula"] in (written, [f"L = {written[0]}"])
    assert [one["letter"] for one in found["letters"]] == list(law.letters)
    assert [one["name"] for one in found["parameters"]] == list(law.parameters)
    assert found["coefficients"] == law.coefficients
    assert found["notes"] == list(law.caveats)
    assert found["checks"] == len(law.checks)
    assert f"${found['latex']}$" == law._repr_latex_().replace(r"\displaystyle ", "")


def test_a_bare_formula_gets_the_name_of_its_result() -> None:
    law = Law.from_formula("E + A*N**-alpha", variables=["N"])
    assert page(law)["formula"] == ["L = E + A*N**-alpha"]
    assert page(law)["year"] is None
    assert page(law)["coefficients"] == {}


@every_name
def test_show_json_is_the_page(name: str) -> None:
    code, out, err = bayeslaw("laws", "show", name, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out) == page(bl.law(name))


@every_name
def test_show_latex_is_the_formula_alone(name: str) -> None:
    assert bayeslaw("laws", "show", name, "--latex") == (0, page(bl.law(name))["latex"] + "\n", "")


@every_name
@pytest.mark.parametrize("columns", [None, 80, 160])
def test_show_prints_all_of_it(
    name: str, columns: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    law, terminal = bl.law(name), Terminal() if columns else io.StringIO()
    monkeypatch.setenv("COLUMNS", str(columns or 40))
    monkeypatch.setenv("TERM", "dumb")
    code, out, err = bayeslaw("laws", "show", name, out=terminal)
    assert (code, err) == (0, "")
    assert out.startswith(law.name)
    for line in page(law)["formula"]:
        assert f"  {line}\n" in out, "a line of the formula stays whole"
    text = squeezed(out)
    said = [law.title, law.source, str(law.year or ""), law.status, law.predicts, *law.caveats]
    said += [law.cost.formula, law.cost.source] if law.cost else []
    said += [*conflicts(law), ", ".join(law.optimum.free)]
    said += [f"{law.optimum.sense}imum over" if law.optimum.free else ""]
    for one in said:
        assert squeezed(one) in text
    assert re.search(rf"published checks +{len(law.checks)}\n", out)
    tables = out[out.index("\nVariables") : out.index("\ncost " if law.cost else "\nlike units ")]
    parameters = tables[tables.index("\nParameters") :].splitlines()
    for parameter, entry in law.parameters.items():
        rows = [f"{line} " for line in parameters if re.match(rf" +{parameter} ", line)]
        for numbers in law.coefficients.values():
            assert any(f" {numbers[parameter]:.6g} " in row for row in rows)
        if columns is None and len(law.coefficients) <= 2:
            assert f"{entry.prior}  " in rows[0]
            assert entry.on.text in rows[0]
    for title in law.coefficients:
        assert title in text
    assert all(len(line.rstrip()) <= (columns or 200) for line in tables.splitlines())


@pytest.mark.parametrize("columns", [80, 140, 200])
def test_no_number_is_cut_however_many_sets_there_are(
    columns: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "dumb")
    path = new_card(tmp_path / "mylaw.toml")
    text = path.read_text()
    wanted = []
    for i in range(12):
        numbers = [1.234561 + i, 123456 + i, -0.001234567 - i / 1e6, 0.35 + i, 0.37 + i]
        names = ("E", "A", "B", "alpha", "beta")
        entries = "\n".join(f"{n} = {x!r}" for n, x in zip(names, numbers, strict=True))
        text += f"\n[coefficients.set-number-{i}]\n{entries}\n"
        wanted += [f"set-number-{i}", *(f"{x:.6g}" for x in numbers)]
    path.write_text(text)
    code, out, err = bayeslaw("laws", "show", path, out=Terminal())
    assert (code, err) == (0, "")
    assert set(wanted) <= set(out.split())
    assert re.search(r"default set +published\n", out)
    tables = out[out.index("\nVariables") : out.index("\ndefault set")]
    assert all(len(line.rstrip()) <= columns for line in tables.splitlines())


def test_show_leaves_out_what_the_card_does_not_say(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(
        'formula = "a*N**-b"\n[variables]\nN = { is = "N" }\n[parameters]\n'
        'a = { prior = { family = "normal", mean = 1, sd = 1 } }\n'
        'b = { prior = { family = "normal", mean = 1, sd = 1 } }\n'
    )
    code, out, err = bayeslaw("laws", "show", path)
    assert (code, err) == (0, "")
    for word in ("year", "means", "weak", "embeddings", "range", "Caveats", "Letters", "imum over"):
        assert word not in out
    assert "  L = a*N**-b\n" in out


def test_an_unknown_law_is_refused_with_the_nearest() -> None:
    code, out, err = bayeslaw("laws", "show", "zaho2025")
    assert (code, out) == (2, "")
    assert err.startswith("error: unknown law 'zaho2025'. Did you mean 'zhao2025'?")


# --- the template -----------------------------------------------------------------------------


def test_the_template_is_a_law_that_works(tmp_path: Path) -> None:
    path = new_card(tmp_path / "my_law-2.toml")
    law = bl.law(path)
    assert law.name == "my_law-2"
    assert law.year is not None
    numbers = law.published()
    wanted = numbers["E"] + numbers["A"] * 1e9 ** -numbers["alpha"]
    wanted += numbers["B"] * 20e9 ** -numbers["beta"]
    assert law.predict(N=1e9, D=20e9) == pytest.approx(wanted)
    (check,) = law.checks
    assert law.predict(**check.at) == pytest.approx(check.value, rel=check.rtol)
    runs = bl.simulate(path, rows=20, noise_sd=0.001, seed=1)
    assert np.isfinite(runs.column("loss")).all()


def test_the_template_explains_every_key_of_the_format(tmp_path: Path) -> None:
    text = new_card(tmp_path / "mylaw.toml").read_text()
    for key in reading.CARD:
        assert re.search(rf"^(# )?(\[+{key}[\].]|{key} *=)", text, re.MULTILINE), key
    for key in {**reading.LETTER, **reading.PARAMETER}:
        assert re.search(rf"^#   {key} ", text, re.MULTILINE), key
    rest = (reading.DESIGN, reading.RATIO, reading.UNITS, reading.OPTIMUM, reading.CHECK)
    for key in {"low", *(key for keys in rest for key in keys)}:
        assert re.search(rf"\b{key} = ", text), key
    for name in set(VOCABULARY) - {"loss", "loss_se"}:
        assert re.search(rf"^# .*\b{name}\b", text, re.MULTILINE), name


def test_what_the_template_comments_out_is_valid_too(tmp_path: Path) -> None:
    path = new_card(tmp_path / "mylaw.toml")
    path.write_text(path.read_text().replace("# [design]\n# ratios", "[design]\nratios"))
    (ratio,) = bl.law(path).ratios
    assert (ratio.letter, ratio.over) == ("D", "N")


def test_new_writes_a_card_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mylaw.toml"
    code, out, err = bayeslaw("laws", "new", path)
    assert (code, err) == (0, "")
    assert str(path) in out
    assert [one.name for one in tmp_path.iterdir()] == ["mylaw.toml"]
    assert bayeslaw("laws", "show", path)[0] == 0
    other = tmp_path / "other.toml"
    code, out, err = bayeslaw("laws", "new", other, "--json")
    assert json.loads(out) == {"file": str(other), "law": "other"}


REFUSED = {
    "exists": ("there.toml", "it exists already. Choose another name"),
    "a link to nothing": ("link.toml", "it exists already. Choose another name"),
    "no folder": ("none/mylaw.toml", "there is no folder '.*none'. Create it first"),
    "a file for a folder": ("there.toml/mylaw.toml", "there is no folder"),
    "another suffix": ("mylaw.json", "no name of a card. End it in .toml"),
    "no suffix": ("mylaw", "no name of a card. End it in .toml"),
    "nothing but a suffix": (".toml", "no name of a card. End it in .toml"),
    "a space": ("my law.toml", "'my law' cannot be the name of a law. Use letters"),
    "a quote": ('my".toml', "cannot be the name of a law. Use letters"),
    "a digit first": ("2law.toml", "cannot be the name of a law. .* a letter first"),
    "two dots": ("my.law.toml", "'my.law' cannot be the name of a law"),
    "a law of the library": ("zhao2025.toml", "a law 'zhao2025' in the library. Choose another"),
}


@pytest.mark.parametrize(("name", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_new_refuses_and_writes_nothing(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "there.toml").write_text("kept")
    (tmp_path / "link.toml").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    code, out, err = bayeslaw("laws", "new", tmp_path / name)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {tmp_path / name}: ")
    assert re.search(message, err)
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "there.toml").read_text() == "kept"


def test_a_card_that_cannot_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RequestError, match=r"cannot be written \(No space left on device\)"):
        new_card(tmp_path / "mylaw.toml")
    assert list(tmp_path.iterdir()) == []
