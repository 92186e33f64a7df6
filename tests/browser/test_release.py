"""The release as a person meets it: opened from disk in Chromium, wide and narrow."""

import os
import shutil

import pytest
from tests.studies import bundled_study

CHROMIUM = os.environ.get("RAVENSTEIN_CHROMIUM") or shutil.which("chromium")
WIDTHS = (1220, 390)
PAGES = (
    "index.html",
    "areas/Z02000001.html",
    "areas/X06000005.html",
    "data.html",
    "quality.html",
    "migration.html",
    "survey.html",
    "survey-quality.html",
    "survey-design.html",
)

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (or set RAVENSTEIN_CHROMIUM)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from ravenstein.pipelines.border import border
    from ravenstein.pipelines.migration import migration
    from ravenstein.pipelines.passenger_survey import passenger_survey
    from ravenstein.pipelines.population_by_age import accounts
    from ravenstein.pipelines.release import release
    from ravenstein.store.database import open_store
    from ravenstein.store.run import start_run
    from ravenstein.study import read_study

    folder = tmp_path_factory.mktemp("browser") / "twin"
    bundled_study(folder, whole=True)
    study = read_study(folder)
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=2, told=lambda step: None) as run,
    ):
        accounts(study, run)
        passenger_survey(study, run)
        border(study, run)
        migration(study, run)
        release(study, run)
    return folder / "release"


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    quiet = ("--no-sandbox", "--disable-gpu", "--disable-background-networking",
             "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(quiet))
        yield chromium
        chromium.close()


@pytest.fixture(params=WIDTHS)
def page(request, browser):
    with browser.new_context(viewport={"width": request.param, "height": 900}) as context:
        page = context.new_page()
        page.problems = []
        page.on("console", lambda message: page.problems.append(message.text))
        page.on("pageerror", lambda error: page.problems.append(str(error)))
        page.on("request", lambda request: page.problems.append(request.url)
                if not request.url.startswith("file:") else None)  # fmt: skip
        yield page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_from_disk_fits_and_is_accessible(site, page, path):
    from axe_playwright_python.sync_playwright import Axe

    page.goto((site / path).as_uri())
    if path == "migration.html":
        page.locator("details").evaluate_all("all => all.forEach(d => d.open = true)")
    width = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1], "nothing is wider than the window"
    assert page.locator("h1").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor") == (
        "rgb(18, 67, 109)"
    ), "the stylesheet is applied under the content security policy"
    assert page.problems == []
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


def test_the_list_of_areas_is_filtered_as_one_types(site, page):
    page.goto((site / "index.html").as_uri())
    visible = page.locator("ul.areas li:visible")
    assert visible.count() == 20
    page.get_by_label("Find a local authority").fill("QUILL")
    assert visible.all_inner_texts() == ["Quillmouth"]
    assert page.locator("#found").inner_text() == "1 found"
    page.get_by_label("Find a local authority").fill("x06")
    assert visible.count() == 14
    visible.first.get_by_role("link").click()
    assert page.locator("h1").inner_text().startswith("Aldermoor")
    assert page.problems == []


def test_everything_is_there_without_javascript(site, browser):
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((site / "index.html").as_uri())
        assert page.locator("ul.areas li:visible").count() == 20
        assert page.get_by_label("Find a local authority").is_hidden()
