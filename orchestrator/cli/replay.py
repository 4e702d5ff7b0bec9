"""`orchestrator replay`: what a flow decides about a recorded conversation."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

import anyio
import click

from orchestrator.cli import console
from orchestrator.cli.flows import load
from orchestrator.cli.journals import load_recording
from orchestrator.dispatch.call import Json
from orchestrator.errors import FlowInvalid, JournalMismatch, ServiceError, UsageError
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import Event, TimerFired, ToolAsked, to_json
from orchestrator.flow.replaying import (
    Decision,
    Difference,
    Plain,
    Recording,
    concerned,
    decide,
    differences,
    must_match,
)
from orchestrator.projection import conceal, record

__all__ = ["command"]

WHAT_TO_TYPE = (
    "--old FILE names the flow that it was recorded with; "
    "--flow FILE shows what another one decides"
)


@click.command("replay")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--flow", "new", type=click.Path(path_type=Path), help="Instead of the flow it was made with."
)
@click.option("--old", type=click.Path(path_type=Path), help="The flow that it was made with.")
def command(file: Path, new: Path | None, old: Path | None) -> int:
    """Show, event by event, what the flow decides about the conversation in FILE.

    FILE is a trace (`orchestrator run --trace`) or a journal. Its flow is looked for in
    flows/NAME.flow.yaml, unless --old names it, and then in Redis, which keeps it for two weeks.

    With --flow, show where that flow would decide otherwise; exit code 1 if it does anywhere.
    If the flow of FILE is nowhere any more, show what the other one decides.
    """
    recording = load_recording(file)
    if new is None:
        try:
            original = _original(recording, old)
        except JournalMismatch as problem:
            if old is not None:
                raise
            raise JournalMismatch(f"{problem}\n{WHAT_TO_TYPE}") from None
        _print_decisions(original, recording)
        return 0
    changed, _ = load(new)
    try:
        original = _original(recording, old)
    except JournalMismatch as problem:
        if old is not None:
            raise
        _print_uncompared(new, changed, recording, problem)
        return 0
    return _print_differences(original, changed, recording)


def _original(recording: Recording, named: Path | None) -> Flow:
    """The flow of a recording, from its file or as Redis keeps it.

    Raises `JournalMismatch` if it is in neither any more.
    """
    if named is not None:
        return _matching(named, recording)
    path = Path("flows") / f"{recording.header.get('flow')}.flow.yaml"
    try:
        if not path.exists():
            raise JournalMismatch(f"there is no {path}")
        return _matching(path, recording)
    except JournalMismatch as problem:
        flow = anyio.run(_kept, recording)
        if flow is None:
            raise
        console.aside(f"{problem}; taken as Redis keeps it")
        return flow


def _matching(path: Path, recording: Recording) -> Flow:
    flow, _ = load(path)
    try:
        must_match(flow, recording)
    except JournalMismatch as problem:
        raise JournalMismatch(f"{path}: {problem}") from None
    return flow


async def _kept(recording: Recording) -> Flow | None:
    """The flow as its session kept it, if there is a Redis that can be asked."""
    from orchestrator import kept  # seldom needed, and takes a while to import
    from orchestrator.cli.lookup import linked

    try:
        async with linked() as link:
            flow = await kept.find(link, str(recording.header.get("sha256")))
        if flow:
            must_match(flow, recording)
    except (FlowInvalid, JournalMismatch, ServiceError, UsageError):
        return None
    return flow


# One flow


def _print_uncompared(path: Path, flow: Flow, recording: Recording, why: JournalMismatch) -> None:
    """Said before and after, as it is easily taken for no difference."""
    console.aside(f"{why}; so this is what {path} decides, compared with nothing")
    _print_decisions(flow, recording)
    console.aside(f"nothing was compared: --old FILE names the flow to compare {path} with")


def _print_decisions(flow: Flow, recording: Recording) -> None:
    show = console.as_text(typed=False)
    began = recording.events[0].at if recording.events else 0.0
    for number, decision in enumerate(decide(flow, recording.events), start=1):
        click.echo(_headline(number, began, decision.event))
        for item in (decision.event, *decision.commands):
            shown = record(flow, decision.snapshot, item)
            if shown:
                show(shown)


def _headline(number: int, began: float, event: Event) -> str:
    about = f"{number:>4} {event.at - began:>9.3f} s  {to_json(event)['type']}"
    match event:
        case ToolAsked(name=name):
            return f"{about}  {name}"
        case TimerFired(timer=timer):
            return f"{about}  {timer}"
        case _:
            return about


# Two flows


def _print_differences(old: Flow, new: Flow, recording: Recording) -> int:
    began = recording.events[0].at if recording.events else 0.0
    found, parted = 0, False
    for difference in differences(old, new, recording.events):
        found += 1
        click.echo(_headline(difference.number, began, difference.old.event))
        for flow, decision in ((old, difference.old), (new, difference.new)):
            click.echo(f"       {concerned(flow, difference, decision)}  in {_state(decision)}")
        for line in _changes(old, new, difference):
            click.echo(click.style(f"       {line}", fg="red" if line[0] == "-" else "green"))
        if not parted and _state(difference.old) != _state(difference.new):
            parted = True
            click.echo("       here they part: what follows answers what the old flow asked")
    click.echo(f"{found} of {len(recording.events)} events are decided otherwise")
    return 1 if found else 0


def _state(decision: Decision) -> str:
    return decision.snapshot.place.state


def _changes(old: Flow, new: Flow, difference: Difference) -> Iterator[str]:
    both = all(map(_speaks, (difference.gone, difference.come)))
    gone = _lines(old, difference.old, difference.gone, told=both)
    come = _lines(new, difference.new, difference.come, told=both)
    compared = difflib.unified_diff(list(gone), list(come), n=0, lineterm="")
    for line in islice(compared, 2, None):
        if not line.startswith("@@"):
            yield f"{line[0]} {line[1:]}"


def _speaks(commands: Iterable[Plain]) -> bool:
    return any(command["command"] == "Speak" for command in commands)


def _lines(
    flow: Flow, decision: Decision, commands: Iterable[Plain], *, told: bool
) -> Iterator[str]:
    """A line for each command; what the model is `told` and may call, each on its own."""
    for command in commands:
        match conceal(flow, decision.snapshot, command):
            case {"command": "Speak", "purpose": why, "instructions": prose, "tools": tools}:
                yield f"Speak {why}"
                for line in str(prose).splitlines() if told else ():
                    yield f"Speak {why}: {line}"
                for tool in tools if told else ():
                    yield f"Speak {why}, tool {json.dumps(tool, ensure_ascii=False)}"
            case {"command": "Report", "report": name, **data}:
                yield f"{name} {_fields(data)}"
            case {"command": name, **data}:
                yield f"{name} {_fields(data)}"
            case _:
                pass


def _fields(data: Mapping[str, Json]) -> str:
    return "  ".join(f"{key} {json.dumps(data[key], ensure_ascii=False)}" for key in data)
