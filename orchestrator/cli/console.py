"""How a conversation looks: on a terminal, or as one JSON line per record."""

import json
import sys
from collections.abc import Callable, Mapping
from typing import TypeAlias

import click

from orchestrator.dispatch.call import Json
from orchestrator.projection import Record

__all__ = ["Show", "as_json", "as_text", "aside", "notice"]

Show: TypeAlias = Callable[[Record], None]


def as_json(record: Record) -> None:
    _echo(json.dumps(record, ensure_ascii=False, separators=(",", ":")))


def as_text(*, typed: bool) -> Show:
    """The words of both sides, and what happens between them in a quieter style.

    What was `typed` stands on the terminal already.
    """

    def show(record: Record) -> None:
        match record["event"]:
            case "agent.said":
                _echo(f"{click.style('agent ', fg='cyan', bold=True)} {record['text']}")
            case "caller.said":
                if not typed:
                    _echo(f"{click.style('caller', fg='green', bold=True)} {record['text']}")
            case name if name in _BY_THE_SERVICE and _is_by_the_service(record):
                notice(_BY_THE_SERVICE[name].format_map(_Words(record)))
            case name if name in _QUIET:
                notice(_QUIET[name].format_map(_Words(record)))
            case _:
                pass

    return show


def notice(text: str) -> None:
    _echo(click.style(f"       {text}", dim=True))


def aside(text: str) -> None:
    """To standard error, so that standard output holds records only."""
    click.echo(text, err=True)


def _echo(text: str) -> None:
    """Print any text: what the terminal's encoding lacks, or half of a pair, becomes `?`."""
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding))


_QUIET = {
    "state.entered": "→ {state}  ({by})",
    "value.set": "  {name} = {value}",
    "value.rejected": "  {name}: {reason}",
    "result.forgotten": "  {name} holds no more",
    "call.dispatched": "⇢ {tool}  {arguments}  through queue {queue}, attempt {attempt}",
    "call.review": "? {tool}  {arguments}  waits for a person: orchestrator approvals list",
    "call.denied": "✗ {tool}  denied: {note}",
    "call.retrying": "↻ {tool}  {code}; again in {pause} s",
    "call.progress": "· {tool}  {text}",
    "call.done": "⇠ {tool}  {result}  after {seconds} s",
    "call.failed": "✗ {tool}  {code}: {message}",
    "call.cancelled": "✗ {tool}  cancelled",
    "call.undone": "↶ {tool}  undone by {by}",
    "call.late": "… {call}  answered too late",
    "tool.refused": "✗ {name}  not offered now",
    "signal.ignored": "· signal.{name}: nothing here takes it",
    "interrupt.taken": "↷ {id}",
    "step.skipped": "· {step}  there is only text",
    "say.unset": "✗ not said: {name} has no value  ({place})",
    "classify.failed": "✗ {name}: the model did not choose ({reason})",
    "say.drift": "~ said otherwise: {said}",
    "guard.hit": "! {id}",
    "guard.failed": "✗ {id}: {reason}",
    "answer.failed": "✗ the model failed: {error}",
    "error": "✗ {reason}",
    "emitted": "» {name}  {data}",
    "transfer": "⇒ transferred to {to}  ({note}) {summary}",
    "session.ended": "■ {reason}",
}


_BY_THE_SERVICE = {
    "call.dispatched": "⇢ {tool}  {arguments}  by the Realtime service",
    "call.done": "⇠ {tool}  {result}",
}


def _is_by_the_service(record: Record) -> bool:
    """A call that the service made itself goes through no queue, and nobody knows its time."""
    return record.get("queue") == "" or record.get("seconds", 0.0) is None


class _Words(dict[str, str]):
    """The fields of a record as short text; a missing one is empty."""

    def __init__(self, record: Mapping[str, Json]) -> None:
        super().__init__({key: _short(value) for key, value in record.items()})

    def __missing__(self, key: str) -> str:
        return ""


def _short(value: Json, limit: int = 160) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"
