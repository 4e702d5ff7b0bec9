"""A call and its outcome: what travels through Redis. Pure; the wire format is JSON.

A *call* is one attempt of one request to a tool, function and MCP alike. Its id
names the attempt (`<session>.<call_id>.<attempt>`); retries are new calls that
only the engine makes. An *outcome* closes it, once: the first writer wins, and
what a second writer says is kept in the record as `late` for people to read.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin

__all__ = [
    "APPROVALS",
    "Call",
    "Error",
    "ErrorCode",
    "Json",
    "Outcome",
    "Priority",
    "Progress",
    "Rate",
    "Settler",
]

APPROVALS = "approvals"
"""The queue whose workers are people; its calls are to the tool `review`."""

# A JSON value. A recursive alias would make every reader narrow four levels deep,
# so values are checked where they enter (schemas, pydantic) and are plain here.
Json: TypeAlias = Any

Settler: TypeAlias = Literal["worker", "deadline", "cancel", "refused", "dead"]

Priority: TypeAlias = Literal["live", "job"]
"""Whether somebody waits for the answer now. Live calls are taken before jobs."""

ErrorCode: TypeAlias = str
"""`timeout`, `unavailable`, `busy`, `rate_limited`, `conflict`, `refused`, `invalid`,
`unknown_tool`, `error`, `cancelled`, `crashed`, or a tool's own word."""


@dataclass(frozen=True, slots=True)
class Error:
    """Why a call failed. `message` may be told to the model; `after` is in seconds."""

    code: ErrorCode
    message: str = ""
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended and who said so. Exactly one of `result` (ok) and `error` counts."""

    by: Settler
    result: Json = None
    error: Error | None = None

    @property
    def ok(self) -> bool:
        return self.error is None

    def to_json(self) -> str:
        return _json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Outcome":
        """Raises `ValueError` for what is none. Unknown fields are a later version's: left out."""
        return cls.from_data(_parsed(text))

    @classmethod
    def from_data(cls, data: Json) -> "Outcome":
        """From JSON that is parsed already. Raises as `from_json` does."""
        return cast("Outcome", _read(cls, data))

    @classmethod
    def failed(
        cls, by: Settler, code: ErrorCode, message: str = "", after: float | None = None
    ) -> "Outcome":
        return cls(by, error=Error(code, message, after))

    @classmethod
    def withdrawn(cls, by: Settler) -> "Outcome":
        """What the asking side settles a call with when it stops waiting."""
        return cls.failed(by, *_WITHDRAWN[by])

    @classmethod
    def conflict(cls, tool: str) -> "Outcome":
        """The key of a call of this tool has an outcome already, of one with other arguments."""
        return cls.failed("refused", "conflict", f"{tool}: its key was used with other arguments")

    @classmethod
    def busy(cls) -> "Outcome":
        """As many calls as may wait are waiting already."""
        return cls.failed("refused", "busy", "too much is waiting already")

    @classmethod
    def rate_limited(cls) -> "Outcome":
        """At the rate that its tool allows, the call's turn comes after its deadline."""
        return cls.failed("refused", "rate_limited", "asked too often for now")

    @classmethod
    def given_up(cls, deliveries: int) -> "Outcome":
        """Whoever ran the call died of it, or at it, each time."""
        return cls.failed("dead", "crashed", f"given up after {deliveries} tries")


_WITHDRAWN: Mapping[Settler, tuple[ErrorCode, str]] = {
    "deadline": ("timeout", "no answer in time"),
    "cancel": ("cancelled", "no longer wanted"),
    "refused": ("refused", "not allowed"),
    "dead": ("crashed", "outcome unknown"),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a handler is: words for the caller, or data for programs. Nothing depends on it."""

    text: str = ""
    data: Json = None

    def to_json(self) -> str:
        return _json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Progress":
        """Raises `ValueError` for what is none."""
        return cast("Progress", _read(cls, _parsed(text)))


@dataclass(frozen=True, slots=True)
class Rate:
    """`calls` in `seconds`, on average; as many may come at once after a quiet while."""

    calls: int
    seconds: float

    def __post_init__(self) -> None:
        if self.calls < 1 or not 0 < self.seconds <= 31_536_000:
            raise ValueError("a rate is at least one call, in at most a year")


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one request, as it lies in the record and in the stream entry.

    `timeout` is in seconds; `deadline` and `created` are seconds since the epoch.
    `key` is the idempotency key, equal for all attempts of one request. `reply_to`
    names the orchestrator process whose reply stream is signalled. `arguments` are
    checked and frozen: what is published is what runs.

    `limit` is how many calls of the tool may run at a time and `rate` how often it may be
    called, over all workers; `backlog` is how many calls may lie in the queue before this
    one is refused as `busy`. None is no bound.
    """

    id: str
    queue: str
    tool: str
    arguments: Mapping[str, Json]
    key: str
    attempt: int
    timeout: float
    deadline: float
    session: str
    reply_to: str
    created: float
    rerun: bool = False  # for whoever takes over the call of a dead worker (docs/redis.md)
    trace: Mapping[str, str] = field(default_factory=dict[str, str])  # W3C traceparent
    priority: Priority = "live"
    limit: int | None = None
    rate: Rate | None = None
    backlog: int | None = None

    def to_json(self) -> str:
        return _json(self)

    def fingerprint(self) -> str:
        """SHA-256 of the arguments as canonical JSON: equal for equal requests."""
        text = json.dumps(self.arguments, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Call":
        """Raises `ValueError` for what is none. Unknown fields are a later version's: left out."""
        return cast("Call", _read(cls, _parsed(text)))


def _plain(value: object) -> dict[str, Json]:
    """A record as JSON has it; `dataclasses.asdict` copies all that is in it, deeply."""
    kind: Any = value.__class__
    return {name: getattr(value, name) for name, _, _ in _shape(kind)}


_json = json.JSONEncoder(separators=(",", ":"), default=_plain).encode


def _parsed(text: str | bytes) -> Json:
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None


def _read(cls: Any, data: Json) -> object:
    """A `cls` from JSON that anybody may have written. Raises `ValueError`."""
    if not isinstance(data, dict):
        raise ValueError(f"a {cls.__name__} is a JSON object")
    values = cast("dict[str, Json]", data)
    known: dict[str, Json] = {}
    for name, kind, plain in _shape(cls):
        if name in values:
            value = values[name]
            known[name] = value if type(value) in plain else _value(kind, value, name)
    try:
        return cls(**known)
    except TypeError as missing:
        raise ValueError(str(missing)) from None


@cache
def _shape(cls: Any) -> Sequence[tuple[str, Any, frozenset[type]]]:
    """Each field: its name, its type, and the types of values that certainly fit."""
    return [(f.name, f.type, _PLAIN.get(f.type, frozenset())) for f in fields(cls)]


_PLAIN: Mapping[Any, frozenset[type]] = {
    str: frozenset({str}),
    int: frozenset({int}),
    float: frozenset({int, float}),
    bool: frozenset({bool}),
    Mapping[str, Any]: frozenset({dict}),
    Mapping[str, str]: frozenset({dict}),
}


def _value(kind: Any, value: Json, name: str) -> Json:
    """The value as a field of this type holds it; what it maps to or wraps is not looked at."""
    kinds = get_args(kind) if isinstance(kind, UnionType) else (kind,)
    for each in kinds:
        if is_dataclass(each) and isinstance(value, dict):
            return _read(each, value)
        if _fits(each, value):
            return value
    raise ValueError(f"{name} is no {kind}")


def _fits(kind: Any, value: Json) -> bool:
    if kind is Any:
        return True
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, (int, float) if kind is float else get_origin(kind) or kind)
