"""Execute the notebooks: all of it, outputs kept, or in a quick mode that keeps nothing.

Quick mode sets BAYESLAW_QUICK=1, with which the notebooks take fewer draws, and leaves the files as
they are. Real runs are read from the folder that BAYESLAW_DATA names, unless it is set the folder
../shared/data beside the checkout if there is one. A cell that fails ends the run with its
traceback and status 1.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parent
#: Tables of real runs, no part of the repository; notebooks do without them where they are not.
REAL_RUNS = FOLDER.parent.parent / "shared" / "data"


def main() -> int:
    """Execute notebooks.

    Returns
    -------
    int
        0, or 1 if a cell failed.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks; all of them unless named")
    parser.add_argument("--quick", action="store_true", help="few draws, outputs not kept")
    asked = parser.parse_args()
    paths = [Path(name) for name in asked.names] or sorted(FOLDER.glob("*.ipynb"))
    # NumPyro's progress bar asks for a widget library that nothing here shows.
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress not found"
    if asked.quick:
        os.environ["BAYESLAW_QUICK"] = "1"
    if REAL_RUNS.is_dir():
        os.environ.setdefault("BAYESLAW_DATA", str(REAL_RUNS))
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        start = time.perf_counter()
        client = NotebookClient(notebook, timeout=1800, resources={"metadata": {"path": FOLDER}})
        try:
            client.execute()
        except CellExecutionError as error:
            sys.stderr.write(f"{path.name}: {error}\n")
            return 1
        told = nbformat.writes(notebook)
        home = next((path for path in (str(FOLDER.parent), str(Path.home())) if path in told), None)
        if home is not None:
            sys.stderr.write(f"{path.name}: an output names a folder of this machine: {home}\n")
            return 1
        if not asked.quick:
            # Execution times would make every run a change.
            for cell in notebook.cells:
                cell.metadata.pop("execution", None)
            nbformat.write(notebook, path)
        sys.stdout.write(f"{path.name}: {time.perf_counter() - start:.0f} s\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
