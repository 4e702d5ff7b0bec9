"""A rate limit of the provider is answered with three requests in no time, then the end."""

import importlib.util
import pathlib

from orchestrator.flow.events import AnswerEnded

_spec = importlib.util.spec_from_file_location(
    "f", pathlib.Path(__file__).with_name("test_findings_flow.py")
)
_m = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_m)
GATE, scene = _m.GATE, _m.scene


def test_a_rate_limited_answer_is_not_asked_again_at_once():
    s = scene(GATE)
    s.caller("hello?")
    s.apply(AnswerEnded(s.at, s.speaking, "failed", "rate_limit_exceeded"))
    assert s.speaking is None and s.snapshot.timers


def test_an_answer_that_never_ends_has_a_limit():
    s = scene(GATE)
    s.caller("hello?")
    assert s.snapshot.timers


def test_a_silent_failure_between_good_answers_is_forgotten():
    s = scene(GATE)
    s.caller("hello?")
    for _ in range(3):
        s.apply(AnswerEnded(s.at, s.speaking, "failed", "server_error"))
        if not s.speaking:
            break
        s.model(balance={})
        from orchestrator.dispatch.call import Outcome

        s.settle("balance", Outcome("worker", {"ok": True}))
        s.caller("again")
    assert s.snapshot.run.erred is None
