"""The search for areas as a person meets it, over a small folder made by hand."""

from tests.explorer_pages import ARABIC, NAMED, ODD


def test_the_search_is_walked_by_keyboard(explorer, page):
    page.goto((explorer / "areas.html").as_uri())
    box = page.get_by_role("combobox", name="Find an area")
    box.focus()
    page.keyboard.type("middles")
    assert box.get_attribute("aria-expanded") == "true"
    options = page.get_by_role("option")
    assert options.locator("bdi").all_inner_texts() == ["Middlesbrough"]
    assert page.locator(".search [role=status]").inner_text() == "1 area found"
    page.keyboard.press("ArrowDown")
    assert box.get_attribute("aria-activedescendant") == options.first.get_attribute("id")
    page.keyboard.press("Home")
    assert box.get_attribute("aria-activedescendant") is None
    page.keyboard.press("Escape")
    assert box.get_attribute("aria-expanded") == "false"
    page.keyboard.press("ArrowDown")
    assert options.first.get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")
    page.wait_for_url("**/areas/E06000002.html")
    assert page.problems == []


def test_a_former_code_leads_to_its_own_page(explorer, page):
    page.goto((explorer / "areas.html").as_uri())
    box, options = page.get_by_role("combobox"), page.get_by_role("option")
    box.fill("aylesb")
    assert options.locator("span").all_inner_texts() == ["E07000004, abolished, now Middlesbrough"]
    box.fill("E07000008")
    assert options.locator("span").all_inner_texts() == [
        f"E07000008, abolished, now Middlesbrough and {ARABIC}"
    ]
    box.press("Enter")
    page.wait_for_url("**/areas/E07000008.html")
    box.fill("E07000099")
    assert options.locator("span").all_inner_texts() == [
        "E07000099, abolished; what took its place is not recorded"
    ]
    box.press("Enter")
    page.wait_for_url("**/areas/E07000099.html")
    assert page.problems == []


def test_the_search_forgives_what_people_type(explorer, page):
    page.goto((explorer / "areas.html").as_uri())

    def first(query):
        found = page.evaluate("q => ravenstein.find(q).items.slice(0, 1).map(i => i.name)", query)
        return found[0] if found else None

    assert (
        first("e06000019")
        == first("saint ives and mon")
        == first("ST IVES & M")
        == NAMED["E06000019"]
    )
    assert first("st abbotf") == "Saint Abbotford"
    assert first("kings lynn") == first("king's l") == "King’s Lynn"
    assert first("hartlepol") == first("harlte") == first("hartlxpool") == "Hartlepool"
    assert first("abbotbury new") == "New Abbotbury"
    assert first("الولاية") == ARABIC
    assert first("E0700000") == "Aylesbury Vale"
    assert first("<script>") == ODD
    assert first("zzzz") is None
    assert first("  ") is None
    page.get_by_role("combobox").fill("hart")
    assert page.get_by_role("option").count() == 8
    assert page.get_by_role("option").first.inner_text().startswith("Hartlepool")
    page.get_by_role("combobox").fill("zzzz")
    assert page.locator(".search .found").inner_text() == "No area found for “zzzz”"
    assert page.problems == []


def test_the_search_answers_at_once(explorer, page):
    page.goto((explorer / "areas.html").as_uri())
    times = page.evaluate("""() => {
      const input = document.querySelector("[role=combobox]");
      const names = [...ravenstein.known.values()].map((a) => a.name).filter((_, i) => i % 7 === 0);
      const typed = names.flatMap((n) => [n.slice(0, 1), n.slice(0, 3), n, n.slice(0, 4) + "x"]);
      const answer = (query) => {
        const start = performance.now();
        input.value = query;
        input.dispatchEvent(new Event("input"));
        document.querySelector(".found").getBoundingClientRect();
        return performance.now() - start;
      };
      const queries = [...typed, "E06", "e", "qqqqqq"];
      return [1, 2, 3].map(() => queries.map(answer));
    }""")
    # the quickest of three: what other programs of the machine take away is not the search's
    best = sorted(map(min, zip(*times, strict=True)))
    p50, p95 = (best[int(share * len(best))] for share in (0.5, 0.95))
    once = max(map(max, times))
    print(
        f"{len(best)} queries: p50 {p50:.1f}, p95 {p95:.1f}, max {best[-1]:.1f} ms; once {once:.1f}"
    )
    assert best[-1] < 50


def test_the_list_of_areas_is_filtered_as_one_types(explorer, page):
    page.goto((explorer / "areas.html").as_uri())
    visible = page.locator("ul.areas li:visible")
    page.get_by_label("Filter the list").fill("saint ives & mon")
    assert visible.all_inner_texts() == ["St Ives & Môn"]
    assert page.locator("#found").inner_text() == "1 found"
    assert page.locator("h2:visible").all_inner_texts() == ["England"]
    page.get_by_label("Filter the list").fill("W06")
    assert visible.all_inner_texts() == ["King’s Lynn"]
    page.get_by_label("Filter the list").fill("")
    assert (visible.count(), page.locator("#found").inner_text()) == (3, "")
