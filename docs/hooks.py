"""Formulas become MathML when the documentation is built, so no page needs a script for them."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


def on_page_content(content: str, **_: Any) -> str:
    """Replace every formula of a page."""

    def formula(match: re.Match[str]) -> str:
        display = "block" if match[1] == "div" else "inline"
        formula = convert(html.unescape(match[2].strip()), display=display)
        # on a narrow screen a long one scrolls by itself, not with the page
        return f'<div class="formula">{formula}</div>' if display == "block" else formula

    return _FORMULA.sub(formula, content)
