"""`orchestrator run`: one conversation, with every part that it needs."""

import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import anyio
import click
from anyio.abc import TaskGroup

from orchestrator import broker, kept
from orchestrator import link as redis_link
from orchestrator.callers import RedisCallers
from orchestrator.cli import console, in_process
from orchestrator.cli.caller import typed_lines
from orchestrator.cli.flows import load, project_of
from orchestrator.cli.native import addresses, listed
from orchestrator.cli.opening import open_session
from orchestrator.dispatch.call import Json
from orchestrator.dispatch.streams import StreamCalls
from orchestrator.errors import (
    ProviderRefused,
    QueueUnavailable,
    ServiceError,
    UsageError,
    innermost,
)
from orchestrator.flow.commands import Command, Say
from orchestrator.flow.commands import Dispatch as Dispatched
from orchestrator.flow.definition import Flow, Rejected
from orchestrator.flow.events import AgentSaid, Event
from orchestrator.flow.snapshot import Snapshot, quiescent
from orchestrator.interfaces import Callers, Calls, Journal, Outbox, Signals
from orchestrator.journal import RedisJournal
from orchestrator.launch import Part, part
from orchestrator.memory import MemoryBroker, MemoryCallers, MemoryCalls, MemoryJournal
from orchestrator.outbox import RedisOutbox
from orchestrator.projection import record
from orchestrator.realtime.connection import Socket, connect
from orchestrator.realtime.native import Address, mcp_tools
from orchestrator.session import Session
from orchestrator.settings import Settings, check_realtime_url, from_environ
from orchestrator.signals import RedisSignals
from orchestrator.trace import Trace, trace_to

__all__ = ["command"]

OPENAI = "wss://api.openai.com/v1/realtime"
DEFAULT_MODEL = "gpt-realtime-2.1"
EXIT_CODES = {"completed": 0, "error": 1, "hangup": 3, "provider_lost": 4, "interrupted": 130}
"""By how a session ended, which the engine says; the reason is the author's to choose."""


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
class Dispatch:
    """Where calls and the journal go, and what has to run beside the session for that.

    `serve` runs what the calls are for, once it is wanted, and tells when it is ready.
    """

    calls: Calls
    journal: Journal
    outbox: Outbox | None
    callers: Callers
    signals: Signals | None
    serve: Callable[[Callable[[], None]], Awaitable[None]]
    beside: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """Where the session is held: its URL, once it is up, and the key."""

    url: Callable[[], Awaitable[str]]
    key: str = field(repr=False)


@click.command("run")
@click.argument("flow", type=click.Path(path_type=Path))
@click.option("--say", multiple=True, metavar="TEXT", help="A turn of the caller; repeatable.")
@click.option("--json", "as_json", is_flag=True, help="Print every event as one JSON line.")
@click.option("--no-worker", is_flag=True, help="Handlers run elsewhere: `orchestrator worker`.")
@click.option("--no-mcp-host", is_flag=True, help="MCP tools run elsewhere: `… mcp-host`.")
@click.option("--in-process", is_flag=True, help="No Redis, no other process: for a first try.")
@click.option("--url", metavar="URL", help="A Realtime service other than OpenAI's.")
@click.option("--model", metavar="NAME", help="Instead of the flow's model.")
@click.option(
    "--set", "values", multiple=True, metavar="NAME=VALUE", help="A variable's first value."
)
@click.option("--caller", metavar="NUMBER", help="The caller's number, `call.caller` in the flow.")
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME=VALUE",
    help="A header of the call, `call.header.NAME` in the flow.",
)
@click.option(
    "--trace",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write what happens, for `orchestrator replay`.",
)
def command(
    flow: Path,
    say: tuple[str, ...],
    as_json: bool,
    no_worker: bool,
    no_mcp_host: bool,
    in_process: bool,
    url: str | None,
    model: str | None,
    caller: str | None,
    values: tuple[str, ...],
    headers: tuple[str, ...],
    trace: Path | None,
) -> int:
    """Talk to FLOW in text.

    On a terminal you type the caller's turns. Where standard input is no terminal, each
    line is a turn, given when the agent has finished; its end hangs up, as does the end
    of the turns given with --say.

    With OPENAI_API_KEY set, the conversation is held by the real Realtime service.
    """
    check_realtime_url(url)
    compiled, warnings = load(flow)
    for warning in warnings:
        console.aside(str(warning))
    terminal = not say and _is_terminal(sys.stdin)
    options = Options(
        compiled,
        say,
        console.as_json if as_json else console.as_text(typed=terminal),
        console.aside if as_json else console.notice,
        as_json,
        terminal,
        not no_worker,
        not no_mcp_host,
        url,
        model or compiled.session.model or DEFAULT_MODEL,
        caller,
        _values(compiled, values),
        trace,
        in_process,
        addresses(compiled, project_of(flow)),
        _headers(headers),
    )
    if compiled.session.channel not in (None, "text"):
        options.notice(f"written for {compiled.session.channel}; played in text")
    if compiled.carriers:
        options.notice(f"not served yet: {', '.join(compiled.carriers)}; as if a call had begun")
    if terminal:
        options.notice("what you type is said to the agent at any time; Ctrl-D hangs up")
    return EXIT_CODES[anyio.run(_run, options, from_environ(os.environ, project_of(flow)))]


def _is_terminal(stream: TextIO | None) -> bool:
    """There may be none at all: a process can be started with its input closed."""
    return stream is not None and stream.isatty()


def _values(flow: Flow, pairs: tuple[str, ...]) -> Mapping[str, Json]:
    """Variables from NAME=VALUE. Raises `UsageError` with everything that is wrong."""
    values: dict[str, Json] = {}
    problems: list[str] = []
    for pair in pairs:
        name, equals, value = pair.partition("=")
        try:
            if not equals:
                problems.append(f"--set {pair}: should be NAME=VALUE")
            elif name not in flow.variables:
                problems.append(f"--set {pair}: the flow has no variable '{name}'")
            else:
                values[name] = flow.variables[name].accept(value, {})
        except Rejected as problem:
            problems.append(f"--set {pair}: {problem}")
    if problems:
        raise UsageError("\n".join(problems))
    return values


def _headers(pairs: tuple[str, ...]) -> Mapping[str, str]:
    """Headers from NAME=VALUE, their names in small letters. Raises `UsageError`."""
    split = [pair.partition("=") for pair in pairs]
    if wrong := [name for name, equals, _ in split if not (name and equals)]:
        raise UsageError("\n".join(f"--header {name}: should be NAME=VALUE" for name in wrong))
    return {name.lower(): value for name, _, value in split}


async def _run(options: Options, settings: Settings) -> str:
    """One conversation from its first part to its last; how it ended."""
    try:
        async with AsyncExitStack() as stack:
            return await _talk(options, settings, stack)
    except BaseExceptionGroup as group:
        raise innermost(group) from None


async def _talk(options: Options, settings: Settings, stack: AsyncExitStack) -> str:
    name = f"s{secrets.token_hex(6)}"
    traced = trace_to(options.trace, options.flow, name) if options.trace else None
    trace = stack.enter_context(traced) if traced else None
    provider = await _provider(options, settings, stack)
    dispatch = await _dispatch(options, settings, name, stack)
    options.notice(f"Session: {name}")
    connection, model = await _connected(options, provider, stack)
    servers = mcp_tools(options.flow, options.native)
    adapter = await open_session(options.flow, connection, model, servers)
    await listed(connection, len(servers), options.notice)
    spoken, ready = anyio.Event(), anyio.Event()
    session = Session(
        options.flow,
        connection,
        adapter,
        dispatch.calls,
        dispatch.journal,
        dispatch.outbox,
        dispatch.signals,
        session=name,
        caller=options.caller,
        callers=dispatch.callers,
        headers=options.headers,
        values=options.values,
        model=model,
        observe=_observer(options, trace, spoken),
    )
    how = "interrupted"  # unless nobody cuts the session short
    async with anyio.create_task_group() as tasks:
        for task in dispatch.beside:
            tasks.start_soon(task)
        tasks.start_soon(_serve, dispatch, spoken, ready)
        tasks.start_soon(_caller, options, session, ready)
        tasks.start_soon(_heed_signals, session, tasks)
        await session.run()
        how = session.snapshot.run.how or how
        tasks.cancel_scope.cancel()
    if trace and not trace.replays(session.snapshot):
        options.notice("the trace takes another way: the flow decides on personal values")
    return how


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


def _observer(
    options: Options, trace: Trace | None, spoken: anyio.Event
) -> Callable[[Event | Command, Snapshot], None]:
    def observe(item: Event | Command, snapshot: Snapshot) -> None:
        if trace:
            trace.observe(item, snapshot)
        if isinstance(item, AgentSaid | Say | Dispatched) or quiescent(snapshot):
            spoken.set()
        shown = record(options.flow, snapshot, item, masked=options.masked)
        if shown:
            options.show(shown)

    return observe


async def _dispatch(
    options: Options, settings: Settings, name: str, stack: AsyncExitStack
) -> Dispatch:
    """Redis and processes of their own, or their twins in this one."""
    if options.in_process:
        memory = MemoryBroker()
        serve = partial(in_process.serve, memory, options.flow, settings, options.notice)
        options.notice("in process: no Redis, nothing is kept")
        return Dispatch(
            MemoryCalls(memory, name),
            MemoryJournal(memory, name),
            None,
            MemoryCallers(memory),
            None,
            serve,
        )
    redis = await stack.enter_async_context(broker.find(settings))
    link = await stack.enter_async_context(redis_link.connect(redis.url))
    options.notice(f"Redis: {redis.description}")
    with suppress(QueueUnavailable):  # the session does not need it
        await kept.keep(link, options.flow)
    journal = RedisJournal(name, link)
    parts = partial(_parts, options, settings, redis.url)
    calls, outbox = StreamCalls(link, name), RedisOutbox(name, link)
    callers, signals = RedisCallers(link), RedisSignals(link)
    return Dispatch(calls, journal, outbox, callers, signals, parts, (journal.run,))


async def _serve(dispatch: Dispatch, spoken: anyio.Event, ready: anyio.Event) -> None:
    """Serve calls once the agent has spoken, has nothing to say or needs them: importing what
    they need would delay its first words."""
    await spoken.wait()
    await dispatch.serve(ready.set)


async def _parts(
    options: Options, settings: Settings, redis_url: str, ready: Callable[[], None]
) -> None:
    """Start worker and MCP host, as far as the flow needs them; `ready` when they serve."""
    queues = {tool.queue for tool in options.flow.all_tools if not tool.native}
    servers = sorted(q.removeprefix("mcp.") for q in queues if q.startswith("mcp."))
    wanted: dict[str, list[str]] = {}
    if options.worker and len(queues) > len(servers):
        wanted["worker"] = []
    if options.mcp_host and servers:
        wanted["mcp-host"] = servers
    environ = {**os.environ, "REDIS_URL": redis_url}
    async with AsyncExitStack() as stack:
        started: list[Part] = []
        for name, served in wanted.items():
            arguments = ["orchestrator", name, *served, "--lifeline", "--ready"]
            begun = part(name, arguments, settings.data / "logs", environ, settings.project)
            started.append(await stack.enter_async_context(begun))
        for process in started:
            await _await_part(options, process, queues)
        ready()
        await anyio.sleep_forever()


async def _await_part(options: Options, process: Part, queues: set[str]) -> None:
    """Wait until it serves, and tell what of the flow's own queues a worker does not."""
    try:
        served = set((await process.ready())["queues"])
    except ServiceError as problem:
        options.notice(str(problem))
        return
    missing = {queue for queue in queues - served if not queue.startswith("mcp.")}
    if process.name == "worker" and missing:
        names, known = ", ".join(sorted(missing)), ", ".join(sorted(served))
        options.notice(f"no handler of workers/*.py serves the queue {names} (they serve: {known})")


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
