"""Finished fits of a study in a folder, so that an interrupted study goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import make_folder
from bayeslaw.core.version import __version__
from bayeslaw.law import Law
from bayeslaw.posterior.load import load
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs


@dataclass(frozen=True)
class Kept:
    """A folder of finished fits to one table, or none."""

    folder: Path | None
    fingerprint: str

    @classmethod
    def of(cls, folder: str | Path | None, runs: Runs) -> Kept:
        """Make the folder."""
        if folder is None:
            return cls(None, runs.fingerprint)
        return cls(make_folder(folder, place="study"), runs.fingerprint)

    def posterior(
        self, law: Law, seed: int, fit: Callable[[], Posterior], kind: str = ""
    ) -> Posterior:
        """The kept fit of a law with its card, table, seed and kind, or a new one, to be kept."""
        if self.folder is None:
            return fit()
        stated = [law.card, self.fingerprint, seed, kind, __version__]
        key = hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:12]
        path = self.folder / f"fit-{key}.nc"
        if path.exists():
            try:
                return load(path)
            except PosteriorError:
                # A damaged file is no finished fit: it is made again.
                path.unlink()
        fitted = fit()
        fitted.save(path)
        return fitted
