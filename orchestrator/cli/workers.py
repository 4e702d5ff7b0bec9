"""`orchestrator workers`: who is there to run the calls of tools, and sending them home."""

import time
from collections.abc import Sequence

import anyio
import click

from orchestrator.cli.lookup import age, linked, show
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.roster import Present, Roster
from orchestrator.errors import UsageError

__all__ = ["command"]

PAUSE = 0.2  # seconds between two looks at who is still there


@click.group("workers")
def command() -> None:
    """See who runs the calls of tools, and send them home."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with schemas.")
def list_present(as_json: bool) -> None:
    """Workers and MCP hosts that are there, with the handlers of their queues."""
    rows = [_whole(each) if as_json else _short(each) for each in anyio.run(_present)]
    show(rows, as_json, "no workers")


@command.command("drain")
@click.argument("names", metavar="WORKER…", nargs=-1, required=True)
@click.option("--wait", is_flag=True, help="Return when they are gone.")
def drain(names: tuple[str, ...], wait: bool) -> None:
    """Let each WORKER claim nothing more, and end when its running calls have.

    It hears of it within two seconds. Calls that outlast its `--drain` are cut short.
    """
    anyio.run(_drain, names, wait)
    for name in names:
        click.echo(f"{name}: {'gone' if wait else 'drains'}")


async def _present() -> Sequence[Present]:
    async with linked() as link:
        return await Roster(link).present()


async def _drain(names: Sequence[str], wait: bool) -> None:
    async with linked() as link:
        roster = Roster(link)
        there = {worker.name for worker in await roster.present()}
        if unknown := [name for name in names if name not in there]:
            raise UsageError(f"not there: {', '.join(unknown)}; see `orchestrator workers list`")
        for name in names:
            await roster.drain(name)
        while wait and {each.name for each in await roster.present()} & {*names}:  # noqa: ASYNC110
            await anyio.sleep(PAUSE)


def _short(worker: Present) -> dict[str, Json]:
    queues = (f"{queue}: {', '.join(sorted(h))}" for queue, h in sorted(worker.queues.items()))
    return {
        "worker": worker.name,
        "up": age(max(0.0, time.time() - worker.started)),
        "slots": worker.slots,
        "limit": worker.limit,
        "state": "draining" if worker.draining else "serving",
        "queues": "; ".join(queues),
    }


def _whole(worker: Present) -> dict[str, Json]:
    handlers = {
        queue: {
            name: {"arguments": each.arguments, "returns": each.returns}
            for name, each in handled.items()
        }
        for queue, handled in worker.queues.items()
    }
    row = _short(worker)
    return {**row, "started": worker.started, "queues": handlers}
