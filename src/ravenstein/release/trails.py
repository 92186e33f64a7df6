"""What a trail's page shows: the steps behind a table as an outline, and each step once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    Row = dict[str, Any]


def trail_view(trail: Row) -> Row:
    """Return what the page of a table's trail shows.

    Args:
        trail: The trail of a table, as the pipeline finds it.
    """
    steps = {step["id"]: step for step in trail["steps"]}
    files = {(f["name"], f["sha256"]): f for step in steps.values() for f in step["files"]}
    own = trail["steps"][0]
    return trail | {
        "outline": _outline(own["id"], steps, set()),
        "files": sorted(files.values(), key=lambda f: f["name"]),
        "unlike": [f["name"] for f in files.values() if f["state"] != "unchanged"],
        "cell": [part.partition("=")[::2] for part in trail["example"].split(" and ") if part],
        "command": f'ravenstein explain {trail["table"]} --where "{trail["example"]}"'
        if trail["example"]
        else f"ravenstein explain {trail['table']}",
    }


def _outline(name: str, steps: Mapping[str, Row], told: set[str]) -> Row:
    """Return a step with those that it read, each told once."""
    again = name in told
    told.add(name)
    step = steps[name]
    return {
        "id": name,
        "again": again and bool(step["inputs"] or step["files"]),
        "files": [] if again else [file["name"] for file in step["files"]],
        "inputs": [] if again else [_outline(one, steps, told) for one in step["inputs"]],
    }
