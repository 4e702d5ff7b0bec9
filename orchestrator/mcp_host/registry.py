"""Which MCP servers there are: `.mcp.json`, the file that other MCP clients read too.

    {"mcpServers": {"menu": {"command": "python", "args": ["mcp_servers/menu.py"]},
                    "desk": {"type": "http", "url": "https://desk.example/mcp",
                             "headers": {"Authorization": "Bearer ${DESK_TOKEN}"}}}}

`servers` is accepted for `mcpServers`. In command, args, env, url and headers
`${NAME}`, `${env:NAME}` and `${NAME:-default}` stand for environment variables;
one that is not set is an error. Relative paths start at the file's directory.
Values may be secrets: nothing here prints them, and `repr` leaves them out.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator.dispatch.call import Json
from orchestrator.errors import Problem, UsageError
from orchestrator.files import read_text
from orchestrator.mcp_host import REGISTRY
from orchestrator.mcp_host.positions import JsonPath, lines, nearest

__all__ = [
    "Http",
    "Registry",
    "Server",
    "Stdio",
    "Transport",
    "parse_registry",
    "read_registry",
    "with_server",
    "without_server",
]

_SECTIONS = ("mcpServers", "servers")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,47}")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Stdio:
    """A server that we start. `env` is added to the few variables a child inherits."""

    command: str
    args: tuple[str, ...] = field(default=(), repr=False)
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    cwd: str = "."


@dataclass(frozen=True, slots=True)
class Http:
    """A server that runs elsewhere, reached by streamable HTTP."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


Transport: TypeAlias = Stdio | Http


@dataclass(frozen=True, slots=True)
class Server:
    """A registered server. `shown` says how it is reached, as written: no variable's value."""

    name: str
    transport: Transport
    shown: str

    @property
    def queue(self) -> str:
        """The queue on which calls to its tools travel."""
        return f"mcp.{self.name}"


Registry: TypeAlias = Mapping[str, Server]


class _Entry(BaseModel):
    """One server as written. Other clients keep keys of their own here."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    command: str | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, str] = {}

    @property
    def over_http(self) -> bool:
        return self.type in ("http", "streamable-http") if self.type else not self.command

    @property
    def shown(self) -> str:
        if not self.over_http:
            return " ".join((self.command or "", *self.args))
        url = urlsplit(self.url or "")
        host = url.netloc.rpartition("@")[2]
        return url._replace(netloc=host, query="", fragment="").geturl()


def read_registry(
    directory: Path, environment: Mapping[str, str] = os.environ
) -> tuple[Registry, Sequence[Problem]]:
    """The servers of a project, and warnings; no file is no servers.

    Raises `UsageError` with every problem of the file.
    """
    path = directory / REGISTRY
    if not path.exists():
        return {}, ()
    registry, problems = parse_registry(read_text(path), str(path), environment)
    if any(problem.level == "error" for problem in problems):
        raise UsageError("\n".join(map(str, problems)))
    return registry, problems


def parse_registry(
    text: str, file: str, environment: Mapping[str, str]
) -> tuple[Registry, Sequence[Problem]]:
    """Read the text of a `.mcp.json`; every problem is returned, in file order. Pure."""
    try:
        document: Json = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg}"
        return {}, (Problem(file, error.lineno, error.colno, "M001", message),)
    reader = _Reader(file, lines(text), environment)
    registry = reader.document(document)
    return registry, sorted(reader.problems)


def with_server(text: str, name: str, entry: Mapping[str, Json]) -> str:
    """The text of a registry with a server added; every other key is kept.

    Raises `UsageError` for a name that is taken and for a text that is not a registry.
    """
    document, section = _editable(text)
    if _holders(document, name):
        raise UsageError(f"{REGISTRY}: there is a server {name!r} already; remove it first")
    document.setdefault(section, {})[name] = dict(entry)
    return _written(document)


def without_server(text: str, name: str) -> str:
    """The text of a registry without a server. Raises `UsageError` if it is not there."""
    document, _ = _editable(text)
    holders = _holders(document, name)
    if not holders:
        raise UsageError(f"{REGISTRY}: there is no server {name!r}")
    for servers in holders:
        del servers[name]
    return _written(document)


def _holders(document: Mapping[str, Json], name: str) -> Sequence[dict[str, Json]]:
    sections = (_object(document.get(section)) for section in _SECTIONS)
    return [servers for servers in sections if servers and name in servers]


def _editable(text: str) -> tuple[dict[str, Json], str]:
    """A registry's document, and the section where new servers go."""
    try:
        document: Json = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise UsageError(f"{REGISTRY}:{error.lineno}: this is not JSON: {error.msg}") from None
    root = _object(document)
    section = next((name for name in _SECTIONS if root and name in root), _SECTIONS[0])
    if root is None or _object(root.get(section, {})) is None:
        raise UsageError(f'{REGISTRY}: expected {{"mcpServers": {{…}}}}')
    return root, section


def _object(value: Json) -> dict[str, Json] | None:
    return cast("dict[str, Json]", value) if isinstance(value, dict) else None


def _written(document: Json) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


class _Reader:
    """Reads one document and collects its problems on the way."""

    def __init__(
        self, file: str, where: Mapping[JsonPath, int], environment: Mapping[str, str]
    ) -> None:
        self.file = file
        self.where = where
        self.environment = environment
        self.problems: list[Problem] = []

    def document(self, document: Json) -> Registry:
        root = _object(document)
        if root is None or not any(name in root for name in _SECTIONS):
            self._add("M002", (), 'expected {"mcpServers": {…}}')
            return {}
        registry: dict[str, Server] = {}
        for section in _SECTIONS:
            for name, entry in self._entries(section, root.get(section, {})).items():
                if name in registry:
                    self._add("M003", (section, name), f"{name!r} is registered twice")
                elif server := self._server((section, name), name, entry):
                    registry[name] = server
        return registry

    def _entries(self, section: str, value: Json) -> Mapping[str, Json]:
        entries = _object(value)
        if entries is None:
            self._add("M002", (section,), f'"{section}" must be an object of servers by name')
        return entries or {}

    def _server(self, path: JsonPath, name: str, raw: Json) -> Server | None:
        if not _NAME.fullmatch(name):
            allowed = "letters, digits, - and _, at most 48, a letter or digit first"
            self._add("M003", path, f"{name!r} cannot name a server", allowed)
        try:
            entry = _Entry.model_validate(raw)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_input=False):
                self._add("M004", (*path, *detail["loc"]), f"{name}: {_said(detail['msg'])}")
            return None
        for key in entry.model_extra or {}:
            self._warn("M005", (*path, key), f"{name}: {key!r} is not known here; ignored")
        transport = self._transport(path, entry)
        return Server(name, transport, entry.shown) if transport else None

    def _transport(self, path: JsonPath, entry: _Entry) -> Transport | None:
        if entry.type == "sse":
            hint = 'use "http" and the address of its streamable HTTP endpoint'
            self._add("M006", path, "the transport sse is deprecated and not spoken here", hint)
        elif entry.over_http and entry.url:
            return self._http(path, entry, entry.url)
        elif not entry.over_http and entry.command:
            return self._stdio(path, entry, entry.command)
        else:
            self._add("M007", path, "a server needs a command, or a url")
        return None

    def _stdio(self, path: JsonPath, entry: _Entry, command: str) -> Stdio:
        return Stdio(
            self._expand((*path, "command"), command),
            tuple(self._expand((*path, "args", at), arg) for at, arg in enumerate(entry.args)),
            self._expand_all((*path, "env"), entry.env),
            str(Path(self.file).resolve().parent / (entry.cwd or "")),
        )

    def _http(self, path: JsonPath, entry: _Entry, written: str) -> Http:
        url = self._expand((*path, "url"), written)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") and "${" not in url:
            self._add("M008", (*path, "url"), "a url starts with https:// or http://")
        if parts.scheme == "http" and entry.headers and parts.hostname not in _LOOPBACK:
            self._warn("M009", (*path, "url"), "its headers are sent in clear: use https")
        return Http(url, self._expand_all((*path, "headers"), entry.headers))

    def _expand_all(self, path: JsonPath, values: Mapping[str, str]) -> dict[str, str]:
        return {name: self._expand((*path, name), value) for name, value in values.items()}

    def _expand(self, path: JsonPath, value: str) -> str:
        def look_up(match: re.Match[str]) -> str:
            name, default = match.groups()
            found = self.environment.get(name)
            if found is None and default is None:
                hint = f"export it, or write ${{{name}:-default}}"
                self._add("M010", path, f"the environment variable {name} is not set", hint)
                return match.group()
            return found or default or ""  # as in a shell, an empty one takes the default

        if "${" in _VARIABLE.sub("", value):
            forms = "${NAME}, ${env:NAME} or ${NAME:-default}"
            self._add("M011", path, "a ${…} here names an environment variable", forms)
        return _VARIABLE.sub(look_up, value)

    def _add(self, code: str, path: JsonPath, message: str, hint: str = "") -> None:
        line = nearest(self.where, path)
        self.problems.append(Problem(self.file, line, 1, code, message, hint))

    def _warn(self, code: str, path: JsonPath, message: str) -> None:
        line = nearest(self.where, path)
        self.problems.append(Problem(self.file, line, 1, code, message, level="warning"))


def _said(message: str) -> str:
    return message[:1].lower() + message[1:]
