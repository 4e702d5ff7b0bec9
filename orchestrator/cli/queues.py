"""`orchestrator queues`: how much waits where, and who is there to work."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import anyio
import click

from orchestrator.cli.lookup import linked, show
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.overview import queue_names, queue_state
from orchestrator.link import Link

__all__ = ["command"]

PAUSE = 1.0  # seconds between two looks


@click.command("queues")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--watch", is_flag=True, help="Look again every second, until Ctrl-C.")
def command(as_json: bool, watch: bool) -> None:
    """The queues, with the calls that wait, run or are parked, and the workers that serve them.

    `oldest` is how many seconds ago the oldest of these calls came; `dead` counts dead letters.
    """
    anyio.run(_show, as_json, watch)


async def _show(as_json: bool, watch: bool) -> None:
    async with linked() as link:
        show(await _rows(link), as_json, "no queues yet")
        while watch:
            await anyio.sleep(PAUSE)
            rows = await _rows(link)
            click.clear()  # on a terminal
            show(rows, as_json, "no queues yet")


async def _rows(link: Link) -> Sequence[Mapping[str, Json]]:
    return [asdict(await queue_state(link, queue)) for queue in await queue_names(link)]
