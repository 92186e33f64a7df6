"""Areas with odd names as a person meets them on a narrow screen: text, and nothing else."""

import pytest
from tests.odd_names import CODES, LONG, RIGHT_TO_LEFT, SCRIPT, odd_study

pytestmark = [pytest.mark.usefixtures("quick_pictures"), pytest.mark.slow]
PAGES = ("index.html", "areas.html", "areas/X92000001.html", "areas/X06000901.html",
         *(f"areas/{code}.html" for code in CODES))  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from ravenstein.pipelines.population_by_age import accounts
    from ravenstein.pipelines.release import release
    from ravenstein.store.database import open_store
    from ravenstein.store.run import start_run
    from ravenstein.study import read_study

    folder = odd_study(tmp_path_factory.mktemp("odd") / "twin")
    study = read_study(folder)
    with (
        open_store(folder / "store", writing=True) as store,
        start_run(store, study="", engine="duckdb", draws=2, told=lambda step: None) as run,
    ):
        accounts(study, run)
        release(study, run)
    return folder / "release"


@pytest.mark.parametrize("path", PAGES)
def test_pages_with_odd_names_fit_a_phone_and_are_accessible(site, opened, path):
    from axe_playwright_python.sync_playwright import Axe

    page = opened(390)
    page.goto((site / path).as_uri())
    page.locator("details").evaluate_all("all => all.slice(0, 12).forEach(d => d.open = true)")
    wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= window == 390, "nothing is wider than the window"
    code = path.removeprefix("areas/").removesuffix(".html")
    if code in CODES:
        assert page.locator("h1 bdi").text_content() == CODES[code]
        assert page.locator("h1").inner_text().endswith(code)
    assert page.locator("body script").count() == 0
    assert page.problems == [], "no dialog, no console, no request"
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found] == []


def test_odd_names_are_found_by_search(site, opened):
    page = opened(390)
    page.goto((site / "index.html").as_uri())
    for typed, name in (("<script", SCRIPT), ("الولاية", RIGHT_TO_LEFT), ("llanfair", LONG)):
        page.get_by_role("combobox").fill(typed)
        shown = page.get_by_role("option").first
        assert shown.locator("bdi").first.text_content() == name
        wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window
    assert page.problems == []
