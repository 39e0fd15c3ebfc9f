"""Finished cells of a study in a folder, so that a later call goes on from them."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Cells:
    """Finished cells in a folder, with the processor time that each took."""

    def __init__(self, folder: Path | None) -> None:
        self.folder, self.seconds = folder, 0.0

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        """A kept cell, or a new one, which is kept."""
        path = None if self.folder is None else self.folder / f"{name}.json"
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
        else:
            start = time.process_time()
            kept = {"cell": make(), "seconds": time.process_time() - start}
            sys.stderr.write(f"{name}: {kept['seconds']:.0f} s\n")
            if path is not None:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(kept))
        self.seconds += kept["seconds"]
        return kept["cell"]
