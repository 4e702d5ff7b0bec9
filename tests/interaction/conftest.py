from collections.abc import Generator
from pathlib import Path

import pytest

from tests.interaction.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Generator[Project]:
    """A project whose every process is gone after the test; looked at until they are.

    Its tools have more time than a caller has patience: the machine may be slow.
    """
    made = Project(tmp_path)
    made.time_for("check_availability", "create_booking", "cancel_booking", "menu", limit="100s")
    yield made
    made.gone(20)
