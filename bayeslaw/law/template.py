"""A commented card to start from."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path

from bayeslaw.core.errors import RequestError
from bayeslaw.core.files import whole_file
from bayeslaw.law.library import cards

_TEMPLATE = '''\
# A law card. It is a working law as it stands: replace part by part, and leave out what the law
# has not. Use it by its path, as in
#     bayeslaw laws check {name}.toml
#     bayeslaw laws show {name}.toml
#     bayeslaw fit runs.csv --law {name}.toml --out fit.nc

name     = {quoted:<24} # author and year, or a common name
aliases  = []                       # other names that people know it by
title    = "Dense law in parameters and tokens"
source   = "Own work, {year}"         # authors, year, arXiv number, equation
paper    = ""                       # arXiv number, shared by all cards of one paper
year     = {year}                     # when it was published
status   = "own"                    # verified, secondary, inferred or own
predicts = "loss"                   # must be positive; residuals live on its logarithm
notes    = [                        # what a reader should know before trusting it
  "The coefficients of this template are round numbers of no paper.",
]

# Assignments, the last one the prediction. Helper lines get names that other parts may use.
# Use + - * / **, parentheses, ln, log2, log10, exp, sqrt, abs, min(x, y) and max(x, y).
# Names are ASCII: alpha, epsilon; lambda is lam.
formula  = """
size = A*N**-alpha
data = B*D**-beta
L = E + size + data
"""
terms = ["E", "size", "data"]       # lines and parameters that a prediction can be split into
cost  = "training_dense"            # FLOPs: training is 6*N_a*D, training_dense 6*N*D, others in cost.py
# constraints = []                  # law.constrain writes how it made a card; nobody else does

# Each letter of the formula that stands for a variable.
#   is          expression over canonical variables, which fixes name, unit and convention together:
#               "N", "N_a / 1e9", "E / K". Canonical are N (total parameters), N_a (active per
#               token), D (training tokens), G (active experts per token), K (routed ones among
#               them), S (shared over active experts), E (experts), activation, granularity,
#               sparsity and C (training FLOPs); any other name is a new variable
#   means       the paper's definition
#   embeddings  whether a parameter count has them: "included", "excluded" or "unknown"
#   range       of the paper's own runs
#   base        its value in the paper's base configuration; may read other letters: "0.2*N"
#   values      those that it takes where it is not continuous: [1, 2, 4, 8]
[variables]
N = {{ is = "N", means = "parameters", embeddings = "included", range = [1e8, 1e10], base = "1e9" }}
D = {{ is = "D", means = "training tokens", range = [1e9, 1e12], base = "20e9" }}

# Ratios of letters that a simulated design keeps within bounds.
# [design]
# ratios = {{ D = {{ over = "N", range = [1, 1000] }} }}

# Groups of like units: scaling all letters of a group leaves the law as it is, with other
# coefficients. The prediction is a group too. Leave out letters that are not free of their unit,
# such as a number of experts.
[units]
groups = [["N"], ["D"], ["L"]]

# Every other name of the formula is a parameter.
#   prior  {{ family = "lognormal", median = 0.25, factor = 2 }}, where factor is what one standard
#          deviation of the logarithm multiplies by, and low = 1 would shift the lower end; or
#          {{ family = "normal", mean = 0, sd = 0.1 }} where the sign is open
#   on     what the prior is stated on, at the reference run of the table (geometric means), where
#          that is not the parameter itself. It may read helper lines, letters, other parameters,
#          and loss, the reference value of the prediction: "size / loss" is the share of the loss
#          that the term makes up. It must be affine in its own parameter or a power of it
#   role   "floor" for the additive irreducible part
#   weak   why runs hardly inform it, where that is known: weak = "its term is below 2e-4 nats"
#   means  what it is, in words
[parameters]
E     = {{ on = "E / loss", prior = {{ family = "lognormal", median = 0.6, factor = 1.5 }}, role = "floor", means = "irreducible loss" }}
A     = {{ on = "size / loss", prior = {{ family = "lognormal", median = 0.1, factor = 3 }}, means = "amplitude of parameters" }}
B     = {{ on = "data / loss", prior = {{ family = "lognormal", median = 0.1, factor = 3 }}, means = "amplitude of tokens" }}
alpha = {{ prior = {{ family = "lognormal", median = 0.25, factor = 2 }}, means = "exponent of parameters" }}
beta  = {{ prior = {{ family = "lognormal", median = 0.25, factor = 2 }}, means = "exponent of tokens" }}

# Complete sets of coefficients, each a table of its own; the first is the default. A law without
# any can be fitted, but neither predicts by itself nor simulates.
[coefficients.published]
E = 1.8
A = 500
B = 2000
alpha = 0.35
beta = 0.37

# What an optimum searches over unless it is fixed, the expressions that it reports, and whether
# less ("min") or more ("max") of the prediction is better.
[optimum]
free = ["N", "D"]
report = ["N", "D", "D/N"]
sense = "min"

# Numbers that the coefficients must reproduce: an expression of the card's names at canonical
# variables, or a free variable, which means its optimum. coefficients = "..." names another set.
[[checks]]
of = "L"
at = {{ N = 1e9, D = 20e9 }}
value = 2.46275
rtol = 1e-5
'''  # noqa: E501 -- an entry of TOML is one line


def template(name: str, year: int) -> str:
    """The text of a small working card in which every part of the format is explained."""
    return _TEMPLATE.format(name=name, quoted=f'"{name}"', year=year)


def new_card(path: str | Path) -> Path:
    """Write a commented card to start from."""
    path = Path(path)
    place, name = str(path), path.stem
    if path.suffix != ".toml":
        raise RequestError(
            "this is no name of a card", place=place, remedy="End it in .toml: mylaw.toml"
        )
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]*", name):
        raise RequestError(
            f"{name!r} cannot be the name of a law",
            place=place,
            remedy="Use letters, digits, _ and -, a letter first: mylaw.toml",
        )
    if os.path.lexists(path):
        raise RequestError(
            "it exists already", place=place, remedy="Choose another name, or remove it first"
        )
    if name in cards():
        # --law NAME would mean the library's law, not this one.
        raise RequestError(
            f"there is a law {name!r} in the library", place=place, remedy="Choose another name"
        )
    if not path.parent.is_dir():
        raise RequestError(
            f"there is no folder {str(path.parent)!r}", place=place, remedy="Create it first"
        )
    try:
        with whole_file(path) as partial:
            partial.write_text(template(name, datetime.date.today().year), encoding="utf-8")
    except OSError as error:
        raise RequestError(
            f"it cannot be written ({error.strerror or error})",
            place=place,
            remedy="Choose a folder that may be written to",
        ) from error
    return path
