"""The bundled study, some of its areas named as no page expects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.studies import bundled_study

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "<script>alert(1)</script> & \"co\" 'x'"
RIGHT_TO_LEFT = "\u202eالولاية חיפה"
LONG = " ".join(["Llanfairpwllgwyngyll"] * 10)[:200]
NAMES = {"Aldermoor": SCRIPT, "Eastholm": RIGHT_TO_LEFT, "Isley and Marl": LONG}
CODES = {"X06000001": SCRIPT, "X06000005": RIGHT_TO_LEFT, "X06000009": LONG}
GONE = {"X06000901": SCRIPT}
FILES = ("components_of_change.csv", "detailed_components.csv", "code_changes.csv")


def odd_study(folder: Path) -> Path:
    """Copy the bundled study without its survey to a folder, and rename three of its areas.

    The names stand in its outlines, in its code changes and in the files of its account.
    """
    bundled_study(folder)
    for name in FILES:
        path = folder / "twin/views" / name
        text = path.read_text().replace('"Isley"', _quoted(SCRIPT))
        for plain, odd in NAMES.items():
            text = text.replace(f'"{plain}"', _quoted(odd))
        path.write_text(text)
    study = folder / "study.toml"
    text = study.read_text().replace("Population of", "<b>Population</b> &amp; of")
    for kind, file in (("outlines", "outlines.geojson"), ("code_changes", "code_changes.csv")):
        text += f'\n[[sources]]\nkind = "{kind}"\nfile = "twin/views/{file}"\n'
    study.write_text(text)
    return folder


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
