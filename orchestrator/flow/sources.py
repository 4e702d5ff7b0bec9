"""From files to one tree: what a flow includes, and the keys that its tools and states share. Pure.

Reading is given from outside. Every part of the tree knows its own file and line, so that what
is made of it needs to know nothing of files.
"""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from pydantic import ValidationError

from orchestrator.errors import UsageError
from orchestrator.flow.checks import check_source
from orchestrator.flow.definition import Mark
from orchestrator.flow.document import Included
from orchestrator.flow.loader import MAX_NODES, Node, Table, load
from orchestrator.flow.part import Report

__all__ = ["NO_PATH", "Read", "Tree", "alone", "beside", "gather"]

Read: TypeAlias = Callable[[str], str]
"""The text of the file with this path; of an image its data URI. Raises `UsageError` that says
why there is none."""

MAPS = ("vars", "tools", "mcp", "interrupts", "states")
MAX_FILES = 32
NO_PATH = re.compile(r"\A[/~]|\A[A-Za-z]:|://|[*?\[\]\\\x00-\x1f]")
ENDINGS = ("end", "transfer", "handoff", "run")
"""A state with one of these does not talk, and gets no defaults."""


@dataclass(frozen=True, slots=True)
class Tree:
    """A flow's document with what it includes; `texts` by their paths from its directory. `root`
    is None if some of it could not be read, which has been reported."""

    root: Node | None
    texts: Mapping[str, str]


def alone(path: str) -> str:
    """For flows that stand alone: there are no other files."""
    raise UsageError(f"there is no file '{path}'")


def beside(file: str, path: str) -> str:
    """Where `path` leads that stands in `file`."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), path))


def gather(text: str, file: str, read: Read, report: Report) -> Tree:
    """The flow in `text`, whose name is `file`. Problems Y001 to Y008, K001 and U001 to U003 are
    reported, never raised."""
    gathering, name = _Gathering(file, read, report), posixpath.basename(file)
    root = gathering.load(name, text)
    if root is None or not isinstance(root.value, Table):
        return Tree(root, gathering.texts)
    root = _with_defaults(root, report)
    gathering.include(root, (name,))
    gathering.take(root)
    if not gathering.whole:
        return Tree(None, gathering.texts)
    return Tree(_within_budget(gathering.joined(root), report), gathering.texts)


@dataclass(slots=True)
class _Gathering:
    """Files go by their paths from the directory of `file`, problems by those from where we are."""

    file: str
    read: Read
    report: Report
    texts: dict[str, str] = field(default_factory=dict[str, str])
    maps: dict[str, dict[str, tuple[Mark, Node]]] = field(
        default_factory=dict[str, dict[str, tuple[Mark, Node]]]
    )
    whole: bool = True

    def load(self, path: str, text: str) -> Node | None:
        self.texts[path] = text
        place = beside(self.file, path)
        loaded = load(text, place)
        self.report.tell(loaded.problems)
        check_source(text, place, self.report)
        return loaded.root

    def include(self, root: Node, chain: tuple[str, ...]) -> None:
        """What this document uses, and what that uses. A file that is used twice is read once."""
        for mark, name in _used(root):
            path = beside(chain[-1], name)
            if NO_PATH.search(name) or not name.strip():
                self._refuse(mark, f"'{name}' is no path of a file", "relative to this file")
            elif path in chain:
                circle = " uses ".join((*chain[chain.index(path) :], path))
                self.whole = False
                self.report("U002", mark, f"a circle: {circle}")
            elif path not in self.texts and len(self.texts) >= MAX_FILES:
                self._refuse(mark, f"more than {MAX_FILES} files")
                return
            elif path not in self.texts:
                self._include(path, mark, chain)

    def _include(self, path: str, mark: Mark, chain: tuple[str, ...]) -> None:
        try:
            root = self.load(path, self.read(beside(self.file, path)))
        except UsageError as problem:
            self._refuse(mark, str(problem))
            return
        if root is None or not _is_included(root, self.report):
            self.whole = False
        else:
            self.take(root)
            self.include(root, (*chain, path))

    def _refuse(self, mark: Mark, message: str, hint: str = "") -> None:
        self.whole = False
        self.report("U001", mark, message, hint)

    def take(self, root: Node) -> None:
        """Add what a document declares to what is known; a name is given once."""
        for kind in MAPS:
            names = self.maps.setdefault(kind, {})
            declared = root.at(kind) if kind in root.keys else None
            for name, mark, node in _entries(declared):
                if name in names:
                    self.report("U003", mark, f"'{name}' stands in {names[name][0]} already")
                else:
                    names[name] = mark, node

    def joined(self, root: Node) -> Node:
        """The flow's document with all that was taken, its own first."""
        taken = {
            kind: _table(
                root.at(kind).mark,
                sorted(names.items(), key=lambda named: named[1][0].file != root.mark.file),
            )
            for kind, names in self.maps.items()
        }
        own = {name: (mark, node) for name, mark, node in _entries(root)}
        for kind, node in taken.items():
            # What is no mapping stays, to be told of.
            if node.keys and (kind not in own or isinstance(root.at(kind).value, Table)):
                own[kind] = root.key(kind), node
        return _table(root.mark, own.items())


def _used(root: Node) -> Iterator[tuple[Mark, str]]:
    """What stands under `use`; what is no text there is told of with the document."""
    if "use" in root.keys:
        for node in root.at("use").children.values():
            if isinstance(node.value, str):
                yield node.mark, node.value


def _is_included(root: Node, report: Report) -> bool:
    if not isinstance(root.value, Table):
        report("S001", root.mark, f"an included file is a mapping: dsl, {', '.join(MAPS)}")
        return False
    try:
        return Included.model_validate(root.value, context=report).whole
    except ValidationError:
        return False  # what is missing has been reported


def _with_defaults(root: Node, report: Report) -> Node:
    """The document, each of its tools and states with the keys that `defaults` has for it."""
    if "defaults" not in root.keys:
        return root
    own = {name: (mark, node) for name, mark, node in _entries(root)}
    for kind, default in (("tools", "tool"), ("states", "state")):
        given = root.at("defaults", default)
        if kind in own and default in root.at("defaults").keys and isinstance(given.value, Table):
            mark, node = own[kind]
            own[kind] = mark, _each_with(node, given, report)
    return _table(root.mark, own.items())


def _each_with(parts: Node, default: Node, report: Report) -> Node:
    """What these parts do not say themselves is said by `default`."""
    if not isinstance(parts.value, Table):
        return parts
    if len(parts.keys) * default.size > MAX_NODES:
        _too_much(default.mark, report)
        return parts
    added = ((name, (mark, _with(node, default))) for name, mark, node in _entries(parts))
    return _table(parts.mark, added)


def _with(part: Node, default: Node) -> Node:
    if not isinstance(part.value, Table) or not part.value.keys().isdisjoint(ENDINGS):
        return part
    keys = {name: (mark, node) for name, mark, node in (*_entries(default), *_entries(part))}
    return _table(part.mark, keys.items())


def _within_budget(root: Node, report: Report) -> Node | None:
    if root.size <= MAX_NODES:
        return root
    _too_much(root.mark, report)
    return None


def _too_much(mark: Mark, report: Report) -> None:
    report("Y008", mark, f"more than {MAX_NODES:,} values, those of `use` and `defaults` included")


def _entries(table: Node | None) -> Iterator[tuple[str, Mark, Node]]:
    if table and isinstance(table.value, Table):
        for name, node in table.children.items():
            if name in table.value:  # and not only what a slip of the pen was taken for
                yield str(name), table.keys[name], node


def _table(mark: Mark, entries: Iterable[tuple[str, tuple[Mark, Node]]]) -> Node:
    """A mapping of these, as if it had been written so."""
    table = Table()
    node = table.node = Node(mark, table)
    for name, (place, child) in entries:
        table[name] = child.value
        node.keys[name], node.children[name] = place, child
        node.size += child.size
    return node
