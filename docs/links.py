"""Links within the built pages: every file and every place in it has to exist."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """What a page links to, and the places in it that can be linked to."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.places: set[str] = set()
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect links, places and what the page loads."""
        given = {name: value or "" for name, value in attrs}
        self.places |= {given[name] for name in ("id", "name") if name in given}
        for name in ("href", "src"):
            if name in given:
                self.links.append(given[name])
        loads = {"script": "src", "img": "src", "link": "href"}.get(tag)
        if loads in given and urlsplit(given[loads]).netloc and given.get("rel") != "canonical":
            self.outside.append(given[loads])


@cache
def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def broken_links(html: Path) -> list[str]:
    """A line for each link that leads nowhere, and for each thing that is loaded from elsewhere."""
    broken = []
    for path in sorted(html.rglob("*.html")):
        if "_static" in path.parts:  # templates of the theme
            continue
        where = path.relative_to(html)
        broken += [f"{where}: loads {url}" for url in _read(path).outside]
        for link in _read(path).links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                broken.append(f"{where}: {link} does not exist")
                continue
            if target.suffix == ".html" and parts.fragment:
                missing = unquote(parts.fragment) not in _read(target).places
                broken += [f"{where}: there is no place {link}"] if missing else []
    return broken
