"""The tools of the drills, served by real workers."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio

from orchestrator import Context, handler, lifespan
from tests.drills.ledger import Ledger


@lifespan
def ledger() -> Iterator[Ledger]:
    book = Ledger(Path(os.environ["DRILL_LEDGER"]))
    yield book
    book.close()


@handler(queue="drill")
async def commit(ctx: Context, seconds: float, book: Ledger) -> str:
    """Commits the key with its effect, so it may run again."""
    book.ran(ctx.key, os.getpid())
    await anyio.sleep(seconds)
    book.commit(ctx.key)
    return ctx.key


@handler(queue="drill")
async def once(ctx: Context, seconds: float, book: Ledger) -> str:
    """Knows no key, so it may not."""
    book.ran(ctx.key, os.getpid())
    await anyio.sleep(seconds)
    book.act(ctx.key)
    return ctx.key


@handler(queue="drill")
async def fatal(ctx: Context, seconds: float, book: Ledger) -> str:
    """Takes its worker along."""
    book.ran(ctx.key, os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)
    await anyio.sleep(seconds)
    return ctx.key
