"""The names of everything in Redis. Pure, and a contract: see docs/redis.md.

Hash tags keep each atomic act in one slot of a cluster: `{q:…}` for a queue, `{s:…}` for a
session, `{p:…}` for an orchestrator process, `{e:…}` for an event, `{c:…}` for a caller, `{w}`
for all workers.
"""

import hashlib

__all__ = [
    "GROUP",
    "call_record",
    "control",
    "dead",
    "emitted",
    "inbox",
    "journal",
    "key_record",
    "owner",
    "remembered",
    "replies",
    "work",
    "worker",
    "workers",
]

PREFIX = "orc"
GROUP = "workers"


def work(queue: str) -> str:
    """The stream of a queue; its consumer group is `GROUP`."""
    return f"{PREFIX}:{{q:{queue}}}:work"


def call_record(queue: str, call_id: str) -> str:
    return f"{PREFIX}:{{q:{queue}}}:call:{call_id}"


def key_record(queue: str, tool: str, key: str) -> str:
    """What an idempotency key came to. Keys are a tool's own."""
    return f"{PREFIX}:{{q:{queue}}}:key:{tool}:{key}"


def dead(queue: str) -> str:
    return f"{PREFIX}:{{q:{queue}}}:dead"


def control(queue: str) -> str:
    """The pub/sub channel over which a queue's workers hear of cancelled calls."""
    return f"{PREFIX}:{{q:{queue}}}:control"


def replies(process: str) -> str:
    return f"{PREFIX}:{{p:{process}}}:replies"


def emitted(name: str) -> str:
    """The stream of the events that flows emit under this name."""
    return f"{PREFIX}:{{e:{name}}}:emitted"


def remembered(caller: str, name: str) -> str:
    """What is remembered of a caller under this name. Their number cannot be read from it."""
    return f"{PREFIX}:{{c:{hashlib.sha256(caller.encode()).hexdigest()}}}:{name}"


def journal(session: str) -> str:
    return f"{PREFIX}:{{s:{session}}}:journal"


def owner(session: str) -> str:
    return f"{PREFIX}:{{s:{session}}}:owner"


def inbox(session: str) -> str:
    return f"{PREFIX}:{{s:{session}}}:inbox"


def worker(name: str) -> str:
    """What a worker that is there says of itself."""
    return f"{PREFIX}:{{w}}:worker:{name}"


def workers() -> str:
    """The names of the workers that are there, or were a moment ago."""
    return f"{PREFIX}:{{w}}:workers"
