"""How a part of a document is read: every problem is told, and reading goes on. Pure.

pydantic alone stops at the first unknown key of a union, and refuses a whole document for
one bad leaf. A `Part` instead reports what is wrong with it, leaves that out, and is read
again without it; only a part that cannot exist so is left out of its parent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, ClassVar, Literal, Self, TypeAlias, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from orchestrator.dispatch.call import Json
from orchestrator.errors import Problem
from orchestrator.flow.definition import Mark
from orchestrator.flow.loader import Node, PathStep, Table
from orchestrator.flow.operations import is_list, is_object

__all__ = ["Overwhelmed", "Part", "Report", "closest", "did_you_mean", "not_yet"]

Path: TypeAlias = tuple[PathStep, ...]

MAX_PROBLEMS = 1_000
MAX_KNOWN = 500  # names that a slip of the pen is compared with
MAX_NAME = 64

WORDS = {
    "bool_type": "should be true or false",
    "dict_type": "should be a mapping",
    "float_type": "should be a number",
    "int_type": "should be a whole number",
    "list_type": "should be a list",
    "model_type": "should be a mapping",
    "string_type": "should be text",
}
OTHER_WORDS = {
    "array": "list",
    "boolean": "bool",
    "decimal": "number",
    "dict": "object",
    "float": "number",
    "integer": "int",
    "map": "object",
    "mapping": "object",
    "str": "text",
    "string": "text",
    "timestamp": "datetime",
}
"""What other languages call our types."""
DROPPED = "dropped"  # the type of an error that has been reported already
NOT_YET = "not_yet"
NO_PART = "no_part"


class Overwhelmed(Exception):
    """There are more problems than anybody reads; those found so far are in the report."""


class Report:
    """Collects problems; one told twice counts once. Raises `Overwhelmed` at `MAX_PROBLEMS`."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self._problems = dict.fromkeys(problems)

    def __call__(
        self,
        code: str,
        mark: Mark,
        message: str,
        hint: str = "",
        level: Literal["error", "warning"] = "error",
    ) -> None:
        problem = Problem(mark.file, mark.line, mark.column, code, message, hint, level)
        self._problems.setdefault(problem)
        if len(self._problems) >= MAX_PROBLEMS:
            raise Overwhelmed

    def tell(self, problems: Iterable[Problem]) -> None:
        for problem in problems:
            self._problems.setdefault(problem)

    def warn(self, code: str, mark: Mark, message: str, hint: str = "") -> None:
        self(code, mark, message, hint, "warning")

    @property
    def codes(self) -> frozenset[str]:
        return frozenset(problem.code for problem in self._problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """In file order."""
        return tuple(sorted(self._problems))


def closest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like this one; empty if none is."""
    if len(name) > MAX_NAME:
        return ""
    near = get_close_matches(name, sorted(known)[:MAX_KNOWN], n=1)
    return near[0] if near else ""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint, or nothing if no known name is near."""
    return _meant(closest(name, known))


def _meant(near: str) -> str:
    return f"did you mean '{near}'?" if near else ""


def not_yet(what: str) -> PydanticCustomError:
    """The language has this, and this version does not: an error, never ignored."""
    return PydanticCustomError(NOT_YET, "{what} is not supported yet", {"what": what})


class Part(BaseModel):
    """A mapping of the language.

    `later` are keys that the language has and this version does not. Where a bare text may
    stand for the whole mapping, `short` is the key it gives. `fallback` stands in for
    required keys that are missing or wrong, so that the rest can be checked. `other_words` are
    what other languages call its keys; `wanted` is said of what is no mapping. `whole` is
    false if something was left out, so that nobody draws conclusions from what is missing.
    """

    model_config = ConfigDict(extra="forbid", strict=True, defer_build=True)

    later: ClassVar[frozenset[str]] = frozenset()
    short: ClassVar[str] = ""
    fallback: ClassVar[Mapping[str, Json]] = {}
    other_words: ClassVar[Mapping[str, str]] = {}
    wanted: ClassVar[str] = WORDS["model_type"]

    _node: Node | None = PrivateAttr(default=None)
    _whole: bool = PrivateAttr(default=True)

    @property
    def node(self) -> Node:
        assert self._node is not None, "a part that was read from a document has its node"
        return self._node

    @property
    def mark(self) -> Mark:
        return self.node.mark

    @property
    def whole(self) -> bool:
        return self._whole

    def rules(self) -> Iterator[tuple[str, str]]:
        """Keys that do not go together: (key to point at, message)."""
        yield from ()

    @classmethod
    def instead(cls, value: Json) -> str:
        """A hint for who wrote this value where the mapping should be."""
        return ""

    @classmethod
    def ignores(cls, key: str) -> bool:
        return False

    @model_validator(mode="wrap")
    @classmethod
    def _read(
        cls, data: Json, handler: ModelWrapValidatorHandler[Self], info: ValidationInfo
    ) -> Self:
        if cls.short and isinstance(data, str):
            return handler({cls.short: data})
        if isinstance(data, dict) and not isinstance(data, Table):
            return handler(data)  # ours already: pydantic calls this twice for recursive models
        if not isinstance(data, Table):
            said = {"wanted": cls.wanted, "hint": cls.instead(data)}
            raise PydanticCustomError(NO_PART, "{wanted}", said)
        report = info.context
        assert isinstance(report, Report), "documents are read by `document.read`"
        kept = cls._known(data, report)
        part, clean = cls._read_what_is_left(handler, kept, data.node, report)
        part._settle(data.node, whole=clean and part.model_fields_set == cls._names(data))
        for key, message in [*part.rules()] if part.whole else ():
            report("S001", data.node.key(key), message)
            part._whole = False
        return part

    @classmethod
    def _names(cls, keys: Iterable[str]) -> set[str]:
        """Attributes that these keys set; an unknown key stays itself."""
        names = {field.alias: name for name, field in cls.model_fields.items() if field.alias}
        return {names.get(key, key) for key in keys if not cls.ignores(key)}

    @classmethod
    def _known(cls, data: Table, report: Report) -> dict[str, Json]:
        """The keys of this part. A slip of the pen is reported, and read as what was meant."""
        known = {field.alias or name for name, field in cls.model_fields.items()}
        kept = {key: value for key, value in data.items() if key in known}
        for key in data.keys() - kept.keys():
            mark = data.node.key(key)
            if key in cls.later:
                report("X001", mark, f"'{key}' is not supported yet")
            elif not cls.ignores(key):
                near, hint = cls._meant_by(key, data[key], known)
                report("S010", mark, f"unknown key '{key}'", hint)
                if near in known and near not in kept:
                    kept[near] = data[key]
                    data.node.also(near, key)
        return kept

    @classmethod
    def _meant_by(cls, key: str, value: Json, known: set[str]) -> tuple[str, str]:
        """The key that an unknown one stands for, if any, and a hint."""
        if key not in cls.other_words:
            near = closest(key, known | cls.later)
            return near, _meant(near)
        meant = cls.other_words[key]
        return meant, f"write {meant}: {value}" if isinstance(value, str) else _meant(meant)

    @classmethod
    def _read_what_is_left(
        cls,
        handler: ModelWrapValidatorHandler[Self],
        kept: dict[str, Json],
        node: Node,
        report: Report,
    ) -> tuple[Self, bool]:
        """Read; as long as something is wrong, report it and read again without it."""
        clean = True
        while True:
            try:
                return handler(kept), clean
            except ValidationError as error:
                wrong, clean = error.errors(include_url=False), False
            missing = {str(e["loc"][0]) for e in wrong if e["type"] == "missing"}
            # A key of a later version may be what stands in for the missing one.
            told = set[str]() if cls.later & node.keys.keys() else missing - node.keys.keys()
            for key in sorted(told):
                report("S001", node.mark, f"'{key}' is missing here")
            if not missing <= cls.fallback.keys():
                raise PydanticCustomError(DROPPED, DROPPED)
            paths = {_tell(e, kept, node, report) for e in wrong if e["type"] != "missing"}
            if () in paths:
                raise PydanticCustomError(DROPPED, DROPPED)
            # Each round takes something away, so this ends.
            kept = _without(kept, paths) | {key: cls.fallback[key] for key in missing}

    def _settle(self, node: Node, *, whole: bool) -> None:
        """Tell this part, and children in their short form, where they stand."""
        self._node, self._whole = node, whole
        for name, field in type(self).model_fields.items():
            value: object = getattr(self, name)
            alias = field.alias or name
            if isinstance(value, Part):
                value._node = value._node or node.at(alias)
            elif isinstance(value, dict):
                children = cast("dict[str, object]", value)
                for key, child in children.items():
                    if isinstance(child, Part):
                        child._node = child._node or node.at(alias, key)


def _tell(error: ErrorDetails, kept: Json, node: Node, report: Report) -> Path:
    """Report an error of pydantic; the path, within what was read, of what has to be left out."""
    path, owner, owner_node, node = _follow(error["loc"], kept, node)
    if error["loc"][-1:] == ("[key]",):
        report("S001", owner_node.key(path[-1]), error["msg"])
    elif error["type"] == NOT_YET:
        report("X001", node.mark, error["msg"])
    elif error["type"] != DROPPED:
        report("S001", node.mark, *_in_words(error, node.raw))
    # What is left of a list of plain values would stand at other places than it was written.
    plain = is_list(owner) and not any(isinstance(item, Table) for item in owner)
    return path[:-1] if plain else path


def _follow(loc: Path, value: Json, node: Node) -> tuple[Path, Json, Node, Node]:
    """Walk an error's location, which holds steps that are none (names of types and such).

    The path that is real, what holds its last step, the node of that, the node at its end.
    """
    path: list[PathStep] = []
    owner, owner_node = value, node
    for step in loc:
        inner = _inside(value, step)
        if inner:
            path.append(step)
            owner, owner_node = value, node
            value = inner[0]
            node = value.node if isinstance(value, Table) else node.at(step)
    return tuple(path), owner, owner_node, node


def _inside(value: Json, step: PathStep) -> list[Json]:
    """What stands at this step of a list or mapping, alone in a list; empty if nothing does."""
    if is_list(value):
        return value[step : step + 1] if isinstance(step, int) else []
    return [value[step]] if is_object(value) and step in value else []


def _in_words(error: ErrorDetails, written: str) -> tuple[str, str]:
    given: Json = error["input"]
    if error["type"] == "literal_error":
        expected = str(error.get("ctx", {}).get("expected", ""))
        return f"should be {expected}", _word_meant(given, expected.split("'")[1::2])
    if error["type"] == NO_PART:
        return error["msg"], str(error.get("ctx", {}).get("hint", ""))
    if error["type"] == "list_type" and isinstance(given, dict):
        what = "step" if error["loc"][-1:] == ("do",) else "entry"
        return WORDS["list_type"], f"each {what} begins with '-'"
    if error["type"] == "string_type" and isinstance(given, int | float):
        return WORDS["string_type"], f'write "{written}"'
    return WORDS.get(error["type"], error["msg"]), ""


def _word_meant(given: Json, words: Sequence[str]) -> str:
    if not isinstance(given, str):
        return ""
    meant = OTHER_WORDS.get(given, "")
    return _meant(meant) if meant in words else did_you_mean(given, words)


def _without(value: Any, paths: Iterable[Path]) -> Any:
    """A copy of the value that lacks what stands at these paths."""
    rest: dict[PathStep, set[Path]] = {}
    for step, *further in paths:
        rest.setdefault(step, set()).add(tuple(further))
    if isinstance(value, list):
        items: dict[PathStep, Json] = dict(enumerate(value))  # pyright: ignore[reportUnknownArgumentType]
        return list(_without(items, paths).values())
    return {
        step: _without(item, rest[step]) if step in rest else item
        for step, item in cast("dict[PathStep, Json]", value).items()
        if () not in rest.get(step, ())
    }
