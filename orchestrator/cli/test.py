"""`orchestrator test`: the tests of some flows, played without a network or a clock."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import anyio
import click

from orchestrator.cli import console, results
from orchestrator.cli.suites import Tests, load
from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow
from orchestrator.projection import Record
from orchestrator.settings import check_realtime_url, from_environ
from orchestrator.testing.coverage import Way, taken, untaken
from orchestrator.testing.document import Case, Suite
from orchestrator.testing.trial import Trial, try_case

__all__ = ["command"]

Try: TypeAlias = Callable[[Flow, Suite, Case], Trial]


@click.command("test")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("-k", "text", metavar="TEXT", default="", help="Only cases with this in their name.")
@click.option("--coverage", is_flag=True, help="Name the states and edges that no case took.")
@click.option(
    "--fail-under",
    "least",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="--coverage, and exit code 1 if cases took less of the states and edges than this.",
)
@click.option("--live", is_flag=True, help="Hold live cases, too, with a real model.")
@click.option("--url", metavar="URL", help="A Realtime service other than OpenAI's, for those.")
@click.option("--model", metavar="NAME", help="Instead of the flow's model, for those.")
@click.option("--json", "as_json", is_flag=True, help="Print every result as one JSON line.")
def command(
    paths: tuple[Path, ...],
    text: str,
    coverage: bool,
    least: float | None,
    live: bool,
    url: str | None,
    model: str | None,
    as_json: bool,
) -> int:
    """Play the tests of PATHS: flows (with the *.test.yaml beside them), test files, directories.

    Exit code 1 if a case fails, or too little was taken for --fail-under. Live cases need --live,
    and OPENAI_API_KEY or --url.
    """
    held = _live(url, model) if live else try_case
    show = console.as_json if as_json else results.as_text()
    suites = load(paths)
    for problem in (problem for tests in suites for problem in tests.warnings):
        click.echo(str(problem), err=True)
    trials: list[tuple[Tests, Trial]] = []
    for tests, trial in _trials(suites, text, held):
        show(results.of_case(tests, trial))
        trials.append((tests, trial))
    if not trials:
        raise UsageError(f"no case has '{text}' in its name")
    covered = list(_coverage(trials)) if coverage or least is not None else []
    for record in covered:
        show(record)
    outcomes = Counter[str](trial.outcome for _, trial in trials)
    show(results.summary(outcomes))
    enough = least is None or _is_enough(covered, least)
    return 0 if enough and not outcomes["failed"] else 1


def _is_enough(covered: Iterable[Record], least: float) -> bool:
    """Whether cases took so many percent of the states and edges of all these flows together."""
    known, untaken = 0, 0
    for record in covered:
        known += int(record["known"])
        untaken += len(record["untaken"])
    percent = 100 * (known - untaken) / known
    if percent < least:
        click.echo(f"{percent:.1f} % of states and edges were taken, under {least:g} %", err=True)
    return percent >= least


def _live(url: str | None, model: str | None) -> Try:
    """Tries live cases, too. Raises `UsageError` where there is no model to talk to."""
    # What a session needs is not imported where nobody holds one.
    from orchestrator.cli.live import Service, try_live
    from orchestrator.cli.opening import DEFAULT_MODEL, OPENAI

    check_realtime_url(url)
    settings = from_environ(os.environ)
    where = url or settings.realtime_url
    if where is None and settings.openai_api_key is None:
        raise UsageError("--live needs a model: set OPENAI_API_KEY, or name a service with --url")
    key = settings.openai_api_key or "none"

    def held(flow: Flow, suite: Suite, case: Case) -> Trial:
        if not case.live:
            return try_case(flow, suite, case)
        named = model or flow.session.model or DEFAULT_MODEL
        return anyio.run(try_live, flow, suite, case, Service(where or OPENAI, key, named))

    return held


def _trials(suites: Iterable[Tests], text: str, held: Try) -> Iterator[tuple[Tests, Trial]]:
    for tests in suites:
        for case in tests.suite.cases:
            if text.lower() in case.case.lower():
                yield tests, held(tests.flow, tests.suite, case)


def _coverage(trials: Iterable[tuple[Tests, Trial]]) -> Iterator[Record]:
    """Of each flow, over all of its cases."""
    flows: dict[Path, Tests] = {}
    ways: dict[Path, set[Way]] = {}
    for tests, trial in trials:
        flows[tests.flow_file] = tests
        ways.setdefault(tests.flow_file, set()).update(taken(trial.items))
    for file, tests in flows.items():
        yield results.coverage(file, untaken(tests.flow, ways[file]), len(untaken(tests.flow, ())))
