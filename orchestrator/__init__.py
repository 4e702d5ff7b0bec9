"""An event-driven orchestrator for OpenAI Realtime voice agents.

These are the public names: what a file of handlers needs, `Client` with its `Outcome` and `Rate`
for other programs, and what it raises. All but the errors are loaded when they are first asked
for, so that a command loads what it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from orchestrator.errors import QueueUnavailable, Refused, Retry, ServiceError, UsageError

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.dispatch.call import Outcome, Rate
    from orchestrator.worker.declare import Context, handler, lifespan

__all__ = [
    "Client",
    "Context",
    "Outcome",
    "QueueUnavailable",
    "Rate",
    "Refused",
    "Retry",
    "ServiceError",
    "UsageError",
    "__version__",
    "handler",
    "lifespan",
]

__version__ = "0.1.0"

_HOMES = {
    "Client": "orchestrator.client",
    "Context": "orchestrator.worker.declare",
    "Outcome": "orchestrator.dispatch.call",
    "Rate": "orchestrator.dispatch.call",
    "handler": "orchestrator.worker.declare",
    "lifespan": "orchestrator.worker.declare",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'orchestrator' has no attribute '{name}'")
    return getattr(import_module(_HOMES[name]), name)
