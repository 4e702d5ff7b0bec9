import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from orchestrator import Context
from workers.clinic import due_today, record_answer


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "clinic.sqlite3"
    monkeypatch.setenv("WORKERS_DATA", str(tmp_path))
    return path


def answers(store: Path) -> list[tuple[str, str, str | None]]:
    with closing(sqlite3.connect(store)) as connection:
        return connection.execute("SELECT * FROM answers ORDER BY key").fetchall()


def test_an_answer_is_stored_once_for_each_call(store: Path) -> None:
    for _ in range(2):
        record_answer(Context(key="c1"), "confirmed")
    record_answer(Context(key="c2"), "moved", datetime(2026, 11, 30, 9))
    assert answers(store) == [("c1", "confirmed", None), ("c2", "moved", "2026-11-30T09:00:00")]


def test_every_appointment_that_is_due_can_be_called() -> None:
    assert all(each.phone.startswith("+") and each.name for each in due_today())
