"""Chromium over a small folder of pages made by hand."""

import os
import shutil

import pytest
from tests.explorer_pages import write_pages

CHROMIUM = os.environ.get("RAVENSTEIN_CHROMIUM") or shutil.which("chromium")


@pytest.fixture(scope="session")
def explorer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    write_pages(folder)
    return folder


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed (or set RAVENSTEIN_CHROMIUM)")
    quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(quiet))
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium):
    """Opens a page that keeps what the console says and what is asked of other places."""
    contexts = []

    def page(width=1220, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("dialog", lambda dialog: page.problems.append(dialog.message))
        page.on("request", lambda request: page.problems.append(request.url)
                if not request.url.startswith(("file:", "blob:", "about:")) else None)  # fmt: skip
        return page

    yield page
    for context in contexts:
        context.close()


@pytest.fixture
def page(opened):
    return opened()
