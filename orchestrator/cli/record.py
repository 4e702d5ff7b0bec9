"""`orchestrator record`: a session that took place, as a test of its flow."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import anyio
import click

from orchestrator.cli import console
from orchestrator.cli.flows import load
from orchestrator.cli.journals import load_recording
from orchestrator.disguise import hide
from orchestrator.dispatch.call import Json
from orchestrator.errors import FlowInvalid, UsageError
from orchestrator.flow.definition import Flow
from orchestrator.flow.loader import load as load_yaml
from orchestrator.flow.part import Report
from orchestrator.flow.replaying import Recording, decide, must_match, read
from orchestrator.testing import document
from orchestrator.testing.judge import Failure
from orchestrator.testing.names import check_names
from orchestrator.testing.recording import case_of
from orchestrator.testing.trial import try_case

__all__ = ["command"]

PLAIN_KEY = re.compile(r"[a-z][a-z_0-9]*")
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off"})
WIDTH = 100


@click.command("record")
@click.argument("source", metavar="FILE|SESSION")
@click.option(
    "--flow", "path", type=click.Path(path_type=Path), help="The flow it was recorded with."
)
def command(source: str, path: Path | None) -> int:
    """Print a session that took place as a test of its flow.

    FILE is a trace (`orchestrator run --trace`), SESSION a session whose journal is in Redis; its
    personal values are replaced. The test is for a file beside the flow: `> flows/x.test.yaml`.
    Exit code 1 if it does not pass.
    """
    file = Path(source)
    recording, kept = (load_recording(file), None) if file.exists() else anyio.run(_held, source)
    named, path = path, path or Path("flows") / f"{recording.header.get('flow')}.flow.yaml"
    flow = kept if kept and not named else load(path)[0]
    must_match(flow, recording)
    happened = recording.events if file.exists() else hide(flow, recording.events)
    case = case_of(flow, tuple(decide(flow, happened)))
    text = "\n".join(_yaml({"dsl": 1, "tests": path.name, "cases": [case]}))
    click.echo(text)
    failures = _failures(flow, text)
    for failure in failures:
        about = f"expected {failure.expected}, found {failure.found}" if failure.expected else ""
        console.aside(f"line {failure.mark.line}: {failure.what}  {about}")
    return 1 if failures else 0


async def _held(session: str) -> tuple[Recording, Flow | None]:
    """What Redis holds of a session, and the flow that it ran. Raises `UsageError` if that is
    nothing."""
    from orchestrator import broker, kept
    from orchestrator.cli.lookup import here
    from orchestrator.journal import RedisJournal
    from orchestrator.link import connect

    try:
        settings = here()
    except UsageError as why:
        raise UsageError(f"{session}: neither a file nor a session: {why}") from None
    async with broker.find(settings) as redis, connect(redis.url) as link:
        entries = await RedisJournal(session, link).read()
        if not entries:
            raise UsageError(f"{session}: neither a file nor a session whose journal is in Redis")
        recording = read(entries)
        return recording, await kept.find(link, str(recording.header.get("sha256")))


def _failures(flow: Flow, text: str) -> tuple[Failure, ...]:
    """What `orchestrator test` would say of it. Raises `FlowInvalid` if it would not play it."""
    loaded = load_yaml(text, "the recorded test")
    report = Report(loaded.problems)
    suite = document.read(loaded.root, report) if loaded.root else None
    if suite:
        check_names(suite, flow, report)
    if suite is None or any(problem.level == "error" for problem in report.problems):
        raise FlowInvalid(report.problems)
    return try_case(flow, suite, suite.cases[0]).failures


# YAML, as one would write it: what fits on a line stands on one


def _yaml(value: Json, indent: str = "") -> Iterator[str]:
    """The lines of a mapping or a list."""
    if isinstance(value, dict):
        for key, part in cast("Mapping[str, Json]", value).items():
            yield from _entry(f"{indent}{_key(key)}:", part, f"{indent}  ")
    else:
        for part in cast("Sequence[Json]", value):
            first, *rest = _part(part, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest


def _entry(key: str, value: Json, indent: str) -> Iterator[str]:
    if _fits(key, value):
        yield f"{key} {_inline(value)}"
    else:
        yield key
        yield from _yaml(value, indent)


def _part(value: Json, indent: str) -> Iterator[str]:
    if _fits(indent, value):
        yield _inline(value)
    else:
        yield from _yaml(value, indent)


def _fits(before: str, value: Json) -> bool:
    branches = isinstance(value, dict | list) and bool(cast("object", value))
    return not branches or len(before) + len(_inline(value)) < WIDTH


def _inline(value: Json) -> str:
    if isinstance(value, dict):
        items = cast("Mapping[str, Json]", value).items()
        return f"{{{', '.join(f'{_key(key)}: {_inline(part)}' for key, part in items)}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_inline, cast('Sequence[Json]', value)))}]"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not value.isprintable())


def _key(key: str) -> str:
    return key if PLAIN_KEY.fullmatch(key) and key not in WORDS else json.dumps(key)
