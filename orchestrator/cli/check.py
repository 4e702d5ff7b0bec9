"""`orchestrator check`: every problem of some flows, in one run."""

import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from orchestrator.cli import problems
from orchestrator.cli.flows import Stamp, check_file, flow_files, stamp
from orchestrator.errors import Problem, UsageError

__all__ = ["command"]

PAUSE = 0.3  # seconds between two looks at the files that are watched


@click.command("check")
@click.argument("flows", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice([*problems.FORMATS]),
    default="text",
    show_default=True,
    help="For people, one JSON object a line, or GitHub's annotations.",
)
@click.option(
    "--online", is_flag=True, help="Also ask: MCP servers for their tools, Redis for its workers."
)
@click.option("--cost", is_flag=True, help="Also estimate what a call costs, by `prompting`.")
@click.option("--watch", is_flag=True, help="Check again whenever a flow changes, until Ctrl-C.")
def command(flows: tuple[Path, ...], form: str, online: bool, cost: bool, watch: bool) -> int:
    """Report every problem of FLOWS; exit code 2 if one of them is an error.

    A directory stands for every *.flow.yaml below it. `orchestrator explain CODE` says
    more about a code.
    """
    if watch and online:
        raise UsageError("--watch looks at files; --online at what is there once")
    if watch:
        _watch(flows, form)
    code = _check(flows, form, {}, online=online)
    if cost and code == 0:
        _tell_costs(flow_files(flows))
    return code


def _tell_costs(files: Iterable[Path]) -> None:
    from orchestrator.cli.costs import tell_cost  # brings along a session

    for file in files:
        tell_cost(file)


def _check(
    flows: tuple[Path, ...], form: str, seen: dict[Path, Stamp], *, online: bool = False
) -> int:
    files = flow_files(flows)
    found: list[Problem] = [problem for file in files for problem in check_file(file, seen)]
    if online:
        from orchestrator.cli.online import check_online  # brings along Redis

        found += check_online(files)
    found = list(dict.fromkeys(found))  # files that several flows include are told of once
    for problem in found:
        click.echo(problems.FORMATS[form](problem))
    if form == "text":
        click.echo(problems.summary(len(found), len(files)))
    return 2 if any(problem.level == "error" for problem in found) else 0


def _watch(flows: tuple[Path, ...], form: str) -> None:
    """Never returns; a file that cannot be read now may be there at the next look."""
    before: dict[Path, Stamp] | None = None
    while True:
        if before is None or _now(flows, before) != before:
            before = {}
            click.clear()  # on a terminal
            try:
                _check(flows, form, before)
            except UsageError as problem:
                click.echo(str(problem), err=True)
            before = {**_now(flows, {}), **before}
        time.sleep(PAUSE)


def _now(flows: tuple[Path, ...], before: Mapping[Path, Stamp]) -> Mapping[Path, Stamp]:
    """How the files stand that are to be checked, and those that were looked at."""
    try:
        files = flow_files(flows)
    except UsageError:
        files = list(flows)
    return {file: stamp(file) for file in (*files, *before)}
