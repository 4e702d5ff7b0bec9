"""The tickets of an IT service desk, as an MCP server: `python mcp_servers/ticketing.py` (stdio).

A ticket is committed together with the key of the request that asks for it, which the host
puts into `_meta`: the same request twice is one ticket.
"""

import argparse
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

KEY = "orchestrator/idempotency-key"
DATA = Path(".orchestrator/tickets.sqlite3")
SCHEMA = """
CREATE TABLE IF NOT EXISTS tickets (
    id INTEGER PRIMARY KEY,
    key TEXT UNIQUE,    -- of the request that made it, if it had one
    title TEXT NOT NULL,
    priority TEXT NOT NULL,
    comments TEXT NOT NULL DEFAULT ''
)
"""

Priority = Literal["low", "normal", "high"]
TicketId = Annotated[str, Field(description="The number of a ticket, as T12")]


class Ticket(BaseModel):
    """A ticket of the desk."""

    id: str
    title: str
    priority: Priority


class Tickets(BaseModel):
    """What a search found, the newest first."""

    tickets: list[Ticket]


server = MCPServer("ticketing", version="1.0", subscriptions=False)
data = DATA


@server.tool(annotations=ToolAnnotations(idempotent_hint=True, open_world_hint=False))
def create_ticket(
    context: Context,
    title: Annotated[str, Field(description="The problem in one line")],
    priority: Priority = "normal",
) -> Ticket:
    """Open a ticket for the service desk."""
    key = (context.request_context.meta or {}).get(KEY)
    with tickets() as store:
        row = [key, title, priority]
        store.execute("INSERT OR IGNORE INTO tickets (key, title, priority) VALUES (?, ?, ?)", row)
        query = "SELECT id, title, priority FROM tickets WHERE key IS ? ORDER BY id DESC"
        return ticket(*store.execute(query, [key]).fetchone())


@server.tool(annotations=ToolAnnotations(destructive_hint=False, open_world_hint=False))
def add_comment(id: TicketId, text: str) -> Ticket:  # noqa: A002 (the model reads the name)
    """Add a line to a ticket."""
    number = id.strip().upper().removeprefix("T")
    with tickets() as store:
        query = "UPDATE tickets SET comments = comments || ? || char(10) WHERE id = ?"
        if not store.execute(query, [text, number]).rowcount:
            raise ToolError(f"There is no ticket {id}.")
        query = "SELECT id, title, priority FROM tickets WHERE id = ?"
        return ticket(*store.execute(query, [number]).fetchone())


@server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
def find_tickets(
    query: Annotated[str, Field(description="Words of the title; empty for all")],
) -> Tickets:
    """Find tickets by words of their title."""
    with tickets() as store:
        rows = store.execute("SELECT id, title, priority FROM tickets ORDER BY id DESC").fetchall()
    words = query.casefold().split()
    found = [row for row in rows if all(word in row[1].casefold() for word in words)]
    return Tickets(tickets=[ticket(*row) for row in found])


def ticket(number: int, title: str, priority: Priority) -> Ticket:
    return Ticket(id=f"T{number}", title=title, priority=priority)


@contextmanager
def tickets() -> Generator[sqlite3.Connection]:
    """The tickets, in one transaction."""
    data.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(data, isolation_level=None)
    try:
        store.execute("BEGIN IMMEDIATE")
        store.execute(SCHEMA)
        with store:
            yield store
    finally:
        store.close()


def main() -> None:
    global data
    parser = argparse.ArgumentParser(description="The tickets of a service desk, over MCP.")
    parser.add_argument("--data", type=Path, default=DATA, help="the SQLite file")
    data = parser.parse_args().data
    server.run("stdio")


if __name__ == "__main__":
    main()
