"""Files that are written whole or not at all, and only where a plain file can stand."""

from __future__ import annotations

import os
import re
import secrets
import stat
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from bayeslaw.core.errors import BayesLawError, RequestError

# Windows has no such locks, and there an open file can be neither replaced nor removed.
if sys.platform != "win32":
    import fcntl

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link to itself",
}
_REMEDY = "Name a file in a folder that exists and can be written to"
# Bytes of a name that are kept in that of its partial file, so that this one is not too long.
_KEPT = 200


def write_file(
    path: str | os.PathLike[str],
    content: bytes | str,
    *,
    place: str = "",
    error: type[BayesLawError] = RequestError,
) -> None:
    """Write a file beside its place and move it there when it is complete.

    Parameters
    ----------
    path : str or PathLike
        The file; where it is a link, what it names is written.
    content : bytes or str
        All of it; text is written as UTF-8.
    place : str
        What an error names beside the file, such as an option.
    error : type
        Class of the errors.
    """
    target = destination(path, place=place, error=error)
    try:
        _replace(target, content.encode() if isinstance(content, str) else content)
    except (OSError, UnicodeEncodeError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise _refused(Path(path), reason, place, error) from None


def destination(
    path: object, *, place: str = "", error: type[BayesLawError] = RequestError
) -> Path:
    """Where a file will stand: links are followed, and what is no plain file is refused."""
    path = as_path(path, place=place, error=error)
    try:
        target = Path(os.path.realpath(path))
        reason = _obstacle(target)
    except OSError as problem:
        reason = problem.strerror or str(problem)
    except ValueError as problem:
        # A null byte, or half of a surrogate pair.
        reason = f"no file can have this name: {problem}"
    if reason:
        raise _refused(path, reason, place, error)
    return target


def as_path(path: object, *, place: str = "", error: type[BayesLawError] = RequestError) -> Path:
    """A path as the caller of a public name gives it."""
    if isinstance(path, str | os.PathLike):
        return Path(path)
    problem = f"a {type(path).__name__} where a file is named"
    raise error(problem, place=place or "path", remedy='Give a path, such as "fit.nc"')


def make_folder(path: object, *, place: str) -> Path:
    """Make a folder, and those above it, unless it is there."""
    folder = as_path(path, place=place)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not in what is said of a folder: whether files can be made there.
        writable = os.access(folder, os.W_OK | os.X_OK)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        problem = f"the folder {str(path)!r} cannot be made ({reason})"
        raise RequestError(problem, place=place, remedy="Name a folder") from None
    if not writable:
        problem = f"the folder {str(path)!r} may not be written to"
        raise RequestError(problem, place=place, remedy="Name another folder")
    return folder


def _obstacle(target: Path) -> str:
    """Why a file cannot stand there; empty if it can."""
    try:
        # Of the link itself, since only one that leads to itself is still there.
        mode = target.lstat().st_mode
    except FileNotFoundError:
        folder = target.parent
        if not folder.is_dir():
            return f"there is no folder {str(folder)!r}"
        return "" if os.access(folder, os.W_OK | os.X_OK) else "its folder may not be written to"
    if not stat.S_ISREG(mode):
        return f"it is {_KINDS.get(stat.S_IFMT(mode), 'no plain file')}"
    return "" if os.access(target, os.W_OK) else "it may not be written to"


def _refused(path: Path, reason: str, place: str, error: type[BayesLawError]) -> BayesLawError:
    name = path.name or str(path)
    problem = f"{f'{name!r} ' if place else ''}cannot be written ({reason})"
    return error(problem, place=place or name, remedy=_REMEDY)


def _replace(target: Path, content: bytes) -> None:
    """Put a new file in the place of an old one, whose permissions it keeps."""
    head = f".{os.fsdecode(os.fsencode(target.name)[:_KEPT])}."
    _remove_left_over(target.parent, head)
    partial, file = _new(target.parent, head)
    try:
        with file:
            file.write(content)
            file.flush()
            if target.exists():
                partial.chmod(stat.S_IMODE(target.stat().st_mode))
            if sys.platform != "win32":
                # Before the lock is gone.
                os.replace(partial, target)
        if sys.platform == "win32":
            os.replace(partial, target)
    finally:
        # What could not be written need not be removed.
        with suppress(OSError):
            partial.unlink()


def _new(folder: Path, head: str) -> tuple[Path, BinaryIO]:
    """A new file, locked for as long as its writer lives."""
    while True:
        partial = folder / f"{head}{secrets.token_hex(4)}"
        file = partial.open("xb")
        if sys.platform == "win32":
            return partial, file
        with suppress(OSError):
            # Some network folders know no locks: there nothing is removed either.
            fcntl.flock(file, fcntl.LOCK_EX)
        # Another process may have found it before it was locked.
        if os.fstat(file.fileno()).st_nlink:
            return partial, file
        file.close()


def _remove_left_over(folder: Path, head: str) -> None:
    """Remove files that processes began and did not live to complete: nobody locks them."""
    if sys.platform == "win32":
        return
    pattern = re.compile(re.escape(head) + "[0-9a-f]{8}")
    with os.scandir(folder) as entries:
        found = [e for e in entries if pattern.fullmatch(e.name)]
    # Opening what is no plain file might wait for ever.
    for partial in (folder / e.name for e in found if e.is_file(follow_symlinks=False)):
        with suppress(OSError), partial.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            partial.unlink()
