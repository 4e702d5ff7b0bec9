"""`orchestrator signal`: tell a session something from outside."""

import json
import os
from pathlib import Path

import anyio
import click

from orchestrator import broker
from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.flow.shapes import is_event_name
from orchestrator.link import connect
from orchestrator.settings import from_environ
from orchestrator.signals import RedisSignals

__all__ = ["command"]


@click.command("signal")
@click.argument("session")
@click.argument("name")
@click.option("--data", default="{}", metavar="JSON", help="An object: what `event` holds then.")
def command(session: str, name: str, data: str) -> None:
    """Send the signal NAME to SESSION, whose flow sees it as the event `signal.NAME`.

    A session's id stands in `orchestrator run --json`, in its first line.
    """
    if not is_event_name(name):
        raise UsageError(f"'{name}' is no name: words of small letters, digits and _, with dots")
    anyio.run(_send, session, name, _object(data))
    click.echo(f"{session}: signal.{name} sent")


def _object(text: str) -> dict[str, Json]:
    try:
        data: Json = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UsageError("--data: should be a JSON object, as '{\"minutes\": 10}'")
    return dict(data)  # pyright: ignore[reportUnknownArgumentType]


async def _send(session: str, name: str, data: dict[str, Json]) -> None:
    settings = from_environ(os.environ, Path.cwd())
    async with broker.find(settings) as redis, connect(redis.url) as link:
        [known] = await link.ask(("EXISTS", keys.journal(session)))
        if not known:
            raise UsageError(f"no session {session} is known in {redis.description}")
        await RedisSignals(link).send(session, name, data)
