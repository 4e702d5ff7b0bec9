"""Every faulty test file tells its problems, where they are, and nothing else.

A file begins with what it expects, one `# CODE LINE:COLUMN` per problem.
"""

import re
from pathlib import Path

import pytest

from tests.testing.suites import HEAD, read_suite

FAULTY = sorted(Path(__file__).parent.glob("faulty/*.test.yaml"))
EXPECTED = re.compile(r"# ([A-Z][0-9]{3}) ([0-9]+):([0-9]+)$", re.M)


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.name.removesuffix(".test.yaml"))
def test_tells_what_is_wrong_where_it_is_and_nothing_else(path: Path) -> None:
    text = path.read_text()
    expected = [(code, int(line), int(column)) for code, line, column in EXPECTED.findall(text)]
    _, found = read_suite(text, path.name)
    assert [(p.code, p.line, p.column) for p in found] == expected
    assert all(p.file == path.name and p.message for p in found)


def test_a_slip_is_told_with_what_was_meant() -> None:
    _, problems = read_suite((FAULTY[0].parent / "unknown-names.test.yaml").read_text(), "x")
    hints = {problem.hint for problem in problems}
    assert "did you mean 'check_availability'?" in hints
    assert "did you mean 'go_human'?" in hints
    assert "did you mean 'confirm'?" in hints


def test_a_word_that_this_version_lacks_is_refused_by_name() -> None:
    case = "  - {case: a picture, turns: [{image: menu.png}]}"
    _, [problem] = read_suite(HEAD + case, "x.test.yaml")
    assert str(problem) == "x.test.yaml:9:32: error X001: 'image' is not supported yet"
