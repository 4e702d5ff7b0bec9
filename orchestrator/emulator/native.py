"""The MCP client of the emulator: it lists and calls tools as the service does.

The SDK is imported when it is first needed: few sessions have a server of their own. Each list
and each call opens a session of its own and closes it, which is slow enough for a stand-in.
"""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import anyio

from orchestrator.dispatch.call import Json
from orchestrator.emulator.servers import Outcome

__all__ = ["call_tool", "list_tools"]

LIMIT = 20.0  # seconds for one list or call, connecting included


async def list_tools(config: Mapping[str, Json]) -> Sequence[Mapping[str, Json]] | None:
    """What the server offers; None if it cannot be asked."""
    try:
        with anyio.fail_after(LIMIT):
            async with _client(config) as client:
                listed = await client.list_tools()
                return [_tool(tool) for tool in listed.tools]
    except Exception:  # a server can fail in any way, and a group of ways
        return None


async def call_tool(config: Mapping[str, Json], tool: str, arguments: str) -> Outcome:
    """What the server says, with errors in the service's shape."""
    try:
        given: Json = json.loads(arguments or "{}")
        with anyio.fail_after(LIMIT):
            async with _client(config) as client:
                return _outcome(await client.call_tool(tool, given))
    except Exception as error:  # likewise
        return _failure(error)


@asynccontextmanager
async def _client(config: Mapping[str, Json]) -> AsyncGenerator[Any]:
    import httpx2
    from mcp import Client
    from mcp.client.streamable_http import streamable_http_client

    headers: dict[str, str] = dict(config.get("headers") or {})
    if token := config.get("authorization"):
        headers["Authorization"] = f"Bearer {token}"
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(str(config["server_url"]), http_client=http)
        async with Client(transport) as client:
            yield client


def _tool(tool: Any) -> Mapping[str, Json]:
    hints = tool.annotations
    return {
        "name": tool.name,
        "description": tool.description or "",
        "input_schema": tool.input_schema,
        "annotations": hints.model_dump(mode="json", by_alias=True, exclude_none=True)
        if hints
        else None,
    }


def _outcome(result: Any) -> Outcome:
    text = "\n".join(part.text for part in result.content if part.type == "text")
    if result.is_error:
        return Outcome(error={"type": "tool_execution_error", "message": text})
    structured: Json = result.structured_content
    return Outcome(text if structured is None else json.dumps(structured, ensure_ascii=False))


def _failure(error: BaseException) -> Outcome:
    from mcp import MCPError

    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    if isinstance(error, MCPError):
        detail = {"type": "protocol_error", "code": error.code, "message": error.message}
        return Outcome(error=detail)
    message = f"The MCP server cannot be reached ({type(error).__name__})."
    return Outcome(error={"type": "http_error", "code": 503, "message": message})
