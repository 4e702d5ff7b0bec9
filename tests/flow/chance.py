"""A `World` in which a list of numbers says what happens next."""

import json

from orchestrator.dispatch.call import Json, Outcome
from orchestrator.flow.definition import Tool
from orchestrator.flow.engine import offered
from orchestrator.flow.events import (
    AgentCutOff,
    AgentFinished,
    AgentSaid,
    AgentSaying,
    Answered,
    AnswerEnded,
    CallerBegan,
    CallerLeft,
    CallerStopped,
    CallerTyped,
    CallProgressed,
    CallSettled,
    DigitPressed,
    Event,
    LineFound,
    NativeAsked,
    NativeSettled,
    ProviderLost,
    Signalled,
    TimerFired,
    ToolAsked,
    TranscriptFinal,
    TransferEnded,
    TurnCommitted,
)
from orchestrator.flow.snapshot import drained, quiescent
from tests.flow.world import How, World, place_of


class Chance(World):
    """The model, the tools, the caller and the clock; mostly well-behaved."""

    def tick(self, choice: int) -> None:
        """One event: mostly one that makes sense now, sometimes one that never should."""
        self.settle_overdue()
        choice, kind = divmod(choice, 16)
        self.at += (choice % 7) / 10
        match kind:
            case 0 if self.native:
                self.service_calls(choice)
            case 0 | 1 | 2 | 3:
                self.model_asks(choice)
            case 4 | 5 | 6:
                self.answer_ends(choice)
            case 7 if self.asides:
                self.answers_aside(choice)
            case 7:
                self.is_heard(choice)
            case 8 if self.voice:
                self.speech(choice)
            case 8 | 9:
                self.apply(CallerTyped(self.at, "menu" if choice % 5 == 0 else "Yes, please."))
            case 10 | 11:
                self.call_settles(choice)
            case 12 | 13:
                self.timer_fires(choice)
            case 14 if self.speaking and choice % 3 == 0:
                words = ("Well, my password", "Well.")[choice % 2]
                self.apply(AgentSaying(self.at, self.speaking, words))
            case 14:
                self.nonsense(choice)
            case _:
                self.rarely(choice)

    def model_asks(self, choice: int) -> None:
        if not self.speaking:
            return
        may = sorted(offered(self.flow, self.snapshot))
        likely = [name for name in may if name.startswith("confirm_")] * 4
        names = [*may, *likely, "go_nowhere", "set_nothing"]
        choice, which = divmod(choice, len(names))
        choice, repeat = divmod(choice, 5)
        call = f"call_{self.calls}"
        if repeat == 4 and self.snapshot.talk.calls:
            call = self.snapshot.talk.calls[-1]  # the wire said the same thing twice
        else:
            self.calls += 1
            self.asked[call] = 0
            self.names[call] = names[which]
        arguments: Json = self.values[choice % len(self.values)] if self.values else {}
        text = arguments if isinstance(arguments, str) else json.dumps(arguments)
        self.asked_in[call] = place_of(self.snapshot)
        item = f"item_{call}"
        self.items[item] = call
        self.apply(ToolAsked(self.at, self.speaking, call, names[which], text, item))

    @property
    def native(self) -> list[Tool]:
        """The tools that the service calls itself."""
        return [tool for tool in self.flow.tools.values() if tool.native]

    def service_calls(self, choice: int) -> None:
        """It asks whether it may, or asks again; or it has made a call, as it was told or alone."""
        choice, which = divmod(choice, len(self.native))
        server, _, name = self.native[which].name.partition(".")
        good, bad = Outcome("worker", {"final": False}), Outcome.failed("worker", "refused", "no")
        outcome = bad if choice % 5 == 0 else good
        match choice % 4:
            case 0 | 1 if self.speaking:
                request = f"mcpr_{len(self.questions)}"
                again = self.questions.keys() & {*self.snapshot.talk.calls}
                if choice % 7 == 0 and again:
                    request = max(again)  # the wire said the same thing twice
                arguments = ('{"id": "draft"}', '{"id": "7"}', "not json")[choice % 3]
                asked = NativeAsked(self.at, request, server, name, arguments)
                self.apply(self.questions.get(request, asked))
            case 2 if allowed := self.allowed:
                self._native_settles(allowed[choice % len(allowed)], outcome)
            case _ if self.speaking:
                call = f"mcp_{len(self.events)}"
                self.alone.append(call)
                self.apply(NativeSettled(self.at, call, server, name, "{}", outcome))
            case _:
                pass

    def _native_settles(self, asked: NativeAsked, outcome: Outcome) -> None:
        self.apply(
            NativeSettled(self.at, asked.call, asked.server, asked.tool, asked.arguments, outcome)
        )

    def answers_aside(self, choice: int) -> None:
        """What was asked beside the conversation, the newest first: well, badly, or not at all."""
        ask = list(self.asides)[-1]
        answers = ("yes", "No.", "a", "nonsense", "")
        ok = choice % 7 != 6
        self.apply(Answered(self.at, ask, ok, answers[choice % 5] if ok else "failed"))

    def answer_ends(self, choice: int) -> None:
        if self.speaking:
            good: tuple[How, ...] = ("completed",) * 3
            how: tuple[How, ...] = (*good, "cancelled", "failed", "incomplete")
            choice, silent = divmod(choice, 4)
            if silent:
                self.says()
            used = {"text_out": choice % 7000}
            self.apply(AnswerEnded(self.at, self.speaking, how[choice % len(how)], "", used))

    def is_heard(self, choice: int) -> None:
        """The open answer has words; or one that has ended is heard, or cut off, or neither was."""
        answer = self.speaking or self.playing or "say_0_0"
        if self.speaking and (not self.voice or choice % 3):
            self.says()
        elif self.voice and choice % 2:
            self.apply(AgentFinished(self.at, answer))
        elif self.voice:
            self.apply(AgentCutOff(self.at, answer, choice % 4000))

    def speech(self, choice: int) -> None:
        """The caller begins, stops, has said a turn; sometimes an end is never told."""
        said: tuple[Event, ...] = (
            TurnCommitted(self.at, f"item_{choice % 9}"),
            TurnCommitted(self.at, f"item_{choice % 9}"),
            CallerStopped(self.at),
            CallerBegan(self.at),
        )
        self.apply(said[choice % 4] if self.listening else CallerBegan(self.at))

    def call_settles(self, choice: int) -> None:
        tried = list(self.dispatched)
        if not tried:
            return
        choice, which = divmod(choice, len(tried))
        call, attempt = tried[which]
        good = {"free": True, "alternatives": ["18:30"], "ok": True, "token": "T1", "ref": "AB12"}
        outcomes = (
            Outcome("worker", good),
            Outcome("worker", good),
            Outcome("worker", good),
            Outcome("worker", {**good, "free": False, "token": "no"}),
            Outcome("worker", {"ok": False}),
            Outcome("worker", "plain text"),
            Outcome.failed("worker", "unavailable", "not now", 0.5),
            Outcome.failed("worker", "refused", "fully booked"),
            Outcome.failed("dead", "crashed"),
        )
        if self.dispatched[call, attempt] == "open":
            self.dispatched[call, attempt] = "settled"
        self.apply(CallSettled(self.at, call, attempt, outcomes[choice % len(outcomes)]))

    def timer_fires(self, choice: int) -> None:
        timers = sorted(self.snapshot.timers.items(), key=lambda item: item[1])
        if timers:
            timer, due = timers[0] if choice % 4 else timers[-1]
            if not timer.startswith(("limit:", "answer:")) or choice % 61 == 0:
                self.at = max(self.at, due)
                self.apply(TimerFired(self.at, timer))

    def nonsense(self, choice: int) -> None:
        nonsense: tuple[Event, ...] = (
            AnswerEnded(self.at, "say_0_0", "completed"),
            ToolAsked(self.at, "say_0_0", "call_x", "go_human", "{}"),
            CallSettled(self.at, "call_x", 1, Outcome("worker")),
            TimerFired(self.at, "timeout:call_x"),
            TransferEnded(self.at, ok=True) if not self.transferring else TimerFired(self.at, "x"),
            AgentSaid(self.at, "say_0_0", "Hm."),
            Answered(self.at, "ask_0_0", True, "yes"),
        )
        self.apply(nonsense[choice % len(nonsense)])

    def rarely(self, choice: int) -> None:
        if self.transferring:
            self.transferring = False
            self.apply(TransferEnded(self.at, ok=choice % 2 == 0, reason="busy"))
        elif choice % 9 == 0:
            self.apply(CallerLeft(self.at))
        elif choice % 25 == 1:
            self.apply(ProviderLost(self.at, "1006"))
        elif choice % 7 == 3 and self.dispatched:
            call, attempt = list(self.dispatched)[choice % len(self.dispatched)]
            self.apply(CallProgressed(self.at, call, attempt, "Half of it."))
        elif choice % 23 == 5:
            self.apply(LineFound(self.at, "voicemail"))
        elif choice % 5 == 2:
            entry = f"{choice % 7}-0" if choice % 3 else ""
            self.apply(Signalled(self.at, "news", {"text": "hello"}, entry))
        elif choice % 2:
            self.apply(DigitPressed(self.at, "12#"[choice % 3]))
        else:
            self.apply(TranscriptFinal(self.at, f"item_{choice % 9}", "yes"))

    def come_to_rest(self) -> None:
        """Let everything that is open come to its end, well-behaved from now on."""
        for _ in range(500):
            open_calls = [key for key, how in self.dispatched.items() if how == "open"]
            self.settle_overdue()
            if self.listening and not self.ended:
                self.apply(CallerStopped(self.at))
                self.apply(TurnCommitted(self.at, "item_last"))
            elif self.playing and not self.ended:
                self.apply(AgentFinished(self.at, self.playing))
            elif self.speaking:
                self.says()
                self.apply(AnswerEnded(self.at, self.speaking, "completed"))
            elif self.asides:
                self.answers_aside(0)
            elif open_calls and any(call in self.snapshot.work.calls for call, _ in open_calls):
                call, attempt = open_calls[0]
                self.dispatched[call, attempt] = "settled"
                outcome = Outcome("worker", {"free": True, "ok": True, "ref": "AB12"})
                self.apply(CallSettled(self.at, call, attempt, outcome))
            elif self.allowed:
                self._native_settles(self.allowed[0], Outcome("worker", {}))
            elif self.transferring and not self.ended:
                self.transferring = False
                self.apply(TransferEnded(self.at, ok=True))
            elif timers := [t for t in self.snapshot.timers if not t.startswith("limit:")]:
                self.at = max(self.at, self.snapshot.timers[timers[0]])
                self.apply(TimerFired(self.at, timers[0]))
            else:
                assert quiescent(self.snapshot) or drained(self.snapshot)
                return
        raise AssertionError("it never comes to rest")
