"""Reports in a real browser: at phone and desk width, on paper, and for those who do not see them.

Needs Chromium, so it is no test of pytest's: ``make browser`` runs it. It drives the browser by its
DevTools protocol over a pair of pipes, which needs neither a port nor a driver.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
WIDTHS = {"phone": 390, "desk": 1280}
# What an A4 page has between its margins, at 96 pixels an inch.
PAPER = 688
PATIENCE = 60.0

#: Everything that is wrong with a page as it is laid out now, as a list of sentences.
CHECKS = r"""
(() => {
  const found = [], say = (kind, text) => found.push(kind + ": " + text.trim().slice(0, 90));
  const named = (e) => "<" + e.tagName.toLowerCase() + "> " + (e.textContent || e.alt || "");
  const root = document.documentElement, all = [...document.body.querySelectorAll("*")];
  if (!root.lang) say("lang", "the page states no language");
  if (!document.title.trim()) say("title", "the page has no title");
  if (root.scrollWidth > root.clientWidth)
    say("overflow", `the page is ${root.scrollWidth} wide in ${root.clientWidth}`);
  const scrolls = (e) => getComputedStyle(e).overflowX === "auto";
  for (const e of all) {
    let inside = e.parentElement;
    while (inside && !scrolls(inside)) inside = inside.parentElement;
    if (!inside && e.getBoundingClientRect().right > root.clientWidth + 1)
      say("overflow", named(e));
    if (scrolls(e) && e.scrollWidth > e.clientWidth &&
        !(e.tabIndex === 0 && e.getAttribute("aria-label")))
      say("reach", "the keyboard cannot scroll " + named(e));
    if (matchMedia("print").matches && e.classList.contains("scroll") &&
        e.scrollWidth > root.clientWidth + 1)
      say("paper", `${e.scrollWidth} wide on paper of ${root.clientWidth}: ` + named(e));
  }
  const rgba = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const channel = (v) => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * channel(r) + .7152 * channel(g) + .0722 * channel(b);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
      if (colour[3] > 0) say("contrast", "a background is half transparent at " + named(e));
    }
    return [255, 255, 255];
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const dim = new Set();
  for (let node; (node = texts.nextNode());) {
    if (!node.data.trim()) continue;
    const e = node.parentElement;
    const one = light(rgba(getComputedStyle(e).color)), two = light(ground(e));
    const ratio = (Math.max(one, two) + .05) / (Math.min(one, two) + .05);
    if (ratio < 4.5 && !dim.has(e)) say("contrast", `${ratio.toFixed(2)} at ` + named(e));
    dim.add(e);
  }
  for (const e of document.querySelectorAll("img, svg")) {
    const text = e.getAttribute("alt") || e.getAttribute("aria-label");
    if (!text || !text.trim()) say("alternative", "no text for " + named(e));
    if (e.tagName === "IMG" && !(e.complete && e.naturalWidth > 0)) say("picture", "does not load");
  }
  let level = 0;
  for (const e of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(e.tagName[1]);
    if (next > level + 1) say("headings", `a jump from level ${level} at ` + named(e));
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) say("headings", "not one heading of level 1");
  for (const e of document.querySelectorAll("table")) {
    if (!e.caption) say("table", "no caption at " + named(e));
    if (!e.querySelector("thead th[scope=col]")) say("table", "no header cells at " + named(e));
    if ([...(e.tBodies[0]?.rows || [])].some(row => !row.querySelector("th[scope=row]")))
      say("table", "a row without header in " + named(e));
  }
  return found;
})()
"""

# Pages of the documentation, one of each kind, and what of their layout is ours: colours and
# scrolling are the theme's.
DOCS = (
    "index.html", "howto/questions.html", "reference/laws/zhao2025.html",
    "reference/api/inference.html", "tutorials/01_first_posterior.html",
)  # fmt: skip
OF_DOCS = ("lang", "title", "overflow", "picture", "network")

# A page with one of each fault, since a check that finds nothing may look at nothing.
FAULTY = """<!DOCTYPE html><html><body><h1>x</h1><h3>jump</h3>
<p style="color:#999;background:#fff">dim</p><div style="width:2000px">wide</div>
<div style="overflow-x:auto;width:50px"><p style="width:500px">unreachable</p></div>
<div class="scroll"><p style="width:900px">paper</p></div>
<img src="data:image/svg+xml;base64,AAAA"><table><tr><td>bare</td></tr></table>
<script>console.error("said"); fetch("http://127.0.0.1:9/x")</script></body></html>"""
FAULTS = {
    *("lang", "title", "overflow", "reach", "paper", "contrast", "alternative", "picture"),
    *("headings", "table", "console", "network"),
}


class Browser:
    """A headless Chromium and one tab of it."""

    def __init__(self, process: subprocess.Popen[bytes], read: int, write: int) -> None:
        self._process, self._read, self._write = process, read, write
        self._number, self._held, self.events = 0, b"", list[dict[str, Any]]()
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Run one command; its result."""
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._held:
            part = os.read(self._read, 1 << 20)
            if not part:
                raise RuntimeError(f"the browser ended with status {self._process.wait()}")
            self._held += part
        message, self._held = self._held.split(b"\0", 1)
        return dict(json.loads(message))

    def evaluate(self, expression: str) -> Any:
        """A JavaScript value."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def size(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        """Lay the page out for a screen."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )

    def open(self, path: Path) -> None:
        """Load a page and wait for its pictures."""
        self.events.clear()
        url = path.resolve().as_uri()
        self.call("Page.navigate", url=url)
        end = time.monotonic() + PATIENCE
        loaded = "document.readyState === 'complete' && [...document.images].every(i => i.complete)"
        while not self.evaluate(f"location.href === {json.dumps(url)} && {loaded}"):
            if time.monotonic() > end:
                raise RuntimeError(f"{path.name} does not load within {PATIENCE:g} s")
            time.sleep(0.05)

    def complaints(self) -> Iterator[str]:
        """Errors of the console, and requests to a network."""
        for event in self.events:
            about, kind = event.get("params", {}), event.get("method")
            if kind == "Runtime.exceptionThrown":
                yield f"console: {about['exceptionDetails'].get('text')}"
            elif kind == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning"):
                yield f"console: {about['args'][0].get('value')}"
            elif kind == "Log.entryAdded" and about["entry"]["level"] in ("error", "warning"):
                yield f"console: {about['entry']['text']}"
            elif kind == "Network.requestWillBeSent":
                url = about["request"]["url"]
                if not url.startswith(("file:", "data:")):
                    yield f"network: the page requests {url[:80]}"


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium, and end it."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        sys.exit(
            "browser: Chromium is missing, so the report cannot be tested. Install it "
            "('apt-get install chromium' on Debian), or run .ci/run as root, which does."
        )
    to_read, to_write = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # Only pages that were just made here are opened, and in containers there is no sandbox.
        options = (
            f"--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --hide-scrollbars \
--no-first-run --user-data-dir={profile} --remote-debugging-pipe about:blank"
        )
        # It reads commands from descriptor 3 and answers on 4.
        start = f"exec {program} {options} 3<&{to_read[0]} 4>&{to_write[1]}"
        process = subprocess.Popen(
            ["bash", "-c", start],
            pass_fds=(to_read[0], to_write[1]),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read[0])
        os.close(to_write[1])
        try:
            yield Browser(process, to_write[0], to_read[1])
        finally:
            process.terminate()
            process.wait()
            os.close(to_write[0])
            os.close(to_read[1])


def problems(tab: Browser, page: Path, out: Path | None) -> list[str]:
    """All that is wrong with a page, with screenshots and a print of it in a folder."""
    found = []
    for screen, width in WIDTHS.items():
        tab.size(width, phone=screen == "phone")
        tab.open(page)
        found += [f"{screen}: {problem}" for problem in (*tab.evaluate(CHECKS), *tab.complaints())]
        if out is not None:
            height = tab.evaluate("document.documentElement.scrollHeight")
            tab.size(width, height, phone=screen == "phone")
            shot = tab.call("Page.captureScreenshot", format="png")["data"]
            (out / f"{page.stem}-{screen}.png").write_bytes(base64.b64decode(shot))
    tab.size(PAPER)
    tab.call("Emulation.setEmulatedMedia", media="print")
    found += [f"paper: {problem}" for problem in tab.evaluate(CHECKS)]
    tab.call("Emulation.setEmulatedMedia", media="")
    printed = tab.call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"]
    content = base64.b64decode(printed)
    if not content.startswith(b"%PDF") or content.count(b"/Type /Page\n") < 2:
        found.append("paper: no PDF of several pages")
    if out is not None:
        (out / f"{page.stem}.pdf").write_bytes(content)
    return found


def docs_problems(tab: Browser, page: Path, out: Path) -> list[str]:
    """What is cut or missing on a page of the documentation, with screenshots in a folder."""
    found = []
    for screen, width in WIDTHS.items():
        tab.size(width, phone=screen == "phone")
        tab.open(page)
        said = (*tab.evaluate(CHECKS), *tab.complaints())
        found += [f"{screen}: {each}" for each in said if each.startswith(OF_DOCS)]
        shot = tab.call("Page.captureScreenshot", format="png")["data"]
        (out / f"docs-{page.stem}-{screen}.png").write_bytes(base64.b64decode(shot))
    return found


def make(out: Path) -> list[Path]:
    """A report with everything, and one without an optimum whose fit is not to be trusted."""
    import bayeslaw as bl

    full = bl.fit(bl.simulate("zhao2025", seed=7), "zhao2025", method="laplace", seed=1)
    caps = bl.Budget(train_flops=1e22, max_params=100e9)
    pages = [bl.report(full, out / "moe.html", budget=caps)]
    dense = bl.fit(bl.simulate("chinchilla", rows=40, seed=3), "chinchilla", method="laplace")
    bad = bl.Note("rhat", "error", "the chains disagree", "Draw more")
    pages.append(bl.report(dense.with_notes(bad), out / "dense.html"))
    return [page.path for page in pages]


def main() -> int:
    """Check reports.

    Returns
    -------
    int
        0, or 1 if something is wrong with one.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", type=Path, help="pages; two reports unless named")
    parser.add_argument("--docs", type=Path, help="built documentation, of which pages are opened")
    parser.add_argument("--out", type=Path, help="folder for screenshots and prints")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, browser() as tab:
        out = options.out or Path(folder)
        out.mkdir(parents=True, exist_ok=True)
        faulty = Path(folder) / "faulty.html"
        faulty.write_text(FAULTY, encoding="utf-8")
        seen = {problem.split(": ")[1] for problem in problems(tab, faulty, None)}
        if FAULTS - seen:
            sys.stderr.write(f"browser: not found on a faulty page: {sorted(FAULTS - seen)}\n")
            return 1
        wrong = 0
        found_on = {page: problems(tab, page, out) for page in options.pages or make(out)}
        for name in DOCS if options.docs is not None else ():
            page = options.docs / name
            found_on[page] = docs_problems(tab, page, out)
        for page, found in found_on.items():
            sys.stderr.writelines(f"{page.name}, {problem}\n" for problem in found)
            wrong += bool(found)
            verdict = "FAILED" if found else "ok"
            size = page.stat().st_size / 1e3
            sys.stdout.write(f"browser: {page.name} ({size:.0f} kB): {verdict}\n")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
