"""`orchestrator approvals`: what waits for a person's decision."""

import getpass
import json
import os
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import click

from orchestrator import broker
from orchestrator.dispatch.call import APPROVALS, Call, Json, Outcome
from orchestrator.dispatch.streams import OpenCalls
from orchestrator.errors import UsageError
from orchestrator.link import connect
from orchestrator.settings import from_environ

__all__ = ["command"]


@click.group("approvals")
def command() -> None:
    """See what waits for a person's decision, and decide."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_open(as_json: bool) -> None:
    """Calls that wait to be approved, the oldest first."""
    for call in anyio.run(_list):
        click.echo(json.dumps(_row(call), ensure_ascii=False) if as_json else _line(call))


@command.command()
@click.argument("call")
@click.option("--by", default=getpass.getuser, help="Who decides; the user by default.")
@click.option("--note", default="", help="Said with the decision.")
def approve(call: str, by: str, note: str) -> None:
    """Let the tool of CALL be called."""
    _decide(call, True, by, note)


@command.command()
@click.argument("call")
@click.option("--by", default=getpass.getuser, help="Who decides; the user by default.")
@click.option("--note", default="", help="Why; the model may tell the caller.")
def deny(call: str, by: str, note: str) -> None:
    """Do not let the tool of CALL be called."""
    _decide(call, False, by, note)


def _decide(call: str, approved: bool, by: str, note: str) -> None:
    decision = {"approved": approved, "by": by, "note": note}
    stands = anyio.run(_settle, call, decision)
    if stands.result != decision:
        raise UsageError(f"{call} was decided before: {_word(stands)}")
    click.echo(f"{call}: {_word(stands)}")


def _word(outcome: Outcome) -> str:
    if not outcome.ok:
        return outcome.error.message if outcome.error else ""
    decision = outcome.result
    return f"{'approved' if decision['approved'] else 'denied'} by {decision['by']}"


async def _list() -> list[Call]:
    async with _open() as calls:
        return _reviews(await calls.list())


async def _settle(name: str, decision: dict[str, Json]) -> Outcome:
    async with _open() as calls:
        found = [call for call in _reviews(await calls.list()) if name in _names(call)]
        if not found:
            raise UsageError(f"{name} does not wait; `orchestrator approvals list` shows what does")
        return await calls.settle(found[0], Outcome("worker", decision))


def _names(call: Call) -> tuple[str, str]:
    """Its id, and the one that `run --json` prints."""
    return call.id, call.id.partition(".")[2].rpartition(".")[0]


def _reviews(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.tool == "review"]


@asynccontextmanager
async def _open() -> AsyncGenerator[OpenCalls]:
    settings = from_environ(os.environ, Path.cwd())
    async with broker.find(settings) as redis, connect(redis.url) as link:
        yield OpenCalls(link, APPROVALS)


def _row(call: Call) -> dict[str, Json]:
    return {"call": call.id, "seconds_left": round(call.deadline - time.time()), **call.arguments}


def _line(call: Call) -> str:
    row = _row(call)
    arguments = json.dumps(row["arguments"], ensure_ascii=False)
    channel = f"  [{row['channel']}]" if row["channel"] else ""
    return (
        f"{call.id}  {row['tool']} {arguments}  {row['reason']}{channel}  {row['seconds_left']} s"
    )
