"""Who is told when one asker's reply stream cannot be reached."""

from collections.abc import Sequence

import anyio
import pytest

from orchestrator.dispatch import keys
from orchestrator.dispatch.telling import Telling
from orchestrator.link import Command, Link, Reply
from tests.dispatch.samples import other


@pytest.fixture
def thawed(link: Link, monkeypatch: pytest.MonkeyPatch) -> anyio.Event:
    """Until this is set the reply stream of `frozen` cannot be written."""
    thawed, asked = anyio.Event(), link.ask

    async def ask(*commands: Command) -> list[Reply]:
        if any(keys.replies("frozen") in command for command in commands):
            await thawed.wait()
        return await asked(*commands)

    monkeypatch.setattr(link, "ask", ask)
    return thawed


async def told(link: Link, asker: str, count: int) -> Sequence[str]:
    line, stream, last, found = link.line(), keys.replies(asker), "0", list[str]()
    with anyio.fail_after(30):
        while len(found) < count:
            reply = await line.ask(("XREAD", "BLOCK", 1000, "STREAMS", stream, last), 1)
            for entry, fields in reply[stream] if reply else ():
                last = entry
                found.append(fields[1])
    return found


async def test_an_asker_that_cannot_be_told_holds_up_no_other(
    link: Link, thawed: anyio.Event
) -> None:
    telling = Telling(link)
    telling.put(other(1, reply_to="frozen"), "{}")
    telling.put(other(2), "{}")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(telling.run)
        await anyio.wait_all_tasks_blocked()
        telling.put(other(3, reply_to="frozen"), "{}")
        telling.put(other(4), "{}")
        tasks.start_soon(telling.run)
        assert await told(link, "asker", 2) == [other(2).id, other(4).id]
        assert await link.line().ask(("EXISTS", keys.replies("frozen"))) == 0
        thawed.set()
    assert await told(link, "frozen", 2) == [other(1).id, other(3).id]


async def test_what_nobody_waits_for_is_told_to_nobody(link: Link) -> None:
    telling = Telling(link)
    telling.put(other(1, reply_to=""), "{}")
    await telling.run()
    assert await link.ask(("DBSIZE",)) == [0]
