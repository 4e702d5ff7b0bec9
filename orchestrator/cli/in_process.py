"""`run --in-process`: handlers run in this process, behind queues that are in its memory."""

from collections.abc import Callable

import anyio

from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow
from orchestrator.memory import MemoryBroker, MemoryClaims
from orchestrator.settings import Settings

__all__ = ["serve"]


async def serve(
    memory: MemoryBroker, flow: Flow, settings: Settings, notice: Callable[[str], None]
) -> None:
    """Serve the flow's queues with the project's handlers, until cancelled."""
    queues = {tool.queue for tool in flow.all_tools if not tool.native}
    if any(queue.startswith("mcp.") for queue in queues):
        notice("in process: tools of MCP servers are not served")
    if any(not queue.startswith("mcp.") for queue in queues):
        try:
            await _serve_handlers(memory, queues, settings)
        except UsageError as problem:
            notice(str(problem))
    await anyio.sleep_forever()


async def _serve_handlers(memory: MemoryBroker, queues: set[str], settings: Settings) -> None:
    # Imported only now: a first flow has no tools.
    from orchestrator.worker.handlers import Handlers
    from orchestrator.worker.load import load
    from orchestrator.worker.runtime import Worker

    handlers = Handlers.of(*load((), settings.project))
    handlers.tell = memory.tell
    async with handlers.opened(), anyio.create_task_group() as serving:
        for queue in queues & handlers.queues.keys():
            claims = MemoryClaims(memory, queue, "here")
            serving.start_soon(Worker(claims, handlers.run).serve)
