"""`orchestrator mcp`: which MCP servers there are, and what their tools are pinned to."""

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import click

from orchestrator.cli.projects import project_around
from orchestrator.dispatch.call import Json
from orchestrator.errors import Problem, ServiceError, UsageError
from orchestrator.files import read_text
from orchestrator.mcp_host import LOCK, REGISTRY, lock, registry
from orchestrator.mcp_host.lock import Lock, Tool, Tools
from orchestrator.mcp_host.registry import Registry, Server, Stdio

__all__ = ["command"]


@dataclass(frozen=True)
class _Project:
    directory: Path

    @property
    def registry(self) -> Path:
        return self.directory / REGISTRY

    @property
    def lock(self) -> Path:
        return self.directory / LOCK

    @property
    def logs(self) -> Path:
        return self.directory / ".orchestrator" / "logs"

    def text(self) -> str:
        return read_text(self.registry) if self.registry.exists() else ""

    def servers(self) -> Registry:
        servers, warnings = registry.read_registry(self.directory)
        _warn(warnings)
        return servers

    def pinned(self) -> Lock:
        return lock.read_lock(self.lock)


@click.group()
@click.option(
    "--project",
    type=click.Path(file_okay=False, exists=True, path_type=Path),
    help="The directory of .mcp.json; unless given, of the project around the current one.",
)
@click.pass_context
def command(context: click.Context, project: Path | None) -> None:
    """Register MCP servers and pin their tools."""
    context.obj = _Project(project or Path(os.path.relpath(project_around())))


@command.command("list")
@click.option("--connect", is_flag=True, help="Connect to each server and compare.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def list_servers(project: _Project, connect: bool, as_json: bool) -> None:
    """List the servers and their pinned tools."""
    servers, pinned = project.servers(), project.pinned()
    seen = _look(servers.values() if connect else (), project.logs)
    rows = [_row(server, pinned, seen.get(name)) for name, server in sorted(servers.items())]
    click.echo(json.dumps(rows, indent=2, ensure_ascii=False) if as_json else _table(rows))
    _complain(seen)


@command.command()
@click.argument("servers", nargs=-1, metavar="[SERVER]...")
@click.pass_obj
def pin(project: _Project, servers: Sequence[str]) -> None:
    """Connect to the servers (default: all) and pin their tools as they are now.

    Look at what is printed: a description is something that the model will follow.
    """
    known = project.servers()
    if unknown := [name for name in servers if name not in known]:
        raise UsageError(f"not registered: {', '.join(unknown)}; see `orchestrator mcp list`")
    before = (project.pinned() if servers else _lock_to_replace(project)).only(known)
    after = before
    seen = _look([known[name] for name in servers or known], project.logs)
    for name, tools in seen.items():
        if not isinstance(tools, ServiceError):
            after = after.pinned(name, tools.values())
            _echo_changes(name, before.tools(name), tools)
    lock.write_lock(project.lock, after)
    _complain(seen)


@command.command()
@click.option("--transport", type=click.Choice(["stdio", "http"]), default="stdio")
@click.option("--env", "environment", multiple=True, metavar="NAME=VALUE")
@click.option("--header", "headers", multiple=True, metavar="NAME=VALUE")
@click.argument("name")
@click.argument("target", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_obj
def add(
    project: _Project,
    name: str,
    target: Sequence[str],
    transport: str,
    environment: Sequence[str],
    headers: Sequence[str],
) -> None:
    """Register a server: a command after `--`, or with `--transport http` its URL.

    Write secrets as '${NAME}': the value is taken from the environment.
    """
    entry = _entry(transport, target, _pairs(environment), _pairs(headers))
    after = registry.with_server(project.text(), name, entry)
    _, problems = registry.parse_registry(after, str(project.registry), os.environ)
    later = [problem for problem in problems if _may_wait(problem)]
    if len(later) < len(problems):
        raise UsageError("\n".join(str(each) for each in problems if each not in later))
    project.registry.write_text(after, "utf-8")
    _warn(later)
    click.echo(f"added {name}; next: orchestrator mcp pin {name}")


@command.command()
@click.argument("name")
@click.pass_obj
def remove(project: _Project, name: str) -> None:
    """Remove a server and what its tools were pinned to."""
    after = registry.without_server(project.text(), name)
    pinned = project.pinned()
    project.registry.write_text(after, "utf-8")
    if name in pinned.servers:
        lock.write_lock(project.lock, pinned.only(set(pinned.servers) - {name}))
    click.echo(f"removed {name}")


def _look(servers: Collection[Server], logs: Path) -> Mapping[str, Tools | ServiceError]:
    if not servers:
        return {}
    from orchestrator.mcp_host.server import look_at_all  # brings along `mcp`: over a second

    return anyio.run(look_at_all, servers, logs)


def _complain(seen: Mapping[str, Tools | ServiceError]) -> None:
    """Raises `ServiceError` naming every server that could not be reached."""
    if failures := [str(each) for each in seen.values() if isinstance(each, ServiceError)]:
        raise ServiceError("\n".join(failures))


def _warn(problems: Iterable[Problem]) -> None:
    for problem in problems:
        click.echo(str(problem), err=True)


def _row(server: Server, pinned: Lock, seen: Tools | ServiceError | None) -> dict[str, Json]:
    tools = pinned.tools(server.name)
    row: dict[str, Json] = {
        "name": server.name,
        "transport": "stdio" if isinstance(server.transport, Stdio) else "http",
        "target": server.shown,
        "tools": {name: tool.alias for name, tool in sorted(tools.items())},
    }
    if isinstance(seen, ServiceError):
        row["status"] = "down"
    elif seen is not None:
        row |= {"status": "up", "changes": dict(_changes(tools, seen))}
    return row


def _table(rows: Iterable[Mapping[str, Json]]) -> str:
    return "\n".join(line for row in rows for line in _lines(row)) or "no server is registered"


def _lines(row: Mapping[str, Json]) -> Iterable[str]:
    status = f"  [{row['status']}]" if "status" in row else ""
    yield f"{row['name']}  {row['transport']}  {row['target']}{status}"
    for tool in row["tools"]:
        yield f"  {row['name']}.{tool}"
    for tool, change in row.get("changes", {}).items():
        yield f"  ! {row['name']}.{tool}: {change} since it was pinned"


def _changes(before: Tools, after: Tools) -> Iterable[tuple[str, str]]:
    for name in sorted({*before, *after}):
        if name not in before:
            yield name, "added"
        elif name not in after:
            yield name, "removed"
        elif before[name] != after[name]:
            yield name, "changed"


def _echo_changes(server: str, before: Tools, after: Tools) -> None:
    changes = dict(_changes(before, after))
    tools = "1 tool" if len(after) == 1 else f"{len(after)} tools"
    click.echo(f"{server}: {tools} pinned{'' if changes else ', nothing changed'}")
    for name, change in changes.items():
        click.echo(f"  {change} {name}{_said(before.get(name), after.get(name))}")


def _said(before: Tool | None, after: Tool | None) -> str:
    """What the model is told of a tool, and what it was told if that was something else."""
    if after is None:
        return ""
    if before is None:
        return f": {after.description}"
    if before.description == after.description:
        return f", all but its description: {after.description}"
    return f"\n    was: {before.description}\n    now: {after.description}"


def _lock_to_replace(project: _Project) -> Lock:
    """The lock as it is; one that cannot be read is about to be replaced anyway."""
    try:
        return project.pinned()
    except UsageError as error:
        click.echo(f"pinning anew, because of:\n{error}", err=True)
        return Lock()


def _entry(
    transport: str,
    target: Sequence[str],
    environment: Mapping[str, str],
    headers: Mapping[str, str],
) -> dict[str, Json]:
    if transport == "http":
        if len(target) != 1 or environment:
            raise UsageError("--transport http takes one URL, and --header instead of --env")
        given = {"headers": dict(headers)} if headers else {}
        return {"type": "http", "url": target[0], **given}
    if headers:
        raise UsageError("--header goes with --transport http")
    given = {"env": dict(environment)} if environment else {}
    return {"command": target[0], "args": list(target[1:]), **given}


def _pairs(options: Iterable[str]) -> dict[str, str]:
    pairs = [option.partition("=") for option in options]
    if wrong := [name for name, equals, _ in pairs if not equals or not name]:
        raise UsageError(f"expected NAME=VALUE, not {', '.join(wrong)}")
    return {name: value for name, _, value in pairs}


def _may_wait(problem: Problem) -> bool:
    """A variable need not be set where a server is registered, only where it is used."""
    return problem.level == "warning" or problem.code == "M010"
