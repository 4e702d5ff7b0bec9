"""What is read from Redis may have been written by anybody, of any version."""

import json
import math
from dataclasses import replace

import pytest

from orchestrator.dispatch.call import Call, Error, Json, Message, Outcome
from orchestrator.flow.events import CallSettled, from_json, to_json
from tests.dispatch.samples import CALL

FAILED = Outcome("worker", error=Error("busy", "later", 2))


def test_a_call_and_an_outcome_read_as_they_were_written() -> None:
    assert Call.from_json(CALL.to_json()) == CALL
    for outcome in (FAILED, Outcome("worker", {"n": [1, None]}), Outcome.withdrawn("deadline")):
        assert Outcome.from_json(outcome.to_json()) == outcome


def test_what_a_later_version_adds_is_left_out() -> None:
    call = {**json.loads(CALL.to_json()), "mood": 1}
    assert Call.from_json(json.dumps(call)) == CALL
    outcome = json.loads(FAILED.to_json())
    outcome |= {"cost": 3, "error": {**outcome["error"], "retryable": True}}
    assert Outcome.from_json(json.dumps(outcome)) == FAILED
    event = CallSettled(1.0, "c1", 1, FAILED)
    assert from_json({**to_json(event), "outcome": outcome, "host": "a"}) == event


def test_what_an_earlier_version_lacks_has_its_default() -> None:
    call = json.loads(CALL.to_json())
    del call["rerun"], call["trace"]
    assert Call.from_json(json.dumps(call)) == CALL


@pytest.mark.parametrize(
    "changes",
    [
        *({"deadline": "soon"}, {"attempt": True}, {"arguments": [1]}, {"id": None}),
        *({"timeout": {}}, {"timeout": "5"}, {"rerun": "yes"}, {"timeout": math.nan}),
        *({"created": math.inf}, {"limit": -1}, {"limit": "1"}, {"trace": []}),
    ],
)
def test_a_call_with_a_field_of_another_type_is_none(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        Call.from_json(json.dumps(json.loads(CALL.to_json()) | changes))
    half = {"arguments": {"name": "Zo\ud83d"}}  # is read by another parser
    with pytest.raises(ValueError, match=next(iter(changes))):
        Call.from_json(json.dumps(json.loads(CALL.to_json()) | half | changes))


def nested(depth: int) -> Json:
    return json.loads("[" * depth + "]" * depth)


@pytest.mark.parametrize("depth", [100, 200, 255, 290])
def test_what_is_nested_deeply_travels(depth: int) -> None:
    call = replace(CALL, arguments={"deep": nested(depth)})
    assert Call.from_json(call.to_json()) == call
    outcome = Outcome("worker", nested(depth))
    assert Outcome.from_json(outcome.to_json()) == outcome


def test_what_a_record_can_hold_can_be_told() -> None:
    outcome = Outcome("worker", nested(298))
    said = f'{{"call":"s1.c1.1","outcome":{outcome.to_json()}}}'  # as telling.lua does
    assert Message.from_json(said) == Message("s1.c1.1", outcome)


@pytest.mark.parametrize("depth", [310, 490, 900])
def test_what_is_nested_too_deeply_is_neither_written_nor_read(depth: int) -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        replace(CALL, arguments={"deep": nested(depth)}).to_json()
    with pytest.raises(ValueError, match="nested too deeply"):
        Outcome("worker", nested(depth)).to_json()
    text = CALL.to_json().replace('"guests":4', f'"guests":{"[" * depth}{"]" * depth}')
    with pytest.raises(ValueError, match="nested too deeply"):
        Call.from_json(text)


def test_what_is_no_json_is_not_written() -> None:
    with pytest.raises(ValueError, match="dataclass"):
        Outcome("worker", object()).to_json()


def test_a_trace_is_any_object() -> None:
    call = replace(CALL, trace={"traceparent": "00-1", "sampled": True, "baggage": {"a": 1}})
    assert Call.from_json(call.to_json()) == call


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        '{"result": 1}',
        '{"by": "me"}',
        '{"by": "worker", "error": "no"}',
        '{"by": "worker", "error": {"message": "no code"}}',
        '{"by": "worker", "error": {"code": "busy", "after": "soon"}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_outcome_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        Outcome.from_json(text)


def test_half_of_a_surrogate_pair_travels_though_it_is_no_text() -> None:
    call = replace(CALL, arguments={"name": "Zo\ud83d"})
    assert Call.from_json(call.to_json()) == call
    outcome = Outcome("worker", {"name": "Zo\ud83d"})
    assert Outcome.from_json(outcome.to_json()) == outcome


def test_what_is_wrong_with_a_call_is_told_without_its_values() -> None:
    text = json.dumps(json.loads(CALL.to_json()) | {"session": ["secret"], "timeout": "long"})
    with pytest.raises(ValueError, match=r"timeout: .*; session: ") as refusal:
        Call.from_json(text)
    assert "secret" not in str(refusal.value)
