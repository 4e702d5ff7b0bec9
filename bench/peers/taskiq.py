"""taskiq: its broker on Redis Streams, and results in Redis, for which its asker looks."""

from importlib import import_module
from typing import Any

from bench.asking import Ask
from bench.peers.process import main, slept

_api: Any = import_module("taskiq.api")
_redis: Any = import_module("taskiq_redis")

ALONE, AMONG_MANY = 0.002, 0.02
"""Seconds between two looks for a result: what gives least with one and with many in flight. The
default of 0.2 makes a call take that long."""


def _broker(url: str) -> tuple[Any, Any]:
    results = _redis.RedisAsyncResultBackend(url, result_ex_time=60)
    broker = _redis.RedisStreamBroker(url, consumer_id="0", maxlen=10_000)
    return broker.with_result_backend(results), broker.task(task_name="rest")(slept)


async def asker(url: str) -> Ask:
    broker, rest = _broker(url)
    await broker.startup()
    waiting = 0

    async def ask(seconds: float) -> None:
        nonlocal waiting
        waiting += 1
        task = await rest.kiq(seconds)
        look = ALONE if waiting == 1 else AMONG_MANY
        result = await task.wait_result(check_interval=look, timeout=60)
        assert result.return_value == {"done": True}, result
        waiting -= 1

    return ask


async def worker(url: str) -> None:
    broker, _ = _broker(url)
    broker.is_worker_process = True
    await _api.run_receiver_task(broker, max_async_tasks=256, run_startup=True)


if __name__ == "__main__":
    main(asker, worker)
