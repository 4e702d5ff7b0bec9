"""`orchestrator schema`: the JSON Schema of flows, for editors."""

import json

import click

from orchestrator.flow.schema import flow_schema

__all__ = ["command"]


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of a flow.

    Editors take it from the first line of a flow:
    `# yaml-language-server: $schema=../schema/flow-1.schema.json`.
    """
    click.echo(json.dumps(flow_schema(), indent=2, ensure_ascii=False))
