"""`orchestrator graph`: the states of a flow and the ways between them, drawn."""

from pathlib import Path

import click

from orchestrator.cli.flows import load
from orchestrator.files import read_text
from orchestrator.flow.diagram import mermaid
from orchestrator.flow.document import read
from orchestrator.flow.loader import load as load_yaml
from orchestrator.flow.part import Report

__all__ = ["command"]


@click.command("graph")
@click.argument("flow", type=click.Path(path_type=Path))
def command(flow: Path) -> None:
    """Print the states of FLOW as a Mermaid flowchart.

    GitHub and many editors draw it where it stands between ```mermaid and ```.
    """
    load(flow)  # raises if it has problems
    root = load_yaml(read_text(flow), str(flow)).root
    document = read(root, Report()) if root else None
    assert document, "a flow that compiles is a document"
    click.echo(mermaid(document), nl=False)
