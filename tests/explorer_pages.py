"""A small folder of pages with search, comparing and evidence, made by hand."""

from importlib import resources
from types import SimpleNamespace

from jinja2 import ChoiceLoader, DictLoader, Environment, PackageLoader, StrictUndefined

from ravenstein.release import evidence, scripts

ODD = "</script><script>alert(\"1\")</script> & 'co'"
LONG = " ".join(["Llanfairpwllgwyngyll"] * 10)[:200]
ARABIC = "الولاية الشرقية"
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
BASE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{% block title %}{% endblock %}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{{ policy }}">
<link rel="stylesheet" href="{{ root }}assets/style.css">
<script src="{{ root }}assets/areas.js" defer></script>
<script src="{{ root }}assets/search.js" defer></script></head>
<body><header class="top"><div class="page">
<div class="search" data-root="{{ root }}"><a href="{{ root }}areas.html">Find an area</a></div>
</div></header><main id="main" class="page">{% block main %}{% endblock %}</main>
{% block scripts %}{% endblock %}</body></html>
"""
LIST = """{% extends "base.html" %}{% block main %}<h1>Areas</h1>
<p class="filter" hidden><label for="filter">Filter the list</label>
<input id="filter" type="search"> <span id="found" role="status"></span></p>
<h2>England</h2><ul class="areas">
<li><a href="areas/E06000001.html" data-code="E06000001">Hartlepool</a></li>
<li><a href="areas/E06000019.html" data-code="E06000019">St Ives &amp; Môn</a></li></ul>
<h2>Wales</h2><ul class="areas">
<li><a href="areas/W06000001.html" data-code="W06000001">King’s Lynn</a></li></ul>
{% endblock %}"""
NAMED = {
    "E06000001": "Hartlepool", "E06000002": "Middlesbrough", "E06000003": ODD,
    "E06000004": LONG, "E06000005": ARABIC, "E06000019": "St Ives & Môn",
    "W06000001": "King’s Lynn",
}  # fmt: skip
GONE = [
    {"code": "E07000004", "name": "Aylesbury Vale", "successors": [("E06000002", "Middlesbrough")]},
    {"code": "E07000008", "name": "Twofold",
     "successors": [("E06000002", "Middlesbrough"), ("E06000005", ARABIC)]},
    {"code": "E07000099", "name": "Nowhere", "successors": []},
]  # fmt: skip
FACTS = {"title": 'Population of "Albion"', "edition": "2024", "vintage": "3", "date": "2026-01-05"}

CONTACT = "Ann, <ann@example.org>."
PAGES = dict.fromkeys(
    ("areas.html", "areas/E06000002.html", "areas/E07000008.html", "areas/E07000099.html",
     "compare.html", "evidence.html"), CONTACT
) | {"evidence-without.html": ""}  # fmt: skip


def many():
    """Areas enough for a whole country, and as many abolished ones as it had."""
    places = ("North", "South", "East", "West", "New", "Great", "Saint", "Upper")
    stems = ("Abbot", "Brad", "Castle", "Dun", "Elm", "Forest", "Glen", "Hart", "Isle", "Kings")
    ends = ("ford", "ham", "bury", "pool", "mouth")
    names = [f"{a} {b}{c}" for a in places for b in stems for c in ends]
    areas = [
        {"code": f"E06{i:06}", "name": name, "level": "local_authority", "nation": "England"}
        for i, name in enumerate(names, start=101)
    ]
    gone = [
        {"code": f"E07{i:06}", "name": f"Old {a['name']}", "successors": [(a["code"], a["name"])]}
        for i, a in enumerate(areas[:100], start=101)
    ]
    return areas, gone


def account(code, name, size):
    years = range(2011, 2025)
    series = {m: [[y, size // 100 + y % 7] for y in years[1:]] for m in scripts.SERIES}
    series["population"] = [[y, None if y == 2015 else size + 50 * (y - 2011)] for y in years]
    series["internal_net"] = [[y, -10 * (y - 2011)] for y in years[1:]]
    return {"code": code, "name": name, "level": "local_authority", "unit": "persons",
            "series": series}  # fmt: skip


def write_pages(folder):
    """Write pages, scripts and data into a folder."""
    for name in ("assets", "areas", "data"):
        (folder / name).mkdir()
    made = DictLoader({"base.html": BASE, "areas.html": LIST})
    environment = Environment(
        loader=ChoiceLoader([made, PackageLoader("ravenstein.release")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    facts = {
        "policy": POLICY,
        "release": SimpleNamespace(title="Population & change", producer="The Office & Co."),
    }
    years = list(range(2012, 2025))
    for name, contact in PAGES.items():
        root = "../" if "/" in name else ""
        form = evidence.evidence_view(FACTS, years, contact)
        page = "areas.html" if "/" in name else name.replace("-without", "")
        text = environment.get_template(page).render(root=root, form=form, **facts)
        (folder / name).write_text(text, encoding="utf-8")
    assets = resources.files("ravenstein.release") / "assets"
    areas, gone = many()
    named = [
        {"code": code, "name": name, "level": "local_authority", "nation": "England"}
        for code, name in NAMED.items()
    ]
    files = {
        "assets/areas.js": scripts.search_script(named + areas, GONE + gone),
        "assets/vega.js": scripts.vega_bundle(),
        "assets/compare-spec.js": scripts.compare_spec(),
        "assets/evidence-template.json": evidence.evidence_template(FACTS),
        **{f"assets/{name}": (assets / name).read_text(encoding="utf-8")
           for name in ("style.css", "search.js", "compare.js", "evidence.js")},
        **{f"data/{code}.js": scripts.area_script(account(code, name, 90_000 + 40 * i))
           for i, (code, name) in enumerate(NAMED.items()) if code != "W06000001"},
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
