"""`orchestrator worker`: run the handlers of tools."""

import os
from dataclasses import dataclass
from importlib.util import find_spec

import anyio
import click

from orchestrator import broker
from orchestrator.cli.logs import log_to_stderr
from orchestrator.cli.projects import project_around
from orchestrator.errors import innermost
from orchestrator.settings import Settings, from_environ
from orchestrator.worker.serve import GRACE, handlers_of, serve

__all__ = ["command", "loop_options"]


@dataclass(frozen=True, slots=True)
class Options:
    modules: tuple[str, ...]
    queues: tuple[str, ...]
    slots: int
    limit: int | None
    drain: float
    lifeline: bool
    ready: bool

    def arguments(self) -> list[str]:
        """Those of the worker that `--reload` starts."""
        given = [*self.modules, f"--slots={self.slots}", f"--drain={self.drain}"]
        given += [f"--limit={self.limit}"] if self.limit else []
        return [*given, *(f"--queue={each}" for each in self.queues), *["--ready"] * self.ready]


@click.command("worker")
@click.argument("modules", nargs=-1)
@click.option("--queue", "queues", multiple=True, help="Serve only this queue; may be repeated.")
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Calls at a time on each queue.",
)
@click.option("--limit", type=click.IntRange(min=1), help="The same, of all workers together.")
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=GRACE,
    show_default=True,
    help="Seconds that running calls have to finish when it is told to stop.",
)
@click.option("--reload", is_flag=True, help="Start again when a file of Python changes.")
@click.option("--lifeline", is_flag=True, help="End when standard input does.")
@click.option("--ready", is_flag=True, help="Say what is served as one JSON line.")
def command(reload: bool, **given: object) -> None:
    """Run the handlers of MODULES: files or names; by default those in workers/.

    SIGTERM and Ctrl-C stop it: nothing more is claimed, running calls may finish.
    """
    log_to_stderr()
    settings = from_environ(os.environ, project_around())
    options = Options(**given)  # type: ignore[arg-type]
    anyio.run(_run, settings, options, reload, backend_options=loop_options())


def loop_options() -> dict[str, bool]:
    """uvloop runs the loop where it is installed (the extra `uvloop`)."""
    return {"use_uvloop": find_spec("uvloop") is not None}


async def _run(settings: Settings, options: Options, reload: bool) -> None:
    try:
        await (_reload if reload else _serve)(settings, options)
    except BaseExceptionGroup as group:
        raise innermost(group) from None


async def _serve(settings: Settings, options: Options) -> None:
    # Before a Redis is started for them.
    handlers = handlers_of(options.modules, settings.project, options.queues)
    async with broker.find(settings) as redis:
        await serve(
            handlers,
            redis.url,
            slots=options.slots,
            limit=options.limit,
            grace=options.drain,
            lifeline=options.lifeline,
            ready=options.ready,
        )


async def _reload(settings: Settings, options: Options) -> None:
    """The worker uses the Redis that is held here, so that one of our own outlasts it."""
    from orchestrator.cli.reload import run_reloading

    async with broker.find(settings) as redis:
        await run_reloading(
            options.arguments(),
            options.modules,
            settings.project,
            {**os.environ, "REDIS_URL": redis.url},
            lifeline=options.lifeline,
        )
