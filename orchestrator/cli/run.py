"""`orchestrator run`: what is given to it on the command line; `conversation` does the rest."""

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TextIO

import anyio
import click

from orchestrator.cli import console
from orchestrator.cli.conversation import Options, converse
from orchestrator.cli.flows import load, project_of
from orchestrator.cli.native import addresses
from orchestrator.cli.opening import DEFAULT_MODEL
from orchestrator.dispatch.call import Json
from orchestrator.errors import UsageError
from orchestrator.flow.definition import Flow, Rejected
from orchestrator.settings import check_realtime_url, from_environ

__all__ = ["command"]

EXIT_CODES = {"completed": 0, "error": 1, "hangup": 3, "provider_lost": 4, "interrupted": 130}
"""By how a session ended, which the engine says; the reason is the author's to choose."""


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
    for remark in _remarks(options):
        options.notice(remark)
    return EXIT_CODES[anyio.run(converse, options, from_environ(os.environ, project_of(flow)))]


def _remarks(options: Options) -> Iterator[str]:
    """What whoever runs it should know before the first word."""
    flow = options.flow
    if flow.session.channel not in (None, "text"):
        yield f"written for {flow.session.channel}; played in text"
    if flow.carriers:
        yield f"not served yet: {', '.join(flow.carriers)}; as if a call had begun"
    if options.terminal:
        yield "what you type is said to the agent at any time; Ctrl-D hangs up"


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
