"""`orchestrator signal`: tell a session something from outside."""

import json
from collections.abc import Mapping, Sequence

import anyio
import click

from orchestrator import broker, kept
from orchestrator.cli.lookup import here
from orchestrator.dispatch.call import Json
from orchestrator.errors import FlowInvalid, JournalMismatch, UsageError
from orchestrator.flow.engine import replay
from orchestrator.flow.replaying import must_match, read
from orchestrator.flow.shapes import is_event_name
from orchestrator.journal import RedisJournal
from orchestrator.link import Link, connect
from orchestrator.signals import RedisSignals

__all__ = ["command"]


@click.command("signal")
@click.argument("session")
@click.argument("name")
@click.option("--data", default="{}", metavar="JSON", help="An object: what `event` holds then.")
def command(session: str, name: str, data: str) -> int:
    """Send the signal NAME to SESSION, whose flow sees it as the event `signal.NAME`.

    A session's id stands in `orchestrator run --json`, in its first line.
    Exit code 1 if the session has ended, or its flow waits for no signal at all.
    """
    if not is_event_name(name):
        raise UsageError(f"'{name}' is no name: words of small letters, digits and _, with dots")
    deaf = anyio.run(_send, session, name, _object(data))
    click.echo(f"{session}: {deaf or f'signal.{name} sent'}", err=deaf is not None)
    return 1 if deaf else 0


def _object(text: str) -> dict[str, Json]:
    try:
        data: Json = json.loads(text)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise UsageError("--data: should be a JSON object, as '{\"minutes\": 10}'")
    return dict(data)  # pyright: ignore[reportUnknownArgumentType]


async def _send(session: str, name: str, data: dict[str, Json]) -> str | None:
    """Send it, unless nobody would hear it: then why."""
    async with broker.find(here()) as redis, connect(redis.url) as link:
        entries = await RedisJournal(session, link).read()
        if not entries:
            raise UsageError(f"no session {session} is known in {redis.description}")
        deaf = await _deaf(link, entries)
        if deaf is None:
            await RedisSignals(link).send(session, name, data)
        return deaf


async def _deaf(link: Link, entries: Sequence[Mapping[str, Json]]) -> str | None:
    """Why the session hears nothing, as far as this version can tell from its journal."""
    try:
        recording = read(entries)
        flow = await kept.find(link, str(recording.header.get("sha256")))
        if flow is None:
            return None
        must_match(flow, recording)
    except (FlowInvalid, JournalMismatch, UsageError):
        return None
    if replay(flow, recording.events).run.ended is not None:
        return "the session has ended; nothing was sent"
    return None if flow.hears_signals else "its flow waits for no signal; nothing was sent"
