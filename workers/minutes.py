"""The minutes of a meeting: its lines as they are spoken, the action items, a summary.

A line is stored under the call's key, the id of the spoken turn: told twice, it stands once.
"""

import re
from dataclasses import dataclass

from orchestrator import Context, handler
from workers._store import transaction

WHO = "I|[Ww]e|[Yy]ou|[Hh]e|[Ss]he|[Tt]hey|[A-Z][a-z]+"
PROMISE = re.compile(rf"\b(?:{WHO})(?:'ll| will| has to| have to)\b")
LONGEST = 5  # action items that a summary names

SCHEMA = """
CREATE TABLE IF NOT EXISTS lines (
    key TEXT PRIMARY KEY,
    session TEXT NOT NULL,
    text TEXT NOT NULL
)
"""


@dataclass(frozen=True)
class Action:
    action: bool


@dataclass(frozen=True)
class Summary:
    """`lines` is how many were stored, `actions` the first lines with something to do."""

    lines: int
    actions: list[str]


@handler(queue="minutes")
def store_line(ctx: Context, text: str, item: str) -> None:
    """Append a line to the meeting's minutes."""
    with transaction("minutes", SCHEMA) as store:
        row = [f"{ctx.session}.{item}", ctx.session, text]
        store.execute("INSERT OR IGNORE INTO lines VALUES (?, ?, ?)", row)


@handler(queue="minutes")
def find_action(text: str) -> Action:
    """Whether somebody promises to do something in this line."""
    return Action(bool(PROMISE.search(text)))


@handler(queue="minutes")
def summarise(ctx: Context, lines: int) -> Summary:
    """What was said, in short. Lines that are still on their way are not in it."""
    with transaction("minutes", SCHEMA) as store:
        query = "SELECT text FROM lines WHERE session = ? ORDER BY rowid"
        texts = [text for (text,) in store.execute(query, [ctx.session])]
    if len(texts) < lines:
        ctx.log.warning("%s of %s lines were stored", len(texts), lines)
    return Summary(len(texts), [text for text in texts if PROMISE.search(text)][:LONGEST])
