"""What the guides show is right: their flows check, and their tests pass."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from orchestrator.cli.flows import check_file
from orchestrator.cli.flows import load as load_flow
from orchestrator.cli.suites import load
from orchestrator.dispatch.call import Call, Json
from orchestrator.flow.compile import check
from orchestrator.flow.definition import Tool
from orchestrator.flow.operations import is_object
from orchestrator.testing.trial import try_case
from orchestrator.worker.handlers import Handlers
from orchestrator.worker.load import load as load_workers
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


GIVEN: Mapping[str, Json] = {
    "number": "4711",
    "day": "2026-11-27",
    "bike": "city",
    "ref": "W1127",
    "reason": "An old customer.",
    "phone": "+33612345678",
    "best": "morning",
}


def called(tool: Tool, number: int) -> Call:
    properties = tool.schema["properties"]
    assert is_object(properties)
    names = {*properties, *tool.bound}
    arguments = tool.accept({name: GIVEN[name] for name in names})
    id_ = f"c{number}"
    return Call(id_, tool.queue, tool.handler, arguments, id_, 1, 5.0, 5.0, "s", "", 0.0)


async def test_the_worker_of_the_second_rung_answers_every_tool_of_the_page(tmp_path: Path) -> None:
    [(name, text)] = re.findall(r"^```python\n# (\S+)\n(.*?)^```$", RUNGS[1], re.M | re.S)
    (tmp_path / "handlers.py").write_text(text)
    assert name == "workers/workshop.py"
    handlers = Handlers.of(*load_workers([str(tmp_path / "handlers.py")], tmp_path))
    flows = [load_flow(path)[0] for rung in RUNGS[1:6] for path in lay_down(tmp_path, rung)]
    tools = [tool for flow in flows for tool in flow.tools.values()]
    assert {tool.handler for tool in tools} == set(handlers.queues["workshop"])
    async with handlers.opened():
        for number, tool in enumerate(tools):
            outcome = await handlers.run(called(tool, number))
            assert outcome.ok, (tool.name, outcome)
            assert tool.returned(outcome.result, {}) == outcome.result


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
