"""Test files, from the disk to suites that fit their flows."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.cli.flows import below
from orchestrator.cli.flows import load as load_flow
from orchestrator.errors import FlowInvalid, Problem, UsageError
from orchestrator.files import read_text
from orchestrator.flow.definition import Flow
from orchestrator.flow.loader import load as load_yaml
from orchestrator.flow.part import Report
from orchestrator.testing import document
from orchestrator.testing.names import check_names

__all__ = ["Tests", "load"]


@dataclass(frozen=True, slots=True)
class Tests:
    """A test file, and the flow that it tests."""

    file: Path
    suite: document.Suite
    flow_file: Path
    flow: Flow
    warnings: tuple[Problem, ...]


WORDS = frozenset({"caller", "said"})
"""Keys of what somebody says, which may well be yes or no."""


def load(paths: Iterable[Path]) -> list[Tests]:
    """The tests of these flows, test files and directories.

    Raises `FlowInvalid` with the problems of all files, and `UsageError` where there are none.
    """
    tests: list[Tests] = []
    problems: dict[Problem, None] = {}
    for file in dict.fromkeys(found for path in paths for found in _find(path)):
        try:
            tests.append(_load(file))
        except FlowInvalid as invalid:
            problems |= dict.fromkeys(invalid.problems)
    if problems:
        raise FlowInvalid(problems)
    return tests


def _find(path: Path) -> list[Path]:
    if path.is_dir():
        found = below(path, "*.test.yaml")
    elif path.name.endswith(".test.yaml"):
        return [path]
    else:
        read_text(path)
        tested = {file: _tested(file, path) for file in sorted(path.parent.glob("*.test.yaml"))}
        found = [file for file, flow in tested.items() if flow == path.resolve()]
        # None is for this flow: those whose flow is not there may be meant for it.
        found = found or [file for file, flow in tested.items() if not flow.exists()]
    if not found:
        raise UsageError(f"{path}: no tests; they stand in files named *.test.yaml")
    return found


def _tested(file: Path, flow: Path) -> Path:
    """Which flow this file tests; that one, if it cannot be read or does not say."""
    root = load_yaml(read_text(file), str(file)).root
    named = root.at("tests").value if root else flow.name
    return (file.parent / (named if isinstance(named, str) else flow.name)).resolve()


def _load(file: Path) -> Tests:
    loaded = load_yaml(read_text(file), str(file), WORDS)
    report = Report(loaded.problems)
    suite = document.read(loaded.root, report) if loaded.root else None
    if suite is None or not suite.tests:
        raise FlowInvalid(report.problems)
    flow_file = file.parent / suite.tests
    flow = _flow(flow_file, suite, report)
    check_names(suite, flow, report)
    if any(problem.level == "error" for problem in report.problems):
        raise FlowInvalid(report.problems)
    return Tests(file, suite, flow_file, flow, report.problems)


def _flow(file: Path, suite: document.Suite, report: Report) -> Flow:
    """The compiled flow. Raises `FlowInvalid` with its problems and those of the tests."""
    try:
        if file.is_file():
            return load_flow(file)[0]
        report("S001", suite.node.at("tests").mark, f"there is no file '{file}'")
    except FlowInvalid as invalid:
        raise FlowInvalid((*report.problems, *invalid.problems)) from None
    raise FlowInvalid(report.problems)
