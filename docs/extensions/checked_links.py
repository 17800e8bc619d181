"""Check the written pages at the end of a build: every link, picture and anchor exists, and nothing
is fetched from other sites.

No network is used, so addresses of other sites are not checked. Sphinx itself has rejected the
broken links that it resolves.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

# Elements and attributes that a browser fetches when it opens a page.
FETCHED = {
    ("script", "src"),
    ("link", "href"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("object", "data"),
}
LOGGER = logging.getLogger(__name__)
FOREIGN = ("http", "https", "ftp", "mailto")


class Page(HTMLParser):
    """The anchors of a page, and (tag, attribute, address) of everything that it points to."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.addresses: list[tuple[str, str, str]] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            elif (name == "href" or (tag, name) in FETCHED) and value:
                self.addresses.append((tag, name, value))


def broken(site: Path, secret: str = "") -> list[str]:
    """Return a sentence for each broken link, each item fetched from another site, and each page
    that contains the path `secret`."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    sentences = [
        sentence
        for path, page in pages.items()
        for sentence in faults(path, page, pages, site.resolve())
    ]
    leaks = [path for path in pages if secret and secret in path.read_text(encoding="utf-8")]
    return sentences + [
        f"{path.relative_to(site.resolve())} names a folder of this machine" for path in leaks
    ]


def faults(path: Path, page: Page, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    here = path.relative_to(site)
    for tag, name, address in page.addresses:
        parts = urlsplit(address)
        if parts.scheme in FOREIGN or parts.netloc:
            if (tag, name) in FETCHED:
                yield f"{here} fetches {address}"
            continue
        if parts.scheme:  # data: and similar addresses are part of the page itself
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if target.is_dir():
            target = target / "index.html"
        if not target.is_file():
            yield f"{here} points to {address}: no such file"
        elif (
            parts.fragment
            and target in pages
            and unquote(parts.fragment) not in pages[target].anchors
        ):
            yield f"{here} points to {address}: no such anchor on that page"


def check(app: Sphinx, exception: Exception | None) -> None:
    """Warn about everything that is broken; with `-W` the build fails."""
    if exception is None and app.builder.format == "html":
        for sentence in broken(Path(app.outdir), str(Path(app.srcdir).parent)):
            LOGGER.warning(sentence)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
