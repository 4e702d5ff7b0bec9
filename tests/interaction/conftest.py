from collections.abc import Generator
from pathlib import Path

import pytest

from tests.interaction.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Generator[Project]:
    """A project whose every process is gone after the test; looked at until they are."""
    made = Project(tmp_path)
    yield made
    made.gone(20)
