"""What each code of a problem means: the texts of `codes.md`, by code. Pure.

The page is read by people as it is, and piece by piece through `orchestrator explain`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Explanation", "explanations"]

SECTION = re.compile(
    r"^## (?P<code>[A-Z][0-9]{3}) · (?P<level>error|warning) · (?P<title>[^\n]+)\n\n"
    r"(?P<text>.+?)\n\n"
    r"```\w+\n(?P<wrong>.+?)^```\n\n"
    r"```\w+\n(?P<right>.+?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One code. `wrong` and `right` are YAML of a flow, or JSON for the codes of MCP."""

    code: str
    level: str
    title: str
    text: str
    wrong: str
    right: str


def explanations(page: str) -> Mapping[str, Explanation]:
    """By code, in the page's order."""
    return {found["code"]: Explanation(**found.groupdict()) for found in SECTION.finditer(page)}
