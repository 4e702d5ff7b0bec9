import json
import logging
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.flow.compile import compile_flow
from orchestrator.flow.definition import Flow
from orchestrator.flow.engine import step
from orchestrator.flow.events import CallerTyped, Event, SessionStarted
from orchestrator.flow.replaying import must_match, read
from orchestrator.flow.snapshot import Snapshot
from orchestrator.trace import Trace, trace_to
from tests.flow.restaurant import at_booking, restaurant

BY_NUMBER = """
dsl: 1
flow: by_number
version: "1"
session: {channel: text}
vars:
  phone: {type: phone, from: call.caller, pii: true}
start: talk
states:
  talk:
    next:
      - {if: phone == "+33612345678", goto: known}
      - {goto: unknown}
  known: {end: {reason: known}}
  unknown: {end: {reason: unknown}}
"""


def follow(trace: Trace, flow: Flow, *happened: Event) -> Snapshot:
    snapshot = Snapshot()
    for event in happened:
        snapshot, commands = step(flow, snapshot, event)
        for item in (event, *commands):
            trace.observe(item, snapshot)
    return snapshot


def test_a_trace_is_a_journal_and_is_whole_after_every_event(tmp_path: Path) -> None:
    scene, path = at_booking(), tmp_path / "a.jsonl"
    with trace_to(path, restaurant(), "s1") as trace:
        snapshot = follow(trace, restaurant(), *scene.events)
        recorded = read([json.loads(line) for line in path.read_text().splitlines()])
        assert trace.replays(snapshot)
    must_match(restaurant(), recorded)
    assert [type(event) for event in recorded.events] == [type(event) for event in scene.events]
    assert "33612345678" not in path.read_text()


def test_a_trace_that_takes_another_way_without_personal_values_says_so(tmp_path: Path) -> None:
    flow, _ = compile_flow(BY_NUMBER, "by_number.flow.yaml")
    with trace_to(tmp_path / "a.jsonl", flow, "s1") as trace:
        started = SessionStarted(0.0, "s1", "UTC", 0, caller="+33612345678")
        assert not trace.replays(follow(trace, flow, started))


def test_where_no_file_can_be_written_the_conversation_does_not_begin(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"--trace .*: Is a directory"),
        trace_to(tmp_path, restaurant(), "s1"),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_ends_the_trace_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), trace_to(Path("/dev/full"), restaurant(), "s1") as trace:
        started = SessionStarted(0.0, "s1", "UTC", 0)
        follow(trace, restaurant(), started, CallerTyped(1.0, "Hello."))
    assert caplog.messages == ["the trace ends here: No space left on device"]
