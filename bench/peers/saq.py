"""saq: its pub/sub (`Job.refresh`), which answers sooner than its polling `Queue.apply`."""

from contextlib import suppress
from importlib import import_module
from typing import Any

from bench.asking import Ask
from bench.peers.process import main, slept

_saq: Any = import_module("saq")
_queues: Any = import_module("saq.queue.redis")
_redis: Any = import_module("redis.asyncio")


async def _queue(url: str) -> Any:
    """Each of its slots holds a connection, and redis-py gives 100 unless asked for more."""
    redis = _redis.from_url(url, max_connections=1024, socket_timeout=None)
    queue = _queues.RedisQueue(redis)
    await queue.connect()
    return queue


async def asker(url: str) -> Ask:
    queue = await _queue(url)

    async def ask(seconds: float) -> None:
        job: Any = None
        while job is None or job.status == "aborted":  # a worker that starts aborts what it takes
            job = await queue.enqueue("rest", seconds=seconds, timeout=60, ttl=60)
            while not job.completed:
                with suppress(TimeoutError):  # what is told may be missed
                    await job.refresh(until_complete=1.0)
        assert job.result == {"done": True}, job

    return ask


async def rest(_: Any, *, seconds: float) -> dict[str, bool]:
    return await slept(seconds)


async def worker(url: str) -> None:
    await _saq.Worker(await _queue(url), functions=[rest], concurrency=256).start()


if __name__ == "__main__":
    main(asker, worker)
