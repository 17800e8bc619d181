"""The last step of a build: every link, picture and anchor of the written pages exists, nothing is
fetched from elsewhere.

No network is used: addresses of other sites are taken as they are. Sphinx itself has refused links
that it resolves.
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.application import Sphinx
from sphinx.util import logging

# What a browser fetches by itself when a page is opened.
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
    """The anchors of a page, and (tag, attribute, address) of all that it points to."""

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
    """A sentence for each link without an end, each thing fetched from another site, each page that
    names the folder `secret`."""
    pages = {path.resolve(): Page(path) for path in sorted(site.rglob("*.html"))}
    found = [
        sentence
        for path, page in pages.items()
        for sentence in faults(path, page, pages, site.resolve())
    ]
    telling = [path for path in pages if secret and secret in path.read_text(encoding="utf-8")]
    return found + [
        f"{path.relative_to(site.resolve())} names a folder of this machine" for path in telling
    ]


def faults(path: Path, page: Page, pages: dict[Path, Page], site: Path) -> Iterator[str]:
    here = path.relative_to(site)
    for tag, name, address in page.addresses:
        parts = urlsplit(address)
        if parts.scheme in FOREIGN or parts.netloc:
            if (tag, name) in FETCHED:
                yield f"{here} fetches {address}"
            continue
        if parts.scheme:  # data: and the like stand in the page itself
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
            yield f"{here} points to {address}: no such place on that page"


def check(app: Sphinx, exception: Exception | None) -> None:
    """A warning for all that is broken: with `-W` the build fails."""
    if exception is None and app.builder.format == "html":
        for sentence in broken(Path(app.outdir), str(Path(app.srcdir).parent)):
            LOGGER.warning(sentence)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("build-finished", check)
    return {"parallel_read_safe": True}
