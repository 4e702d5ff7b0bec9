"""`orchestrator queues`: how much waits where, and who is there to work."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import anyio
import click

from orchestrator.cli.lookup import linked, show
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.overview import QueueState, queue_names, queue_state
from orchestrator.link import Link

__all__ = ["command", "with_rates"]

PAUSE = 1.0  # seconds between two looks


@click.command("queues")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--watch", is_flag=True, help="Look again every second, until Ctrl-C.")
def command(as_json: bool, watch: bool) -> None:
    """The queues, with the calls that wait, run or are parked, and the workers that serve them.

    `oldest` is how many seconds ago the oldest of these calls came; `dead` counts dead letters;
    `limits` are what its workers were given as --limit, which must be the same; `came` and `went`
    count calls ever since, and with --watch those a minute since the look before.
    """
    anyio.run(_watch, as_json, watch)


async def _watch(as_json: bool, watch: bool) -> None:
    async with linked() as link:
        states = await _look(link)
        _show([asdict(state) for state in states.values()], as_json)
        while watch:
            looked = time.monotonic()
            await anyio.sleep(PAUSE)
            before, states = states, await _look(link)
            minutes = (time.monotonic() - looked) / 60
            rows = [with_rates(state, before.get(name), minutes) for name, state in states.items()]
            click.clear()  # on a terminal
            _show(rows, as_json)


def _show(rows: Sequence[dict[str, Json]], as_json: bool) -> None:
    told = [{**row, "limits": _limits(row["limits"])} for row in rows]
    show(rows if as_json else told, as_json, "no queues yet")
    for row in rows:
        if len(row["limits"]) > 1:
            differ = f"its workers have different limits: {_limits(row['limits'])}"
            click.echo(f"{row['queue']}: {differ}; give all the same --limit", err=True)


def _limits(limits: Sequence[int | None]) -> str:
    words = ["none" if limit is None else str(limit) for limit in limits]
    return ", ".join(words) if any(limits) else "-"


async def _look(link: Link) -> Mapping[str, QueueState]:
    return {name: await queue_state(link, name) for name in await queue_names(link)}


def with_rates(state: QueueState, before: QueueState | None, minutes: float) -> dict[str, Json]:
    """A row with how much came and went a minute; before a second look that is unknown."""
    row = asdict(state)
    for name in ("came", "went"):
        since = row[name] - getattr(before, name) if before else None
        row[f"{name}_per_min"] = None if since is None else round(max(0, since) / minutes)
    return row
