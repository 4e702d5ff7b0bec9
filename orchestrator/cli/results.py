"""How the results of tests look: as records, and on a terminal."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from orchestrator.cli import console
from orchestrator.cli.suites import Tests
from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Mark
from orchestrator.projection import Record
from orchestrator.testing.coverage import Untaken
from orchestrator.testing.judge import Failure
from orchestrator.testing.trial import Trial, story

__all__ = ["as_text", "coverage", "of_case", "summary"]


def of_case(tests: Tests, trial: Trial) -> Record:
    """One case: its outcome and, if it failed, why, and all that happened until then."""
    case = trial.case
    told = story(tests.flow, trial) if trial.failures else []
    return {
        "event": "case",
        **_place(case.mark),
        "case": case.case,
        "outcome": trial.outcome,
        "failures": [_failure(failure) for failure in trial.failures],
        "story": told,
    }


def coverage(flow: Path, missed: Iterable[Untaken], known: int) -> Record:
    """The states and edges of a flow that no case took, of how many there are."""
    rest = [{**_place(way.mark), "kind": way.kind, "name": way.name} for way in missed]
    return {"event": "coverage", "flow": str(flow), "known": known, "untaken": rest}


def summary(outcomes: Counter[str]) -> Record:
    counts = {name: outcomes[name] for name in ("passed", "failed", "not_run")}
    return {"event": "summary", **counts}


def _failure(failure: Failure) -> dict[str, Json]:
    found = {"expected": failure.expected, "found": failure.found}
    return {**_place(failure.mark), "what": failure.what, **found}


def _place(mark: Mark) -> dict[str, Json]:
    return {"file": mark.file, "line": mark.line, "column": mark.column}


def as_text() -> console.Show:
    """For people: a line per case under its file; more only about those that failed."""
    file = ""

    def show(record: Record) -> None:
        nonlocal file
        match record["event"]:
            case "case":
                if record["file"] != file:
                    file = record["file"]
                    click.echo(file)
                _show_case(record)
            case "coverage":
                _show_coverage(record)
            case _:
                _show_summary(record)

    return show


_SIGNS = {
    "passed": click.style("✓", fg="green"),
    "failed": click.style("✗", fg="red"),
    "not_run": click.style("-", fg="yellow"),
}


def _show_case(record: Record) -> None:
    note = "  (not run: live)" if record["outcome"] == "not_run" else ""
    click.echo(f"  {_SIGNS[record['outcome']]} {record['case']}{note}")
    for failure in record["failures"]:
        click.echo(f"\n    {_at(failure)}: {failure['what']}")
        if failure["expected"]:
            click.echo(f"      expected  {failure['expected']}")
            click.echo(f"      found     {failure['found']}")
    if record["story"]:
        _show_story(record["story"])


def _show_story(told: Iterable[Record]) -> None:
    click.echo("\n    What happened until then:\n")
    show = console.as_text(typed=False)
    for record in told:
        if record["event"] == "model.called":
            console.notice(f"model calls {record['name']} {record['arguments']}")
        else:
            show(record)
    click.echo()


def _show_coverage(record: Record) -> None:
    if not record["untaken"]:
        click.echo(f"\nevery state and edge of {record['flow']} was taken")
        return
    click.echo(f"\nnever taken in {record['flow']}:")
    for way in record["untaken"]:
        click.echo(f"  {_at(way)}: {way['kind']} {way['name']}")


def _show_summary(record: Record) -> None:
    live = f", {record['not_run']} not run" if record["not_run"] else ""
    color = "red" if record["failed"] else "green"
    text = f"{record['passed']} passed, {record['failed']} failed{live}"
    click.echo(f"\n{click.style(text, fg=color, bold=True)}")


def _at(place: Mapping[str, Json]) -> str:
    return f"{place['file']}:{place['line']}:{place['column']}"
