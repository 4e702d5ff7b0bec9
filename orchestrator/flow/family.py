"""A flow and those that it runs or hands over to. Pure.

The flow NAME lies in `NAME.flow.yaml` beside the flow that names it. All of a family lie beside
each other, so that a name means the same in each of them.
"""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.errors import UsageError
from orchestrator.flow.definition import MAX_DEPTH, Mark
from orchestrator.flow.document import Document, Session, read
from orchestrator.flow.part import Overwhelmed, Report
from orchestrator.flow.sources import MAX_FILES, Read, beside, gather

__all__ = ["Family", "Member", "Named", "check_handoffs", "gather_family", "named"]


@dataclass(frozen=True, slots=True)
class Named:
    """A place where a flow is named."""

    how: Literal["run", "handoff"]
    flow: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class Member:
    """One flow of a family. Its own problems go to its own `report`."""

    document: Document
    texts: Mapping[str, str]
    report: Report


@dataclass(slots=True)
class Family:
    """`members` by the names that they are called by; None for one that could not be read. The
    first is the flow that is compiled."""

    root: str
    members: dict[str, Member | None] = field(default_factory=dict[str, Member | None])
    heights: dict[str, int] = field(default_factory=dict[str, int])

    def in_order(self) -> list[tuple[str, Member]]:
        """Whom a flow runs comes before it; the flow that is compiled comes last."""
        names = [name for name in self.heights if name != self.root] + [self.root]
        known = ((name, self.members[name]) for name in names)
        return [(name, member) for name, member in known if member]


def named(document: Document) -> Iterator[Named]:
    for state in document.states.values():
        if state.run is not None:
            yield Named("run", state.run, state.node.at("run").mark)
        if state.handoff and state.handoff.whole:
            yield Named("handoff", state.handoff.flow, state.handoff.node.at("flow").mark)
    for interrupt in document.interrupts.values():
        if interrupt.run is not None:
            yield Named("run", interrupt.run, interrupt.node.at("run").mark)


def gather_family(text: str, file: str, reading: Read, report: Report) -> Family | None:
    """All flows that this one may lead to. Problems F001, F002, F004 and those of the documents
    are reported; None if there is nothing of the flow itself."""
    root = _member(text, file, reading, report)
    if root is None:
        return None
    family = Family(root.document.flow, {root.document.flow: root})
    todo = [root]
    while todo:
        member = todo.pop()
        for each in named(member.document):
            found = _find(each, family, file, reading, member.report)
            if found:
                todo.append(found)
    for name in family.members:
        _height(name, (), family)
    return family


def _member(text: str, file: str, reading: Read, report: Report) -> Member | None:
    tree = gather(text, file, reading, report)
    document = read(tree.root, report) if tree.root else None
    return Member(document, tree.texts, report) if document else None


def _find(each: Named, family: Family, file: str, reading: Read, report: Report) -> Member | None:
    """A member that is new to the family."""
    if each.flow in family.members or not each.flow:
        return None
    path = beside(file, f"{each.flow}.flow.yaml")
    if path == posixpath.normpath(file) or len(family.members) >= MAX_FILES:
        why = "that is this file" if len(family.members) < MAX_FILES else "too many flows"
        report("F001", each.mark, f"no flow '{each.flow}': {why}")
        return None
    family.members[each.flow] = None
    try:
        text = reading(path)
    except UsageError as problem:
        report("F001", each.mark, f"no flow '{each.flow}': {problem}")
        return None
    own = Report()
    try:
        member = family.members[each.flow] = _member(text, path, reading, own)
    except Overwhelmed:
        report.tell(own.problems)
        raise
    report.tell(own.problems if member is None else ())
    if member and member.document.flow != each.flow:
        message = f"{path} is the flow '{member.document.flow}', not '{each.flow}'"
        report("F002", each.mark, message)
    return member


def _height(name: str, chain: tuple[str, ...], family: Family) -> int:
    """How many flows deep this one goes. A flow that runs itself is told of where it does."""
    member = family.members.get(name)
    if name in family.heights or member is None:
        return family.heights.get(name, 0)
    height = 0
    for each in named(member.document):
        if each.how == "handoff":
            continue
        if each.flow in (*chain, name):
            way = (*chain, name)[(*chain, name).index(each.flow) :]
            told = " runs ".join((*way, each.flow))
            member.report("F004", each.mark, f"a flow cannot run itself: {told}")
            continue
        height = max(height, 1 + _height(each.flow, (*chain, name), family))
        if height > MAX_DEPTH and name == family.root:
            message = f"flows run each other {height} deep here; {MAX_DEPTH} is the most"
            member.report("F004", each.mark, message)
    family.heights[name] = height
    return height


def check_handoffs(family: Family, report: Report) -> None:
    """A session goes on with the model, and where there is one the voice, that it began with."""
    root = family.members[family.root]
    began = root.document.session if root else None
    for member in family.members.values():
        for each in named(member.document) if member else ():
            other = family.members.get(each.flow) if each.how == "handoff" else None
            theirs = other.document.session if other else None
            for what, given in _kept(began, theirs) if theirs else ():
                message = f"'{each.flow}' has another {what}, {given}"
                report("H001", each.mark, message, f"a session keeps its {what}")


def _kept(began: Session | None, theirs: Session) -> Iterator[tuple[str, str]]:
    """What cannot change within a session, and would."""
    if theirs.model is not None and theirs.model != (began.model if began else None):
        yield "model", theirs.model
    spoken = began is None or (began.mode == "voice" and began.channel != "text")
    if spoken and theirs.voice is not None and theirs.voice != (began.voice if began else None):
        yield "voice", theirs.voice
