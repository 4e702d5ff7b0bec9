"""Values in words: numbers, days, times, names, telephone numbers, codes, choices."""

from datetime import date

import pytest

from orchestrator.emulator.words.acts import perform
from orchestrator.emulator.words.choices import answer, is_open, pick, pick_offered
from orchestrator.emulator.words.dates import find_dates
from orchestrator.emulator.words.finding import find
from orchestrator.emulator.words.names import find_names
from orchestrator.emulator.words.numbers import find_numbers, number
from orchestrator.emulator.words.phones import find_code, find_emails, find_phones, spelled
from orchestrator.emulator.words.similarity import concepts, is_question, is_request, salient
from orchestrator.emulator.words.text import join, sentences, tidy
from orchestrator.emulator.words.times import daypart, find_times, settle

MONDAY = date(2026, 11, 23)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("1,200", 1200),
        ("twelve", 12),
        ("twenty-one", 21),
        ("twenty one", 21),
        ("a hundred", 100),
        ("one hundred and five", 105),
        ("three thousand two hundred and six", 3206),
        ("a dozen", 12),
        ("half a dozen", 6),
        ("a couple", 2),
    ],
)
def test_a_number_has_one_value_in_digits_and_words(text: str, value: int) -> None:
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a table for two", [2]),
        ("we're four", [4]),
        ("we are six", [6]),
        ("party of twelve", [12]),
        ("there will be ten of us", [10]),
        ("make it five", [5]),
        ("me and my wife", [2]),
        ("my partner and I", [2]),
        ("just me", [1]),
        ("by myself", [1]),
        ("the both of us", [2]),
        ("two adults and three kids", [5]),
        ("4 people or 5 people", [4, 5]),
        ("a couple of friends", [2]),
        ("25", [25]),
        ("I want one", [1]),
        ("the other one", []),
        ("one moment", []),
        ("in five minutes", []),
        ("twenty euros", []),
        ("at 19:30", []),
        ("on 2026-11-24", []),
        ("E12345", []),
        ("someone told me", []),
    ],
)
def test_numbers_are_found_where_they_count_something(text: str, values: list[int]) -> None:
    assert [item.value for item in find_numbers(text)] == values


@pytest.mark.parametrize(
    ("text", "sure"), [("for two", True), ("four people", True), ("four", False)]
)
def test_a_bare_number_is_not_sure(text: str, sure: bool) -> None:
    assert [item.sure for item in find_numbers(text)] == [sure]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-11-23"),
        ("tonight", "2026-11-23"),
        ("this evening", "2026-11-23"),
        ("tomorrow", "2026-11-24"),
        ("tomorrow night", "2026-11-24"),
        ("the day after tomorrow", "2026-11-25"),
        ("Friday", "2026-11-27"),
        ("on Sundays", "2026-11-29"),
        ("this Friday", "2026-11-27"),
        ("Fri", "2026-11-27"),
        ("Monday", "2026-11-30"),
        ("next Tuesday", "2026-12-01"),
        ("next Monday", "2026-11-30"),
        ("a week on Friday", "2026-12-04"),
        ("the 24th", "2026-11-24"),
        ("on the 2nd", "2026-12-02"),
        ("the twenty-fourth", "2026-11-24"),
        ("the twenty fourth of December", "2026-12-24"),
        ("24 November", "2026-11-24"),
        ("24th of November", "2026-11-24"),
        ("November 24th", "2026-11-24"),
        ("Nov 24", "2026-11-24"),
        ("the 3rd of December", "2026-12-03"),
        ("1 May", "2027-05-01"),
        ("24 November 2027", "2027-11-24"),
        ("Friday the 27th", "2026-11-27"),
        ("Friday, 27 November", "2026-11-27"),
        ("2026-12-01", "2026-12-01"),
        ("24/12", "2026-12-24"),
        ("24.12.2026", "2026-12-24"),
        ("in three days", "2026-11-26"),
        ("in a week", "2026-11-30"),
        ("two weeks from tomorrow", "2026-12-08"),
    ],
)
def test_a_day_is_read_relative_to_today(text: str, day: str) -> None:
    assert [item.value for item in find_dates(text, MONDAY)] == [day]


@pytest.mark.parametrize(
    "text",
    ["may I", "the first one", "the second one", "31 February", "in the sun", "march on", "12"],
)
def test_what_is_no_day_is_not_read_as_one(text: str) -> None:
    assert find_dates(text, MONDAY) == []


@pytest.mark.parametrize(
    ("text", "time", "sure"),
    [
        ("19:30", "19:30", True),
        ("19h30", "19:30", True),
        ("08:00", "08:00", True),
        ("8:30", "08:30", False),
        ("7.45", "07:45", False),
        ("8pm", "20:00", True),
        ("8 p.m.", "20:00", True),
        ("7.30 pm", "19:30", True),
        ("eight pm", "20:00", True),
        ("9 am", "09:00", True),
        ("12 am", "00:00", True),
        ("noon", "12:00", True),
        ("at midday", "12:00", True),
        ("midnight", "00:00", True),
        ("at eight", "08:00", False),
        ("around 8", "08:00", False),
        ("at 20", "20:00", True),
        ("eight o'clock", "08:00", False),
        ("half past seven", "07:30", False),
        ("half seven", "07:30", False),
        ("quarter past six", "06:15", False),
        ("quarter to eight", "07:45", False),
        ("a quarter to one", "12:45", True),
        ("ten to nine", "08:50", False),
        ("twenty past five", "05:20", False),
        ("ten minutes past nine", "09:10", False),
        ("seven thirty", "07:30", False),
        ("six forty-five", "06:45", False),
        ("change the time to 9", "09:00", False),
        ("eight tonight", "08:00", False),
    ],
)
def test_a_time_is_read_and_known_to_be_sure_or_not(text: str, time: str, sure: bool) -> None:
    assert [(item.value, item.sure) for item in find_times(tidy(text))] == [(time, sure)]


@pytest.mark.parametrize(
    "text", ["at eight people", "for four", "about six guests", "in 5 minutes"]
)
def test_what_is_counted_is_no_time(text: str) -> None:
    assert find_times(text) == []


def test_an_unsure_time_follows_the_part_of_the_day() -> None:
    assert settle("08:00", daypart("tomorrow morning at eight"), (), evening=True) == "08:00"
    assert settle("08:00", daypart("tonight at eight"), (), evening=False) == "20:00"


def test_an_unsure_time_follows_what_was_offered() -> None:
    assert settle("10:30", None, ["10:30", "12:00"], evening=True) == "10:30"
    assert settle("06:30", None, ["18:30", "21:30"], evening=True) == "18:30"


def test_an_unsure_time_is_of_the_evening_but_for_appointments() -> None:
    assert settle("08:00", None, (), evening=True) == "20:00"
    assert settle("10:00", None, (), evening=False) == "10:00"
    assert settle("03:00", None, (), evening=False) == "15:00"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("name of Martin", "Martin"),
        ("the name is Dupont", "Dupont"),
        ("my name is ana lopez and we are six", "Ana Lopez"),
        ("My name's O'Brien", "O'Brien"),
        ("a table for Dupont", "Dupont"),
        ("under Van der Berg on Friday", "Van der Berg"),
        ("in the name of Jean-Luc Picard please", "Jean-Luc Picard"),
        ("it's Martin", "Martin"),
        ("I'm Ana", "Ana"),
        ("This is Mr Dupont", "Dupont"),
        ("Ana Lopez speaking", "Ana Lopez"),
        ("call me Ishmael", "Ishmael"),
        ("not Martin, Dupont", "Dupont"),
        ("put it under Smith", "Smith"),
    ],
)
def test_a_name_is_found_by_what_introduces_it(text: str, name: str) -> None:
    assert name in [item.value for item in find_names(text, asked=False)]


@pytest.mark.parametrize(
    "text",
    [
        "a table for dinner",
        "it's fine",
        "I'm sorry",
        "for Friday",
        "this is great",
        "Dupont",
        "for me",
    ],
)
def test_no_name_is_found_where_none_was_introduced(text: str) -> None:
    assert find_names(text, asked=False) == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Dupont", "Dupont"),
        ("martin", "Martin"),
        ("sure, Ana Lopez", "Ana Lopez"),
        ("it's dupont", "Dupont"),
        ("Martin please", "Martin"),
        ("for dupont", "Dupont"),
    ],
)
def test_a_name_that_was_asked_for_may_stand_alone(text: str, name: str) -> None:
    assert [item.value for item in find_names(text, asked=True)] == [name]


@pytest.mark.parametrize("text", ["yes", "no thanks", "what?", "I don't know", "fish dishes?"])
def test_other_words_are_no_name_even_when_one_was_asked_for(text: str) -> None:
    assert find_names(text, asked=True) == []


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("+33 6 12 34 56 78", "+33612345678"),
        ("my number is 06 12 34 56 78", "0612345678"),
        ("06.12.34.56.78", "0612345678"),
        ("(020) 7946-0958", "02079460958"),
        ("oh six one two three four five six seven eight", "0612345678"),
        ("plus three three six double one two three four five six seven", "+33611234567"),
    ],
)
def test_a_telephone_number_is_its_digits(text: str, phone: str) -> None:
    assert [item.value for item in find_phones(text)] == [phone]


@pytest.mark.parametrize("text", ["two tomorrow", "at 19:30", "12 people", "one two three"])
def test_a_few_digits_are_no_telephone_number(text: str) -> None:
    assert find_phones(text) == []


@pytest.mark.parametrize("text", ["ana@example.com", "ana at example dot com"])
def test_an_address_may_be_written_or_read_out(text: str) -> None:
    assert [item.value for item in find_emails(text)] == ["ana@example.com"]


@pytest.mark.parametrize(
    "text",
    [
        "E12345",
        "it's e12345",
        "E 1 2 3 4 5",
        "E-12345",
        "E one two three four five",
        "E12 345 please",
    ],
)
def test_a_code_is_found_however_it_is_spaced(text: str) -> None:
    assert find_code(text, "E[0-9]{5}") == "E12345"


def test_a_code_that_does_not_match_is_not_found() -> None:
    assert find_code("E1234", "E[0-9]{5}") is None
    assert find_code("E12345", "E[") is None


def test_letters_that_are_spelled_run_together() -> None:
    assert spelled("A B one double two") == "AB122"


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "Yes please.",
        "yeah",
        "yep, go ahead",
        "that's right",
        "that's correct",
        "sounds good",
        "perfect",
        "ok",
        "sure",
        "of course",
        "I think that's fine",
        "no problem",
        "why not",
        "absolutely",
        "do that",
        "speaking",
        "no, that's all",
        "I'll be there",
    ],
)
def test_yes_is_said_in_many_ways(text: str) -> None:
    assert answer(text) == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "No thanks",
        "nope",
        "not really",
        "that's not right",
        "that's wrong",
        "wait",
        "I can't",
        "it isn't correct",
        "I don't think so",
        "sorry, I can't make it",
        "never mind",
        "hold on",
    ],
)
def test_no_is_said_in_many_ways(text: str) -> None:
    assert answer(text) == "no"


@pytest.mark.parametrize(
    "text",
    [
        "tomorrow at eight",
        "what time is it?",
        "is that right?",
        "wonderful, but not on Friday",
        "hmm",
        "the people over there told me that the other place was good and cheap",
    ],
)
def test_what_is_neither_yes_nor_no_is_not_taken_for_it(text: str) -> None:
    assert answer(text) is None


def chosen(text: str, *values: str, asked: bool = False) -> object:
    return pick(text, values, [concepts(each) for each in values], concepts(text), asked=asked)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on the terrace please", "terrace"),
        ("could we sit outside?", "terrace"),
        ("inside", "indoor"),
        ("we don't mind", "any"),
        ("whatever", "any"),
        ("is there any chance", None),
        ("tomorrow", None),
    ],
)
def test_a_choice_is_named_or_nearly_named(text: str, value: str | None) -> None:
    assert chosen(text, "indoor", "terrace", "any") == value


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("the later one", "21:30"),
        ("the earlier one please", "18:30"),
        ("the first", "18:30"),
        ("the second one", "21:30"),
        ("the last one", "21:30"),
        ("either is fine", "18:30"),
        ("hmm", None),
        ("yes", None),
    ],
)
def test_one_of_the_offers_is_meant(text: str, time: str | None) -> None:
    assert pick_offered(text, ["18:30", "21:30"]) == time


def test_yes_takes_the_only_offer() -> None:
    assert pick_offered("yes please", ["18:30"]) == "18:30"
    assert pick_offered("yes", []) is None


def test_having_no_preference_is_heard() -> None:
    assert is_open("it doesn't matter") and not is_open("on the terrace")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (
            "Table for four tomorrow at half past seven, name of Martin.",
            [("number", 4), ("date", "2026-11-24"), ("time", "07:30"), ("name", "Martin")],
        ),
        (
            "table for 15 on Sunday, Jones",
            [("number", 15), ("date", "2026-11-29"), ("name", "Jones")],
        ),
        ("two people, Please", [("number", 2)]),
        ("for eight at eight", [("number", 8), ("time", "08:00")]),
        ("not Friday, Saturday", [("date", "2026-11-28")]),
        ("half past nine is too late, at six", [("time", "06:00")]),
        ("Friday doesn't work, Sunday", [("date", "2026-11-29")]),
        ("+33 6 12 34 56 78, two people", [("phone", "+33612345678"), ("number", 2)]),
    ],
)
def test_values_of_all_kinds_are_found_once(text: str, values: list[tuple[str, object]]) -> None:
    assert [(item.kind, item.value) for item in find(text, MONDAY)] == values


def test_without_a_date_no_days_are_found() -> None:
    assert find("tomorrow", None) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Can I speak to somebody?", "The caller asks for a person."),
        ("When do you close?", "opening hours"),
        ("Where are you?", "the address"),
        ("I need to reschedule", "The caller wants to change a booking."),
        ("never mind", "The caller gives up."),
        ("it still doesn't work", "The fix did not work."),
        ("I can't make it", "They cannot come."),
        ("that's all", "The caller is done."),
        ("we want a reservation", "The caller wants to book."),
    ],
)
def test_different_words_for_the_same_share_a_concept(one: str, other: str) -> None:
    assert concepts(one) & concepts(other)


def test_a_negated_word_is_another_concept() -> None:
    assert not concepts("it works now") & {"¬work"}
    assert "¬work" in concepts("that doesn't work")


@pytest.mark.parametrize(
    "text",
    [
        "is there anything vegetarian?",
        "when do you close",
        "sorry, what is that?",
        "tell me about it",
    ],
)
def test_a_question_wants_to_know(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize(
    "text", ["can I book for Friday?", "we'd like a table", "could you help me"]
)
def test_a_request_is_no_question(text: str) -> None:
    assert is_request(text) and not is_question(text)


def test_salient_words_leave_out_what_is_known_already() -> None:
    assert salient("Do you have any fish dishes?", concepts("search dishes")) == "fish"


def test_text_is_tidied_and_split() -> None:
    assert tidy("8 p.m.  it\u2019s") == "8 pm it's"
    assert sentences("One. Two? 7.30 three") == ["One.", "Two?", "7.30 three"]
    assert join(["a", "b", "c"], "or") == "a, b or c"


def test_an_offer_of_nothing_is_not_half_a_sentence() -> None:
    assert perform("Nothing is free at 19:00. Offer at most two of: .") == [
        "Nothing is free at 19:00.",
        "I have nothing else to offer.",
    ]
