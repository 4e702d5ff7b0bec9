"""What sessions ran, kept on Redis: the sources of their flows, by their hash.

A session's journal is read with the flow that it began with, whatever its file says by then.
"""

import json

from orchestrator.dispatch import keys
from orchestrator.flow.compile import compile_sources
from orchestrator.flow.definition import Flow, Sources
from orchestrator.link import Link

__all__ = ["FORTNIGHT", "find", "keep"]

FORTNIGHT = 14 * 86400
"""Seconds for which a flow is kept after a session of it began: longer than a journal is."""


async def keep(link: Link, flow: Flow) -> None:
    """Keep what the flow was made from. Raises `QueueUnavailable`."""
    about = {"texts": dict(flow.sources.texts), "lock": flow.sources.lock}
    await link.ask(("SET", keys.flow(flow.sha256), json.dumps(about), "EX", FORTNIGHT))


async def find(link: Link, sha256: str) -> Flow | None:
    """The flow with this hash, if it is kept. Raises `QueueUnavailable`, or `FlowInvalid` if this
    version of the language refuses it."""
    [text] = await link.ask(("GET", keys.flow(sha256)))
    if text is None:
        return None
    about = json.loads(text)
    flow = compile_sources(Sources(about["texts"], about["lock"]))
    return flow if flow.sha256 == sha256 else None
