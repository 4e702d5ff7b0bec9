"""`orchestrator check`: every problem of some flows, in one run."""

import time
from collections.abc import Mapping
from pathlib import Path

import click

from orchestrator.cli import problems
from orchestrator.cli.flows import check_file, flow_files
from orchestrator.errors import Problem, UsageError
from orchestrator.mcp_host.lock import FILE as LOCK

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
@click.option("--watch", is_flag=True, help="Check again whenever a flow changes, until Ctrl-C.")
def command(flows: tuple[Path, ...], form: str, watch: bool) -> int:
    """Report every problem of FLOWS; exit code 2 if one of them is an error.

    A directory stands for every *.flow.yaml below it. `orchestrator explain CODE` says
    more about a code.
    """
    if watch:
        _watch(flows, form)
    return _check(flows, form)


def _check(flows: tuple[Path, ...], form: str) -> int:
    files = flow_files(flows)
    found: list[Problem] = [problem for file in files for problem in check_file(file)]
    for problem in found:
        click.echo(problems.FORMATS[form](problem))
    if form == "text":
        click.echo(problems.summary(len(found), len(files)))
    return 2 if any(problem.level == "error" for problem in found) else 0


def _watch(flows: tuple[Path, ...], form: str) -> None:
    """Never returns; a file that cannot be read now may be there at the next look."""
    before = None
    while True:
        if (now := _stamps(flows)) != before:
            before = now
            click.clear()  # on a terminal
            try:
                _check(flows, form)
            except UsageError as problem:
                click.echo(str(problem), err=True)
        time.sleep(PAUSE)


def _stamps(flows: tuple[Path, ...]) -> Mapping[Path, tuple[int, int] | None]:
    """When what is checked was written, and its size, which tells apart writes of one moment."""
    try:
        files = [*flow_files(flows), Path(LOCK)]
    except UsageError:
        files = [*flows, Path(LOCK)]
    return {file: _stamp(file) for file in files}


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
