"""Double precision around our own calls, and compiled code that later processes load."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from bayeslaw.core import programs
from bayeslaw.core.compilation import cache_folder, clear_cache, compiled
from bayeslaw.core.programs import Compiled, Unnamed, compiled_for, described
from bayeslaw.law.priors import Prior

#: One entry for every time that a function of this module is traced.
TRACED: list[str] = []


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own; whatever is compiled is worth keeping."""
    monkeypatch.setenv("BAYESLAW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(programs, "LEAST", 0.0)
    TRACED.clear()
    return tmp_path / "cache"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A cache that the caller has set up."""
    folder = tmp_path / "own"
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    for name, value in zip(names, (str(folder), 0.0), strict=True):
        jax.config.update(name, value)
    compilation_cache.reset_cache()
    yield folder
    for name, value in before.items():
        jax.config.update(name, value)
    compilation_cache.reset_cache()


def fresh() -> Compiled:
    """A function as another process has it: nothing of it is in memory."""

    def scaled(factor: float, x: Any, *, shift: Any = 0.0) -> Any:
        TRACED.append("scaled")
        return {"value": jnp.sin(x * factor) + shift}

    return compiled_for("factor")(scaled)


def compute(number: float) -> Any:
    with compiled():
        return np.asarray(fresh()(number, np.arange(3.0))["value"])


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def settings() -> dict[str, Any]:
    return dict(jax.config.values)


# --- the caller's settings -------------------------------------------------------------------


def test_double_precision_inside_and_the_callers_outside(cache: Path) -> None:
    before = settings()
    assert not jax.config.jax_enable_x64
    with compiled():
        assert jax.config.jax_enable_x64
        assert jnp.ones(1).dtype == jnp.float64
    assert settings() == before
    assert jnp.ones(1).dtype == jnp.float32


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_settings_come_back_after_an_error(error: type[BaseException]) -> None:
    before = settings()
    with pytest.raises(error), compiled():
        raise error
    assert settings() == before
    assert not jax.config.jax_enable_x64


def test_precision_is_that_of_each_thread() -> None:
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with compiled():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with compiled():
        thread.start()
        assert entered.wait(30)
    assert not jax.config.jax_enable_x64
    leave.set()
    thread.join(30)


def test_a_caller_in_double_precision_stays_there() -> None:
    with jax.enable_x64(True):
        with compiled():
            assert jnp.ones(1).dtype == jnp.float64
        assert jax.config.jax_enable_x64


# --- functions -------------------------------------------------------------------------------


def test_a_function_is_traced_once_for_static_arguments_and_shapes(cache: Path) -> None:
    function = fresh()
    with compiled():
        one = function(2.0, np.arange(3.0), shift=1.5)["value"]
        assert np.asarray(one) == pytest.approx(np.sin(2.0 * np.arange(3.0)) + 1.5, rel=1e-15)
        function(2.0, np.ones(3), shift=2.5)
        function(x=np.ones(3), factor=2.0, shift=0.5)
        assert TRACED == ["scaled"]
        function(3.0, np.ones(3), shift=0.5)
        function(2.0, np.ones(4), shift=0.5)
        function(2.0, np.ones(3), shift=np.float64(0.5))
        assert len(TRACED) == function._cache_size() == 4
    # And in single precision.
    assert function(2.0, np.ones(3), shift=0.5)["value"].dtype == jnp.float32
    assert len(TRACED) == 5


def test_inside_another_function_it_is_a_part_of_that(cache: Path) -> None:
    function = fresh()
    with compiled():
        slope = jax.grad(lambda x: function(2.0, x)["value"])(0.3)
        assert float(slope) == pytest.approx(2.0 * np.cos(0.6), rel=1e-14)
        rows = jax.vmap(lambda x: function(2.0, x)["value"])(np.arange(3.0))
        assert np.asarray(rows) == pytest.approx(np.sin(2.0 * np.arange(3.0)))
    assert function._cache_size() == 0


def test_threads_that_need_the_same_program_make_it_once(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, found, made = fresh(), [], []
    compile_it = Compiled._compiled

    def note(self: Compiled, arguments: Any) -> Any:
        made.append(arguments)
        return compile_it(self, arguments)

    monkeypatch.setattr(Compiled, "_compiled", note)
    ready = threading.Barrier(4)

    def use() -> None:
        ready.wait(30)
        with compiled():
            found.append(float(function(2.0, np.float64(0.5))["value"]))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [float(np.sin(1.0))] * 4
    assert len(made) == 1


@dataclass(frozen=True)
class Foreign:
    number: int


def test_static_arguments_are_described_by_what_they_compare() -> None:
    prior = Prior("lognormal", 2.0, 3.0)
    assert described((prior, "a", 1, None)) == described(
        [Prior("lognormal", 2.0, 3.0), "a", 1, None]
    )
    assert described(prior) != described(Prior("lognormal", 2.0, 3.5))
    assert described(frozenset("ab")) == described(frozenset("ba"))
    # 1 and True and 1.0 are equal, but what is traced from them is not.
    assert len({repr(described(value)) for value in (1, 1.0, True)}) == 3
    for value in (Foreign(1), object(), np.ones(2), {"a": 1}):
        with pytest.raises(Unnamed):
            described((value,))


@dataclass(frozen=True)
class _Placed:
    number: float
    place: str = field(default="", compare=False)


def test_what_does_not_count_for_equality_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Placed, "__module__", "bayeslaw.somewhere")
    assert described(_Placed(1.5, "here")) == described(_Placed(1.5, "there"))
    assert described(_Placed(1.5)) != described(_Placed(2.5))


# --- the folder ------------------------------------------------------------------------------


def test_what_is_compiled_is_kept_and_found_again(cache: Path) -> None:
    first = compute(2.25)
    (kept,) = files(cache)
    assert kept.parent == cache_folder()
    assert kept.parent.parent == cache
    again = compute(2.25)
    assert TRACED == ["scaled"]
    assert first.tobytes() == again.tobytes()
    compute(2.5)
    assert len(TRACED) == len(files(cache)) == 2


def test_what_is_as_fast_to_compile_is_not_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "LEAST", 1e6)
    compute(2.25)
    assert not cache.exists()


def test_other_sources_find_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute(2.25)
    monkeypatch.setattr(programs, "_surroundings", lambda: ("another version",))
    compute(2.25)
    assert len(TRACED) == len(files(cache)) == 2


def test_a_static_argument_of_another_package_is_compiled_and_not_kept(cache: Path) -> None:
    def plus(other: Foreign, x: Any) -> Any:
        return x + other.number

    with compiled():
        assert float(compiled_for("other")(plus)(Foreign(2), 1.0)) == 3.0
    assert not cache.exists()


@pytest.mark.parametrize("damage", [b"", b"junk", None])
def test_what_is_damaged_is_made_again(cache: Path, damage: bytes | None) -> None:
    first = compute(2.25)
    (kept,) = files(cache)
    content = kept.read_bytes()
    middle = len(content) // 2
    flipped = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
    kept.write_bytes(flipped if damage is None else damage)
    assert compute(2.25).tobytes() == first.tobytes()
    assert len(TRACED) == 2
    # And mended.
    assert compute(2.25).tobytes() == first.tobytes()
    assert len(TRACED) == 2


def test_the_least_used_are_removed(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compute(1.25)
    (oldest,) = files(cache)
    size = oldest.stat().st_size
    monkeypatch.setattr(programs, "LARGEST_CACHE", 2.5 * size)
    compute(1.5)
    (second,) = set(files(cache)) - {oldest}
    # Reading is use.
    for path, age in ((oldest, 200), (second, 100)):
        then = path.stat().st_mtime - age
        programs.os.utime(path, (then, then))
    compute(1.25)
    compute(1.75)
    assert oldest.exists()
    assert not second.exists()
    assert len(files(cache)) == 2


def test_clearing_removes_it_and_says_how_much(cache: Path) -> None:
    assert clear_cache() == 0
    compute(3.25)
    size = sum(path.stat().st_size for path in files(cache))
    beside = cache / "of another machine"
    beside.write_text("kept")
    assert clear_cache() == size > 0
    assert files(cache) == [beside]
    assert clear_cache() == 0
    # And it fills again.
    compute(3.5)
    assert len(files(cache)) == 2


def test_an_empty_name_switches_it_off(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAYESLAW_CACHE", "")
    assert cache_folder() is None
    assert compute(4.25).dtype == np.float64
    assert files(tmp_path) == []
    assert clear_cache() == 0


def test_a_place_that_cannot_be_written_keeps_nothing(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BAYESLAW_CACHE", str(tmp_path / "file"))
    assert compute(5.25).dtype == np.float64
    assert [path.name for path in files(tmp_path)] == ["file"]


def test_a_callers_own_cache_stays_in_use(cache: Path, own: Path) -> None:
    before = settings()
    first = compute(6.25)
    assert settings() == before
    inside = len(files(own))
    assert inside > 0
    assert not cache.exists()
    assert clear_cache() == 0
    assert len(files(own)) == inside
    assert compute(6.25).tobytes() == first.tobytes()


SECOND = """
import sys
import jax
traced = []

def note(event, seconds, **about):
    if "trace" in event:
        traced.append(about)

jax.monitoring.register_event_duration_secs_listener(note)
import bayeslaw as bl
runs = bl.simulate("chinchilla", rows=40, noise_sd=0.003, seed=1)
posterior = bl.fit(runs, "chinchilla", draws=200, warmup=200, seed=1, progress=False)
best = bl.optimum(posterior, budget=bl.Budget(train_flops=1e22)).quantities["N"]
print(len(traced), "numpyro" in sys.modules)
print(best.median, posterior.draws["alpha"].sum())
"""


def test_a_second_process_traces_nothing_and_gives_the_same(tmp_path: Path) -> None:
    environment = {**programs.os.environ, "BAYESLAW_CACHE": str(tmp_path / "cache")}
    outputs = [
        subprocess.run(
            [sys.executable, "-c", SECOND], capture_output=True, text=True, env=environment
        )
        for _ in range(2)
    ]
    first, second = (done.stdout.split("\n") for done in outputs)
    assert first[0].endswith("True"), outputs[0].stderr
    assert second[0] == "0 False", outputs[1].stderr
    assert first[1] == second[1]


SOLVED = """
import numpy as np, jax.numpy as jnp
from bayeslaw.core import programs
from bayeslaw.core.compilation import compiled

programs.LEAST = 0.0

@programs.compiled_for()
def solved(matrix, vector):
    root = jnp.linalg.cholesky(matrix)
    return jnp.linalg.solve(root @ root.T, vector), jnp.linalg.eigh(matrix)[0]

with compiled():
    print(*map(np.asarray, solved(2.0 * np.eye(3), np.arange(3.0))))
"""


def test_a_second_process_solves_linear_equations(tmp_path: Path) -> None:
    """JAX looks up LAPACK when it lowers a call of it, which the second process does not do."""
    environment = {**programs.os.environ, "BAYESLAW_CACHE": str(tmp_path / "cache")}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SOLVED], capture_output=True, text=True, env=environment
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "[0.  0.5 1. ] [2. 2. 2.]\n"
    assert len(files(tmp_path)) == 1
