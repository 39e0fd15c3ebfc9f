"""Double precision and compiled code on disk: around our own calls, and only there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from bayeslaw.core import compilation
from bayeslaw.core.compilation import cache_folder, clear_cache, compiled


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of our own; whatever is compiled is worth keeping."""
    monkeypatch.setenv("BAYESLAW_CACHE", str(tmp_path / "cache"))
    least = "jax_persistent_cache_min_compile_time_secs"
    monkeypatch.setitem(compilation._SETTINGS, least, 0.0)
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


def compute(number: float) -> Any:
    """Compile something anew: the same number gives the same program."""
    return jax.jit(lambda x: jnp.sin(x * number) + number)(np.ones(3))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def entries(folder: Path) -> list[Path]:
    """Compiled programs, not what JAX notes beside them."""
    return [path for path in files(folder) if path.name.endswith("-cache")]


def settings() -> dict[str, Any]:
    return dict(jax.config.values)


# --- the caller's settings -------------------------------------------------------------------


def test_double_precision_inside_and_the_callers_outside(cache: Path) -> None:
    before = settings()
    assert not jax.config.jax_enable_x64
    with compiled():
        assert jax.config.jax_enable_x64
        assert jnp.ones(1).dtype == jnp.float64
        assert jax.config.jax_compilation_cache_dir == str(cache_folder())
        assert jax.config.jax_compilation_cache_max_size == compilation.LARGEST_CACHE
    assert settings() == before
    assert jnp.ones(1).dtype == jnp.float32


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_settings_come_back_after_an_error(cache: Path, error: type[BaseException]) -> None:
    before = settings()

    def fail() -> None:
        with compiled():
            compute(1.25)
            raise error

    with pytest.raises(error):
        fail()
    assert settings() == before
    assert compilation._users.count == 0


def test_settings_come_back_when_the_last_of_nested_calls_ends(cache: Path) -> None:
    before = settings()
    with compiled():
        with compiled():
            inside = settings()
        assert settings() == inside
        with pytest.raises(ValueError, match="inner"), compiled():
            raise ValueError("inner")
        assert settings() == inside
        assert jax.config.jax_enable_x64
        assert jax.config.jax_compilation_cache_dir == str(cache_folder())
    assert settings() == before


def test_a_thread_that_ends_first_leaves_the_cache_to_the_others(cache: Path) -> None:
    before = settings()
    entered, leave = threading.Event(), threading.Event()

    def other() -> None:
        with compiled():
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=other)
    with compiled():
        thread.start()
        assert entered.wait(30)
    # Precision is each thread's own, the cache is the process's.
    assert not jax.config.jax_enable_x64
    assert jax.config.jax_compilation_cache_dir == str(cache_folder())
    leave.set()
    thread.join(30)
    assert settings() == before


def test_a_caller_in_double_precision_stays_there(cache: Path) -> None:
    with jax.enable_x64(True):
        with compiled():
            compute(1.5)
        assert jax.config.jax_enable_x64
        assert jnp.ones(1).dtype == jnp.float64


# --- the folder ------------------------------------------------------------------------------


def test_what_is_compiled_is_kept_and_found_again(cache: Path) -> None:
    hits: list[str] = []

    def note(event: str, **about: Any) -> None:
        if event == "/jax/compilation_cache/cache_hits":
            hits.append(event)

    jax.monitoring.register_event_listener(note)
    try:
        with compiled():
            first = compute(2.25)
        folder = cache_folder()
        assert folder is not None
        assert folder.parent == cache
        kept = entries(folder)
        assert kept
        assert hits == []
        with compiled():
            again = compute(2.25)
    finally:
        jax.monitoring.unregister_event_listener(note)
    assert hits
    assert entries(folder) == kept
    np.testing.assert_array_equal(first, again)
    # Outside, nothing is kept.
    compute(2.5)
    assert entries(folder) == kept


def test_clearing_removes_it_and_says_how_much(cache: Path) -> None:
    assert clear_cache() == 0
    with compiled():
        compute(3.25)
    folder = cache_folder()
    assert folder is not None
    size = sum(path.stat().st_size for path in files(folder))
    beside = cache / "of another machine"
    beside.write_text("kept")
    assert clear_cache() == size > 0
    assert files(folder) == []
    assert beside.exists()
    assert clear_cache() == 0
    # And it fills again.
    with compiled():
        compute(3.5)
    assert entries(folder)


def test_an_empty_name_switches_it_off(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BAYESLAW_CACHE", "")
    assert cache_folder() is None
    before = settings()
    with compiled():
        assert jnp.ones(1).dtype == jnp.float64
        assert jax.config.jax_compilation_cache_dir is None
        compute(4.25)
    assert settings() == before
    assert files(tmp_path) == []
    assert clear_cache() == 0


def test_a_place_that_cannot_be_written_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BAYESLAW_CACHE", str(tmp_path / "file"))
    before = settings()
    with compiled():
        assert compute(5.25).dtype == jnp.float64
    assert settings() == before
    assert [path.name for path in files(tmp_path)] == ["file"]


def test_a_callers_own_cache_stays_in_use(cache: Path, own: Path) -> None:
    before = settings()
    with compiled():
        assert jax.config.jax_compilation_cache_dir == str(own)
        compute(6.25)
    assert settings() == before
    inside = len(entries(own))
    assert inside > 0
    compute(6.5)
    assert len(entries(own)) > inside
    assert not cache.exists()
    assert clear_cache() == 0
    assert entries(own)
