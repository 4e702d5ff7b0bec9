"""`run --in-process`: handlers run in this process, behind queues that are in its memory.

What nobody serves here is answered so at once, instead of keeping a caller waiting.
"""

from collections.abc import Awaitable, Callable

import anyio
from anyio.abc import TaskGroup

from orchestrator.dispatch.call import APPROVALS, Call, Outcome
from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow
from orchestrator.memory import MemoryBroker, MemoryClaims
from orchestrator.settings import Settings

__all__ = ["serve"]


async def serve(
    memory: MemoryBroker,
    flow: Flow,
    settings: Settings,
    notice: Callable[[str], None],
    ready: Callable[[], None],
) -> None:
    """Serve the flow's queues with the project's handlers, until cancelled."""
    queues = {tool.queue for tool in flow.all_tools if not tool.native}
    if not queues:
        ready()
        return
    # Imported only now: a first flow has no tools.
    from orchestrator.worker.handlers import Handlers
    from orchestrator.worker.load import load

    handlers = Handlers([])
    if any(queue.startswith("mcp.") for queue in queues):
        notice("in process: tools of MCP servers are not served")
    if any(not queue.startswith("mcp.") for queue in queues):
        try:
            handlers = Handlers.of(*load((), settings.project))
        except UsageError as problem:
            notice(str(problem))
    handlers.tell = memory.tell
    async with handlers.opened(), anyio.create_task_group() as serving:
        for queue in queues & handlers.queues.keys():
            _work(serving, memory, queue, handlers.run)
        for queue in queues - handlers.queues.keys():
            _work(serving, memory, queue, _nobody)
        _work(serving, memory, APPROVALS, _no_person)
        ready()


def _work(
    serving: TaskGroup, memory: MemoryBroker, queue: str, run: Callable[[Call], Awaitable[Outcome]]
) -> None:
    from orchestrator.worker.runtime import Worker

    serving.start_soon(Worker(MemoryClaims(memory, queue, "here"), run).serve)


async def _nobody(call: Call) -> Outcome:
    message = f"nothing serves the queue {call.queue} in process"
    return Outcome.failed("worker", "unavailable", message)


async def _no_person(call: Call) -> Outcome:
    note = "nobody can be asked in process"
    return Outcome("worker", {"approved": False, "by": "", "note": note})
