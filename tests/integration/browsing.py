"""Chromium for the tests of the console, and what is asked of every page."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["CONTRAST", "NAMELESS", "Visitor", "chromium"]

_HERE = Path(__file__).parent
_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: A machine under load takes long to paint; a page that never does is told of all the same.
_PATIENCE_MS = 60_000

#: Give what is wrong with a page: texts that are too faint, things without a name.
CONTRAST = (_HERE / "contrast.js").read_text()
NAMELESS = (_HERE / "nameless.js").read_text()


@dataclass(slots=True)
class Visitor:
    """Somebody at a browser who has this key; `errors` is what their pages complained of."""

    browser: Browser
    url: str
    key: str
    errors: list[str] = field(default_factory=list)

    @contextmanager
    def page(self, path: str = "/", *, key: str | None = None, **more: Any) -> Iterator[Page]:
        """Open a page and sign in; `key` is another than their own, "" is none."""
        with self.browser.new_context(**more) as context:
            page = context.new_page()
            page.set_default_timeout(_PATIENCE_MS)
            page.on("pageerror", lambda error: self.errors.append(str(error)))
            page.on("console", lambda said: self._hear(said.type, said.text))
            page.goto(self.url + path)
            if key != "":
                page.fill("#key", key or self.key)
                page.press("#key", "Enter")
            yield page

    def _hear(self, kind: str, text: str) -> None:
        # The browser itself tells of requests that were refused or did not arrive.
        if kind == "error" and not text.startswith("Failed to load resource"):
            self.errors.append(text)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium, or skip."""
    given = os.environ.get("ENRICH_TEST_BROWSER")
    path = given or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or set ENRICH_TEST_BROWSER")
    # As root it has no sandbox, and in a container little shared memory.
    arguments = ["--no-sandbox", "--disable-dev-shm-usage"]
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
