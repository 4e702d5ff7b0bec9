"""An MCP server on HTTP, at the port that it is given: what the service would ask itself.

It wants the header `X-Key: open`, and says so as a tool that fails.
"""

import sys

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("knowledge")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def search(topic: str) -> dict[str, str]:
    """Search the articles about laptops, printers and networks."""
    if topic == "nothing":
        raise ToolError("there is nothing about that")
    return {"article": f"Turn the {topic} off and on again."}


@server.tool()
def file(title: str) -> str:
    """File a report."""
    return f"filed: {title}"


if __name__ == "__main__":
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
