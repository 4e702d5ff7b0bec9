"""The booking desk of Chez Ana: three tools over one SQLite file.

A booking takes one table for a sitting of two hours, the smallest that fits. Every change
is one transaction, and `create_booking` commits the idempotency key with the booking: a
call that is run again finds what it did before, so nobody ever gets two tables.

Whether a day is past is the flow's to know: it has the caller's date and zone.
"""

import secrets
import sqlite3
from dataclasses import dataclass
from datetime import date, time
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from orchestrator import Context, Refused, handler
from workers._store import transaction

Seating = Literal["indoor", "terrace", "any"]
PartySize = Annotated[int, Field(ge=1)]


class Table(NamedTuple):
    number: int
    seats: int
    area: Literal["indoor", "terrace"]


FLOOR_PLAN = (
    Table(1, 2, "indoor"),
    Table(2, 2, "indoor"),
    Table(3, 4, "indoor"),
    Table(4, 4, "indoor"),
    Table(5, 6, "indoor"),
    Table(6, 12, "indoor"),
    Table(7, 2, "terrace"),
    Table(8, 4, "terrace"),
    Table(9, 6, "terrace"),
)
MONDAY = 0
SITTING = 120  # minutes
FIRST, LAST = 12 * 60, 23 * 60 - SITTING  # arrivals, in minutes of the day: noon to nine
STEP = 30  # minutes between the times that are offered
OFFERS = 4

SCHEMA = """
CREATE TABLE IF NOT EXISTS bookings (
    ref TEXT PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,    -- of the call that made it
    day TEXT NOT NULL,           -- 2026-11-24
    start INTEGER NOT NULL,      -- minutes of the day
    "table" INTEGER NOT NULL,
    party_size INTEGER NOT NULL,
    guest TEXT NOT NULL,
    phone TEXT,
    cancelled INTEGER NOT NULL DEFAULT 0
)
"""


@dataclass(frozen=True)
class Availability:
    """`alternatives` are times of the same day, as "18:30", nearest to the wanted one first."""

    free: bool
    alternatives: list[str]


@dataclass(frozen=True)
class Booking:
    ref: str


@handler(queue="booking")
def check_availability(
    day: date, at: time, party_size: PartySize, seating: Seating = "any"
) -> Availability:
    """Whether a table is free, and when else on that day."""
    wanted = _minutes(at)
    with transaction("booking", SCHEMA) as book:
        taken = _taken(book, day)
    free = [
        start
        for start in range(FIRST, LAST + 1, STEP)
        if day.weekday() != MONDAY and _table(taken, start, party_size, seating)
    ]
    if not _closed(day, wanted) and _table(taken, wanted, party_size, seating):
        return Availability(True, [])
    nearest = sorted(free, key=lambda start: abs(start - wanted))[:OFFERS]
    return Availability(False, [f"{start // 60:02}:{start % 60:02}" for start in nearest])


@handler(queue="booking")
def create_booking(
    ctx: Context,
    day: date,
    at: time,
    party_size: PartySize,
    guest: str,
    seating: Seating = "any",
    phone: str | None = None,
) -> Booking:
    """Take a table. A repeat with the same key returns the booking that was made."""
    start = _minutes(at)
    with transaction("booking", SCHEMA) as book:
        made = book.execute("SELECT ref FROM bookings WHERE key = ?", [ctx.key]).fetchone()
        if made:
            return Booking(made[0])
        if closed := _closed(day, start):
            raise Refused(closed)
        table = _table(_taken(book, day), start, party_size, seating)
        if table is None:
            raise Refused(_no_table(party_size, seating))
        ref = _new_ref(book)
        book.execute(
            "INSERT INTO bookings VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            [ref, ctx.key, day.isoformat(), start, table.number, party_size, guest, phone],
        )
    ctx.log.info("booked %s", ref)
    return Booking(ref)


@handler(queue="booking")
def cancel_booking(ref: str) -> Booking:
    """Give the table back. Cancelling twice is the same as once."""
    ref = "".join(filter(str.isalnum, ref)).upper()  # people say "a b, one two"
    with transaction("booking", SCHEMA) as book:
        found = book.execute("UPDATE bookings SET cancelled = 1 WHERE ref = ?", [ref]).rowcount
    if not found:
        raise Refused(f"There is no booking with the reference {' '.join(ref)}.")
    return Booking(ref)


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def _closed(day: date, start: int) -> str | None:
    """Why nobody can be seated then, in words for the caller."""
    if day.weekday() == MONDAY:
        return "We are closed on Mondays."
    if not FIRST <= start <= LAST:
        return "We seat guests from noon, and the last at nine in the evening."
    return None


def _taken(book: sqlite3.Connection, day: date) -> list[tuple[int, int]]:
    """(table, start) of the bookings of a day."""
    query = 'SELECT "table", start FROM bookings WHERE day = ? AND NOT cancelled'
    return book.execute(query, [day.isoformat()]).fetchall()


def _table(
    taken: list[tuple[int, int]], start: int, party_size: int, seating: Seating
) -> Table | None:
    """The smallest free table for a party."""
    busy = {number for number, other in taken if abs(other - start) < SITTING}
    fitting = [
        table
        for table in FLOOR_PLAN
        if table.seats >= party_size and seating in (table.area, "any") and table.number not in busy
    ]
    return min(fitting, key=lambda table: table.seats, default=None)


def _no_table(party_size: int, seating: Seating) -> str:
    largest = max(table.seats for table in FLOOR_PLAN if seating in (table.area, "any"))
    if party_size > largest:
        return f"Our largest table there seats {largest}."
    return "Sorry, the last table for that time has just gone."


def _new_ref(book: sqlite3.Connection) -> str:
    """Two letters and two digits; without I and O, which sound or look like digits."""
    used = {ref for (ref,) in book.execute("SELECT ref FROM bookings")}
    letters, digits = "ABCDEFGHJKLMNPQRSTUVWXYZ", "0123456789"
    while True:
        ref = "".join(secrets.choice(choices) for choices in (letters, letters, digits, digits))
        if ref not in used:
            return ref
