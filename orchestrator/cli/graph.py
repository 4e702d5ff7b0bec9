"""`orchestrator graph`: the states of a flow and the ways between them, drawn."""

from pathlib import Path

import click

from orchestrator.cli.flows import document
from orchestrator.flow.diagram import mermaid

__all__ = ["command"]


@click.command("graph")
@click.argument("flow", type=click.Path(path_type=Path))
def command(flow: Path) -> None:
    """Print the states of FLOW as a Mermaid flowchart.

    GitHub and many editors draw it where it stands between ```mermaid and ```.
    """
    click.echo(mermaid(document(flow)), nl=False)
