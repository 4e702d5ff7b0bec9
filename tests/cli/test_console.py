"""What people and programs see of a conversation."""

import json

import click
import pytest

from orchestrator.cli import console


def test_half_of_a_surrogate_pair_is_shown_as_a_question_mark(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = {"event": "agent.said", "at": 0, "text": "größer \ud83c!", "by": "model"}
    console.as_json(said)
    console.as_text(typed=False)(said)
    as_json, as_text = capsys.readouterr().out.splitlines()
    assert json.loads(as_json) == {**said, "text": "größer ?!"}
    assert click.unstyle(as_text) == "agent  größer ?!"


def test_what_was_typed_is_not_shown_again(capsys: pytest.CaptureFixture[str]) -> None:
    said = {"event": "caller.said", "at": 0, "text": "Hello."}
    console.as_text(typed=True)(said)
    assert capsys.readouterr().out == ""
    console.as_text(typed=False)(said)
    assert click.unstyle(capsys.readouterr().out) == "caller Hello.\n"


def test_a_record_that_lacks_a_field_is_shown_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.as_text(typed=False)({"event": "call.failed", "tool": "book", "code": "timeout"})
    assert "✗ book  timeout:" in click.unstyle(capsys.readouterr().out)


def test_a_call_that_the_service_made_is_shown_as_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = {"tool": "kb.search", "attempt": 1}
    asked = {"event": "call.dispatched", **call, "queue": "", "arguments": {"query": "vpn"}}
    show = console.as_text(typed=False)
    show(asked)
    show({"event": "call.done", **call, "seconds": None, "result": []})
    shown = click.unstyle(capsys.readouterr().out).split("\n")
    assert shown[0].strip() == '⇢ kb.search  {"query": "vpn"}  by the Realtime service'
    assert shown[1].strip() == "⇠ kb.search  []"
