"""`orchestrator dead`: calls that were given up, to be understood, run once more or dropped."""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

import anyio
import click

from orchestrator.cli.lookup import age, linked, parsed, show
from orchestrator.dispatch.call import Call, Json, Outcome
from orchestrator.dispatch.dead import StreamDeadLetters, queues_with_dead_letters
from orchestrator.dispatch.overview import names_of, record
from orchestrator.errors import UsageError
from orchestrator.interfaces import DeadLetter
from orchestrator.link import Link

__all__ = ["command"]

Act: TypeAlias = Callable[[Link, str, DeadLetter], Awaitable[str]]
"""Does something with a letter of a queue and says what. Raises `UsageError` if it cannot."""


@click.group("dead")
def command() -> None:
    """See calls that were given up, run them once more, or drop them.

    CALL is the id of a dead letter or that of its call.
    """


@command.command("list")
@click.argument("queue", required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_all(queue: str | None, as_json: bool) -> None:
    """Dead letters of QUEUE or of all queues; the oldest first.

    The arguments of calls are not shown, because they may be personal: `dead show` does.
    """
    show(anyio.run(_list, queue), as_json, "no dead letters")


@command.command("show")
@click.argument("call")
@click.option("--queue", help="Look only there.")
def show_one(call: str, queue: str | None) -> None:
    """Everything that is known of a dead letter, with what its asker was told, as JSON."""
    click.echo(json.dumps(anyio.run(_show, call, queue), ensure_ascii=False, indent=2))


@command.command("redrive")
@click.argument("call", required=False)
@click.option("--all", "every", is_flag=True, help="All that there are now.")
@click.option("--queue", help="Look only there.")
def redrive(call: str | None, every: bool, queue: str | None) -> None:
    """Run CALL once more, as a new call under the same key that nobody waits for.

    It has as much time as the dead one had. Its letter is dropped.
    """
    anyio.run(_each, _redrive, _wanted(call, every), queue)


@command.command("drop")
@click.argument("call", required=False)
@click.option("--all", "every", is_flag=True, help="All that there are now.")
@click.option("--queue", help="Look only there.")
def drop(call: str | None, every: bool, queue: str | None) -> None:
    """Forget CALL; its asker was told long ago what came of it."""
    anyio.run(_each, _drop, _wanted(call, every), queue)


def _wanted(call: str | None, every: bool) -> str | None:
    """The call that is named; None for all."""
    if (call is None) != every:
        raise UsageError("name one CALL, or say --all")
    return call


async def _list(queue: str | None) -> Sequence[dict[str, Json]]:
    async with linked() as link:
        return [_row(where, letter) for where, letter in await _letters(link, queue)]


def _row(queue: str, letter: DeadLetter) -> dict[str, Json]:
    return {
        "letter": letter.id,
        "queue": queue,
        "call": letter.call or None,
        "tool": _tool(letter),
        "deliveries": letter.deliveries,
        "age": age(max(0.0, time.time() - letter.at)),
        "worker": letter.worker or None,
        "reason": letter.reason,
    }


def _tool(letter: DeadLetter) -> str | None:
    try:
        return Call.from_json(letter.request).tool
    except ValueError:
        return None  # it is no call


async def _show(name: str, queue: str | None) -> dict[str, Json]:
    async with linked() as link:
        where, letter = await _found(link, name, queue)
        told = (await record(link, where, letter.call)).get("outcome")
    return {
        **_row(where, letter),
        "at": letter.at,
        "outcome": parsed(told) if told else None,  # a record is kept for an hour
        "request": parsed(letter.request),
    }


async def _each(act: Act, name: str | None, queue: str | None) -> None:
    """Do it to all that are wanted; what could not be done is said in the end."""
    async with linked() as link:
        found = [await _found(link, name, queue)] if name else await _letters(link, queue)
        failures: list[str] = []
        for where, letter in found:
            try:
                click.echo(await act(link, where, letter))
            except UsageError as problem:
                failures.append(str(problem))
    if failures:
        raise UsageError("\n".join(failures))
    if not found:
        click.echo("no dead letters")


async def _redrive(link: Link, queue: str, letter: DeadLetter) -> str:
    call, outcome = await StreamDeadLetters(link, queue).redrive(letter.id)
    if outcome:
        return f"{letter.call}: nothing runs, its key has an outcome: {_word(outcome)}"
    return f"{letter.call}: runs once more, as {call.id} in queue {queue}"


def _word(outcome: Outcome) -> str:
    return f"{outcome.error.code}, {outcome.error.message}" if outcome.error else "ok"


async def _drop(link: Link, queue: str, letter: DeadLetter) -> str:
    if not await StreamDeadLetters(link, queue).drop(letter.id):
        raise UsageError(f"{letter.id} was dropped or redriven by somebody else")
    call = letter.call or "an entry without a call"
    return f"{letter.id}: dropped {call} of queue {queue} ({letter.reason})"


async def _found(link: Link, name: str, queue: str | None) -> tuple[str, DeadLetter]:
    found = [each for each in await _letters(link, queue) if name in _names(each[1])]
    if not found:
        raise UsageError(f"there is no dead letter of {name}; see `orchestrator dead list`")
    if len(found) > 1:
        several = ", ".join(f"{letter.id} of queue {where}" for where, letter in found)
        raise UsageError(f"several are of {name}: {several}; name one by its letter and --queue")
    return found[0]


def _names(letter: DeadLetter) -> tuple[str, ...]:
    """Its id, its call's, and the one that `run --json` prints."""
    return letter.id, *names_of(letter.call)


async def _letters(link: Link, queue: str | None) -> Sequence[tuple[str, DeadLetter]]:
    queues = [queue] if queue else await queues_with_dead_letters(link)
    return [
        (each, letter) for each in queues for letter in await StreamDeadLetters(link, each).list()
    ]
