"""Compiled functions that a later process loads, without tracing them again.

JAX's own cache finds compiled code by what tracing and lowering a function yields, and these take
longer than all else in a process whose code is compiled. Here it is found by what a function is
traced from: the sources of this package, static arguments, and shapes. Where a caller has set
JAX's cache, that one is used; on other devices than processors nothing is kept but by that.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import pickle
import platform
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache, update_wrapper
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import serialize_executable

from bayeslaw.core.compilation import cache_folder
from bayeslaw.core.errors import BayesLawError
from bayeslaw.core.files import write_file
from bayeslaw.core.kept import UNREADABLE, seal, unseal

#: The least used programs are removed when there are more bytes than this.
LARGEST_CACHE = 500_000_000
#: Seconds below which tracing and compiling again is as fast as loading.
LEAST = 0.02
_PACKAGES = ("jax", "jaxlib", "numpyro", "numpy")
# What a caller can set that changes what is traced, or needs a function to be traced.
_SETTINGS = ("jax_enable_x64", "jax_default_matmul_precision", "jax_numpy_dtype_promotion")
_TRACED = (
    *("jax_compilation_cache_dir", "jax_disable_jit", "jax_default_device"),
    *("jax_debug_nans", "jax_debug_infs"),
)


class Unnamed(Exception):
    """A static argument that only this process knows."""


@dataclass
class _Program:
    """Compiled code, once it is there."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    run: Callable[..., Any] | None = None


class Compiled:
    """A function compiled for static arguments and shapes, and kept on disk where that is ours.

    Inside another function that is traced, it is traced as a part of that.
    """

    def __init__(self, function: Callable[..., Any], static: Sequence[str]) -> None:
        update_wrapper(self, function)
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._static = tuple(static)
        self._signature = inspect.signature(function)
        self._jitted: Any = jax.jit(function, static_argnames=self._static)
        self._programs: dict[Any, _Program] = {}
        self._lock = threading.Lock()

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Load or compile, and run."""
        bound = self._signature.bind(*args, **options)
        bound.apply_defaults()
        arguments = bound.arguments
        moving = {n: value for n, value in arguments.items() if n not in self._static}
        leaves, tree = jax.tree.flatten(moving)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves) or not _ours():
            return self._jitted(**arguments)
        kinds = tuple((one.shape, one.dtype, one.weak_type) for one in map(jax.typeof, leaves))
        static = tuple(arguments[name] for name in self._static)
        key = (static, tree, kinds, _settings(_SETTINGS))
        program = self._programs.get(key)
        if program is None or program.run is None:
            folder = cache_folder()
            if folder is None:
                return self._jitted(**arguments)
            with self._lock:
                program = self._programs.setdefault(key, _Program())
            with program.lock:
                # Whoever comes second finds it.
                program.run = program.run or self._made(folder, arguments, static, key[1:])
        return program.run(**moving)

    def _cache_size(self) -> int:
        """How many programs there are, as JAX's own functions report."""
        return len(self._programs)

    def _made(
        self, folder: Path, arguments: Mapping[str, Any], static: Sequence[Any], shapes: Any
    ) -> Any:
        """A program from disk, or compiled and kept there."""
        try:
            made_from = [self._name, described(static), str(shapes)]
        except Unnamed:
            return self._compiled(arguments)
        text = "\n".join(map(str, [*made_from, *_surroundings()]))
        path = folder / f"{hashlib.sha256(text.encode()).hexdigest()}.program"
        found = _load(path)
        if found is None:
            start = time.perf_counter()
            found = self._compiled(arguments)
            if time.perf_counter() - start > LEAST:
                _keep(path, found)
        return found

    def _compiled(self, arguments: Mapping[str, Any]) -> Any:
        return self._jitted.lower(**arguments).compile()


def compiled_for(*static: str) -> Callable[[Callable[..., Any]], Compiled]:
    """Decorate a function of arrays, and of static arguments that compare by their fields."""
    return lambda function: Compiled(function, static)


def described(value: Any) -> Any:
    """What makes a static argument equal to another one, as plain data."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, tuple | list):
        return [described(part) for part in value]
    if isinstance(value, frozenset):
        return sorted((described(part) for part in value), key=repr)
    kind = type(value)
    # Of a class that is not this package's, the sources are not among what programs are found by.
    if not is_dataclass(value) or not kind.__module__.startswith(f"{__package__.split('.')[0]}."):
        raise Unnamed(kind.__qualname__)
    compared = [(f.name, described(getattr(value, f.name))) for f in fields(value) if f.compare]
    return [kind.__module__, kind.__qualname__, compared]


def _ours() -> bool:
    """Whether programs are kept: not if the caller's own settings of JAX count."""
    # What JAX's cache has loaded cannot be kept again: it lacks part of its code.
    return not any(_settings(_TRACED)) and jax.default_backend() == "cpu"


def _settings(names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(getattr(jax.config, name) for name in names)


def _load(path: Path) -> Any:
    """A kept program, unless there is none or it is damaged."""
    try:
        content, sealed = unseal(path.read_bytes())
        if not sealed:
            return None
        # Used now, so that others are removed first.
        with suppress(OSError):
            os.utime(path)
        if b"lapack_" in content:
            _find_lapack()
        # Written by this user, as all that runs here.
        return serialize_executable.deserialize_and_load(*pickle.loads(content))
    except UNREADABLE:
        return None


@cache
def _find_lapack() -> None:
    """Let JAX look up LAPACK, as it does only when it lowers: code that calls it crashes before."""
    jax.jit(jnp.linalg.cholesky).lower(np.eye(1))


def _keep(path: Path, program: Any) -> None:
    """Write a program; without a place to write there is nothing to keep, and all else works."""
    try:
        content = pickle.dumps(serialize_executable.serialize(program))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, seal(content), error=BayesLawError)
    except (OSError, BayesLawError):
        return
    kept = sorted(path.parent.glob("*.program"), key=_age, reverse=True)
    total = 0
    for other in kept:
        # Another process may have removed it.
        with suppress(OSError):
            total += other.stat().st_size
            if total > LARGEST_CACHE:
                other.unlink()


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


@cache
def _surroundings() -> tuple[str, ...]:
    """Whatever else decides what a function compiles to."""
    sources = hashlib.sha256()
    for path in sorted(Path(__file__).parents[1].rglob("*.py")):
        sources.update(path.read_bytes())
    versions = [f"{name} {metadata.version(name)}" for name in _PACKAGES]
    flags = [os.environ.get(name, "") for name in ("XLA_FLAGS", "JAX_PLATFORMS")]
    return (sources.hexdigest(), sys.version, *versions, *flags, *_machine())


def _machine() -> tuple[str, ...]:
    """The processor and what it is able to: compiled code may run on no other."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    able = next((line for line in lines if line.lower().startswith(("flags", "features"))), "")
    return (platform.machine(), able, str(jax.device_count()))
