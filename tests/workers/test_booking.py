import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, time
from pathlib import Path

import pytest

from orchestrator import Context, Refused, Retry
from workers.booking import (
    FLOOR_PLAN,
    Availability,
    Seating,
    cancel_booking,
    check_availability,
    create_booking,
)

TUESDAY = date(2026, 11, 24)
MONDAY = date(2026, 11, 23)
HALF_PAST_SEVEN = time(19, 30)


@pytest.fixture(autouse=True)
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "data" / "booking.sqlite3"
    monkeypatch.setenv("WORKERS_DATA", str(path.parent))
    return path


def reserve(
    key: str,
    at: time = HALF_PAST_SEVEN,
    party_size: int = 4,
    seating: Seating = "any",
    day: date = TUESDAY,
) -> str:
    return create_booking(Context(key=key), day, at, party_size, "Ana", seating).ref


def test_an_empty_book_is_free() -> None:
    assert check_availability(TUESDAY, HALF_PAST_SEVEN, 4) == Availability(True, [])


def test_a_reference_is_two_letters_and_two_digits_without_i_and_o() -> None:
    ref = reserve("k")
    assert len(ref) == 4
    assert ref[:2].isalpha() and ref[2:].isdigit()
    assert not set(ref) & set("IO")


def test_the_same_key_twice_is_one_booking() -> None:
    assert reserve("k") == reserve("k")
    assert check_availability(TUESDAY, HALF_PAST_SEVEN, 4, "terrace").free


def test_a_cancelled_booking_is_not_made_again_by_its_key() -> None:
    ref = reserve("k", party_size=12)
    cancel_booking(ref)
    assert reserve("k", party_size=12) == ref
    assert check_availability(TUESDAY, HALF_PAST_SEVEN, 12).free


def test_a_full_evening_offers_the_nearest_other_times() -> None:
    reserve("k", party_size=12)
    offer = check_availability(TUESDAY, HALF_PAST_SEVEN, 12)
    assert offer == Availability(False, ["17:30", "17:00", "16:30", "16:00"])


def test_a_sitting_lasts_two_hours() -> None:
    reserve("k", at=time(14, 0), party_size=12)
    assert not check_availability(TUESDAY, time(12, 1), 12).free
    assert check_availability(TUESDAY, time(12, 0), 12).free
    assert not check_availability(TUESDAY, time(15, 59), 12).free
    assert check_availability(TUESDAY, time(16, 0), 12).free


def test_parties_get_the_smallest_table_that_fits(book: Path) -> None:
    reserve("k", party_size=3, seating="terrace")
    with closing(sqlite3.connect(book)) as connection:
        assert connection.execute('SELECT "table" FROM bookings').fetchall() == [(8,)]


def test_the_terrace_fills_apart_from_the_rooms() -> None:
    for number in range(2):
        reserve(f"k{number}", party_size=4, seating="terrace")
    assert not check_availability(TUESDAY, HALF_PAST_SEVEN, 4, "terrace").free
    assert check_availability(TUESDAY, HALF_PAST_SEVEN, 4, "indoor").free


def test_mondays_have_nothing_to_offer_and_refuse() -> None:
    assert check_availability(MONDAY, HALF_PAST_SEVEN, 2) == Availability(False, [])
    with pytest.raises(Refused, match="closed on Mondays"):
        reserve("k", day=MONDAY)


@pytest.mark.parametrize("at", [time(11, 59), time(21, 1), time(23, 30)])
def test_nobody_is_seated_before_noon_or_after_nine(at: time) -> None:
    offer = check_availability(TUESDAY, at, 2)
    assert not offer.free
    assert offer.alternatives[0] in ("12:00", "21:00")
    with pytest.raises(Refused, match="from noon"):
        reserve("k", at=at)


def test_a_party_larger_than_any_table_is_told_so() -> None:
    assert check_availability(TUESDAY, HALF_PAST_SEVEN, 13) == Availability(False, [])
    with pytest.raises(Refused, match="seats 12"):
        reserve("k", party_size=13)
    with pytest.raises(Refused, match="seats 6"):
        reserve("k", party_size=7, seating="terrace")


def test_a_table_that_has_gone_meanwhile_is_refused() -> None:
    reserve("first", party_size=12)
    with pytest.raises(Refused, match="just gone"):
        reserve("second", party_size=12)


def test_cancelling_gives_the_table_back_once_and_for_all() -> None:
    ref = reserve("k", party_size=12)
    assert cancel_booking(" ".join(ref.lower())).ref == ref
    assert cancel_booking(ref).ref == ref
    assert check_availability(TUESDAY, HALF_PAST_SEVEN, 12).free


def test_an_unknown_reference_is_refused_letter_by_letter() -> None:
    with pytest.raises(Refused, match="reference A B 1 2"):
        cancel_booking("AB12")


def test_a_book_that_stays_locked_asks_for_another_try(
    book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve("k")
    monkeypatch.setattr("workers._store.PATIENCE", 0)
    with closing(sqlite3.connect(book, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Retry) as retry:
            reserve("other")
    assert retry.value.after == 0.5


def test_threads_never_get_the_same_table() -> None:
    def attempt(number: int) -> str | None:
        try:
            return reserve(f"key-{number}", party_size=2)
        except Refused:
            return None

    with ThreadPoolExecutor(8) as pool:
        refs = [ref for ref in pool.map(attempt, range(24)) if ref]
    assert len(refs) == len(set(refs)) == len(FLOOR_PLAN)


def test_threads_with_one_key_make_one_booking() -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(reserve, ["same"] * 16))) == 1


ONE_BOOKING = """
import sys
from datetime import date, time
from orchestrator import Context, Refused
from workers.booking import create_booking
try:
    print(create_booking(Context(key=sys.argv[1]), date(2026, 11, 24), time(19, 30), 12, "Ana").ref)
except Refused:
    print("refused")
"""


def test_processes_never_get_the_same_table() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", ONE_BOOKING, key], stdout=subprocess.PIPE, text=True
        )
        for key in ("one", "one", "two")
    ]
    one, again, two = [child.communicate()[0].strip() for child in children]
    assert (one == again) and sorted([one == "refused", two == "refused"]) == [False, True]
