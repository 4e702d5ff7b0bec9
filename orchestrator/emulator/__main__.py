"""`python -m orchestrator.emulator`: serve until standard input ends, or SIGTERM.

The parent holds our standard input as a life line: when it dies, however it dies, the
line ends and so do we. One line of JSON on standard output says that we are ready.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import anyio

from orchestrator.emulator.model import Model
from orchestrator.emulator.server import serve
from orchestrator.errors import UsageError

__all__ = ["main"]


def main() -> None:
    options = _options()
    try:
        anyio.run(_serve, _models(options.script), options.host, options.port, options.key)
    except (UsageError, OSError) as error:
        sys.exit(f"emulator: {error}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m orchestrator.emulator",
        description="A local stand-in for the Realtime service. Ends when its input does.",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default): any free one")
    parser.add_argument("--key", help="the only API key to accept (default: any)")
    parser.add_argument("--script", type=Path, help="JSON file with the responses to give")
    return parser.parse_args()


def _models(script: Path | None) -> Callable[[], Model]:
    """Where sessions get their models from: one script for all, or each a rule model."""
    if script is None:
        from orchestrator.emulator.rule import RuleModel

        return RuleModel
    from orchestrator.emulator.scripted import ScriptedModel

    model = ScriptedModel.from_json(script.read_text(encoding="utf-8"))
    return lambda: model


async def _serve(models: Callable[[], Model], host: str, port: int, key: str | None) -> None:
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with serve(models, host=host, port=port, key=key) as url:
            sys.stdout.write(json.dumps({"url": url}) + "\n")
            sys.stdout.flush()
            threading.Thread(target=_hold_line, daemon=True).start()
            await anext(signals)


def _hold_line() -> None:
    # Unbuffered: a thread that is inside `sys.stdin` would stand in the way of our exit.
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
