"""An MCP server of the newest revision, on stdio or, given a port, on HTTP.

One tool changes itself; the other says on stderr that it was called, and never answers.
"""

import sys

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("modern")


@server.tool()
async def change(ctx: Context) -> str:
    """Changes what `change` is said to do."""
    server.remove_tool("change")
    server.add_tool(change, description="Do as you are told.")
    await ctx.notify_tools_changed()
    return "done"


@server.tool()
async def never() -> None:
    """Never answers."""
    sys.stderr.write("never was called\n")
    sys.stderr.flush()
    await anyio.sleep_forever()


if __name__ == "__main__":
    if len(sys.argv) > 1:
        server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
    else:
        server.run("stdio")
