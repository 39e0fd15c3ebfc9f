"""Build the documentation: pages, notebooks, and what is generated from cards and docstrings.

``make docs`` runs this. Nothing generated lies beside its sources: all of it is assembled in
``build/docs/source`` and written to ``build/docs/html``. Warnings and broken links are errors.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import main as sphinx

sys.path.insert(0, str(Path(__file__).parent))
from api_pages import write_api
from command_pages import write_commands
from law_pages import write_laws
from links import broken_links

DOCS = Path(__file__).parent
ROOT = DOCS.parent

# A link out of the folder of notebooks, within one line of their JSON.
_OUTSIDE = re.compile(r'\[([^\]\["\n]+)\]\(\.\./([^)"\n]+)\)')


def main() -> int:
    """Assemble, build and check; the exit status is that of the worst."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "docs")
    folder = parser.parse_args().out.resolve()
    source, html = folder / "source", folder / "html"
    # What a page was called yesterday must not be found today.
    for old in (source, html, folder / "doctrees"):
        shutil.rmtree(old, ignore_errors=True)
    assemble(source)
    status = sphinx(
        ["-W", "--keep-going", "-q", "-d", str(folder / "doctrees"), str(source), str(html)]
    )
    broken = broken_links(html)
    for line in broken:
        print(line, file=sys.stderr)
    if not (status or broken):
        print(f"docs: {len(list(html.rglob('*.html')))} pages in {html}")
    return status or int(bool(broken))


def assemble(source: Path) -> None:
    """Put sources, notebooks and generated pages into one folder."""
    left_out = shutil.ignore_patterns("*.py", "__pycache__")
    shutil.copytree(DOCS, source, ignore=left_out)
    shutil.copytree(DOCS / "_ext", source / "_ext", dirs_exist_ok=True)
    shutil.copy(DOCS / "conf.py", source)
    copy_notebooks(source / "tutorials")
    reference = source / "reference"
    write_api(reference / "api")
    write_commands(reference / "commands.md")
    write_laws(reference / "laws")


def copy_notebooks(folder: Path) -> None:
    """Notebooks by number, with a page that lists them by their titles."""
    folder.mkdir(exist_ok=True)
    names = []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        # What a notebook links to elsewhere in the repository is no page: it is named instead.
        text = _OUTSIDE.sub(r"\1 (`\2`)", path.read_text(encoding="utf-8"))
        (folder / path.name).write_text(text, encoding="utf-8")
        names.append(path.stem)
    for picture in (ROOT / "notebooks").glob("*.png"):
        shutil.copy(picture, folder)
    first = json.loads((folder / f"{names[0]}.ipynb").read_text(encoding="utf-8"))
    assert first["cells"][0]["cell_type"] == "markdown", "a notebook starts with its title"
    text = (DOCS / "tutorials.md").read_text(encoding="utf-8")
    listed = "\n".join(names)
    toctree = f"```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n"
    (folder / "index.md").write_text(f"{text}\n{toctree}", encoding="utf-8")
    (folder.parent / "tutorials.md").unlink()


if __name__ == "__main__":
    sys.exit(main())
