"""The tool that does nothing, for the worker process of the benchmarks."""

from orchestrator import handler


@handler(queue="bench")
async def noop() -> dict[str, bool]:
    return {"done": True}
