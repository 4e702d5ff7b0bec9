"""`orchestrator check`: every problem of some flows, in one run."""

from pathlib import Path

import click

from orchestrator.cli.flows import check_file
from orchestrator.errors import Problem

__all__ = ["command"]


@click.command("check")
@click.argument("flows", nargs=-1, required=True, type=click.Path(path_type=Path))
def command(flows: tuple[Path, ...]) -> int:
    """Report every problem of FLOWS; exit code 2 if one of them is an error."""
    problems: list[Problem] = [problem for flow in flows for problem in check_file(flow)]
    for problem in problems:
        click.echo(str(problem))
    return 2 if any(problem.level == "error" for problem in problems) else 0
