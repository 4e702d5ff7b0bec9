"""The drills in short; `make drills` runs them in long. Each asserts what it proves."""

import pytest

from tests.drills.listing import SHORT

pytestmark = [pytest.mark.processes, pytest.mark.timeout(240)]


@pytest.mark.parametrize("drill", SHORT)
async def test_nothing_is_lost_and_nothing_is_done_twice(drill: str) -> None:
    await SHORT[drill]()
