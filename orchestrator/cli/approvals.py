"""`orchestrator approvals`: what waits for a person's decision."""

import getpass
import json
import time
from collections.abc import Sequence

import anyio
import click

from orchestrator.cli.lookup import linked
from orchestrator.dispatch.call import APPROVALS, Call, Json, Outcome
from orchestrator.dispatch.overview import find_call, names_of
from orchestrator.dispatch.streams import OpenCalls
from orchestrator.errors import UsageError
from orchestrator.link import Link

__all__ = ["command"]


@click.group("approvals")
def command() -> None:
    """See what waits for a person's decision, and decide."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_open(as_json: bool) -> None:
    """Calls that wait to be approved, the oldest first."""
    calls = anyio.run(_list)
    if not calls and not as_json:
        click.echo("nothing waits for a person")
    for call in calls:
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
    async with linked() as link:
        calls = OpenCalls(link, APPROVALS)
        await calls.settle_overdue()
        return _reviews(await calls.list())


async def _settle(name: str, decision: dict[str, Json]) -> Outcome:
    async with linked() as link:
        calls = OpenCalls(link, APPROVALS)
        overdue = [call.id for call in await calls.settle_overdue() if name in names_of(call.id)]
        found = [call for call in _reviews(await calls.list()) if name in names_of(call.id)]
        if not found:
            why = await _settled(link, overdue[0] if overdue else name)
            raise UsageError(f"{name} {why}; `orchestrator approvals list` shows what waits")
        return await calls.settle(found[0], Outcome("worker", decision))


async def _settled(link: Link, name: str) -> str:
    """What became of what waits no more, as far as that is known."""
    found = await find_call(link, name, APPROVALS)
    outcome = found[1].get("outcome") if found else None
    return (
        f"does not wait any more: {_word(Outcome.from_json(outcome))}"
        if outcome
        else "does not wait"
    )


def _reviews(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.tool == "review"]


def _row(call: Call) -> dict[str, Json]:
    return {"call": call.id, "seconds_left": round(call.deadline - time.time()), **call.arguments}


def _line(call: Call) -> str:
    row = _row(call)
    arguments = json.dumps(row["arguments"], ensure_ascii=False)
    channel = f"  [{row['channel']}]" if row["channel"] else ""
    return (
        f"{call.id}  {row['tool']} {arguments}  {row['reason']}{channel}  {row['seconds_left']} s"
    )
