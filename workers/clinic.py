"""The appointments of a practice: whom to call today, and what the patients answered.

One answer a call: it is stored under the call's key, so that a repeat changes nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from orchestrator import Context, handler
from workers._store import transaction

SCHEMA = """
CREATE TABLE IF NOT EXISTS answers (
    key TEXT PRIMARY KEY,
    answer TEXT NOT NULL,
    new_slot TEXT
)
"""


@dataclass(frozen=True)
class Appointment:
    name: str
    phone: str
    starts_at: str


DUE = [
    Appointment("Jeanne Martin", "+33612345678", "2026-11-26T10:30:00+01:00"),
    Appointment("Paul Girard", "+33687654321", "2026-11-26T14:00:00+01:00"),
]


@handler(queue="clinic")
def due_today() -> list[Appointment]:
    """The appointments that a patient should be reminded of today."""
    return DUE


@handler(queue="clinic")
def record_answer(
    ctx: Context,
    answer: Literal["confirmed", "moved", "cancelled", "unknown"],
    new_slot: datetime | None = None,
) -> None:
    """Store the patient's answer."""
    slot = new_slot.isoformat() if new_slot else None
    with transaction("clinic", SCHEMA) as store:
        store.execute("INSERT OR IGNORE INTO answers VALUES (?, ?, ?)", [ctx.key, answer, slot])
