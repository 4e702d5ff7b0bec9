"""What the guides show is right: their flows check, and their tests pass."""

import re
from pathlib import Path

import pytest

from orchestrator.cli.flows import check_file
from orchestrator.cli.suites import load
from orchestrator.flow.compile import check
from orchestrator.testing.trial import try_case
from tests.test_language_page import LOCK, completed

DOCS = Path(__file__).parents[1] / "docs"
LEARN = (DOCS / "learn.md").read_text()
RUNGS = re.split(r"^## ", LEARN, flags=re.M)[1:]
GUIDES = ("prompts.md", "from-pipecat.md")


def files(rung: str) -> dict[str, str]:
    """The files that a rung shows, by their names."""
    blocks = re.findall(r"^```yaml\n# (\S+)\n(.*?)^```$", rung, re.M | re.S)
    return dict(blocks)


def lay_down(directory: Path, *rungs: str) -> list[Path]:
    """Write what these rungs show, a later rung over an earlier one."""
    shown = {name: text for rung in rungs for name, text in files(rung).items()}
    for name, text in shown.items():
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return [directory / name for name in shown]


def fragments() -> list[tuple[str, str]]:
    return [
        (guide, block)
        for guide in GUIDES
        for block in re.findall(r"^```yaml\n(.*?)^```$", (DOCS / guide).read_text(), re.M | re.S)
    ]


@pytest.mark.parametrize("rung", RUNGS[:6], ids=lambda rung: rung.partition("\n")[0])
def test_a_rung_checks_without_a_problem(tmp_path: Path, rung: str) -> None:
    flows = [path for path in lay_down(tmp_path, rung) if path.name.endswith(".flow.yaml")]
    assert flows
    assert [problem for flow in flows for problem in check_file(flow)] == []


def test_the_first_rung_is_about_ten_lines() -> None:
    [flow] = files(RUNGS[0]).values()
    assert len(flow.splitlines()) <= 12


def test_the_last_rung_tests_the_flow_of_the_one_before(tmp_path: Path) -> None:
    lay_down(tmp_path, RUNGS[5], RUNGS[6])
    [tests] = load([tmp_path / "flows/workshop.test.yaml"])
    assert tests.suite.cases
    for case in tests.suite.cases:
        assert try_case(tests.flow, tests.suite, case).failures == ()


@pytest.mark.parametrize(("guide", "fragment"), fragments())
def test_a_fragment_in_a_guide_is_right(guide: str, fragment: str) -> None:
    problems = check(completed(fragment), guide, LOCK)
    assert [problem for problem in problems if problem.level == "error"] == []


def test_every_lever_is_a_page_that_exists() -> None:
    text = (DOCS / "symptoms.md").read_text()
    for page, anchor in re.findall(r"\]\(([\w.-]+\.md)(?:#([\w-]+))?\)", text):
        headings = re.findall(r"^#+ (.+)$", (DOCS / page).read_text(), re.M)
        slugs = {re.sub(r"[^\w -]", "", h).strip().lower().replace(" ", "-") for h in headings}
        assert not anchor or anchor in slugs, f"{page}#{anchor}"
