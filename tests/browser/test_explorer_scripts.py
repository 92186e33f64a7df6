"""Comparing and evidence as a person meets them, over a small folder made by hand."""

import itertools
import json

import pytest
from tests.explorer_pages import ARABIC, FACTS, ODD

from ravenstein.release.evidence import read_evidence

WIDTHS = (1220, 390)


def compared(page, explorer, query):
    page.goto("about:blank")
    page.goto(f"{(explorer / 'compare.html').as_uri()}#{query}")
    page.locator("#chart svg").wait_for()


def violations(page):
    from axe_playwright_python.sync_playwright import Axe

    assert page.problems == []
    found = Axe().run(page).response["violations"]
    page.problems.clear()  # axe itself tries to load the stylesheet once more
    return [(v["id"], v["nodes"][0]["html"]) for v in found]


@pytest.mark.parametrize("width", WIDTHS)
def test_pages_are_accessible_fit_and_obey_the_policy(explorer, opened, width):
    page = opened(width)
    compared(
        page, explorer, "areas=E06000001,E06000003,E06000004,E06000005&measure=internal_net_rate"
    )
    assert violations(page) == []
    page.locator("#add input").fill("north")
    assert violations(page) == []
    page.goto(f"{(explorer / 'evidence.html').as_uri()}#area=E06000001")
    page.get_by_role("button", name="Write the file").click()
    assert page.locator("#summary").is_visible()
    assert violations(page) == []
    for _ in range(2):
        wide = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], "nothing is wider than the window"
        page.go_back()
    assert page.problems == []


def test_areas_are_compared_by_keyboard_alone(explorer, page):
    page.goto((explorer / "compare.html").as_uri())
    box = page.get_by_role("combobox", name="Add an area")
    for name in ("hartl", "middl"):
        box.focus()
        page.keyboard.type(name)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('role')") == "combobox"
    assert page.locator("#said").inner_text() == "Middlesbrough added, 2 of 4 areas."
    assert page.url.endswith("#areas=E06000001,E06000002&measure=population")
    head = page.locator("#head th").all_inner_texts()
    assert head == ["Year", "Hartlepool", "Middlesbrough"]
    assert page.locator("#body tr").first.inner_text().split() == ["2024", "90,650", "90,690"]
    page.get_by_label("Measure").focus()
    page.keyboard.type("Population since")
    page.locator("#table-title:text-is('Population, mid-2011 = 100')").wait_for()
    assert page.evaluate("location.hash").endswith("measure=index")
    page.get_by_role("button", name="Remove Hartlepool").focus()
    page.keyboard.press("Enter")
    active = "document.activeElement.getAttribute('aria-label')"
    assert page.evaluate(active) == "Remove Middlesbrough", "the focus is not lost"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "combobox"
    assert page.locator("#results").is_hidden()
    assert page.problems == []


def test_a_former_code_is_compared_by_what_took_its_place(explorer, page):
    page.goto((explorer / "compare.html").as_uri())
    box, options = page.get_by_label("Add an area"), page.locator("#add [role=option]")
    box.fill("nowhere")
    assert options.get_attribute("aria-disabled") == "true"
    box.press("Enter")
    assert page.locator("#add [role=status]").inner_text() == "No figures under this code"
    assert page.locator("#add .found p").inner_text() == "No figures under this code"
    box.fill("twofold")
    assert options.locator("span").all_inner_texts() == [
        "E07000008, abolished, now Middlesbrough",
        f"E07000008, abolished, now {ARABIC}",
    ]
    options.first.click()
    assert page.locator("#said").inner_text() == "Middlesbrough added, 1 of 4 areas."
    assert page.problems == []


def test_an_axis_of_whole_ticks_has_no_decimals(explorer, page):
    ticks = page.locator("#chart svg .role-axis-label text")
    compared(page, explorer, "areas=E06000001&measure=index")  # 100 to 100.7
    assert "100.2" in ticks.all_text_contents()
    compared(page, explorer, "areas=E06000001&measure=internal_net_rate")  # -1.4 to 0
    assert "−1.0" in ticks.all_text_contents()
    compared(page, explorer, "areas=E06000001&measure=births_rate")  # 0 to 10
    assert not [tick for tick in ticks.all_text_contents() if "." in tick]


def test_a_link_shows_its_view_and_says_what_it_cannot(explorer, page):
    compared(page, explorer, "areas=E07000004,E06000001,Z99,W06000001&measure=internal_net_rate")
    assert page.locator("#problems p").all_inner_texts() == [
        "Aylesbury Vale (E07000004) was abolished; it is now Middlesbrough.",
        "There is no area Z99 in this release.",
    ]
    assert page.locator("#missing").inner_text() == (
        "The figures of King’s Lynn could not be loaded."
    )
    # -130 a year to mid-2024, of the mean of 90,600 and 90,650: -1.43 per 1,000
    row = page.locator("#body tr").first.inner_text().split("\t")
    assert row == ["2024", "−1.4", "−1.4", "not available"]
    assert page.locator("#body tr").filter(has_text="2016").inner_text().split("\t")[2] == (
        "not available"
    ), "no rate where a population is missing"
    names = page.locator("#chart svg text").all_text_contents()
    assert "Middlesbrough" in names
    assert "Hartlepool" in names
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these figures").click()
    text = download.value.path().read_bytes().decode()
    assert download.value.suggested_filename == "compare-internal_net_rate.csv"
    assert text.split("\r\n")[13] == (
        'E06000002,"Middlesbrough",2024,"Internal migration, net, per 1,000 people",-1.4'
    )
    page.evaluate("window.ravenstein.known.get('E06000002').name = '=1+1'")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download these figures").click()
    row = download.value.path().read_bytes().decode().split("\r\n")[13]
    assert row.split(",")[1] == '"\'=1+1"', "no spreadsheet takes a name for a formula"
    assert row.endswith('",-1.4'), "and a number stays a number"
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy a link").click()
    page.locator("#said:text-is('The link was copied.')").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.endswith("#areas=E06000002,E06000001,W06000001&measure=internal_net_rate")
    assert [
        p for p in page.problems if "W06000001" not in p and "ERR_FILE_NOT_FOUND" not in p
    ] == []


def test_labels_of_lines_do_not_cover_each_other(explorer, opened):
    for width in WIDTHS:
        page = opened(width)
        compared(page, explorer, "areas=E06000001,E06000002,E06000004,E06000005&measure=births")
        boxes = page.locator("#chart svg .mark-text.role-mark text").evaluate_all(
            "all => all.map(t => t.getBoundingClientRect()).map(b => [b.top, b.bottom, b.right])"
        )
        assert len(boxes) >= 5, "the long name takes two lines"
        boxes.sort()
        assert all(a[1] <= b[0] + 4 for a, b in itertools.pairwise(boxes))
        assert max(box[2] for box in boxes) <= width


def test_evidence_is_written_to_a_file_that_is_read(explorer, page):
    from playwright.sync_api import expect

    page.goto(f"{(explorer / 'evidence.html').as_uri()}#area=E06000003&figure=population&year=2015")
    assert page.get_by_label("Area", exact=True).input_value() == ODD
    back = page.get_by_role("link", name="Back to the page of")
    assert (back.get_attribute("href"), back.locator("bdi").inner_text()) == (
        "areas/E06000003.html",
        ODD,
    )
    send = "Send it to The Office & Co.: Ann, <ann@example.org>."
    assert page.locator("#send").inner_text() == send
    assert page.get_by_role("link", name="ann@example.org").get_attribute("href") == (
        "mailto:ann@example.org?subject=Evidence%20about%20an%20estimate%3A%20E06000003"
    )
    assert page.get_by_label("Published value").input_value() == "", "none in that year"
    page.get_by_role("combobox", name="Year").select_option("2024")
    expect(page.get_by_label("Published value")).to_have_value("90,730")
    page.get_by_label("What you believe").fill("91 200")
    write = page.get_by_role("button", name="Write the file")
    write.click()
    assert page.evaluate("document.activeElement.id") == "summary"
    assert page.title().startswith("Error: ")
    page.get_by_role("link", name="Choose a kind of evidence").click()
    assert page.evaluate("document.activeElement.id") == "kind"
    page.get_by_label("Kind of evidence").select_option("council_tax")
    page.get_by_label("What the evidence shows").fill('1,000 homes "new" </script> \u2028 é')
    page.get_by_label("Source").fill("Council tax base")
    page.get_by_label("Reference date").fill("2024-03-31")
    page.get_by_label("E-mail address").fill("ann@example")
    write.click()
    assert page.locator("#problems li").all_inner_texts() == [
        "Give an e-mail address like name@example.org"
    ]
    page.get_by_label("E-mail address").fill("ann@example.org")
    with page.expect_download() as download:
        write.click()
    file = "evidence-E06000003-2024.json"
    assert download.value.suggested_filename == file
    assert page.locator("#said").inner_text() == f"{file} was written to your downloads. {send}"
    read = read_evidence(download.value.path().read_text(encoding="utf-8"), "it.json")
    assert (read.area.code, read.area.name) == ("E06000003", ODD)
    assert (read.figure, read.year, read.published, read.believed) == (
        "population",
        2024,
        90730,
        91200,
    )
    assert read.release.model_dump() == FACTS
    assert read.description == '1,000 homes "new" </script> \u2028 é'
    assert (str(read.reference_date), read.contact.email) == ("2024-03-31", "ann@example.org")
    page.evaluate("location.hash = '#area=Z99'")
    page.locator(
        "#area-error:text-is('Error: There is no area Z99 in this release: choose one')"
    ).wait_for()
    page.get_by_label("Area", exact=True).fill("hartlep")
    assert back.is_hidden()
    assert page.locator("#mail").get_attribute("href").endswith("an%20estimate")
    write.click()
    assert page.locator("#area-error").inner_text() == "Error: Choose an area from the list"
    assert page.problems == []


def test_a_release_without_an_address_says_whom_to_ask(explorer, page):
    page.goto(f"{(explorer / 'evidence-without.html').as_uri()}#area=E07000004")
    ask = "This release names no address: ask The Office & Co."
    assert page.locator("#send").inner_text() == ask
    assert page.locator("#send a").count() == 0
    assert page.locator("#area-link").get_attribute("href") == "areas/E06000002.html"
    assert page.problems == []


def test_without_javascript_there_is_another_way(explorer, opened):
    page = opened(java_script_enabled=False)
    page.goto((explorer / "compare.html").as_uri())
    assert "has the figures themselves as tables" in page.locator("#without-script").inner_text()
    assert page.get_by_role("link", name="Find an area").get_attribute("href") == "areas.html"
    assert page.locator("#compare").is_hidden()
    page.goto((explorer / "evidence.html").as_uri())
    assert page.locator("#evidence").is_hidden()
    link = page.get_by_role("link", name="the template (JSON)").get_attribute("href")
    assert json.loads((explorer / link).read_text(encoding="utf-8"))["release"] == FACTS
    page.goto((explorer / "areas.html").as_uri())
    assert page.get_by_label("Filter the list").is_hidden()
