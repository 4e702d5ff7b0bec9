"""What the tools of MCP servers were when a person looked: `mcp.lock.json`.

A server's tool descriptions are words that the model obeys, so they are pinned like
code: the definition of each tool lies here with its hash. The flow compiler reads only
this file; the host compares it with what a server offers, and a tool that changed is
off until it is pinned anew. Pure; written by `orchestrator mcp pin`.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.dispatch.call import Json
from orchestrator.errors import Problem, UsageError
from orchestrator.files import read_text
from orchestrator.mcp_host.positions import JsonPath, lines, nearest

__all__ = ["Lock", "Tool", "Tools", "alias", "parse_lock", "read_lock", "write_lock"]

ALIAS_LENGTH = 64  # what the Realtime API takes for the name of a function


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of an MCP server. `input_schema` and `annotations` are as on the wire (JSON)."""

    server: str
    name: str
    description: str
    input_schema: Mapping[str, Json]
    annotations: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def alias(self) -> str:
        """The model's name for it."""
        return alias(self.server, self.name)

    @property
    def hash(self) -> str:
        """Of all that the model is told and the host relies on."""
        definition = [self.name, self.description, self.input_schema, self.annotations]
        return "sha256:" + _sha256(_canonical(definition))

    @property
    def repeatable(self) -> bool:
        """Whether a call whose outcome is unknown may be made again, as the server says."""
        return bool(self.annotations.get("readOnlyHint") or self.annotations.get("idempotentHint"))


Tools: TypeAlias = Mapping[str, Tool]
"""The tools of one server, by their own names."""


@dataclass(frozen=True, slots=True)
class Lock:
    """The pinned tools of each server."""

    servers: Mapping[str, Tools] = field(default_factory=dict[str, Tools])

    def tools(self, server: str) -> Tools:
        return self.servers.get(server, {})

    def definitions(self) -> Mapping[str, Mapping[str, Mapping[str, Json]]]:
        """Plain data for the flow compiler, by server and tool."""
        return {
            server: {
                name: {
                    "description": tool.description,
                    "input_schema": tool.input_schema,
                    "annotations": tool.annotations,
                }
                for name, tool in tools.items()
            }
            for server, tools in self.servers.items()
        }

    def pinned(self, server: str, tools: Iterable[Tool]) -> "Lock":
        """This lock with a server's tools replaced."""
        return Lock({**self.servers, server: {tool.name: tool for tool in tools}})

    def only(self, servers: Iterable[str]) -> "Lock":
        """This lock without the servers that are not named."""
        return Lock({name: self.tools(name) for name in servers if name in self.servers})

    def to_json(self) -> str:
        """The file's text: the same tools give the same bytes."""
        servers = {name: {"tools": _written(tools)} for name, tools in self.servers.items()}
        document = {"version": 1, "servers": servers}
        return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def alias(server: str, tool: str) -> str:
    """`server__tool`: what the model calls it. At most 64 of letters, digits, `-` and `_`.

    Two tools never share one: where the plain name had to be changed, or could be read
    in two ways, a piece of a hash keeps it apart.
    """
    plain = f"{server}__{tool}"
    allowed = re.sub(r"[^A-Za-z0-9_-]", "_", plain)
    ambiguous = "__" in server or server.endswith("_")
    if allowed == plain and len(plain) <= ALIAS_LENGTH and not ambiguous:
        return plain
    tail = "_" + _sha256(f"{server}\0{tool}")[:8]
    return allowed[: ALIAS_LENGTH - len(tail)] + tail


def read_lock(path: Path) -> Lock:
    """The lock at `path`; no file is an empty lock. Raises `UsageError` with every problem."""
    if not path.exists():
        return Lock()
    lock, problems = parse_lock(read_text(path), str(path))
    if problems:
        raise UsageError("\n".join(map(str, problems)))
    return lock


def write_lock(path: Path, lock: Lock) -> None:
    path.write_text(lock.to_json(), "utf-8")


class _Tool(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    alias: str
    hash: str
    description: str
    input_schema: dict[str, Json]
    annotations: dict[str, Json] = {}


class _Server(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    tools: dict[str, _Tool]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    version: Literal[1]
    servers: dict[str, _Server]


def parse_lock(text: str, file: str) -> tuple[Lock, Sequence[Problem]]:
    """Read the text of a lock; every problem is returned, in file order. Pure."""
    try:
        document: Json = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg}"
        return Lock(), (Problem(file, error.lineno, error.colno, "M020", message, _PIN),)
    where = lines(text)

    def problem(code: str, path: JsonPath, message: str) -> Problem:
        return Problem(file, nearest(where, path), 1, code, message, _PIN)

    try:
        checked = _Document.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return Lock(), sorted(problem("M021", each["loc"], each["msg"]) for each in details)
    edited = [
        problem("M022", ("servers", server, "tools", name), f"{server}.{name} was edited by hand")
        for server, name, tool in _each(checked)
        if (tool.alias, tool.hash) != _stamp(_tool(server, name, tool))
    ]
    return _lock(checked), sorted(edited)


_PIN = "run `orchestrator mcp pin`"


def _each(document: _Document) -> Iterable[tuple[str, str, _Tool]]:
    for server, held in document.servers.items():
        for name, tool in held.tools.items():
            yield server, name, tool


def _lock(document: _Document) -> Lock:
    return Lock(
        {
            server: {name: _tool(server, name, tool) for name, tool in held.tools.items()}
            for server, held in document.servers.items()
        }
    )


def _tool(server: str, name: str, tool: _Tool) -> Tool:
    return Tool(server, name, tool.description, tool.input_schema, tool.annotations)


def _stamp(tool: Tool) -> tuple[str, str]:
    return tool.alias, tool.hash


def _written(tools: Tools) -> Json:
    return {
        tool.name: {
            "alias": tool.alias,
            "hash": tool.hash,
            "description": tool.description,
            "input_schema": tool.input_schema,
            "annotations": tool.annotations,
        }
        for tool in tools.values()
    }


def _canonical(value: Json) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
