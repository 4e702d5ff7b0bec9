"""The `orchestrator` command. Commands are imported when called, so that help is quick."""

import gc
import os
import sys
from difflib import get_close_matches
from importlib import import_module

import click

from orchestrator.errors import FlowInvalid, OrchestratorError, ServiceError

__all__ = ["COMMANDS", "EXIT_CODES", "main"]

COMMANDS = {
    "init": ("orchestrator.cli.init", "Lay down a project that works."),
    "run": ("orchestrator.cli.run", "Talk to a flow."),
    "check": ("orchestrator.cli.check", "Report every problem of some flows."),
    "test": ("orchestrator.cli.test", "Play the tests of some flows."),
    "explain": ("orchestrator.cli.explain", "Say what the code of a problem means."),
    "graph": ("orchestrator.cli.graph", "Draw the states of a flow, as Mermaid."),
    "replay": ("orchestrator.cli.replay", "Decide a recorded conversation again."),
    "record": ("orchestrator.cli.record", "Make a test of a recorded conversation."),
    "schema": ("orchestrator.cli.schema", "Print the JSON Schema of flows, for editors."),
    "worker": ("orchestrator.cli.worker", "Run the handlers of tools."),
    "mcp-host": ("orchestrator.cli.mcp_host", "Run the tools of registered MCP servers."),
    "signal": ("orchestrator.cli.signal", "Tell a session something from outside."),
    "workers": ("orchestrator.cli.workers", "See who runs calls, and send them home."),
    "queues": ("orchestrator.cli.queues", "See how much waits where."),
    "calls": ("orchestrator.cli.calls", "See calls of tools, and cancel them."),
    "dead": ("orchestrator.cli.dead", "See calls that were given up, and redrive them."),
    "approvals": ("orchestrator.cli.approvals", "See what waits for a person, and decide."),
    "mcp": ("orchestrator.cli.mcp", "Register, list and pin MCP servers."),
}

EXIT_CODES = """\b
Exit codes:
  0    the flow reached an end; the command did what it says
  1    the flow failed, nothing handled an error; some tests failed; two flows differ
  2    the flow, a file or the arguments are wrong
  3    the caller hung up before an end
  4    a service could not be reached, or refused us
  130  interrupted
"""


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        return _loaded(COMMANDS[cmd_name][0])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = get_close_matches(args[0], COMMANDS, n=1)
        if near and args[0] not in COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"No such command '{args[0]}', did you mean '{near[0]}'?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])


def _loaded(module: str) -> click.Command:
    """What is imported stays, and is never looked through for garbage, which would take a
    twentieth of a short command and stop a conversation for 25 ms at times. What importing left
    over, some hundred objects, is kept with it.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        command: click.Command = import_module(module).command
        gc.freeze()
    finally:
        if collects:
            gc.enable()
    return command


@click.group(cls=_Lazy, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="voice-orchestrator", prog_name="orchestrator")
def cli() -> None:
    """Voice agents as flows: a conversation in YAML, tool calls through Redis Streams.

    Without OPENAI_API_KEY, a local emulator stands in for the Realtime service; without
    REDIS_URL, a Redis of this project's own is started.
    """


def main() -> None:
    """Run the command line; every mistake of a user ends in words and an exit code."""
    try:
        status = cli.main(standalone_mode=False, color=_color())
    except click.exceptions.Abort:
        status = 130
    except click.ClickException as problem:
        problem.show()
        status = 2
    except FlowInvalid as invalid:
        click.echo("\n".join(map(str, invalid.problems)), err=True)
        status = 2
    except ServiceError as problem:
        _complain(problem)
        status = 4
    except OrchestratorError as problem:
        _complain(problem)
        status = 2
    except OSError as problem:  # a file that may not be written, a full disk
        where = f"{problem.filename}: " if problem.filename else ""
        _complain(f"{where}{problem.strerror or problem}")
        status = 2
    sys.exit(status or 0)


def _complain(problem: OrchestratorError | str) -> None:
    click.echo(f"{click.style('error:', fg='red')} {problem}", err=True, color=_color())


def _color() -> bool | None:
    """Whether output has colors: never with NO_COLOR, else where it goes to a terminal."""
    return False if os.environ.get("NO_COLOR") else None
