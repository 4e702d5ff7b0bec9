"""`orchestrator worker`: run the handlers of tools."""

import os
from pathlib import Path

import anyio
import click

from orchestrator import broker
from orchestrator.cli.logs import log_to_stderr
from orchestrator.settings import Settings, from_environ
from orchestrator.worker.serve import serve

__all__ = ["command"]


@click.command("worker")
@click.argument("modules", nargs=-1)
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Calls at a time on each queue.",
)
@click.option("--lifeline", is_flag=True, help="End when standard input does.")
@click.option("--ready", is_flag=True, help="Say what is served as one JSON line.")
def command(modules: tuple[str, ...], slots: int, lifeline: bool, ready: bool) -> None:
    """Run the handlers of MODULES: files or names; by default those in workers/.

    SIGTERM and Ctrl-C stop it: nothing more is claimed, running calls may finish.
    """
    log_to_stderr()
    settings = from_environ(os.environ, Path.cwd())
    anyio.run(_serve, settings, modules, slots, lifeline, ready)


async def _serve(
    settings: Settings, modules: tuple[str, ...], slots: int, lifeline: bool, ready: bool
) -> None:
    async with broker.find(settings) as redis:
        await serve(
            modules,
            redis.url,
            project=settings.project,
            slots=slots,
            lifeline=lifeline,
            ready=ready,
        )
