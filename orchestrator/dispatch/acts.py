"""The atomic acts: each Lua file beside this one, with its keys and arguments in order.

The files say what the acts do and return; docs/redis.md is the contract. All keys of an act
lie under one queue's hash tag.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from orchestrator.dispatch import keys
from orchestrator.dispatch.call import Call, Outcome, Priority
from orchestrator.link import Script

__all__ = [
    "LANES",
    "Act",
    "Ended",
    "Held",
    "Letter",
    "admit",
    "bury",
    "give_up",
    "go_round",
    "publish",
    "settle",
    "stream",
    "wake",
    "withdraw",
]

HOUR, DAY, YEAR = 3600, 86400, 31_536_000

LANES: Sequence[Priority] = ("live", "job")
"""In the order in which they are read."""


def stream(queue: str, lane: Priority) -> str:
    return keys.work(queue) if lane == "live" else keys.jobs(queue)


def _load(*names: str) -> Script:
    return Script.load("orchestrator.dispatch", *(f"{name}.lua" for name in names))


PUBLISH, WITHDRAW = _load("telling", "publish"), _load("telling", "withdraw")
SETTLE, ADMIT = (
    _load("roomless", "telling", "parking", "settle"),
    _load("telling", "parking", "admit"),
)
GIVE_UP = _load("telling", "parking", "give_up")
RETURN, WAKE = _load("parking", "return"), _load("parking", "wake")


BUSY, RATE_LIMITED = Outcome.busy().to_json(), Outcome.rate_limited().to_json()


class Act(NamedTuple):
    """What `Link.act` needs."""

    script: Script
    keys: Sequence[str]
    arguments: Sequence[str | int | float]


@dataclass(frozen=True, slots=True)
class Held:
    """A pending entry of a queue: whose it is, and for how long it must have been idle (s).

    `limit` is how many calls of the queue run at a time, in the eyes of that holder.
    """

    queue: str
    lane: Priority
    entry: str
    holder: str
    idle: float = 0.0
    limit: int | None = None

    @property
    def streams(self) -> tuple[str, str]:
        return keys.work(self.queue), keys.jobs(self.queue)

    @property
    def arguments(self) -> tuple[str | int, ...]:
        return keys.GROUP, self.holder, self.lane, self.entry, int(self.idle * 1000)


class Letter(NamedTuple):
    """A dead letter; `deliveries` is how often it was delivered."""

    request: str
    reason: str
    deliveries: int


class Ended(NamedTuple):
    """A call that a worker has ended; `outcome` is JSON, `started` in seconds since the epoch.

    `bounded`: it may have slots, of its tool or, as only others know, of its queue.
    """

    lane: Priority
    entry: str
    call: Call
    outcome: str
    ok: bool
    started: float
    bounded: bool


def publish(call: Call) -> Act:
    record = keys.call_record(call.queue, call.id)
    key = keys.key_record(call.queue, call.tool, call.key)
    return Act(
        PUBLISH,
        (record, key, stream(call.queue, call.priority)),
        (
            *(call.id, call.to_json(), call.fingerprint(), _conflict(call.tool)),
            *(_keep_open(call), HOUR, call.backlog or 0, BUSY, _channel(call)),
        ),
    )


@lru_cache
def _conflict(tool: str) -> str:
    return Outcome.conflict(tool).to_json()


def withdraw(call: Call, outcome: Outcome, *, asking: bool = False) -> Act:
    """`asking`: who runs it is asked to stop, and only what nobody runs is settled. Who asks has
    the outcome from the act."""
    record = keys.call_record(call.queue, call.id)
    return Act(
        WITHDRAW,
        (record, stream(call.queue, call.priority)),
        (
            *(call.id, call.to_json(), outcome.to_json(), HOUR),
            *(keys.control(call.queue), keys.GROUP, int(asking), "" if asking else _channel(call)),
        ),
    )


def admit(held: Held, call: Call) -> Act:
    rate = (call.rate.calls, call.rate.seconds) if call.rate else (0, 0)
    record = keys.call_record(held.queue, call.id)
    places = (keys.rate(held.queue, call.tool), keys.due(held.queue))
    return Act(
        ADMIT,
        (record, *held.streams, *places, *_bounds(held.queue, call.tool)),
        (
            *(keys.GROUP, held.holder, held.lane, held.entry, call.id),
            *(call.deadline, call.created, *rate, RATE_LIMITED, HOUR, _keep_open(call)),
            *(_channel(call), call.limit or 0, held.limit or 0),
        ),
    )


def settle(queue: str, holder: str, ended: Sequence[Ended]) -> Act:
    places = [keys.work(queue), keys.jobs(queue)]
    words: list[str | int | float] = [keys.GROUP, holder, HOUR, DAY]
    for each in ended:
        call = each.call
        places += keys.call_record(queue, call.id), keys.key_record(queue, call.tool, call.key)
        if each.bounded:
            places += _bounds(queue, call.tool)
        words += each.lane, each.entry, call.id, each.outcome, int(each.ok)
        words += each.started, _channel(call), int(each.bounded)
    return Act(SETTLE, places, words)


def go_round(held: Held, call: Call, deliveries: int) -> Act:
    return Act(
        RETURN,
        (*held.streams, *_bounds(held.queue, call.tool)),
        (*held.arguments, call.id, deliveries),
    )


def give_up(held: Held, call: Call, outcome: Outcome, letter: Letter | tuple[()] = ()) -> Act:
    return _give_up(held, call.id, call.tool, outcome, _channel(call), letter)


def bury(held: Held, call_id: str, outcome: Outcome, letter: Letter) -> Act:
    """Give an entry up that is no call; `call_id` is what it says that it is."""
    return _give_up(held, call_id, "", outcome, "", letter)


def _give_up(
    held: Held,
    call_id: str,
    tool: str,
    outcome: Outcome,
    channel: str,
    letter: Letter | tuple[()],
) -> Act:
    record = keys.call_record(held.queue, call_id)
    return Act(
        GIVE_UP,
        (record, *held.streams, keys.dead(held.queue), *_bounds(held.queue, tool)),
        (*held.arguments, call_id, outcome.to_json(), HOUR, channel, *letter),
    )


def wake(queue: str) -> Act:
    return Act(WAKE, (keys.work(queue), keys.jobs(queue), keys.due(queue)), ())


def _channel(call: Call) -> str:
    return keys.replies(call.reply_to) if call.reply_to else ""  # else nobody waits


def _bounds(queue: str, tool: str) -> tuple[str, ...]:
    """Slots and waiting calls of the tool, and of the queue."""
    return tuple(key(queue, of) for of in (tool, None) for key in (keys.slots, keys.waiting))


def _keep_open(call: Call) -> int:
    """How long the record of an open call is kept: a day after its deadline (s)."""
    return int(min(max(0, call.deadline - call.created), YEAR)) + DAY
