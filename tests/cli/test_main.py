"""How the command line loads its commands."""

import gc
import sys
from collections.abc import Generator

import pytest

from orchestrator.cli.main import COMMANDS, main

pytestmark = pytest.mark.usefixtures("explains", "_collects_after")


@pytest.fixture
def explains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["orchestrator", "explain", "X001"])


@pytest.fixture
def _collects_after() -> Generator[None]:
    yield
    gc.enable()


def test_a_command_that_cannot_be_loaded_leaves_the_collector_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(COMMANDS, "explain", ("orchestrator.cli.nowhere", ""))
    with pytest.raises(ModuleNotFoundError):
        main()
    assert gc.isenabled()


@pytest.mark.parametrize("collects", [True, False])
def test_the_collector_is_left_as_it_was(collects: bool) -> None:
    if not collects:
        gc.disable()
    with pytest.raises(SystemExit):
        main()
    assert gc.isenabled() is collects
