"""Tests of the restaurant's flow, written in a test."""

from textwrap import dedent

from orchestrator.errors import Problem
from orchestrator.flow.definition import Flow
from orchestrator.flow.loader import load
from orchestrator.flow.part import Report
from orchestrator.testing.document import Suite, read
from orchestrator.testing.names import check_names
from orchestrator.testing.trial import Trial, try_case
from tests.flow.restaurant import restaurant

HEAD = """\
dsl: 1
tests: restaurant.flow.yaml
defaults:
  now: "2026-11-23T10:00:00+01:00"
  tools:
    check_availability: [{free: true, alternatives: []}]
    create_booking: [{ref: AB12}]
cases:
"""

BARE = """\
dsl: 1
tests: x.flow.yaml
cases:
"""


def read_suite(
    text: str, file: str, flow: Flow | None = None
) -> tuple[Suite | None, tuple[Problem, ...]]:
    """The suite as far as it can be read, and every problem that it has."""
    loaded = load(text, file)
    report = Report(loaded.problems)
    suite = read(loaded.root, report) if loaded.root else None
    if suite:
        check_names(suite, flow or restaurant(), report)
    return suite, report.problems


def trials(cases: str) -> list[Trial]:
    """These cases, tried. They have no problems."""
    suite, problems = read_suite(HEAD + dedent(cases), "x.test.yaml")
    assert suite and not problems, problems
    return [try_case(restaurant(), suite, case) for case in suite.cases]


def trial(case: str) -> Trial:
    """This one case, tried."""
    [tried] = trials(case)
    return tried


def flow_trial(flow: Flow, case: str) -> Trial:
    """This one case of another flow, tried. It has no problems."""
    suite, problems = read_suite(BARE + dedent(case), "x.test.yaml", flow)
    assert suite and not problems, problems
    return try_case(flow, suite, suite.cases[0])


def passes(case: str) -> None:
    """This case passes."""
    tried = trial(case)
    assert tried.failures == ()
    assert tried.outcome == "passed"
