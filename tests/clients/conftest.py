import os

import pytest


@pytest.fixture(scope="session")
def clients_python() -> str:
    """The interpreter of an environment that holds `openai[realtime]` and `openai-agents`."""
    python = os.environ.get("CLIENTS_PYTHON")
    if python:
        return python
    reason = "CLIENTS_PYTHON names no interpreter with the openai package; `make test` sets it"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
