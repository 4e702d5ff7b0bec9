"""`orchestrator mcp-host`: run the tools of registered MCP servers."""

import os
from collections.abc import Mapping
from typing import Any

import anyio
import click

from orchestrator import broker
from orchestrator.cli.logs import log_to_stderr
from orchestrator.cli.projects import project_around
from orchestrator.mcp_host.serve import host_of, serve
from orchestrator.settings import Settings, from_environ

__all__ = ["command"]


@click.command("mcp-host")
@click.argument("servers", nargs=-1)
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Calls at a time on each server.",
)
@click.option("--limit", type=click.IntRange(min=1), help="The same, of all hosts together.")
@click.option("--lifeline", is_flag=True, help="End when standard input does.")
@click.option("--ready", is_flag=True, help="Say what is served as one JSON line.")
def command(servers: tuple[str, ...], **given: object) -> None:
    """Run the tools of SERVERS, by default of all in .mcp.json, as they were pinned.

    SIGTERM and Ctrl-C stop it: nothing more is claimed, running calls may finish.
    """
    log_to_stderr()
    settings = from_environ(os.environ, project_around())
    anyio.run(_serve, settings, servers, given)


async def _serve(settings: Settings, servers: tuple[str, ...], given: Mapping[str, Any]) -> None:
    host = host_of(servers, settings.project)  # before a Redis is started for it
    async with broker.find(settings) as redis:
        await serve(host, redis.url, **given)
