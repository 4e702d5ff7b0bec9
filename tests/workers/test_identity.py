import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator import Context, Refused
from workers.identity import reset_password, verify_employee


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "identity.sqlite3"
    monkeypatch.setenv("WORKERS_DATA", str(tmp_path))
    monkeypatch.setattr("workers.identity.PUSH", 0)
    return path


@pytest.mark.anyio
@pytest.mark.parametrize(("employee", "ok"), [("E10001", True), ("E10003", False), ("E9", False)])
async def test_who_is_known_and_not_suspended_is_verified(
    store: Path, employee: str, ok: bool
) -> None:
    assert await verify_employee(employee) == {"ok": ok}


def test_a_repeat_of_the_same_request_sends_one_link(store: Path) -> None:
    sent = [reset_password(Context(key="k"), "E10001") for _ in range(2)]
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT employee FROM resets").fetchall() == [("E10001",)]
    assert sent[0] == sent[1] == {"sent_to": "the number that ends in 0 1"}


def test_nobody_else_gets_a_link(store: Path) -> None:
    with pytest.raises(Refused, match="no employee E 9"):
        reset_password(Context(key="k"), "E9")
