"""Decides when a response may be asked for. Pure; the second machine beside the engine.

The service takes one response at a time into the conversation, and it starts and ends
them in its own time: the voice detector may have started one, a create may cross with it
and be rejected, an end may come without a beginning. The engine must not care. It asks
for an answer; the sequencer asks the service as soon as that can succeed, and reports
exactly one end for each answer.

free ──▶ requested ──created──▶ active ──cancel──▶ cancelling
 ▲           │                    │                    │
 └─refused───┴────────done────────┴────────done────────┘

`active` may also be a response that somebody else asked for; a rejected request waits for
the end of that one, even where it is known only from the rejection.
"""

from collections import deque
from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["Cancel", "Create", "Ended", "How", "Output", "Sequencer", "State", "truncation"]

State: TypeAlias = Literal["free", "requested", "active", "cancelling"]
How: TypeAlias = Literal["completed", "cancelled", "failed", "incomplete"]

_HAS_ACTIVE = "conversation_already_has_active_response"
_NOT_ACTIVE = "response_cancel_not_active"


@dataclass(frozen=True, slots=True)
class Create:
    """Ask the service for answer `speak`. An error about it comes back with id `event`."""

    speak: str
    event: str


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask the service to stop this response."""

    response: str


@dataclass(frozen=True, slots=True)
class Ended:
    """Answer `speak` is over. `error` is the service's code or reason, if it gave one."""

    speak: str
    how: How
    error: str = ""


Output: TypeAlias = Create | Cancel | Ended


class Sequencer:
    """One conversation's. Every method says what follows, in order."""

    def __init__(self) -> None:
        self.state: State = "free"
        self._speak: str | None = None  # the answer that the state is about; None: not ours
        self._response: str | None = None  # the open response, once its id is known
        self._waiting: deque[str] = deque()
        self._unwanted = False  # cancelled before the service had created it
        self._freed = False  # a response ended since we requested ours
        self._requests = 0

    def ask(self, speak: str) -> tuple[Output, ...]:
        """An answer is wanted. Asking again for one that is open changes nothing."""
        if speak != self._speak and speak not in self._waiting:
            self._waiting.append(speak)
        return self._next()

    def cancel(self, speak: str) -> tuple[Output, ...]:
        """An answer is not wanted any more. It ends when the service says so."""
        if speak in self._waiting:
            self._waiting.remove(speak)
            return (Ended(speak, "cancelled"),)
        if speak == self._speak and self.state == "requested":
            self._unwanted = True
        if speak == self._speak and self.state == "active":
            return self._stop()
        return ()

    def created(self, response: str, speak: str | None) -> tuple[Output, ...]:
        """The service began a response; `speak` is the answer that its metadata name."""
        if self.state == "requested":
            self._response = response
            return self._begin() if speak == self._speak else ()
        if response == self._response:
            return ()
        # There is one at a time, so the one that we knew is over, though we missed its end.
        lost = self._release("failed", "superseded")
        self.state, self._response = "active", response
        return lost

    def done(
        self, response: str, speak: str | None, how: How, error: str = ""
    ) -> tuple[Output, ...]:
        """The service ended a response. Late, repeated and unheralded ends are all legal."""
        ended: tuple[Output, ...] = ()
        if speak is not None and speak in self._waiting:
            self._waiting.remove(speak)
            ended = (Ended(speak, how, error),)
        if speak is not None and speak == self._speak:
            ended += self._release(how, error)
        elif self.state == "requested":
            self._freed = True
            self._response = None if response == self._response else self._response
        elif self._response in (response, None):
            ended += self._release(how, error)
        return ended + self._next()

    def refused(self, event: str | None, code: str) -> tuple[Output, ...]:
        """An `error` of the service. One that is not about our request changes nothing."""
        if code == _NOT_ACTIVE and self.state == "cancelling":
            return self._release("cancelled", code) + self._next()
        ours = event == self._event or (event is None and code == _HAS_ACTIVE)
        if self.state != "requested" or not ours:
            return ()
        return self._rejected(code) + self._next()

    def close(self, error: str) -> tuple[Output, ...]:
        """The session is gone: whatever is open fails."""
        left = [Ended(speak, "failed", error) for speak in self._waiting]
        self._waiting.clear()
        return self._release("failed", error) + tuple(left)

    def speaking(self, response: str) -> str | None:
        """The answer that this response gives; None if it is over or not ours."""
        begun = self.state != "requested" and response == self._response
        return self._speak if begun else None

    @property
    def _event(self) -> str:
        return f"create.{self._requests}"

    def _next(self) -> tuple[Output, ...]:
        if self.state != "free" or not self._waiting:
            return ()
        self.state, self._speak = "requested", self._waiting.popleft()
        self._unwanted = self._freed = False
        self._requests += 1
        return (Create(self._speak, self._event),)

    def _begin(self) -> tuple[Output, ...]:
        self.state = "active"
        return self._stop() if self._unwanted else ()

    def _stop(self) -> tuple[Output, ...]:
        assert self._response is not None
        self.state = "cancelling"
        return (Cancel(self._response),)

    def _rejected(self, code: str) -> tuple[Output, ...]:
        speak, self._speak = self._speak, None
        assert speak is not None
        busy = self._response is not None or (code == _HAS_ACTIVE and not self._freed)
        self.state = "active" if busy else "free"
        if self._unwanted:
            return (Ended(speak, "cancelled", code),)
        if code != _HAS_ACTIVE:
            return (Ended(speak, "failed", code),)
        self._waiting.appendleft(speak)
        return ()

    def _release(self, how: How, error: str) -> tuple[Output, ...]:
        ended = () if self._speak is None else (Ended(self._speak, how, error),)
        self.state, self._speak, self._response = "free", None, None
        return ended


def truncation(played_ms: int, received_ms: int, *, ours: bool) -> int | None:
    """Where to cut the item that the caller interrupted, in ms; None: nothing to cut.

    More than was received is refused by the service, and so is a cut before the first
    audio. `ours` says that we play the audio: on WebRTC and SIP the service cuts by itself.
    """
    end = min(played_ms, received_ms)
    return end if ours and end > 0 else None
