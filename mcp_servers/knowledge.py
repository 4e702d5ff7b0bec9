"""The knowledge base of an IT service desk, as an MCP server over HTTP.

`python mcp_servers/knowledge.py [PORT]` serves http://127.0.0.1:PORT/mcp. A Realtime service
that calls MCP servers itself needs it at a public address.
"""

import sys
from typing import Annotated

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.transport_security import TransportSecuritySettings
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

PORT = 8931
READ_ONLY = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)


class Found(BaseModel):
    """An article of the knowledge base, without its text."""

    id: str
    title: str


class Results(BaseModel):
    """What a search found, the best first."""

    results: list[Found]


class Article(BaseModel):
    """An article: steps to read out one at a time."""

    id: str
    title: str
    steps: list[str]


ARTICLES = [
    Article(
        id="vpn",
        title="The VPN does not connect from the home network",
        steps=[
            "Check that the clock of the laptop is right.",
            "Sign out of the VPN client and sign in again.",
            "Restart the laptop, then connect before opening anything else.",
        ],
    ),
    Article(
        id="wifi",
        title="The laptop has no wireless network in the office",
        steps=["Switch flight mode on and off.", "Forget the network OFFICE and join it again."],
    ),
    Article(
        id="slow",
        title="The laptop is slow",
        steps=["Close what is not needed.", "Restart the laptop.", "Leave it on power overnight."],
    ),
]

server = MCPServer("knowledge", version="1.0", subscriptions=False)


@server.tool(annotations=READ_ONLY)
def search(
    query: Annotated[str, Field(description="The problem in a few words")],
) -> Results:
    """Search the knowledge base."""
    words = set(query.casefold().split())
    scored = [(len(words & set(each.title.casefold().split())), each) for each in ARTICLES]
    best = sorted((pair for pair in scored if pair[0]), key=lambda pair: -pair[0])
    return Results(results=[Found(id=each.id, title=each.title) for _, each in best])


@server.tool(annotations=READ_ONLY)
def fetch(id: Annotated[str, Field(description="Of an article that was found")]) -> Article:  # noqa: A002
    """Read an article of the knowledge base."""
    for each in ARTICLES:
        if each.id == id:
            return each
    raise ToolError(f"There is no article {id!r}; search first.")


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else PORT
    # Without settings nothing guards a local server against DNS rebinding.
    security = TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=["127.0.0.1:*", "localhost:*"],
    )
    server.run("streamable-http", host="127.0.0.1", port=port, transport_security=security)


if __name__ == "__main__":
    main()
