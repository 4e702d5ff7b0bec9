import logging
import time
from collections.abc import Callable, Generator

import pytest

from orchestrator.zone import zone

SUMMER = 1_782_000_000.0  # in June 2026


@pytest.fixture
def machine_in(monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[str], None]]:
    """Put this machine into a zone."""

    def move(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def test_a_flows_zone_is_its_name_and_its_distance_from_utc_on_that_day() -> None:
    assert zone("Europe/Paris", SUMMER) == ("Europe/Paris", 7200)
    assert zone("Europe/Paris", SUMMER - 180 * 86400) == ("Europe/Paris", 3600)


def test_the_machines_zone_goes_by_its_iana_name(machine_in: Callable[[str], None]) -> None:
    machine_in(":Asia/Kolkata")
    assert zone(None, SUMMER) == ("Asia/Kolkata", 19800)


def test_a_zone_without_a_name_goes_by_its_distance(machine_in: Callable[[str], None]) -> None:
    machine_in("XYZ-03:30")
    assert zone(None, SUMMER) == ("UTC+03:30", 12600)


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", "Europe"])
def test_a_zone_that_this_machine_lacks_is_told_and_its_own_used(
    name: str, machine_in: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    machine_in("Europe/Paris")
    with caplog.at_level(logging.WARNING):
        assert zone(name, SUMMER) == ("Europe/Paris", 7200)
    assert name in caplog.text
