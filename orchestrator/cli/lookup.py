"""How commands that look into Redis reach it, and how they show a table."""

import json
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import click

from orchestrator import broker
from orchestrator.cli.projects import project_around, project_here
from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.link import Link, connect
from orchestrator.settings import Settings, from_environ

__all__ = ["age", "here", "linked", "parsed", "show"]


def here() -> Settings:
    """The settings of the project that the current directory lies in.

    Raises `UsageError` where there is no project, or no Redis of it: looking starts none.
    """
    settings = from_environ(os.environ, project_around())
    if settings.redis_url:
        return settings
    settings = replace(settings, project=project_here())
    if not (settings.data / "redis").is_dir():
        raise UsageError(
            f"no Redis of this project is there yet: nothing has run in {settings.project}"
        )
    return settings


@asynccontextmanager
async def linked() -> AsyncGenerator[Link]:
    """The Redis of this project or of REDIS_URL."""
    async with broker.find(here()) as redis, connect(redis.url) as link:
        yield link


def show(rows: Sequence[Mapping[str, Json]], as_json: bool, nothing: str) -> None:
    """One JSON object a line, or a table with the fields as its head; `nothing` if it is empty."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        return
    if not rows:
        click.echo(nothing)
        return
    lines = [list(rows[0]), *([_word(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def _word(value: Json) -> str:
    return "-" if value is None else str(value)


def parsed(text: str) -> Json:
    """What JSON stands for; text that is none stays as it is: anybody can write to Redis."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def age(seconds: float) -> str:
    """As people say it: 12s, 5m, 3h, 2d."""
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:.0f}s"
