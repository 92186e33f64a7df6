"""The release as a person meets it: opened from disk in Chromium, wide and narrow."""

import re

import pytest
from tests.studies import bundled_study

WIDTHS = (1220, 390)
PAGES = (
    "index.html",
    "areas.html",
    "areas/Z02000001.html",
    "areas/X06000005.html",
    "compare.html",
    "evidence.html",
    "migration.html",
    "quality.html",
    "trail/migration_flows.html",
)
MORE = (
    "areas/X06000901.html",
    "changes.html",
    "survey.html",
    "areas/X92000001.html",
    "survey-quality.html",
    "survey-design.html",
    "joint.html",
    "volume.html",
    "data.html",
    "methods.html",
    "sources.html",
    "recovery.html",
    "revisions.html",
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


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    assert page.problems == []
    found = Axe().run(page).response["violations"]
    page.problems.clear()  # axe itself tries to load the stylesheet once more
    return [(v["id"], v["nodes"][0]["html"]) for v in found]


@pytest.mark.parametrize("path", [*PAGES, *(pytest.param(p, marks=pytest.mark.slow) for p in MORE)])
def test_a_page_opens_from_disk_fits_and_is_accessible(site, page, path):
    page.goto((site / path).as_uri())
    page.locator("details").evaluate_all("all => all.slice(0, 12).forEach(d => d.open = true)")
    assert page.locator("h1").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor") == (
        "rgb(18, 67, 109)"
    ), "the stylesheet is applied under the content security policy"
    broken = "all => all.filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        wide, window = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide <= window == width, "nothing is wider than the window"
        assert page.locator("img").evaluate_all(broken) == []
        assert violations(page) == []


def test_every_link_leads_to_a_page_or_a_file_of_the_release(site):
    wrong = []
    for path in sorted(site.rglob("*.html")):
        found = re.findall(r'(?:href|src)="([^"]*)"', path.read_text())
        for link in set(found):
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            if link.startswith(("mailto:", "data:")):
                continue
            exists = target.is_file() and target.is_relative_to(site.resolve())
            script = anchor.startswith(("area=", "areas="))  # read by the page's script
            if not exists or (anchor and not script and f'id="{anchor}"' not in target.read_text()):
                wrong.append((path.name, link))
    assert wrong == []


def test_an_area_page_is_small_and_paints_soon(site, page):
    path = site / "areas/X06000005.html"
    parts = re.findall(r'src="../(charts/[^"]*)"', path.read_text())
    assert len(parts) == 5
    assert path.stat().st_size + sum((site / part).stat().st_size for part in parts) < 300_000
    page.goto(path.as_uri())
    painted = """() => new Promise((told) => {
        const first = (list) => list.getEntriesByName("first-contentful-paint")
            .forEach((entry) => told(entry.startTime));
        new PerformanceObserver(first).observe({ type: "paint", buffered: true });
    })"""
    assert page.evaluate(painted) < 1000


def test_search_finds_an_area_and_a_code_no_longer_in_use(site, page):
    page.goto((site / "index.html").as_uri())
    page.get_by_role("combobox").fill("isley")
    names = page.get_by_role("option").all_inner_texts()
    assert any("abolished" in name for name in names)
    page.get_by_role("combobox").fill("EASTHOLM")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/areas/X06000005.html")
    assert page.problems == []


def test_the_keyboard_alone_reaches_everything_on_an_area_page(site, page):
    page.goto((site / "areas/X06000005.html").as_uri())
    wanted = page.locator("a[href], input, summary, [tabindex='0']").evaluate_all(
        "all => all.filter(e => e.checkVisibility()).length"
    )
    seen = set()
    for _ in range(wanted + 5):
        page.keyboard.press("Tab")
        seen.add(page.evaluate(
            "[...document.querySelectorAll('*')].indexOf(document.activeElement)"
        ))  # fmt: skip
    assert len(seen) >= wanted


def test_the_list_of_areas_is_filtered_as_one_types(site, page):
    page.goto((site / "areas.html").as_uri())
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


def test_two_areas_are_compared_on_one_chart_and_in_a_table(site, page):
    page.goto((site / "compare.html").as_uri() + "#areas=X06000005,Y06000003&measure=index")
    page.locator("#chart svg").wait_for()
    assert page.locator("#body tr").count() == 14
    assert page.problems == []


def test_everything_is_there_without_javascript(site, opened):
    page = opened(java_script_enabled=False)
    page.goto((site / "areas.html").as_uri())
    assert page.locator("ul.areas li:visible").count() == 20
    assert page.get_by_label("Find a local authority").is_hidden()
    page.goto((site / "areas/X06000005.html").as_uri())
    assert page.get_by_role("link", name="Find an area").is_visible()
    assert page.get_by_role("table", name="How each mid-year population").is_visible()
