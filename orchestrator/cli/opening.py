"""How a session with the Realtime service is opened, for callers and for live cases alike."""

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.dispatch.call import Json
from orchestrator.flow.definition import Flow
from orchestrator.flow.stable import fixed
from orchestrator.realtime.connection import Socket
from orchestrator.realtime.settings import session_object
from orchestrator.realtime.translate import Realtime

__all__ = ["DEFAULT_MODEL", "OPENAI", "open_session"]

OPENAI = "wss://api.openai.com/v1/realtime"
DEFAULT_MODEL = "gpt-realtime-2.1"


async def open_session(
    flow: Flow, connection: Socket, model: str, servers: Sequence[dict[str, Json]] = ()
) -> Realtime:
    """Say what the session is; its adapter. `servers` are the MCP servers that the service asks."""
    persona, functions = fixed(flow)
    settled = replace(flow.session, persona=persona)
    opening = session_object(settled, "text", model=model, tools=(*servers, *functions))
    adapter = Realtime()
    for frame in adapter.start(opening, watch=_watches(flow)):
        await connection.send(frame)
    return adapter


def _watches(flow: Flow) -> bool:
    """Whether it, or a flow that it may lead to, looks at the model's words as they come."""
    guards = (guard for each in flow.family for guard in each.guards)
    return any(guard.side == "output" and guard.match for guard in guards)
