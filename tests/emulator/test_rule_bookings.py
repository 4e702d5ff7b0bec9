"""Whole conversations about a table at a bistro."""

import pytest

from tests.emulator.talk import AT_GOAL, Json, State, Talk, tool

BOOKING_SCHEMAS = {
    "party_size": {
        "type": "integer",
        "minimum": 1,
        "maximum": 20,
        "description": "Number of guests",
    },
    "day": {"type": "string", "format": "date", "description": "Day of the booking"},
    "at": {"type": "string", "format": "time", "description": "Arrival time"},
    "guest": {"type": "string", "description": "Name for the booking"},
    "phone": {"type": "string", "format": "phone", "description": "phone"},
    "seating": {"enum": ["indoor", "terrace", "any"], "description": "seating"},
}
DISHES = tool(
    "menu__search_dishes",
    "Find dishes on the menu by name, ingredient or course.",
    query={
        "type": "string",
        "description": "Words such as an ingredient or a course; empty for all",
        "required": True,
    },
    vegetarian={"type": "boolean", "description": "Only dishes without meat or fish"},
)
ALLERGENS = tool(
    "menu__allergens",
    "Name the allergens of a dish.",
    dish={"type": "string", "description": "The name of a dish on the menu", "required": True},
)


def after_details(talk: Talk) -> str:
    if talk.values["party_size"] > 12:
        return "transfer"
    free = talk.at == "alternatives" or talk.values["at"] != "20:15"
    return "confirm" if free else "alternatives"


def bistro(at: str = "welcome", /, **values: Json) -> Talk:
    return Talk(
        states={
            "welcome": State(
                say="Chez Ana, hello. How can I help?",
                goal="Find out what the caller wants. Do not collect details yet.",
                gos={
                    "book": (
                        (
                            "The caller wants to book a table. For example: "
                            '"a table for two tonight"; "can I book for Friday?".'
                        ),
                        "details",
                    ),
                    "change": ("The caller wants to change or cancel a booking.", "transfer"),
                },
            ),
            "details": State(
                goal="Take the booking details. Accept several at once; ask only for what is "
                "missing. Parties above twelve are handled by a person.",
                collect=("party_size", "day", "at", "guest", "phone", "seating"),
                optional=("seating",),
            ),
            "alternatives": State(
                goal="Nothing is free at {at}. Offer at most two of: 18:30, 21:30.",
                collect=("day", "at"),
                fresh=("at",),
                gos={"give_up": ("The caller gives up.", "goodbye")},
            ),
            "confirm": State(
                goal="Book {party_size} people, {day} at {at}, for {guest}.",
                tools=(tool("create_booking", f"Create the booking. {AT_GOAL}"),),
                gos={"correct": ("The caller corrects a detail.", "confirm")},
                fills={"correct": ("party_size", "day", "at", "guest", "seating")},
                confirms="goodbye",
            ),
            "goodbye": State(
                goal="Thank the caller and say goodbye in one short sentence.", end=True
            ),
            "transfer": State(say="I'll put you through to a colleague.", end=True),
        },
        schemas=BOOKING_SCHEMAS,
        at=at,
        interrupts={
            "human": ("The caller asks for a person.", "transfer"),
            "hours": (
                "The caller asks about opening hours or the address.",
                "say:We are open Tuesday to Sunday, noon to eleven, at 12 Mill Lane.",
            ),
        },
        everywhere=(DISHES, ALLERGENS),
        results={
            "create_booking": lambda _: {"ref": "AB12"},
            "menu__search_dishes": lambda _: {
                "dishes": [{"name": "Ratatouille", "price": 16.0}, {"name": "Poached pear"}]
            },
            "menu__allergens": lambda arguments: {
                "dish": "Mushroom risotto",
                "allergens": ["milk", "sulphites"],
            },
        },
        collected=after_details,
        values={"phone": "+33612345678", "seating": "any", **values},
    )


OPENINGS = [
    "I'd like to reserve a table for two tonight",
    "can I make a reservation please",
    "we want to come for dinner on Saturday",
    "table for 6 tomorrow at 8pm under Smith",
    "do you have anything free tonight for four?",
    "have you got a table for three on the 24th at noon?",
    "booking for 12 people this Friday please",
    "I'd like a table",
    "Is there any availability on 24 November for two people?",
    "I need to book something for my birthday next Saturday",
    "could you squeeze us in tonight, party of five?",
    "good evening, my name is Ana Lopez and I want to book for eight at eight on Thursday",
    "reservation, four people, Friday, quarter to nine",
    "hi there, we are six and would love to eat at yours tomorrow night",
    "two of us tonight half seven",
    "can we come on Friday, six of us, at 8:15pm",
    "Can you book me in for 2 at 19:30 on 2026-12-01?",
    "We'd like to have lunch with you on the 5th of December, there will be ten of us",
    "a table please, tomorrow",
    "hello, is it possible to get a table this evening?",
    "Do you have a table for two at eight?",
    "I want to reserve",
]


@pytest.mark.parametrize("words", OPENINGS)
def test_a_wish_to_book_is_understood_in_many_words(words: str) -> None:
    talk = bistro()
    talk.hear(words)
    assert talk.calls[0] == "go_book"


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("I want to cancel my booking", "go_change"),
        ("I need to move my reservation to Friday", "go_change"),
        ("can I change my table to 9?", "go_change"),
        ("are you open on Sundays?", "go_hours"),
        ("what are your opening times?", "go_hours"),
        ("when do you close", "go_hours"),
        ("where are you?", "go_hours"),
        ("I want to speak to the manager", "go_human"),
        ("give me a human", "go_human"),
        ("can I talk to somebody please", "go_human"),
        ("is there anything vegan?", "menu__search_dishes"),
        ("what is the soup of the day", "menu__search_dishes"),
        ("does the onion soup contain milk?", "menu__allergens"),
        ("I'm allergic to nuts, is the risotto ok?", "menu__allergens"),
    ],
)
def test_other_wishes_are_told_from_a_booking(words: str, name: str) -> None:
    talk = bistro()
    talk.hear(words)
    assert talk.calls[0] == name


def test_a_table_is_booked_in_one_breath() -> None:
    talk = bistro()
    said = talk.hear("Table for four tomorrow at half past seven, name of Martin.")
    assert talk.log == [
        ("go_book", {}),
        (
            "set_details",
            {"day": "2026-11-24", "at": "19:30", "party_size": 4, "guest": "Martin"},
        ),
        ("create_booking", {}),
    ]
    assert "Tuesday 24 November" in said and said.endswith("Is that right?")
    assert "Goodbye!" in talk.hear("Yes please.")
    assert talk.calls[-1] == "confirm_create_booking"


def test_details_are_taken_one_by_one() -> None:
    talk = bistro()
    assert "number of guests" in talk.hear("Hi, I'd like to book a table")
    assert "day of the booking" in talk.hear("two")
    talk.hear("tomorrow")
    talk.hear("eight")
    talk.hear("dupont")
    assert talk.values["party_size"] == 2
    assert (talk.values["day"], talk.values["at"]) == ("2026-11-24", "20:00")
    assert talk.values["guest"] == "Dupont"
    assert talk.calls[-1] == "create_booking"


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("four", {"party_size": 4}),
        ("we'll be five", {"party_size": 5}),
        ("I told you, four people!", {"party_size": 4}),
        ("at 8", {"at": "20:00"}),
        ("on the terrace if possible", {"seating": "terrace"}),
        ("could we sit outside?", {"seating": "terrace"}),
        ("my number is 06 12 34 56 78", {"phone": "0612345678"}),
        ("for the 3rd of December, 3 people, 3pm", {"party_size": 3, "at": "15:00"}),
        ("table for two under Van der Berg", {"party_size": 2, "guest": "Van der Berg"}),
        ("me and my husband at seven on Sunday", {"party_size": 2, "day": "2026-11-29"}),
    ],
)
def test_details_come_in_any_order(words: str, values: dict[str, Json]) -> None:
    talk = bistro("details")
    talk.hear(words)
    assert talk.calls == ["set_details"]
    assert values.items() <= talk.values.items()


@pytest.mark.parametrize(
    ("words", "at"),
    [
        ("half past six then", "18:30"),
        ("the later one", "21:30"),
        ("21:30", "21:30"),
        ("9:30 is fine", "21:30"),
        ("the first one please", "18:30"),
        ("ok half nine", "21:30"),
        ("either is fine", "18:30"),
        ("half past nine is too late, the earlier one", "18:30"),
        ("how about eight?", "20:00"),
    ],
)
def test_an_alternative_is_chosen(words: str, at: str) -> None:
    talk = bistro()
    talk.hear("Do you have a table for two tonight at quarter past eight?")
    offer = talk.hear("Martin")
    assert "Nothing is free at 20:15. I could offer 18:30 or 21:30." in offer
    talk.hear(words)
    assert talk.log[-2:] == [("set_alternatives", {"at": at}), ("create_booking", {})]


@pytest.mark.parametrize(
    "words", ["no thanks", "forget it", "none of those", "never mind, I'll try somewhere else"]
)
def test_a_caller_may_give_up(words: str) -> None:
    talk = bistro("alternatives", at="20:15", party_size=2, day="2026-11-24", guest="Ana")
    talk.hear(words)
    assert talk.calls == ["go_give_up"]


def booked() -> Talk:
    talk = bistro()
    talk.hear("Table for four tomorrow at half past seven, name of Martin.")
    talk.log.clear()
    return talk


@pytest.mark.parametrize(
    "words",
    ["yes", "that's correct", "yep go ahead", "sounds good", "perfect thank you", "do that"],
)
def test_a_yes_confirms(words: str) -> None:
    talk = booked()
    talk.hear(words)
    assert talk.calls == ["confirm_create_booking"]


@pytest.mark.parametrize("words", ["no", "no that's wrong", "I want to change something"])
def test_a_no_declines_and_we_ask_what_to_change(words: str) -> None:
    talk = booked()
    assert talk.hear(words) == "What should I change?"
    assert talk.calls == ["decline_create_booking"]


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("no, five people", {"party_size": 5}),
        ("wait, make it five", {"party_size": 5}),
        ("actually eight o'clock", {"at": "20:00"}),
        ("could you change the time to 8?", {"at": "20:00"}),
        ("it should be Friday", {"day": "2026-11-27"}),
        ("yes please but on the terrace", {"seating": "terrace"}),
        ("not Martin, Dupont", {"guest": "Dupont"}),
        ("make that half past eight for six", {"at": "20:30", "party_size": 6}),
    ],
)
def test_a_correction_is_read_back_again(words: str, values: dict[str, Json]) -> None:
    talk = booked()
    said = talk.hear(words)
    assert talk.log == [("go_correct", values), ("create_booking", {})]
    assert said.endswith("Is that right?")


@pytest.mark.parametrize(
    "words", ["no, can I talk to a person?", "wait, put me through to a human", "I want a human"]
)
def test_a_person_may_be_asked_for_instead_of_an_answer(words: str) -> None:
    talk = booked()
    talk.hear(words)
    assert talk.calls == ["go_human"]


def test_a_person_is_asked_for_beside_values() -> None:
    talk = bistro("details")
    talk.hear("we are four people, but just give me a human")
    assert talk.calls[-1] == "go_human"


def test_what_is_repeated_unchanged_corrects_nothing() -> None:
    talk = booked()
    talk.hear("yes, four people tomorrow")
    assert talk.calls == ["confirm_create_booking"]


def test_a_correction_after_a_no_is_taken() -> None:
    talk = booked()
    talk.hear("no")
    talk.hear("the day is wrong, it should be Saturday")
    talk.hear("yes that's right")
    assert talk.arguments("go_correct") == {"day": "2026-11-28"}
    assert talk.calls[-2:] == ["create_booking", "confirm_create_booking"]


def test_questions_about_the_menu_may_come_in_the_middle() -> None:
    talk = booked()
    said = talk.hear("is there anything vegetarian?")
    assert talk.log == [("menu__search_dishes", {"vegetarian": True, "query": ""})]
    assert said.startswith("I found Ratatouille and Poached pear.")
    assert said.endswith("Is that right?")
    said = talk.hear("hang on, are there nuts in the risotto?")
    assert talk.log[-1] == ("menu__allergens", {"dish": "risotto"})
    assert said.startswith("Mushroom risotto: allergens milk and sulphites.")
    talk.hear("ok, yes")
    assert talk.calls[-1] == "confirm_create_booking"


def test_a_name_that_is_known_already_is_no_question_about_the_menu() -> None:
    talk = bistro("details", guest="Smith")
    talk.hear("my name is Smith")
    assert talk.calls == []


def test_opening_hours_are_a_detour() -> None:
    talk = bistro("details")
    assert "noon to eleven" in talk.hear("Are you open until eleven on Friday?")
    talk.hear("then for two")
    assert talk.log == [("go_hours", {}), ("set_details", {"party_size": 2})]


def test_words_that_mean_nothing_here_are_asked_for_again_in_varied_words() -> None:
    talk = bistro("details")
    heard = [talk.hear("blah blah") for _ in range(4)]
    assert heard[0].startswith("Sorry, I did not catch that. Could you tell me")
    assert heard[0] == heard[1] != heard[2]
