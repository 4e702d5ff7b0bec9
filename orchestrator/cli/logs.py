"""What processes without a conversation write to standard error."""

import logging

__all__ = ["log_to_stderr"]


def log_to_stderr() -> None:
    """Our own words and those of handlers; of libraries only what is wrong."""
    logging.basicConfig(
        level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("orchestrator").setLevel(logging.INFO)
