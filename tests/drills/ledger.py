"""What really happened in a drill, in one SQLite file that all of its processes write.

Rows are only added, so that whatever happens twice can be seen twice. A killed process loses
nothing of what it has committed.
"""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

__all__ = ["Ledger"]

SCHEMA = """
CREATE TABLE IF NOT EXISTS wanted (name TEXT PRIMARY KEY, kind TEXT);
CREATE TABLE IF NOT EXISTS published (id TEXT);
CREATE TABLE IF NOT EXISTS runs (key TEXT, pid INTEGER);
CREATE TABLE IF NOT EXISTS effects (key TEXT);
CREATE TABLE IF NOT EXISTS answers (name TEXT, code TEXT, attempt INTEGER, late REAL);
CREATE INDEX IF NOT EXISTS effects_key ON effects (key);
"""


class Ledger:
    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, timeout=60, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = OFF")  # processes die here, not the machine
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        self._db.close()

    def want(self, name: str, kind: str) -> None:
        """The asker is going to ask for this: its journal."""
        self._db.execute("INSERT OR IGNORE INTO wanted VALUES (?, ?)", [name, kind])

    def published(self, call_id: str) -> None:
        """Redis has acknowledged the call."""
        self._db.execute("INSERT INTO published VALUES (?)", [call_id])

    def ran(self, key: str, pid: int) -> None:
        self._db.execute("INSERT INTO runs VALUES (?, ?)", [key, pid])

    def commit(self, key: str) -> None:
        """Key and effect in one transaction: an effect that is there is not repeated."""
        self._db.execute(
            "INSERT INTO effects SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM effects WHERE key = ?1)",
            [key],
        )

    def act(self, key: str) -> None:
        """An effect that knows no key."""
        self._db.execute("INSERT INTO effects VALUES (?)", [key])

    def answer(self, name: str, code: str, attempt: int, late: float) -> None:
        """`late` is how long after its deadline the answer came, in seconds."""
        self._db.execute("INSERT INTO answers VALUES (?, ?, ?, ?)", [name, code, attempt, late])

    def wanted(self) -> Mapping[str, str]:
        """The kind of each call, by name."""
        return dict(self._db.execute("SELECT name, kind FROM wanted"))

    def unanswered(self) -> Mapping[str, str]:
        missing = "SELECT name, kind FROM wanted WHERE name NOT IN (SELECT name FROM answers)"
        return dict(self._db.execute(missing))

    def ids(self) -> list[str]:
        """Of the calls that Redis has acknowledged."""
        return [row[0] for row in self._db.execute("SELECT DISTINCT id FROM published")]

    def answers(self) -> Mapping[str, list[str]]:
        """The codes that each call was answered with; there should be one."""
        found: dict[str, list[str]] = {}
        for name, code in self._db.execute("SELECT name, code FROM answers"):
            found.setdefault(name, []).append(code)
        return found

    def latest(self) -> float:
        """How long after its deadline the last answer came; negative if none was late (s)."""
        return float(self._db.execute("SELECT COALESCE(MAX(late), 0) FROM answers").fetchone()[0])

    def effects(self) -> Counter[str]:
        return self._counted("effects")

    def runs(self) -> Counter[str]:
        return self._counted("runs")

    def runs_of(self, pid: int) -> int:
        return int(self._db.execute("SELECT COUNT(*) FROM runs WHERE pid = ?", [pid]).fetchone()[0])

    def _counted(self, table: str) -> Counter[str]:
        rows = self._db.execute(f"SELECT key, COUNT(*) FROM {table} GROUP BY key")
        return Counter(dict(rows.fetchall()))
