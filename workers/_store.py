"""One SQLite file for each worker's desk, and one transaction at a time on it."""

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from orchestrator import Retry

PATIENCE = 3.0  # seconds for somebody else's transaction to end


@contextmanager
def transaction(name: str, schema: str) -> Generator[sqlite3.Connection]:
    """`NAME.sqlite3` in `$WORKERS_DATA`, or in `.orchestrator`, in one transaction.

    Raises `Retry` while somebody else writes in it for too long.
    """
    path = Path(os.environ.get("WORKERS_DATA") or ".orchestrator") / f"{name}.sqlite3"
    path.parent.mkdir(parents=True, exist_ok=True)
    store = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        store.execute("BEGIN IMMEDIATE")
        store.execute(schema)
        with store:  # commits, or rolls back
            yield store
    except sqlite3.OperationalError as busy:
        if busy.sqlite_errorcode != sqlite3.SQLITE_BUSY:
            raise
        raise Retry(f"The {name} store is in use just now.", after=0.5) from None
    finally:
        store.close()
