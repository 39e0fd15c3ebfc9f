"""Batches that an executor computes: what is finished is kept, whatever becomes of the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, as_completed

from bayeslaw.core.errors import BayesLawError, RequestError

#: Lost batches that an error names.
_NAMED = 3


def compute_batches[K, T](
    batches: Mapping[K, Callable[[], T]],
    executor: Executor,
    done: Callable[[K, T], None],
    *,
    place: str,
    remedy: str,
) -> None:
    """Compute batches anywhere and hand on each result as soon as it is there.

    Parameters
    ----------
    batches : mapping to callables
        What to compute, by what an error calls it; callables that another process can be sent.
    executor : concurrent.futures.Executor
        Computes them.
    done : callable
        Takes the key and the result of each, in the order in which they end.
    place, remedy : str
        The call, and how to go on after batches are lost, for the error.

    Raises
    ------
    BayesLawError
        The first error of ours, after which no batch is begun; or a ``RequestError`` that names the
        batches whose workers died or failed, after all others are done.
    """
    futures: dict[Future[T], K] = {}
    refused: BayesLawError | None = None
    lost: dict[K, Exception] = {}
    try:
        for key, batch in batches.items():
            try:
                futures[executor.submit(batch)] = key
            except BrokenExecutor as error:
                # A worker died meanwhile.
                lost[key] = error
        for future in as_completed(futures):
            key = futures[future]
            try:
                result = future.result()
            except CancelledError:
                continue
            except BayesLawError as error:
                refused = refused or error
                for other in futures:
                    other.cancel()
            except Exception as error:
                # Whatever an executor raises for a worker that died; it is raised below.
                lost[key] = error
            else:
                done(key, result)
    finally:
        # After an interrupt nothing new is begun.
        for future in futures:
            future.cancel()
    if refused is not None:
        raise refused
    if lost:
        names = ", ".join(map(str, list(lost)[:_NAMED])) + ", ..." * (len(lost) > _NAMED)
        cause = next(iter(lost.values()))
        reason = f"{type(cause).__name__}: {cause}".rstrip(": ")
        problem = f"{len(lost)} of {len(batches)} batches are lost ({names}): {reason}"
        raise RequestError(problem, place=f"{place}, executor", remedy=remedy) from cause
