"""The sequencer against a service that races, rejects, repeats itself and forgets."""

from collections import Counter, deque
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.realtime.sequencer import (
    Cancel,
    Create,
    Ended,
    How,
    Output,
    Sequencer,
    truncation,
)

HAS_ACTIVE = "conversation_already_has_active_response"
NOT_ACTIVE = "response_cancel_not_active"


@dataclass
class Service:
    """One conversation at the service. What it sends and receives is under way for a while."""

    inbox: deque[Output] = field(default_factory=deque[Output])
    outbox: deque[tuple[str, ...]] = field(default_factory=deque[tuple[str, ...]])
    active: tuple[str, str] | None = None  # response, answer or ""
    responses: int = 0
    last: tuple[str, str] | None = None

    def take(self) -> None:
        match self.inbox.popleft() if self.inbox else None:
            case Create(speak, event):
                self.reject(event) if self.active else self.begin(speak)
            case Cancel(response):
                if self.active and self.active[0] == response:
                    self.finish("cancelled")
                else:
                    self.outbox.append(("error", "cancel", NOT_ACTIVE))
            case _:
                pass

    def reject(self, event: str, code: str = HAS_ACTIVE) -> None:
        self.outbox.append(("error", event, code))

    def refuse(self) -> None:
        """Answers the next create with an error that is not about another response."""
        if self.inbox and isinstance(self.inbox[0], Create):
            self.reject(self.inbox.popleft().event, "invalid_value")  # type: ignore[union-attr]

    def begin(self, speak: str = "", *, silently: bool = False) -> None:
        if self.active is None:
            self.responses += 1
            self.active = (f"resp_{self.responses}", speak)
            if not silently:
                self.outbox.append(("created", *self.active))

    def begin_silently(self) -> None:
        """Begins the next answer, or one of its own, without a `response.created`."""
        head = self.inbox[0] if self.inbox else None
        if isinstance(head, Create) and self.active is None:
            self.inbox.popleft()
            self.begin(head.speak, silently=True)
        else:
            self.begin(silently=True)

    def finish(self, how: How = "completed") -> None:
        if self.active:
            self.outbox.append(("done", *self.active, how))
            self.last, self.active = self.active, None

    def fail(self) -> None:
        self.finish("failed")

    def repeat(self) -> None:
        if self.last:
            self.outbox.append(("done", *self.last, "completed"))


@dataclass
class Client:
    """Delivers between the two, and knows only what has reached it."""

    service: Service = field(default_factory=Service)
    sequencer: Sequencer = field(default_factory=Sequencer)
    asked: int = 0
    ended: Counter[str] = field(default_factory=Counter[str])
    known: str | None = None
    pending: str | None = None

    def run(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            if isinstance(output, Ended):
                self.ended[output.speak] += 1
                self.pending = None if output.speak == self.pending else self.pending
                continue
            if isinstance(output, Create):
                assert self.known is None and self.pending is None, "a second response"
                self.pending = output.speak
            self.service.inbox.append(output)

    def ask(self) -> None:
        self.asked += 1
        self.run(self.sequencer.ask(f"speak_{self.asked}"))

    def cancel(self) -> None:
        self.run(self.sequencer.cancel(f"speak_{self.asked}"))

    def hear(self) -> None:
        match self.service.outbox.popleft() if self.service.outbox else ():
            case ("created", response, speak):
                self.known = response
                self.pending = None if speak == self.pending else self.pending
                self.run(self.sequencer.created(response, speak or None))
            case ("done", response, speak, how):
                self.known = None if response == self.known else self.known
                self.run(self.sequencer.done(response, speak or None, how))  # type: ignore[arg-type]
            case ("error", event, code):
                self.pending = None if event.startswith("create") else self.pending
                self.run(self.sequencer.refused(event, code))
            case _:
                pass

    def settle(self) -> None:
        """Lets everything under way arrive, and every response come to its end."""
        while self.service.inbox or self.service.outbox or self.service.active:
            self.service.take()
            while self.service.outbox:
                self.hear()
            self.service.finish()


STEPS = (
    *(["ask", "cancel", "hear", "hear"]),
    *(["take", "take", "begin", "finish", "fail", "refuse", "begin_silently", "repeat"]),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_never_two_responses_and_one_end_for_each_answer(steps: list[str]) -> None:
    client = Client()
    for step in steps:
        getattr(client if hasattr(client, step) else client.service, step)()
    client.settle()
    assert client.ended == Counter(f"speak_{n + 1}" for n in range(client.asked))
    assert client.sequencer.state == "free"


IDS = st.sampled_from(["resp_1", "resp_2", "resp_3"])
SPEAKS = st.sampled_from(["speak_1", "speak_2", "speak_3"])
NOISE = st.one_of(
    st.tuples(st.sampled_from(["ask", "cancel"]), SPEAKS),
    st.tuples(st.just("created"), IDS, st.none() | SPEAKS),
    st.tuples(st.just("done"), IDS, st.none() | SPEAKS, st.sampled_from(["completed", "failed"])),
    st.tuples(
        st.just("refused"),
        st.none() | st.sampled_from(["create.1", "create.2", "create.3"]),
        st.sampled_from([HAS_ACTIVE, NOT_ACTIVE, "invalid_value"]),
    ),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(NOISE, max_size=30))
def test_whatever_the_service_says_an_answer_ends_once(calls: list[tuple[str, ...]]) -> None:
    sequencer = Sequencer()
    outstanding: set[str] = set()
    for name, *arguments in [*calls, ("close", "1006")]:
        if name == "ask":
            outstanding.add(arguments[0])
        for output in getattr(sequencer, name)(*arguments):
            if isinstance(output, Ended):
                outstanding.remove(output.speak)  # a second end, or one unasked, is a KeyError
            if isinstance(output, Create):
                assert output.speak in outstanding
    assert not outstanding


def test_an_answer_is_asked_for_at_once_when_nothing_is_open() -> None:
    assert Sequencer().ask("a") == (Create("a", "create.1"),)


def test_asking_twice_for_one_answer_asks_once() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.ask("a") == ()


def test_an_answer_waits_for_the_end_of_a_response_that_is_not_ours() -> None:
    sequencer = Sequencer()
    sequencer.created("vad", None)
    assert sequencer.ask("a") == ()
    assert sequencer.done("vad", None, "completed") == (Create("a", "create.1"),)


def test_a_rejected_request_is_repeated_after_the_response_in_its_way() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.created("vad", None)
    assert sequencer.refused("create.1", HAS_ACTIVE) == ()
    assert sequencer.done("vad", None, "completed") == (Create("a", "create.2"),)


def test_a_rejection_may_tell_of_a_response_that_nobody_announced() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.refused("create.1", HAS_ACTIVE) == ()
    assert sequencer.done("vad", None, "cancelled") == (Create("a", "create.2"),)


def test_a_rejection_after_the_end_of_what_was_in_the_way_is_repeated_at_once() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.done("vad", None, "cancelled")
    assert sequencer.refused("create.1", HAS_ACTIVE) == (Create("a", "create.2"),)


def test_a_rejection_without_our_event_id_is_ours_all_the_same() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.refused(None, HAS_ACTIVE)
    assert sequencer.state == "active"


def test_any_other_error_about_our_request_ends_the_answer() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.refused("create.1", "invalid_value") == (
        Ended("a", "failed", "invalid_value"),
    )


@pytest.mark.parametrize("event", ["item.x", None, "create.0"])
def test_errors_about_other_things_leave_the_request_open(event: str | None) -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.refused(event, "invalid_value") == ()
    assert sequencer.state == "requested"


def test_an_end_without_a_beginning_ends_the_answer() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.done("r", "a", "failed", "server_error") == (
        Ended("a", "failed", "server_error"),
    )


def test_a_second_end_is_ignored() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.created("r", "a")
    sequencer.done("r", "a", "completed")
    sequencer.ask("b")
    assert sequencer.done("r", "a", "completed") == ()
    assert sequencer.state == "requested"


def test_a_cancelled_answer_ends_when_the_service_says_so() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.created("r", "a")
    assert sequencer.cancel("a") == (Cancel("r"),)
    assert sequencer.cancel("a") == ()
    assert sequencer.done("r", "a", "completed") == (Ended("a", "completed"),)


def test_a_cancel_before_the_beginning_waits_for_it() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.cancel("a") == ()
    assert sequencer.created("r", "a") == (Cancel("r"),)


def test_a_cancelled_request_that_is_rejected_is_not_repeated() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.cancel("a")
    assert sequencer.refused("create.1", HAS_ACTIVE) == (Ended("a", "cancelled", HAS_ACTIVE),)


def test_a_cancel_concerns_one_answer_only() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.cancel("a")
    sequencer.done("r", "a", "cancelled")
    sequencer.ask("b")
    assert sequencer.created("s", "b") == ()


def test_answers_keep_their_order_through_a_rejection() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.ask("b")
    sequencer.refused("create.1", HAS_ACTIVE)
    assert sequencer.done("vad", None, "completed") == (Create("a", "create.2"),)


def test_an_answer_that_still_waits_is_cancelled_at_once() -> None:
    sequencer = Sequencer()
    sequencer.created("vad", None)
    sequencer.ask("a")
    assert sequencer.cancel("a") == (Ended("a", "cancelled"),)


def test_nothing_to_cancel_at_the_service_is_harmless() -> None:
    sequencer = Sequencer()
    assert sequencer.refused("cancel", NOT_ACTIVE) == ()
    sequencer.ask("a")
    assert sequencer.refused("cancel", NOT_ACTIVE) == ()
    sequencer.created("r", "a")
    sequencer.cancel("a")
    assert sequencer.refused(None, NOT_ACTIVE) == (Ended("a", "cancelled", NOT_ACTIVE),)


def test_a_new_response_proves_the_end_of_the_one_before() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    sequencer.created("r", "a")
    assert sequencer.created("vad", None) == (Ended("a", "failed", "superseded"),)
    assert sequencer.ask("b") == ()
    assert sequencer.done("vad", None, "completed") == (Create("b", "create.2"),)


def test_a_response_speaks_for_our_answer_while_it_is_open() -> None:
    sequencer = Sequencer()
    sequencer.ask("a")
    assert sequencer.speaking("r") is None
    sequencer.created("r", "a")
    assert sequencer.speaking("r") == "a"
    assert sequencer.speaking("other") is None
    sequencer.done("r", "a", "completed")
    assert sequencer.speaking("r") is None


@pytest.mark.parametrize(
    ("played", "received", "ours", "cut"),
    [
        (500, 2000, True, 500),
        (2500, 2000, True, 2000),
        (0, 2000, True, None),
        (500, 0, True, None),
        (500, 2000, False, None),
    ],
)
def test_a_cut_lies_within_what_was_received(
    played: int, received: int, ours: bool, cut: int | None
) -> None:
    assert truncation(played, received, ours=ours) == cut
