"""A worker process of a drill: `python -m tests.drills.worker URL LEASE SLOTS GRACE`."""

import logging
import sys
from functools import partial

import anyio

from orchestrator.worker.serve import handlers_of, serve

TOOLS = "tests/drills/tools.py"


def main(url: str, lease: str, slots: str, grace: str) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    limits = {"lease": float(lease), "grace": float(grace)}
    handlers = handlers_of([TOOLS])
    anyio.run(partial(serve, handlers, url, slots=int(slots), lifeline=True, ready=True, **limits))


if __name__ == "__main__":
    main(*sys.argv[1:])
