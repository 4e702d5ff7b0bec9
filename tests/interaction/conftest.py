from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interaction.project import Project, processes_in


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose every process is gone after the test; looked at until they are."""
    yield Project(tmp_path)
    gone_within(tmp_path, 20)


def gone_within(directory: Path, seconds: float) -> None:
    """Processes end in their own time after their life line broke; wait for each."""
    import os
    import select

    for process in processes_in(directory):
        try:
            handle = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        try:
            ended, _, _ = select.select([handle], [], [], seconds)
            assert ended, processes_in(directory)
        finally:
            os.close(handle)
