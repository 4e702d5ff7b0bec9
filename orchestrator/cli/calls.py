"""`orchestrator calls`: what was asked of tools, what came of it, and taking it back."""

import json
import time
from collections.abc import Mapping, Sequence

import anyio
import click

from orchestrator.cli.lookup import age, linked, parsed, show
from orchestrator.dispatch.call import Call, Json, Outcome
from orchestrator.dispatch.overview import find_call, held_by, queue_names
from orchestrator.dispatch.streams import OpenCalls
from orchestrator.errors import UsageError

__all__ = ["command"]


@click.group("calls")
def command() -> None:
    """See the calls of tools, and take back what nobody should wait for."""


@command.command("list")
@click.argument("queue", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_open(queue: str | None, as_json: bool) -> None:
    """Calls that nobody has settled, of QUEUE or of all queues; the oldest first.

    Their arguments are not shown, because they may be personal: `calls show` does.
    """
    show(anyio.run(_list, queue), as_json, "no open calls")


@command.command("show")
@click.argument("call")
def show_one(call: str) -> None:
    """Everything that Redis holds about CALL, with arguments and result, as JSON."""
    _, record = anyio.run(_find, call)
    click.echo(json.dumps(_plain(record), ensure_ascii=False, indent=2))


@command.command("cancel")
@click.argument("call")
def cancel(call: str) -> None:
    """Settle CALL as cancelled: whoever asked is told, and a handler that runs is stopped."""
    stands = anyio.run(_cancel, call)
    if stands.by != "cancel":
        raise UsageError(f"{call} was settled before, by {stands.by}")
    click.echo(f"{call}: cancelled")


async def _list(queue: str | None) -> Sequence[dict[str, Json]]:
    async with linked() as link:
        queues = [queue] if queue else await queue_names(link)
        rows: list[dict[str, Json]] = []
        for each in queues:
            holders = await held_by(link, each)
            calls = await OpenCalls(link, each).list()
            rows += [_row(call, holders.get(call.id)) for call in calls]
        return rows


def _row(call: Call, worker: str | None) -> dict[str, Json]:
    return {
        "call": call.id,
        "queue": call.queue,
        "tool": call.tool,
        "attempt": call.attempt,
        "age": age(max(0.0, time.time() - call.created)),
        "left": age(max(0.0, call.deadline - time.time())),
        "worker": worker,
    }


async def _find(name: str) -> tuple[Call, Mapping[str, str]]:
    async with linked() as link:
        found = await find_call(link, name)
    if found is None:
        raise UsageError(f"there is no record of a call {name}; it may have expired")
    return found


async def _cancel(name: str) -> Outcome:
    call, _ = await _find(name)
    async with linked() as link:
        return await OpenCalls(link, call.queue).settle(call, Outcome.withdrawn("cancel"))


def _plain(record: Mapping[str, str]) -> dict[str, Json]:
    """Fields that are JSON as what they stand for."""
    coded = ("request", "outcome", "late")
    return {name: parsed(text) if name in coded else text for name, text in record.items()}
