"""`orchestrator init`: a project that works, to write one's own from."""

import re
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from string import Template

import click

from orchestrator.errors import UsageError
from orchestrator.mcp_host import LOCK, lock

__all__ = ["command"]

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z", re.ASCII)
LENGTH = 32
SUFFIX = ".template"


class _Blank(Template):
    """`%{name}`; the files themselves are full of `${…}`."""

    delimiter = "%"


@click.command("init")
@click.argument("name")
def command(name: str) -> None:
    """Lay down a project in the new directory NAME: a flow, its tests, a worker, an MCP server."""
    _check_name(name)
    directory = Path(name)
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        raise UsageError(f"{directory} is there already, and not empty; choose another name")
    for path, text in sorted(_files(name).items()):
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        click.echo(f"  {file}")
    click.echo(f"next: cd {name}, then `make run`; `make test`; README.md says more")


def _check_name(name: str) -> None:
    """It will be that of a flow, a queue, an MCP server and a file of Python."""
    if not NAME.match(name) or len(name) > LENGTH:
        raise UsageError(
            f"'{name}' cannot be the project's name: words of small letters and digits, joined "
            f"by '_', a letter first, at most {LENGTH} characters"
        )
    found = find_spec(name)
    if found and found.origin:  # a directory alone, an empty one for instance, has no origin
        raise UsageError(f"'{name}' is a module of Python, which mcp_servers/{name}.py would hide")


def _files(name: str) -> Mapping[str, str]:
    """The text of each file, by its path in the project."""
    files = {
        path.removesuffix(SUFFIX).replace("NAME", name): _Blank(text).substitute(name=name)
        for path, text in _templates(resources.files("orchestrator") / "templates")
    }
    return {**files, LOCK: lock.Lock().pinned(name, [_tool(name)]).to_json()}


def _templates(directory: Traversable, within: str = "") -> Iterator[tuple[str, str]]:
    for entry in directory.iterdir():
        if entry.is_dir():
            yield from _templates(entry, f"{within}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield f"{within}{entry.name}", entry.read_text("utf-8")


def _tool(server: str) -> lock.Tool:
    """The tool of mcp_servers/NAME.py, as `orchestrator mcp pin` finds it."""
    return lock.Tool(
        server,
        "opening_hours",
        "Tell when the workshop is open.",
        {"properties": {}, "title": "opening_hoursArguments", "type": "object"},
        {"readOnlyHint": True},
    )
