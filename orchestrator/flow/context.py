"""What of the conversation the model still sees when a state is entered. Pure.

The engine knows every item by its id. A call of the model and its output go together, and one
that has no output yet stays, whatever its age.
"""

from orchestrator.flow.aside import ask, give_up
from orchestrator.flow.commands import AddItem, DropItems
from orchestrator.flow.definition import Context
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import Kept, OpenAsk

__all__ = ["SUMMARISE", "shorten", "summarised"]

SUMMARISE = (
    "# Task\nNobody hears this answer. Sum up the conversation for whoever goes on with it.\n\n"
    "# Summarise\nWhat the caller wants, what was said and settled, what is still open. "
    "At most five sentences, nothing that was not said."
)
SUMMARY = "What was said before, in short: "


def shorten(m: Macrostep, context: Context) -> None:
    """Drop what is older; where a summary is wanted, when it has come. Nobody waits for that."""
    items = _older(m.items, context.keep_last)
    under_way = [name for name, asked in m.work.asks.items() if asked.purpose == "summary"]
    if context.summary and items and not under_way:
        ask(m, OpenAsk("summary", items=items), SUMMARISE)
    elif not context.summary:
        for name in under_way:  # what it sums up is to be forgotten
            give_up(m, name)
        _drop(m, items)


def summarised(m: Macrostep, asked: OpenAsk, text: str | None) -> None:
    """The summary takes the place of what it is of. Without one everything stays."""
    if text is None:
        m.report("context.kept", items=len(asked.items))
        return
    _drop(m, asked.items)
    m.emit(AddItem(m.new_id("item"), "system", SUMMARY + text.strip(), first=True))


def _older(items: tuple[Kept, ...], keep: int) -> tuple[str, ...]:
    """All but the last `keep`, without halves of calls."""
    older = items[: max(0, len(items) - keep)]
    calls = {kept.call for kept in older if kept.kind == "call"}
    whole = calls & {kept.call for kept in older if kept.kind == "output"}
    return tuple(kept.item for kept in older if kept.kind == "message" or kept.call in whole)


def _drop(m: Macrostep, items: tuple[str, ...]) -> None:
    if items:
        gone = frozenset(items)
        m.items = tuple(kept for kept in m.items if kept.item not in gone)
        m.emit(DropItems(items))
        m.talk = replace(m.talk, told="")  # it may be among them
        m.report("context.dropped", items=len(items))
