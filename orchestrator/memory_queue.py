"""What lies under one queue's hash tag, in memory, and the atomic acts on it.

Plain functions, so that nothing happens between their lines; each does what the Lua file of its
name does (`orchestrator/dispatch/*.lua`).
"""

import itertools
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.dispatch.call import Call, Outcome, Rate, Settler
from orchestrator.interfaces import Claimed, DeadLetter, Settlement

__all__ = ["MemoryQueue"]

Told = tuple[Call, Outcome]


@dataclass
class _Record:
    outcome: Outcome | None = None
    entry: str = ""
    worker: str = ""
    late: Outcome | None = None
    paid: bool = False  # its turn in the tool's rate is booked


@dataclass
class _Entry:
    """An entry of a stream, with what the group knows of it."""

    call: Call
    state: Literal["new", "pending", "parked"] = "new"
    before: int = 0  # deliveries, under earlier ids
    again: bool = False
    holder: str = ""
    since: float = 0.0  # on the monotonic clock: the last renewal

    @property
    def deliveries(self) -> int:
        return self.before + (self.state == "pending")


@dataclass
class _Bound:
    """Of a tool, or of the queue."""

    slots: dict[str, float] = field(default_factory=dict[str, float])  # call id -> deadline
    waiting: list[tuple[float, str]] = field(default_factory=list[tuple[float, str]])

    def free(self, call: Call, limit: int, now: float) -> bool:
        for each in [each for each, deadline in self.slots.items() if deadline <= now - 1]:
            del self.slots[each]
        return len(self.slots.keys() - {call.id}) < limit


class MemoryQueue:
    """One queue. `ring` is called when there is something to take."""

    def __init__(self, name: str, ring: Callable[[], None]) -> None:
        self._name = name
        self._ring = ring
        self._numbers = itertools.count(1)
        self._records: dict[str, _Record] = {}
        self._keys: dict[tuple[str, str], tuple[str, Outcome]] = {}
        self._entries: dict[str, _Entry] = {}  # both lanes, in order
        self._tools: defaultdict[str, _Bound] = defaultdict(_Bound)
        self._whole = _Bound()
        self._booked: defaultdict[str, float] = defaultdict(float)  # by tool, epoch seconds
        self._due: dict[str, float] = {}  # entry -> epoch seconds
        self.dead: dict[str, DeadLetter] = {}

    def outcome(self, call_id: str) -> Outcome | None:
        record = self._records.get(call_id)
        return record.outcome if record else None

    def publish(self, call: Call) -> Outcome | None:
        """The outcome, if there is one already."""
        if (known := self._records.get(call.id)) is not None:
            return known.outcome
        record = self._records[call.id] = _Record(self._refusal(call))
        if record.outcome is None:
            record.entry = self._add(_Entry(Call.from_json(call.to_json())))
        return record.outcome

    def _refusal(self, call: Call) -> Outcome | None:
        if (told := self._keys.get((call.tool, call.key))) is not None:
            fingerprint, outcome = told
            return outcome if fingerprint == call.fingerprint() else Outcome.conflict(call.tool)
        lane = [each for each in self._entries.values() if each.call.priority == call.priority]
        return Outcome.busy() if call.backlog and len(lane) >= call.backlog else None

    def withdraw(self, call: Call, by: Settler) -> tuple[bool, Outcome]:
        """Whether this settled it, and the outcome that stands."""
        record = self._records.setdefault(call.id, _Record())
        if record.outcome is not None:
            return False, record.outcome
        record.outcome = Outcome.withdrawn(by)
        if (entry := self._entries.get(record.entry)) and entry.state != "pending":
            del self._entries[record.entry]
        return True, record.outcome

    def taken(self, call_id: str) -> bool:
        """Whether a consumer has this call, and its outcome is still to come."""
        record = self._records.get(call_id)
        entry = self._entries.get(record.entry) if record and not record.outcome else None
        return entry is not None and entry.state == "pending"

    def deliver(
        self, consumer: str, slots: int, limit: int | None
    ) -> tuple[Sequence[Claimed], Sequence[Told]]:
        """What may run, of the next entries that no consumer has; and what was refused.

        `limit` is how many of the queue may run at a time.
        """
        new = [name for name, each in self._entries.items() if each.state == "new"]
        new.sort(key=lambda name: self._entries[name].call.priority == "job")
        claimed: list[Claimed] = []
        refused: list[Told] = []
        for name in new[:slots]:
            entry = self._entries[name]
            entry.state, entry.holder, entry.since = "pending", consumer, time.monotonic()
            verdict = self._admit(name, entry, limit)
            if isinstance(verdict, Outcome):
                refused.append((entry.call, verdict))
            elif verdict:
                call = Call.from_json(entry.call.to_json())
                claimed.append(Claimed(call, name, entry.deliveries, entry.call.priority))
        return claimed, refused

    def _admit(self, name: str, entry: _Entry, limit: int | None) -> bool | Outcome:
        call, now = entry.call, time.time()
        record = self._records[call.id]
        if entry.again and record.outcome is not None:
            self._forget(name)
            return False
        if call.rate and not record.paid:
            booked = self._booked[call.tool]
            turn = self._turn(booked, call.rate, now)
            if turn > call.deadline:
                record.outcome = Outcome.rate_limited()
                self._forget(name)
                return record.outcome
            self._booked[call.tool] = max(booked, now) + call.rate.seconds / call.rate.calls
            record.paid = True
            if turn > now:
                return self._park(name, turn)
        return self._seated(name, call, limit, now)

    def _turn(self, booked: float, rate: Rate, now: float) -> float:
        return max(now, booked - (rate.seconds - rate.seconds / rate.calls))

    def _seated(self, name: str, call: Call, limit: int | None, now: float) -> bool:
        """In every bound; while it waits in one it has a seat in none."""
        both = ((self._tools[call.tool], call.limit), (self._whole, limit))
        bounds = [(bound, most) for bound, most in both if most]
        full = [bound for bound, most in bounds if not bound.free(call, most, now)]
        if not full:
            for bound, most in bounds:
                bound.slots[call.id] = call.deadline
                while len(bound.slots) < most and self._give(bound):
                    pass
            return True
        self._wait(name, call, full[0])
        return self._park(name, min(full[0].slots.values()) + 1.001)

    def _wait(self, name: str, call: Call, full: _Bound) -> None:
        """The tool's slot only goes to who comes before this call: see `admit.lua`."""
        turn = call.created + 1e10 * (call.priority == "job")
        full.slots.pop(call.id, None)  # there are fewer than before: nobody gets it
        tool = self._tools[call.tool]
        if tool.waiting and tool.waiting[0][0] < turn:
            self._pass_on(tool, call)
        tool.slots.pop(call.id, None)
        self._pass_on(self._whole, call)
        full.waiting.append((turn, name))
        full.waiting.sort()

    def _park(self, name: str, at: float) -> bool:
        self._entries[name].state = "parked"
        self._due[name] = at
        return False

    def wake(self) -> None:
        now = time.time()
        for name in [name for name, at in self._due.items() if at <= now]:
            del self._due[name]
            self._again(name)

    def next_due(self) -> float | None:
        """Seconds until something is due, or None."""
        return min(self._due.values()) - time.time() if self._due else None

    def renew(self, consumer: str, entries: Iterable[str]) -> None:
        for entry in map(self._entries.get, entries):
            if entry and entry.holder == consumer:
                entry.since = time.monotonic()

    def age(self, seconds: float) -> None:
        """As if so much time had passed since the last renewals."""
        for entry in self._entries.values():
            entry.since -= seconds

    def settle(self, claimed: Claimed, consumer: str, outcome: Outcome) -> Settlement:
        call = claimed.call
        record = self._records.get(call.id)
        if record is None:
            return "gone"
        if record.worker == consumer and outcome in (record.outcome, record.late):
            return "settled" if outcome == record.outcome else "late"
        if outcome.ok:
            self._keys.setdefault((call.tool, call.key), (call.fingerprint(), outcome))
        if not self._held(claimed.entry, consumer):
            record.late = record.late or outcome
            return "fenced"
        self._forget(claimed.entry)
        record.worker = consumer
        if record.outcome is None:
            record.outcome = outcome
            return "settled"
        record.late = outcome
        return "late"

    def hand_back(self, claimed: Claimed, consumer: str) -> None:
        if self._held(claimed.entry, consumer):
            self._again(claimed.entry, claimed.deliveries - 1)

    def sweep(self, lease: float, tries: int) -> Sequence[Told]:
        """Judge what has lapsed; what that settled."""
        now = time.monotonic()
        pending = [(name, each) for name, each in self._entries.items() if each.state == "pending"]
        told: list[Told] = []
        for name, entry in pending:
            if now - entry.since < lease:
                continue
            if entry.call.rerun and entry.deliveries < tries:
                self._again(name, entry.deliveries)
            elif outcome := self._give_up(name, entry, tries):
                told.append((entry.call, outcome))
        return told

    def _give_up(self, name: str, entry: _Entry, tries: int) -> Outcome | None:
        record, deliveries = self._records[entry.call.id], entry.deliveries
        self._forget(name)
        if record.outcome is not None:
            return None
        record.worker = entry.holder
        record.outcome = Outcome.withdrawn("dead")
        if entry.call.rerun:
            record.outcome = Outcome.given_up(deliveries)
            reason = f"no worker lived to answer it in {deliveries} deliveries"
            self._bury(entry, reason, deliveries)
        return record.outcome

    def _bury(self, entry: _Entry, reason: str, deliveries: int) -> None:
        letter = f"{time.time_ns() // 1_000_000}-{next(self._numbers)}"
        call, at = entry.call, time.time()
        self.dead[letter] = DeadLetter(
            letter, call.id, call.to_json(), reason, deliveries, entry.holder, at
        )

    def _add(self, entry: _Entry) -> str:
        name = f"{next(self._numbers)}-0"
        self._entries[name] = entry
        self._ring()
        return name

    def _held(self, name: str, consumer: str) -> bool:
        entry = self._entries.get(name)
        return entry is not None and entry.state == "pending" and entry.holder == consumer

    def _forget(self, name: str) -> None:
        entry = self._entries.pop(name)
        self._release(entry.call)

    def _again(self, name: str, deliveries: int | None = None) -> bool:
        """An entry goes round again, unless it was withdrawn."""
        entry = self._entries.pop(name, None)
        if entry is None:
            return False
        before = entry.before if deliveries is None else deliveries
        self._add(_Entry(entry.call, before=before, again=True))
        if entry.state == "pending":
            self._pass_on(self._tools[entry.call.tool], entry.call)
            self._pass_on(self._whole, entry.call)
        return True

    def _release(self, call: Call) -> None:
        """A call is over: the next of its tool comes even if it had no slot there itself."""
        tool = self._tools[call.tool]
        tool.slots.pop(call.id, None)
        self._give(tool)
        self._pass_on(self._whole, call)

    def _pass_on(self, bound: _Bound, call: Call) -> None:
        """A slot that becomes free goes to the call that has waited longest."""
        if bound.slots.pop(call.id, None) is not None:
            self._give(bound)

    def _give(self, bound: _Bound) -> bool:
        """A slot to the call that has waited longest, if any waits."""
        while bound.waiting:
            _, name = bound.waiting.pop(0)
            waiting = self._entries.get(name)
            if waiting and self._again(name):
                bound.slots[waiting.call.id] = waiting.call.deadline
                return True
        return False
