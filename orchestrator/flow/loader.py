"""Strict YAML: text in, plain data with places out. Pure; never raises for any text.

YAML 1.1 reads `NO` as false, `12:30` as 750 and `+14155550100` as a number, lets a second
key silently win, and can be made to run code or to expand without end. Here a plain scalar
is true, false, null, a plain decimal number, or text; everything that YAML offers beyond
mappings, lists, texts and anchors is refused in words.

It is built on the parser's *events*, not on its node tree: an alias then shares what it
names instead of copying it, and depth is counted before anything recurses.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import yaml

from orchestrator.dispatch.call import Json
from orchestrator.errors import Problem, UsageError
from orchestrator.flow.definition import Mark

__all__ = ["Loaded", "Node", "PathStep", "Table", "load"]

PathStep: TypeAlias = str | int

MAX_SIZE = 500_000  # characters
MAX_DEPTH = 40
MAX_NODES = 20_000  # an alias counts as much as what it stands for
MAX_PROBLEMS = 200

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\Z", re.ASCII)
FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}\Z", re.ASCII)
SWALLOWED = re.compile(r"[ \t]+(#[^\s#]\S*)")
NEEDS_QUOTES = re.compile(r"\{\{|\w\s*\{|: [^,{}\[\]\n]*: ")
CONSTANTS: dict[str, Json] = {"": None, "~": None, "null": None, "true": True, "false": False}
LOOKS_BOOLEAN = frozenset({"yes", "no", "on", "off"})


@dataclass(slots=True, eq=False)
class Node:
    """A value and where it stands. `raw` is a scalar as written, quotes and indentation too."""

    mark: Mark
    value: Json = None
    raw: str = ""
    keys: dict[PathStep, Mark] = field(default_factory=dict[PathStep, Mark])
    children: dict[PathStep, "Node"] = field(default_factory=dict[PathStep, "Node"])
    size: int = 1

    def at(self, *path: PathStep) -> "Node":
        """The deepest node on the way to `path`; steps that lead nowhere are skipped."""
        node = self
        for step in path:
            node = node.children.get(step, node)
        return node

    def key(self, name: PathStep) -> Mark:
        """Where a key stands; this node's place if it has no such key."""
        return self.keys.get(name, self.mark)

    def also(self, name: PathStep, key: PathStep) -> None:
        """From now on, answer to `name` with what stands under `key`."""
        self.keys[name], self.children[name] = self.keys[key], self.children[key]

    def place(self, offset: int) -> Mark:
        """Where character `offset` of this text stands; where the text begins if it was folded."""
        text = self.value if isinstance(self.value, str) else ""
        line_start = text.rfind("\n", 0, offset) + 1
        line = text[line_start:].split("\n", 1)[0]
        row = text.count("\n", 0, offset) + (self.raw[:1] in ("|", ">"))
        written = self.raw.split("\n")
        indent = written[row].find(line) if row < len(written) else -1
        if indent < 0:
            return self.mark
        first = self.mark.column if row == 0 else 1
        return Mark(self.mark.file, self.mark.line + row, first + indent + offset - line_start)


class Table(dict[str, Json]):
    """A mapping of the document that knows its node."""

    __slots__ = ("node",)
    node: Node


@dataclass(frozen=True, slots=True)
class Loaded:
    """`root` is None if what was read is not all that was written."""

    root: Node | None
    problems: tuple[Problem, ...]


def load(text: str, file: str, words: frozenset[str] = frozenset()) -> Loaded:
    """Read one document. Problems Y001 to Y008 are collected, never raised.

    Under the keys in `words` a text is wanted, so a plain yes or no there is no slip.

    Raises `UsageError` if PyYAML was built without its C parser.
    """
    return _Reader(text, file, words).load()


class _Abandoned(Exception):
    """Reading on makes no sense; the reason has been reported."""


class _Reader:
    def __init__(self, text: str, file: str, words: frozenset[str]) -> None:
        self.text = text
        self.file = file
        self.words = words
        self.problems: list[Problem] = []
        self.anchors: dict[str, Node] = {}
        self.whole = True
        self.events: Iterator[Any] = iter(())

    def load(self) -> Loaded:
        root = None
        try:
            self.events = self._parse()
            root = self._document()
        except _Abandoned:
            self.whole = False
        except (yaml.YAMLError, UnicodeEncodeError) as error:
            self.refuse("Y001", *explain(error, self.text, self.file))
        return Loaded(root if self.whole else None, tuple(self.problems))

    def refuse(self, code: str, mark: Mark, message: str, hint: str = "") -> None:
        """An error after which the document is not what its author meant."""
        self.whole = False
        self.report(code, mark, message, hint)

    def report(
        self,
        code: str,
        mark: Mark,
        message: str,
        hint: str = "",
        level: Literal["error", "warning"] = "error",
    ) -> None:
        self.problems.append(Problem(mark.file, mark.line, mark.column, code, message, hint, level))
        if len(self.problems) >= MAX_PROBLEMS:
            raise _Abandoned

    def _parse(self) -> Iterator[Any]:
        parser: Any = yaml
        if not hasattr(parser, "CSafeLoader"):
            raise UsageError(
                "PyYAML has no C parser here; install a build that has one (libyaml): "
                "`python -c 'import yaml; yaml.CSafeLoader'` must work"
            )
        if len(self.text) > MAX_SIZE:
            self.refuse("Y008", Mark(self.file, 1, 1), f"larger than {MAX_SIZE:,} characters")
            raise _Abandoned
        events: Iterator[Any] = parser.parse(self.text, Loader=parser.CSafeLoader)
        return events

    def _document(self) -> Node:
        root = Node(Mark(self.file, 1, 1))
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self.refuse("Y001", self._mark(event), "a second document; one per file")
                    raise _Abandoned
                root = self._node(next(self.events), 0)
        return root

    def _mark(self, event: Any) -> Mark:
        return Mark(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _node(self, event: Any, depth: int, key: str | None = None) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None:
            hint = "write `not …`" if event.tag.startswith("!") else ""
            name = event.tag.removeprefix("tag:yaml.org,2002:")
            self.refuse("Y002", self._mark(event), f"the tag '{name}' has no place here", hint)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, key)
        elif depth >= MAX_DEPTH:
            self.refuse("Y008", self._mark(event), f"nested deeper than {MAX_DEPTH} levels")
            raise _Abandoned
        elif isinstance(event, yaml.MappingStartEvent):
            node = self._mapping(event, depth)
        else:
            node = self._sequence(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def _alias(self, event: Any) -> Node:
        node = self.anchors.get(event.anchor)
        if node is None:
            message = f"'*{event.anchor}' names no anchor that stands before it"
            self.refuse("Y001", self._mark(event), message, "put the text in quotes")
            return Node(self._mark(event))
        return node

    def _scalar(self, event: Any, key: str | None) -> Node:
        raw = self.text[event.start_mark.index : event.end_mark.index]
        mark, value = self._mark(event), event.value
        if event.implicit[0]:
            self._warn_of_traps(event, mark, key)
            value = resolve(value)
        return Node(mark, value, raw)

    def _warn_of_traps(self, event: Any, mark: Mark, key: str | None) -> None:
        if event.value.lower() in LOOKS_BOOLEAN and key not in self.words:
            hint = "write true or false, or put the text in quotes"
            self.report("Y006", mark, f"'{event.value}' is text here", hint, "warning")
        end = event.end_mark.index
        if event.value and (swallowed := SWALLOWED.match(self.text, end)):
            message = f"everything from '{swallowed[1]}' is a comment"
            self.report("Y005", mark, message, "put the text in quotes", "warning")

    def _grow(self, parent: Node, step: PathStep, child: Node) -> None:
        parent.children[step] = child
        parent.size += child.size
        if parent.size > MAX_NODES:
            message = f"more than {MAX_NODES:,} values, those that aliases repeat included"
            self.refuse("Y008", parent.mark, message)
            raise _Abandoned

    def _sequence(self, event: Any, depth: int) -> Node:
        items: list[Json] = []
        node = Node(self._mark(event), items)
        for item in self.events:
            if isinstance(item, yaml.SequenceEndEvent):
                break
            child = self._node(item, depth + 1)
            self._grow(node, len(items), child)
            items.append(child.value)
        return node

    def _mapping(self, event: Any, depth: int) -> Node:
        table = Table()
        node = table.node = Node(self._mark(event), table)
        for item in self.events:
            if isinstance(item, yaml.MappingEndEvent):
                break
            mark = self._mark(item)
            key = self._key(item, depth)
            child = self._node(next(self.events), depth + 1, key)
            if key is None:
                continue
            if key in table:
                message = f"'{key}' stands here a second time; the first is in line"
                self.report("Y004", mark, f"{message} {node.keys[key].line}")
                continue
            node.keys[key] = mark
            self._grow(node, key, child)
            table[key] = child.value
        return node

    def _key(self, event: Any, depth: int) -> str | None:
        """The key, or None if it was refused."""
        mark = self._mark(event)
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event, depth + 1)
            hint = "templates here are ${…}" if isinstance(event, yaml.MappingStartEvent) else ""
            self.refuse("Y003", mark, "a key must be text", hint)
            return None
        key = resolve(event.value) if event.implicit[0] else event.value
        if not isinstance(key, str):
            self.refuse("Y003", mark, "a key must be text", f'write "{event.value}"')
            return None
        if key == "<<" and event.implicit[0]:
            self.refuse("Y007", mark, "merge keys are not part of the language", "use `defaults`")
            return None
        return key


def resolve(plain: str) -> Json:
    """What a scalar without quotes means."""
    if plain in CONSTANTS:
        return CONSTANTS[plain]
    if INTEGER.match(plain):
        return int(plain)
    return float(plain) if FLOAT.match(plain) else plain


def explain(
    error: yaml.YAMLError | UnicodeEncodeError, text: str, file: str
) -> tuple[Mark, str, str]:
    """Where a syntax error is, what it is, and what to do about it."""
    if isinstance(error, UnicodeEncodeError):
        return _at(text, error.start, file), "a character that is not valid Unicode", ""
    if isinstance(error, yaml.reader.ReaderError):
        place = len(text.encode()[: error.position].decode(errors="ignore"))
        return _at(text, place, file), "a control character", "remove it, or escape it in quotes"
    where: Any = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if where is None:
        return Mark(file, 1, 1), str(error), ""
    opened: Any = getattr(error, "context_mark", None) or where
    problem, context = str(getattr(error, "problem", "")), str(getattr(error, "context", ""))
    char = text[where.index : where.index + 1]
    here = Mark(file, where.line + 1, where.column + 1)
    start = Mark(file, opened.line + 1, opened.column + 1)
    inside = text[opened.index : where.index] + text[where.index :].partition("\n")[0]
    if text[max(where.index - 1, 0) : where.index + 1] == "${":
        char = "${"
    return _cause(problem, context, char, inside, here, start)


def _at(text: str, index: int, file: str) -> Mark:
    before = text[:index]
    return Mark(file, before.count("\n") + 1, index - before.rfind("\n"))


def _cause(
    problem: str, context: str, char: str, inside: str, here: Mark, start: Mark
) -> tuple[Mark, str, str]:
    quote = "put the text in quotes"
    if "mapping values are not allowed" in problem:
        return here, "a ':' that begins no value here", f"{quote} if it holds ': '; or indent less"
    if "scanning an alias" in context or "scanning an anchor" in context:
        return start, "a text cannot begin with '*' or '&'", quote
    if "cannot start any token" in problem:
        hint = "indent with spaces" if char == "\t" else quote
        return here, "a tab" if char == "\t" else f"a text cannot begin with '{char}'", hint
    if "scanning a quoted scalar" in context:
        return start, "this quote is never closed", ""
    if "parsing a flow" in context:
        if char == "${":
            return here, "'{' inside of { } or [ ]", f"{quote} if it holds ${{…}}"
        hint = "a text with { or ': ' needs quotes" if NEEDS_QUOTES.search(inside) else ""
        return start, "this bracket is never closed, or a comma is missing", hint
    if "parsing a block" in context:
        hint = "look at indentation and quotes"
        if here.column != start.column:
            hint = f"it begins in column {here.column}, what is around it in {start.column}: {hint}"
        return here, "this does not fit what stands before it", hint
    return here, problem or context, ""
