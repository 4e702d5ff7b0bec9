"""Every faulty flow tells its problems, where they are, and nothing else.

A file begins with what it expects, one `# CODE LINE:COLUMN` per problem; its name begins
with the code that it shows.
"""

import re
from pathlib import Path

import pytest

from orchestrator.flow.compile import check

FAULTY = sorted(Path(__file__).parent.glob("faulty/*.flow.yaml"))
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
CODES = {
    "Y001", "Y002", "Y003", "Y004", "Y005", "Y006", "Y007", "Y008", "S001", "S010", "X001",
    "G001", "G002", "G003", "G004", "G005", "G006", "G007", "G008", "G009", "G010", "G011", "G020",
    "E001", "E002", "E003", "V001", "V002", "V003", "V010", "T001", "T002", "T003", "T004", "T010",
    "T011", "T012", "T021", "T030", "T040", "T060", "T070", "L001", "R001", "K001",
}  # fmt: skip


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.name.removesuffix(".flow.yaml"))
def test_tells_what_is_wrong_where_it_is_and_nothing_else(path: Path) -> None:
    text = path.read_text()
    expected = [(code, int(line), int(column)) for code, line, column in EXPECTED.findall(text)]
    found = check(text, path.name, LOCK)
    assert [(p.code, p.line, p.column) for p in found] == expected
    assert all(p.file == path.name and p.message for p in found)


def test_every_code_has_a_faulty_flow() -> None:
    assert {path.name[:4].upper() for path in FAULTY if path.name[4] == "-"} == CODES


def test_ten_faults_are_told_in_one_run() -> None:
    path = next(path for path in FAULTY if path.name.startswith("several-ten"))
    errors = [p for p in check(path.read_text(), path.name, LOCK) if p.level == "error"]
    assert len(errors) == 10
