"""An event-driven orchestrator for OpenAI Realtime voice agents.

These are the public names: what a file of handlers needs, and `Client` with its `Outcome` and
`Rate` for other programs, which are loaded when they are first asked for, and what it raises.
"""

from typing import TYPE_CHECKING

from orchestrator.errors import QueueUnavailable, Refused, Retry, ServiceError, UsageError
from orchestrator.worker.declare import Context, handler, lifespan

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.dispatch.call import Outcome, Rate

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


def __getattr__(name: str) -> object:
    if name == "Client":
        from orchestrator.client import Client

        return Client
    if name in ("Outcome", "Rate"):
        from orchestrator.dispatch import call

        return getattr(call, name)
    raise AttributeError(f"module 'orchestrator' has no attribute '{name}'")
