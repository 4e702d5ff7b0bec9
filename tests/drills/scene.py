"""Where a drill takes place: a Redis of its own, processes, a ledger, and the verdict."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
from anyio.abc import Process

from orchestrator.dispatch import keys
from orchestrator.link import Link, RedisRefused, connect
from tests.drills.asker import QUEUE, Plan, as_argument
from tests.drills.ledger import Ledger
from tests.redis_server import RedisServer

__all__ = ["Figures", "Impossible", "Scene", "held", "scene", "until"]

Figures: TypeAlias = Mapping[str, object]
ROOT = Path(__file__).parents[2]
LIMIT = 600.0
"""Seconds after which a drill is given up: something hangs."""


class Impossible(Exception):
    """A drill cannot be held on this machine; the message says why."""


async def until(happened: Callable[[], Awaitable[bool] | bool], within: float = LIMIT) -> None:
    """Look again and again, because what is waited for happens in other processes."""
    with anyio.fail_after(within):
        while True:
            look = happened()
            if look if isinstance(look, bool) else await look:
                return
            await anyio.sleep(0.02)


class Scene:
    def __init__(self, directory: Path, redis: RedisServer, url: str) -> None:
        self.directory = directory
        self.redis = redis
        self.url = url
        self.enough = directory / "enough"
        self.ledger = Ledger(directory / "ledger.sqlite3")
        self._processes: list[Process] = []

    async def worker(
        self,
        *,
        slots: int = 8,
        lease: float = 1.0,
        grace: float = 30.0,
        crash_at: str = "",
        url: str = "",
    ) -> Process:
        """A worker that is ready."""
        limits = (str(lease), str(slots), str(grace))
        program = ["-m", "tests.drills.worker", url or self.url, *limits]
        process = await self._start(program, crash_at)
        assert process.stdout
        await process.stdout.receive()
        return process

    async def asker(self, plan: Plan, *, crash_at: str = "", url: str = "") -> Process:
        program = ["-m", "tests.drills.asker", url or self.url, as_argument(plan)]
        return await self._start(program, crash_at)

    async def _start(self, program: list[str], crash_at: str) -> Process:
        environ = {**os.environ, "DRILL_LEDGER": str(self.directory / "ledger.sqlite3")}
        environ |= {"ORCHESTRATOR_CRASH_AT": crash_at} if crash_at else {}
        log = (self.directory / f"{len(self._processes)}.log").open("wb")
        with log:
            process = await anyio.open_process(
                [sys.executable, *program],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environ,
                cwd=ROOT,
            )
        self._processes.append(process)
        return process

    def said(self, process: Process) -> str:
        """What a process has logged."""
        return (self.directory / f"{self._processes.index(process)}.log").read_text()

    def last_words(self) -> str:
        """Of all processes, for a drill that fails."""
        told = {process.pid: self.said(process)[-1000:] for process in self._processes}
        return "\n".join(f"process {pid} said:\n{words}" for pid, words in told.items() if words)

    async def answered(self, asker: Process) -> None:
        """All that was wanted is answered, and the asker has ended by itself."""
        with anyio.fail_after(LIMIT):
            code = await asker.wait()
        assert code == 0, f"the asker ended with {code}:\n{self.said(asker)[-4000:]}"

    async def verdict(self, *, unknown: int = 0, recorded: bool = True) -> Figures:
        """Every call was answered once, every effect took place once, nothing is left behind.

        `unknown` is how many calls of tools that know no key may have died with a worker;
        `recorded` says that every call that Redis has acknowledged must be on record there.
        """
        wanted, answers = self.ledger.wanted(), self.ledger.answers()
        effects, runs = self.ledger.effects(), self.ledger.runs()
        assert {name: len(codes) for name, codes in answers.items()} == dict.fromkeys(wanted, 1)
        codes = {name: code for name, [code] in answers.items()}
        kinds = {kind: [n for n in wanted if wanted[n] == kind] for kind in set(wanted.values())}
        commits, onces = kinds.get("commit", []), kinds.get("once", [])
        assert {n: codes[n] for n in commits} == dict.fromkeys(commits, "ok")
        assert {n: effects[n] for n in commits} == dict.fromkeys(commits, 1)
        done = [n for n in onces if codes[n] == "ok"]
        assert {n: effects[n] for n in done} == dict.fromkeys(done, 1)
        assert {codes[n] for n in onces} <= {"ok", "crashed"}
        assert max(effects.values(), default=0) <= 1, "an effect took place twice"
        lost = len(onces) - len(done)
        assert lost <= unknown, f"{lost} outcomes are unknown, {unknown} can be"
        assert all(runs[n] for n in (*commits, *done)), "answered, and never ran"
        await self._nothing_is_left(recorded)
        return {
            "calls": len(wanted),
            "answered once": len(answers),
            "effects": sum(effects.values()),
            "runs": sum(runs.values()),
            **({"outcome unknown": lost} if onces else {}),
        }

    async def _nothing_is_left(self, recorded: bool) -> None:
        """No call is pending or waits, and every one that was acknowledged has an outcome."""
        async with connect(self.url) as link:
            await until(lambda: _empty(link), within=30)
            ids = self.ledger.ids() if recorded else []
            records = (keys.call_record(QUEUE, call) for call in ids)
            found = await link.ask(*(("HGET", record, "status") for record in records))
        lost = [call for call, status in zip(ids, found, strict=True) if status != "settled"]
        assert not lost, f"acknowledged and lost: {lost[:5]} and more, {len(lost)} of {len(ids)}"

    async def clear(self) -> None:
        for process in self._processes:
            if process.returncode is None:
                process.send_signal(signal.SIGKILL)
                process.send_signal(signal.SIGCONT)
            await process.aclose()
        self.ledger.close()


async def _empty(link: Link) -> bool:
    for stream in (keys.work(QUEUE), keys.jobs(QUEUE)):
        length, pending = await link.ask(("XLEN", stream), ("XPENDING", stream, keys.GROUP))
        if length or pending[0]:
            return False
    return True


async def held(link: Link, consumer: str = "") -> list[str]:
    """The ids of the live calls that somebody, or this consumer, holds."""
    whose = (consumer,) if consumer else ()
    try:
        [rows] = await link.ask(
            ("XPENDING", keys.work(QUEUE), keys.GROUP, "-", "+", 100_000, *whose)
        )
    except RedisRefused:
        return []
    entries: list[Any] = await link.ask(
        *(("XRANGE", keys.work(QUEUE), row[0], row[0]) for row in rows)
    )
    return [found[0][1][1] for found in entries if found]


@asynccontextmanager
async def scene(redis: RedisServer | None = None, url: str = "") -> AsyncGenerator[Scene]:
    """With a Redis of its own unless one is given, whose owner stops it. `url` is a cluster's."""
    directory = Path(tempfile.mkdtemp(prefix="drill-", dir="/tmp"))
    server = redis or RedisServer(directory)
    if redis is None:
        server.start()
    here = Scene(directory, server, url or server.url)
    try:
        yield here
    except BaseException as problem:
        problem.add_note(here.last_words())
        raise
    finally:
        with anyio.CancelScope(shield=True):
            await here.clear()
        if redis is None:
            server.stop()
        shutil.rmtree(directory)
