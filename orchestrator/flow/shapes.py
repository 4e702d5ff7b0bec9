"""The small words of the language: durations, names, and the types of values. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, WithJsonSchema
from pydantic_core import PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.dispatch.call import Rate as CallRate
from orchestrator.flow.part import Part

__all__ = [
    "EventName",
    "Id",
    "Key",
    "Lines",
    "Param",
    "Rate",
    "Seconds",
    "Shape",
    "Values",
    "Variable",
    "is_event_name",
    "parse_duration",
    "parse_rate",
]

DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(ms|s|m|h|d)\Z", re.ASCII)
RATE = re.compile(r"[1-9][0-9]{0,5}/[smh]\Z", re.ASCII)
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
EVENT_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*\Z")
ID = re.compile(r"[a-z][a-z0-9_]{0,47}\Z", re.ASCII)


def parse_duration(text: str) -> float | None:
    """Seconds of "200ms", "4s", "15m", "1h", "90d"; None for anything else."""
    match = DURATION.match(text)
    return round(float(match[1]) * UNITS[match[2]], 3) if match else None


def _seconds(value: Json) -> float:
    seconds = parse_duration(value) if isinstance(value, str) else None
    if seconds is None:
        raise PydanticCustomError("duration", 'should be a duration, as "4s", "200ms" or "15m"')
    return seconds


def _id(value: str) -> str:
    if not ID.match(value):
        raise PydanticCustomError(
            "id", "a name has small letters, digits and _, begins with a letter, at most 48"
        )
    return value


def is_event_name(text: str) -> bool:
    return EVENT_NAME.match(text) is not None


def _event_name(value: str) -> str:
    if not is_event_name(value):
        raise PydanticCustomError("emit", "a name of words with small letters, joined by dots")
    return value


def parse_rate(text: str) -> CallRate:
    """Of "10/m" and its like."""
    calls, _, unit = text.partition("/")
    return CallRate(int(calls), UNITS[unit])


def _rate(value: str) -> str:
    if not RATE.match(value):
        raise PydanticCustomError("rate", 'should be a rate, as "10/m": so many per s, m or h')
    return value


def _key(value: Json) -> Json:
    text = str(value) if isinstance(value, int) else value
    if text not in tuple("0123456789*#"):
        raise PydanticCustomError("dtmf", 'one key of a telephone: "0" to "9", "*" or "#"')
    return text


def _as_list(value: Json) -> Json:
    return [value] if isinstance(value, str) else value


Seconds: TypeAlias = Annotated[
    float,
    BeforeValidator(_seconds),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]+(\\.[0-9]+)?(ms|s|m|h|d)$"}),
]
Key: TypeAlias = Annotated[str, BeforeValidator(_key)]
Rate: TypeAlias = Annotated[
    str, AfterValidator(_rate), WithJsonSchema({"type": "string", "pattern": RATE.pattern[:-2]})
]
EventName: TypeAlias = Annotated[str, AfterValidator(_event_name)]
Id: TypeAlias = Annotated[str, AfterValidator(_id)]
Lines: TypeAlias = Annotated[
    list[str],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
Values: TypeAlias = dict[str, Any]
TypeName: TypeAlias = Literal[
    "text", "int", "number", "bool", "date", "time", "datetime", "duration",
    "phone", "email", "enum", "list", "object", "any",
]  # fmt: skip


class Shape(Part):
    """The type of a value; a bare text is its `type`."""

    short: ClassVar[str] = "type"
    fallback: ClassVar[Mapping[str, Json]] = {"type": "any"}

    type: TypeName = Field(description="Of `time` HH:MM, of `duration` seconds")
    describe: str = Field("", description="What the model reads about it")
    values: list[str] = Field([], description="Of an `enum`, and required there")
    of: "Param | None" = Field(None, description="The type of a `list`'s items, and required there")
    fields: dict[str, "Param"] = Field({}, description="Types of an `object`'s fields, by name")
    min: int | float | None = Field(
        None, description="Lower bound of a number, or of the length of a text or list"
    )
    max: int | float | None = Field(
        None, description="Upper bound of a number, or of the length of a text or list"
    )
    pattern: str | None = Field(None, description="Regular expression for the whole of a text")

    def rules(self) -> Iterator[tuple[str, str]]:
        if (self.type == "enum") != bool(self.values):
            yield "values", "an enum, and nothing else, has `values`"
        if (self.type == "list") != (self.of is not None):
            yield "of", "a list, and nothing else, has `of`"
        if self.fields and self.type != "object":
            yield "fields", "only an object has `fields`"
        if self.pattern is not None and self.type != "text":
            yield "pattern", "only a text has a `pattern`"
        for key, value in (("min", self.min), ("max", self.max)):
            if value is not None and self.type not in ("int", "number", "text", "list"):
                yield key, f"'{key}' is for numbers, and for the length of a text or list"


class Param(Shape):
    optional: bool = Field(False, description="It may be missing")


class Check(Part):
    """A tool that is called with a `value` and says whether it is possible."""

    fallback: ClassVar[Mapping[str, Json]] = {"tool": ""}

    tool: str = Field(
        description=(
            "Called with `value`; its result is `{ok, value, message}`, the last two if it likes"
        )
    )


def _kind_of_check(value: Json) -> str:
    return "a tool" if isinstance(value, dict | Check) else "an expression"


class Variable(Shape):
    """What the session remembers; a bare text is its `type`."""

    check: (
        Annotated[
            Annotated[str, Tag("an expression")] | Annotated[Check, Tag("a tool")],
            Discriminator(_kind_of_check),
        ]
        | None
    ) = Field(
        None,
        alias="validate",
        description=(
            "Condition over `value`, which is of the type by then, and the usual names; or a tool"
        ),
    )
    message: str = Field("", description="Said instead of our own words when a value is refused")
    normalise: list[Literal["trim", "lower", "upper", "compact", "e164", "digits"]] = Field(
        [],
        description=(
            "Changes of a text, in this order, before it is read; `compact` takes its spaces, "
            "`e164` a telephone number's punctuation"
        ),
    )
    default: Any = Field(None, description="The first value; it has to fit the type")
    source: str | None = Field(
        None,
        alias="from",
        description=(
            "Where the first value comes from: an expression over `call` (`call.caller`), a "
            "header of the call (`call.header.X-Customer`), what is remembered of the caller "
            "(`caller.NAME`), or whoever runs this flow (`input`)"
        ),
    )
    clears: list[str] = Field(
        [],
        description=(
            "Variables that return to their defaults when this one changes, unless given with it"
        ),
    )
    pii: bool = Field(
        False,
        description=(
            "Masked in what `run` prints, but for what either side says where it is no `--json`; "
            "replaced in traces"
        ),
    )
    writable: Literal["model", "engine"] = Field(
        "model", description="`engine`: the model may not give it; `set` and `assign` may"
    )
    missing: str | None = Field(
        None,
        description=(
            "What is said for `${NAME}` while it has no value; by default such words are not said"
        ),
    )
    scope: Literal["session", "caller"] = Field(
        "session", description="`caller`: remembered, and there again when the same caller is"
    )
    ttl: Seconds | None = Field(
        None, description="How long it is remembered of a caller; 90 days by default"
    )

    def rules(self) -> Iterator[tuple[str, str]]:
        yield from super().rules()
        if "ttl" in self.node.keys and self.scope != "caller":
            yield "ttl", "only what is remembered of a caller (`scope: caller`) has 'ttl'"
