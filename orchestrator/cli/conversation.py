"""One conversation of `orchestrator run`, with every part that it needs."""

import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import TaskGroup

from orchestrator import broker, kept
from orchestrator import link as redis_link
from orchestrator.callers import RedisCallers
from orchestrator.cli import console, in_process
from orchestrator.cli.caller import typed_lines
from orchestrator.cli.native import listed
from orchestrator.cli.opening import OPENAI, open_session
from orchestrator.cli.parts import Parts
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.errors import ProviderRefused, QueueUnavailable, innermost
from orchestrator.flow.commands import Command, Dispatch, Say
from orchestrator.flow.definition import Flow
from orchestrator.flow.events import AgentSaid, Event
from orchestrator.flow.snapshot import Snapshot, quiescent
from orchestrator.journal import RedisJournal
from orchestrator.launch import part
from orchestrator.memory import MemoryBroker, MemoryCallers, MemoryCalls, MemoryJournal
from orchestrator.outbox import RedisOutbox
from orchestrator.projection import record
from orchestrator.realtime.connection import Socket, connect
from orchestrator.realtime.native import Address, mcp_tools
from orchestrator.realtime.translate import Realtime
from orchestrator.session import Arrival, Session, Stores
from orchestrator.settings import Settings
from orchestrator.signals import RedisSignals
from orchestrator.trace import Trace, trace_to

__all__ = ["Options", "converse"]


@dataclass(frozen=True, slots=True)
class Options:
    flow: Flow
    say: tuple[str, ...]
    show: console.Show
    notice: Callable[[str], None]
    masked: bool
    terminal: bool
    worker: bool
    mcp_host: bool
    url: str | None
    model: str
    caller: str | None
    values: Mapping[str, Json]
    trace: Path | None
    in_process: bool
    native: Mapping[str, Address] = field(repr=False)
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Backing:
    """Where calls and the journal go, and what has to run beside the session for that.

    `serve` runs what the calls are for, once it is wanted, and tells when it is ready.
    """

    stores: Stores
    serve: Callable[[Callable[[], None]], Awaitable[None]]
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """Where the session is held: its URL, once it is up, and the key."""

    url: Callable[[], Awaitable[str]]
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Line:
    """A session of the provider that has been opened."""

    connection: Socket
    adapter: Realtime
    model: str


async def converse(options: Options, settings: Settings) -> str:
    """One conversation from its first part to its last; how it ended."""
    if not options.in_process:
        broker.check_url(settings)  # before an emulator is started
    try:
        async with AsyncExitStack() as stack:
            return await _converse(options, settings, stack)
    except BaseExceptionGroup as group:
        raise innermost(group) from None


async def _converse(options: Options, settings: Settings, stack: AsyncExitStack) -> str:
    name = f"s{secrets.token_hex(6)}"
    traced = trace_to(options.trace, options.flow, name) if options.trace else None
    trace = stack.enter_context(traced) if traced else None
    provider = await _provider(options, settings, stack)
    backing = await _backing(options, settings, name, stack)
    options.notice(f"Session: {name}")
    line = await _line(options, provider, stack)
    spoken = anyio.Event()
    session = Session(
        options.flow,
        line.connection,
        line.adapter,
        backing.stores,
        session=name,
        arrival=Arrival(options.caller, options.headers, options.values, line.model),
        observe=_observer(options, trace, spoken),
    )
    how = await _hold(options, session, backing, spoken)
    if trace and not trace.replays(session.snapshot):
        options.notice("the trace takes another way: the flow decides on personal values")
    return how


async def _hold(options: Options, session: Session, backing: Backing, spoken: anyio.Event) -> str:
    """Run the session, with what it needs beside it; how it ended."""
    how = "interrupted"  # unless nobody cuts the session short
    ready = anyio.Event()
    async with anyio.create_task_group() as tasks:
        for task in backing.beside:
            tasks.start_soon(task)
        tasks.start_soon(_serve, backing, spoken, ready)
        tasks.start_soon(_caller, options, session, ready)
        tasks.start_soon(_heed_signals, session, tasks)
        await session.run()
        how = session.snapshot.run.how or how
        tasks.cancel_scope.cancel()
    return how


async def _provider(options: Options, settings: Settings, stack: AsyncExitStack) -> Provider:
    """The Realtime service to use; an emulator is started, and left to come up meanwhile."""
    url = options.url or settings.realtime_url
    if url is None and settings.openai_api_key is None:
        options.notice(f"Realtime: local emulator, model {options.model} (no OPENAI_API_KEY)")
        emulator = await stack.enter_async_context(
            part("emulator", ["orchestrator.emulator"], settings.data / "logs")
        )

        async def ready() -> str:
            return str((await emulator.ready())["url"])

        return Provider(ready, "emulator")
    options.notice(f"Realtime: {url or OPENAI}, model {options.model}")

    async def known() -> str:
        return url or OPENAI

    return Provider(known, settings.openai_api_key or "none")


async def _line(options: Options, provider: Provider, stack: AsyncExitStack) -> Line:
    connection, model = await _connected(options, provider, stack)
    servers = mcp_tools(options.flow, options.native)
    adapter = await open_session(options.flow, connection, model, servers)
    await listed(connection, len(servers), options.notice)
    return Line(connection, adapter, model)


async def _connected(
    options: Options, provider: Provider, stack: AsyncExitStack
) -> tuple[Socket, str]:
    """The session and its model: the flow's backup, if the service refuses the first."""
    url, backup = await provider.url(), options.flow.session.backup
    try:
        first = connect(url, provider.key, model=options.model)
        return await stack.enter_async_context(first), options.model
    except ProviderRefused as refusal:
        if backup in (None, options.model) or refusal.code == "invalid_api_key":
            raise
        options.notice(f"{options.model} was refused ({refusal.code}); model {backup}")
    second = connect(url, provider.key, model=backup)
    return await stack.enter_async_context(second), backup


def _observer(
    options: Options, trace: Trace | None, spoken: anyio.Event
) -> Callable[[Event | Command, Snapshot], None]:
    def observe(item: Event | Command, snapshot: Snapshot) -> None:
        if trace:
            trace.observe(item, snapshot)
        if isinstance(item, AgentSaid | Say | Dispatch) or quiescent(snapshot):
            spoken.set()
        shown = record(options.flow, snapshot, item, masked=options.masked)
        if shown:
            options.show(shown)

    return observe


async def _backing(
    options: Options, settings: Settings, name: str, stack: AsyncExitStack
) -> Backing:
    """Redis and processes of their own, or their twins in this one."""
    if options.in_process:
        return _in_memory(options, settings, name)
    redis = await stack.enter_async_context(broker.find(settings))
    link = await stack.enter_async_context(redis_link.connect(redis.url))
    options.notice(f"Redis: {redis.description}")
    with suppress(QueueUnavailable):  # the session does not need it
        await kept.keep(link, options.flow)
    journal = RedisJournal(name, link)
    calls, outbox = StreamCalls(link, name), RedisOutbox(name, link)
    stores = Stores(calls, journal, outbox, RedisCallers(link), RedisSignals(link))
    parts = Parts(
        options.flow,
        settings,
        link,
        redis.url,
        options.notice,
        worker=options.worker,
        mcp_host=options.mcp_host,
    )
    return Backing(stores, parts.serve, (journal.run,))


def _in_memory(options: Options, settings: Settings, name: str) -> Backing:
    memory = MemoryBroker()
    options.notice("in process: no Redis, nothing is kept")
    calls, journal = MemoryCalls(memory, name), MemoryJournal(memory, name)
    stores = Stores(calls, journal, callers=MemoryCallers(memory))
    return Backing(
        stores, partial(in_process.serve, memory, options.flow, settings, options.notice)
    )


async def _serve(backing: Backing, spoken: anyio.Event, ready: anyio.Event) -> None:
    """Serve calls once the agent has spoken, has nothing to say or needs them: importing what
    they need would delay its first words."""
    await spoken.wait()
    await backing.serve(ready.set)


async def _caller(options: Options, session: Session, ready: anyio.Event) -> None:
    """Give the caller's turns, when calls are served: a tool's time does not wait for a start.

    People on a terminal may interrupt, lines and their end wait.
    """
    async for text in _turns(options):
        await ready.wait()
        if not options.terminal:
            await session.quiet()
        if session.snapshot.run.ended is not None:
            return
        await session.caller_says(text)
    if not options.terminal:
        await session.quiet()
    await session.caller_leaves()


async def _turns(options: Options) -> AsyncIterator[str]:
    if options.say:
        for text in options.say:
            yield text
    elif sys.stdin:
        async for text in typed_lines(sys.stdin.fileno()):
            yield text


async def _heed_signals(session: Session, tasks: TaskGroup) -> None:
    """The first signal hangs up, so that kept calls may finish; the second does not wait."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        await anext(signals)
        await session.caller_leaves(interrupted=True)
        await anext(signals)
        tasks.cancel_scope.cancel()
