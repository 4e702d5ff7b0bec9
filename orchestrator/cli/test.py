"""`orchestrator test`: the tests of some flows, played without a network or a clock."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from orchestrator.cli import console, results
from orchestrator.cli.suites import Tests, load
from orchestrator.errors import UsageError
from orchestrator.projection import Record
from orchestrator.testing.coverage import Way, taken, untaken
from orchestrator.testing.trial import Trial, try_case

__all__ = ["command"]


@click.command("test")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-k", "text", metavar="TEXT", default="", help="Only cases with this in their name.")
@click.option("--coverage", is_flag=True, help="Name the states and edges that no case took.")
@click.option("--json", "as_json", is_flag=True, help="Print every result as one JSON line.")
def command(paths: tuple[Path, ...], text: str, coverage: bool, as_json: bool) -> int:
    """Play the tests of PATHS: flows (with the *.test.yaml beside them), test files, directories.

    Exit code 1 if a case fails. Live cases are not run: they need a model.
    """
    show = console.as_json if as_json else results.as_text()
    suites = load(paths)
    for problem in (problem for tests in suites for problem in tests.warnings):
        click.echo(str(problem), err=True)
    trials: list[tuple[Tests, Trial]] = []
    for tests, trial in _trials(suites, text):
        show(results.of_case(tests, trial))
        trials.append((tests, trial))
    if not trials:
        raise UsageError(f"no case has '{text}' in its name")
    for record in _coverage(trials) if coverage else ():
        show(record)
    outcomes = Counter[str](trial.outcome for _, trial in trials)
    show(results.summary(outcomes))
    return 1 if outcomes["failed"] else 0


def _trials(suites: Iterable[Tests], text: str) -> Iterator[tuple[Tests, Trial]]:
    for tests in suites:
        for case in tests.suite.cases:
            if text.lower() in case.case.lower():
                yield tests, try_case(tests.flow, tests.suite, case)


def _coverage(trials: Iterable[tuple[Tests, Trial]]) -> Iterator[Record]:
    """Of each flow, over all of its cases."""
    flows: dict[Path, Tests] = {}
    ways: dict[Path, set[Way]] = {}
    for tests, trial in trials:
        flows[tests.flow_file] = tests
        ways.setdefault(tests.flow_file, set()).update(taken(trial.items))
    for file, tests in flows.items():
        yield results.coverage(file, untaken(tests.flow, ways[file]))
