"""An event-driven orchestrator for OpenAI Realtime voice agents.

These are the public names: what a file of handlers needs, and `Client` with its `Outcome` and
`Rate` for other programs, which are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING

from orchestrator.errors import Refused, Retry
from orchestrator.worker.declare import Context, handler, lifespan

if TYPE_CHECKING:
    from orchestrator.client import Client
    from orchestrator.dispatch.call import Outcome, Rate

__all__ = [
    "Client",
    "Context",
    "Outcome",
    "Rate",
    "Refused",
    "Retry",
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
