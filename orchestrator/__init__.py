"""An event-driven orchestrator for OpenAI Realtime voice agents.

These are the public names, all that a file of handlers needs.
"""

from orchestrator.errors import Refused, Retry
from orchestrator.worker.declare import Context, handler, lifespan

__all__ = ["Context", "Refused", "Retry", "__version__", "handler", "lifespan"]

__version__ = "0.1.0"
