"""An adapter in the midst of an answer."""

import pytest

from orchestrator.realtime.translate import Realtime
from tests.realtime.frames import AT, SPEAK, created


@pytest.fixture
def speaking() -> Realtime:
    """An adapter whose answer `s.1` is being given by `resp_1`."""
    realtime = Realtime()
    realtime.perform(SPEAK)
    realtime.receive(created(), AT)
    return realtime
