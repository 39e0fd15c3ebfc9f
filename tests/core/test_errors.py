"""Messages: short, on one line, nothing that a terminal would obey."""

from __future__ import annotations

import pickle

import pytest

from bayeslaw.core.errors import BayesLawError, RequestError, shortened


def test_a_message_has_place_problem_and_remedy() -> None:
    assert str(RequestError("N = 3", place="fit", remedy="Give more")) == "fit: N = 3. Give more"
    assert str(RequestError("N = 3")) == "N = 3"


@pytest.mark.parametrize("part", ["problem", "place", "remedy"])
def test_a_long_part_is_cut_in_its_middle(part: str) -> None:
    parts = {"problem": "no such file", "place": "run.csv", "remedy": "Name another"}
    parts[part] = f"first {'x' * 5000} last"
    message = str(BayesLawError(parts.pop("problem"), **parts))
    assert len(message) < 600
    assert "first xxx" in message
    assert "xxx last" in message


def test_all_parts_may_be_long_at_once() -> None:
    message = str(BayesLawError("a" * 5000, place="b" * 5000, remedy="c" * 5000))
    assert len(message) < 600
    assert {"a", "b", "c"} <= set(message)


@pytest.mark.parametrize("hostile", ["\x1b[31m", "\n", "\r", "\0", "\x07", "\udcff", "\u202e"])
def test_control_characters_are_escaped(hostile: str) -> None:
    message = str(RequestError(f"a{hostile}b", place=hostile, remedy=hostile))
    assert message.isprintable()
    assert message.encode("utf-8")


def test_what_fits_stays() -> None:
    assert shortened("α × β", 5) == "α × β"
    assert shortened("abcdefghij", 9) == "abcd...ij"


def test_an_error_crosses_processes_with_its_parts() -> None:
    error = pickle.loads(pickle.dumps(RequestError("N = 3", place="fit", remedy="Give more")))
    assert type(error) is RequestError
    assert (error.problem, error.place, error.remedy) == ("N = 3", "fit", "Give more")
