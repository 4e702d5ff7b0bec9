"""Every faulty flow tells its problems, where they are, and nothing else.

A file begins with what it expects, one `# CODE LINE:COLUMN` per problem; its name begins
with the code that it shows.
"""

import re
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.flow.codes import explanations
from orchestrator.flow.compile import check

FAULTY = sorted(Path(__file__).parent.glob("faulty/*.flow.yaml"))
PAGE = Path(__file__).parents[2] / "orchestrator/flow/codes.md"
ELSEWHERE = re.compile(r"M0[0-2]|N0")
"""Codes of other files, and of what is around a flow."""
EXPECTED = re.compile(r"# ([A-Z][0-9]{3}) ([0-9]+):([0-9]+)$", re.M)
LOCK = {
    "menu": {
        "allergens": {
            "description": "Allergens of a dish.",
            "input_schema": {
                "type": "object",
                "properties": {"dish": {"type": "string"}},
                "required": ["dish"],
            },
        }
    }
}


def beside(name: str) -> str:
    path = Path(__file__).parent / "faulty" / name
    if not path.exists():
        raise UsageError(f"{name}: there is no such file")
    return path.read_text()


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.name.removesuffix(".flow.yaml"))
def test_tells_what_is_wrong_where_it_is_and_nothing_else(path: Path) -> None:
    text = path.read_text()
    expected = [(code, int(line), int(column)) for code, line, column in EXPECTED.findall(text)]
    found = check(text, path.name, LOCK, beside)
    assert [(p.code, p.line, p.column) for p in found] == expected
    assert all(p.file == path.name and p.message for p in found)


def test_every_code_has_a_faulty_flow() -> None:
    codes = {code for code in explanations(PAGE.read_text()) if not ELSEWHERE.match(code)}
    assert {path.name[:4].upper() for path in FAULTY if path.name[4] == "-"} == codes


def test_ten_faults_are_told_in_one_run() -> None:
    path = next(path for path in FAULTY if path.name.startswith("several-ten"))
    errors = [p for p in check(path.read_text(), path.name, LOCK) if p.level == "error"]
    assert len(errors) == 10
