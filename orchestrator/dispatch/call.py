"""A call and its outcome: what travels through Redis. Pure; the wire format is JSON.

A *call* is one attempt of one request to a tool, function and MCP alike. Its id
names the attempt (`<session>.<call_id>.<attempt>`); retries are new calls that
only the engine makes. An *outcome* closes it, once: the first writer wins, and
what a second writer says is kept in the record as `late` for people to read.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, cast

from pydantic import AllowInfNan, Field, Strict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

__all__ = [
    "APPROVALS",
    "Call",
    "Error",
    "ErrorCode",
    "Json",
    "Message",
    "Outcome",
    "Priority",
    "Progress",
    "Rate",
    "Settler",
    "is_deep",
]

APPROVALS = "approvals"
"""The queue whose workers are people; its calls are to the tool `review`."""

# A JSON value. A recursive alias would make every reader narrow four levels deep,
# so values are checked where they enter (schemas, pydantic) and are plain here.
Json: TypeAlias = Any

# What is read must have these types as it stands: "5" is no number, and neither is NaN.
_Float: TypeAlias = Annotated[float, Strict(), AllowInfNan(False)]
_Int: TypeAlias = Annotated[int, Strict()]
_Bool: TypeAlias = Annotated[bool, Strict()]

DEPTH = 300
"""How deeply what travels may be nested: a little more than what pydantic makes of an object."""

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
    after: _Float | None = None


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
        """Raises `ValueError` for a result that is nested too deeply, or is no JSON."""
        return _text(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Outcome":
        """Raises `ValueError` for what is none. Unknown fields are a later version's: left out."""
        return cast("Outcome", _read(cls, text))

    @classmethod
    def from_data(cls, data: Json) -> "Outcome":
        """From JSON that is parsed already. Raises as `from_json` does."""
        return cast("Outcome", _from_data(cls, data))

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
        return _text(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Progress":
        """Raises `ValueError` for what is none."""
        return cast("Progress", _read(cls, text))


@dataclass(frozen=True, slots=True)
class Message:
    """What an asker is told of one of its calls: what it came to, or how far it is."""

    call: str
    outcome: Outcome | None = None
    progress: Progress | None = None

    def to_json(self) -> str:
        return _text(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Message":
        """Raises `ValueError` for what is none."""
        return cast("Message", _read(cls, text, DEPTH + 1))


@dataclass(frozen=True, slots=True)
class Rate:
    """`calls` in `seconds`, on average; as many may come at once after a quiet while."""

    calls: _Int
    seconds: _Float

    def __post_init__(self) -> None:
        if self.calls < 1 or not 0 < self.seconds <= 31_536_000:
            raise ValueError("a rate is at least one call, in at most a year")


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt of one request, as it lies in the record and in the stream entry.

    `timeout` is in seconds; `deadline` and `created` are seconds since the epoch.
    `key` is the idempotency key, equal for all attempts of one request. `reply_to` names
    the process that is told; empty, nobody waits. `arguments` are checked and frozen: what is
    published is what runs.

    `limit` is how many calls of the tool may run at a time and `rate` how often it may be
    called, over all workers; `backlog` is how many calls may lie in the queue before this
    one is refused as `busy`. None is no bound.
    """

    id: str
    queue: str
    tool: str
    arguments: Mapping[str, Json]
    key: str
    attempt: _Int
    timeout: _Float
    deadline: _Float
    session: str
    reply_to: str
    created: _Float
    rerun: _Bool = False  # for whoever takes over the call of a dead worker (docs/redis.md)
    trace: Mapping[str, Json] = field(default_factory=dict[str, Json])  # W3C traceparent
    priority: Priority = "live"
    limit: Annotated[_Int, Field(ge=1)] | None = None
    rate: Rate | None = None
    backlog: _Int | None = None

    def to_json(self) -> str:
        """Raises `ValueError` for arguments that are nested too deeply, or are no JSON."""
        return _text(self)

    def fingerprint(self) -> str:
        """SHA-256 of the arguments as canonical JSON: equal for equal requests. Raises `ValueError`
        for what is no JSON, as NaN is.
        """
        return hashlib.sha256(_canonical(self.arguments).encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Call":
        """Raises `ValueError` for what is none. Unknown fields are a later version's: left out."""
        return cast("Call", _read(cls, text))


_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


def _text(record: Any) -> str:
    try:
        return to_json(record).decode()
    except PydanticSerializationError:
        # Half of a surrogate pair, which a model may write: no UTF-8, but JSON can escape it.
        return _escaped(_members(record))


def _escaped(members: Mapping[str, Json]) -> str:
    if is_deep(members):
        raise ValueError("nested too deeply")
    try:
        return json.dumps(members, separators=(",", ":"), default=_members)
    except TypeError as error:
        raise ValueError(str(error)) from None


def _members(record: Any) -> dict[str, Json]:
    """Its own, not copied to their depths."""
    return {each.name: getattr(record, each.name) for each in fields(record)}


def is_deep(value: Json, depth: int = DEPTH) -> bool:
    """Whether JSON is nested more deeply. Level by level, as Python's own stack is no deeper."""
    level = [value]
    for _ in range(depth):
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return False
    return True


def _inside(value: Json) -> Iterable[Json]:
    match value:
        case Mapping():
            return cast("Mapping[str, Json]", value).values()
        case list() | tuple():
            return cast("Iterable[Json]", value)
        case _:
            return ()


def _read(cls: Any, text: str | bytes, depth: int = DEPTH) -> Any:
    """A `cls` from JSON that anybody may have written. Raises `ValueError`."""
    try:
        return _reader(cls).validate_json(text, strict=True)
    except ValidationError as invalid:
        if invalid.errors(include_url=False)[0]["type"] != "json_invalid":
            raise ValueError(_problems(cls, invalid)) from None
    # Python's own parser takes more: what `_text` had to escape, deeper nesting.
    return _from_data(cls, _parsed(text, depth))


def _from_data(cls: Any, data: Json) -> Any:
    try:
        return _reader(cls).validate_python(data)
    except ValidationError as invalid:
        raise ValueError(_problems(cls, invalid)) from None


def _parsed(text: str | bytes, depth: int) -> Json:
    try:
        parsed = json.loads(text)
    except RecursionError:
        raise ValueError("JSON that is nested too deeply") from None
    if is_deep(parsed, depth):
        raise ValueError("JSON that is nested too deeply")
    return parsed


@cache
def _reader(cls: Any) -> Any:
    """Compiled checks of a dataclass: types by its hints, what it does not know is left out."""
    return TypeAdapter(cls).validator


def _problems(cls: Any, invalid: ValidationError) -> str:
    """Without the values, which may be personal."""
    found = invalid.errors(include_url=False, include_input=False, include_context=False)
    told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in found)
    return f"not a {cls.__name__}: {told}"
