"""The names of everything in Redis. Pure, and a contract: see docs/redis.md.

Hash tags keep each atomic act in one slot of a cluster: `{q:…}` for a queue, `{s:…}` for a
session, `{p:…}` for an orchestrator process, `{e:…}` for an event, `{c:…}` for a caller, `{f:…}`
for a flow, `{w}` for all workers.
"""

import hashlib

__all__ = [
    "GROUP",
    "call_record",
    "control",
    "dead",
    "drain",
    "due",
    "emitted",
    "flow",
    "inbox",
    "jobs",
    "journal",
    "key_record",
    "owner",
    "rate",
    "remembered",
    "replies",
    "slots",
    "waiting",
    "work",
    "worker",
    "workers",
]

PREFIX = "orc"
GROUP = "workers"


def work(queue: str) -> str:
    """The stream of a queue's live calls; its consumer group is `GROUP`."""
    return f"{PREFIX}:{{q:{queue}}}:work"


def jobs(queue: str) -> str:
    """The stream of the calls that nobody waits for just now; its group is `GROUP`, too."""
    return f"{PREFIX}:{{q:{queue}}}:jobs"


def flow(sha256: str) -> str:
    """The sources of a flow, kept for as long as journals of it are."""
    return f"{PREFIX}:{{f:{sha256}}}:flow"


def call_record(queue: str, call_id: str) -> str:
    return f"{PREFIX}:{{q:{queue}}}:call:{call_id}"


def key_record(queue: str, tool: str, key: str) -> str:
    """What an idempotency key came to. Keys are a tool's own. One cannot be read from this name."""
    return f"{PREFIX}:{{q:{queue}}}:done:{tool}:{_sha256(key)}"


def dead(queue: str) -> str:
    return f"{PREFIX}:{{q:{queue}}}:dead"


def due(queue: str) -> str:
    """Calls that are parked, by when they are looked at again."""
    return f"{PREFIX}:{{q:{queue}}}:due"


def slots(queue: str, tool: str | None) -> str:
    """Ids of the calls that run now, of a tool with a limit or of a queue that has one."""
    return f"{PREFIX}:{{q:{queue}}}:slots" + ("" if tool is None else f":{tool}")


def waiting(queue: str, tool: str | None) -> str:
    """Calls that are parked until one of these slots is free."""
    return f"{PREFIX}:{{q:{queue}}}:waiting" + ("" if tool is None else f":{tool}")


def rate(queue: str, tool: str) -> str:
    """Until when the calls of a tool have used up its rate."""
    return f"{PREFIX}:{{q:{queue}}}:rate:{tool}"


def control(queue: str) -> str:
    """The pub/sub channel over which a queue's workers hear of cancelled calls."""
    return f"{PREFIX}:{{q:{queue}}}:control"


def replies(process: str) -> str:
    """The pub/sub channel over which a process hears of its calls."""
    return f"{PREFIX}:{{p:{process}}}:replies"


def emitted(name: str) -> str:
    """The stream of the events that flows emit under this name."""
    return f"{PREFIX}:{{e:{name}}}:emitted"


def remembered(caller: str, name: str) -> str:
    """What is remembered of a caller under this name. Their number cannot be read from it."""
    return f"{PREFIX}:{{c:{_sha256(caller)}}}:{name}"


def journal(session: str) -> str:
    return f"{PREFIX}:{{s:{session}}}:journal"


def owner(session: str) -> str:
    return f"{PREFIX}:{{s:{session}}}:owner"


def inbox(session: str) -> str:
    return f"{PREFIX}:{{s:{session}}}:inbox"


def worker(name: str) -> str:
    """What a worker that is there says of itself."""
    return f"{PREFIX}:{{w}}:worker:{name}"


def drain(name: str) -> str:
    """Exists while a worker is asked to claim nothing more."""
    return f"{PREFIX}:{{w}}:drain:{name}"


def workers() -> str:
    """The names of the workers that are there, or were a moment ago."""
    return f"{PREFIX}:{{w}}:workers"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
