"""What the rule model answers beside the conversation."""

import pytest

from orchestrator.emulator.model import Speech
from tests.emulator.test_rule import heard, respond, said


def choose(question: str, *choices: str) -> str:
    words = "\n".join(f"- {choice}" for choice in choices)
    return f"# Task\nOne word.\n\n# Classify\n{question}\n\n# Choose one of\n{words}"


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("I cannot get into the wifi.", "network"),
        ("My password has expired.", "password_reset"),
        ("It is about my chair.", "other"),
    ],
)
def test_the_value_is_the_one_that_the_words_suggest(text: str, topic: str) -> None:
    asked = choose("What is it about?", "password_reset", "network", "other")
    assert respond(asked, heard(text)) == Speech(topic)


def test_later_words_count_before_earlier_ones() -> None:
    asked = choose("What is it about?", "network", "printer")
    items = (heard("The printer."), said("I see."), heard("No, the network."), heard("Thanks."))
    assert respond(asked, *items) == Speech("network")


@pytest.mark.parametrize(
    ("text", "mood"),
    [("This is ridiculous!", "angry"), ("Lovely, thank you.", "happy"), ("The 5th.", "calm")],
)
def test_a_mood_is_known_by_its_words(text: str, mood: str) -> None:
    asked = choose("How does the caller sound?", "angry", "happy", "calm")
    assert respond(asked, heard(text)) == Speech(mood)


@pytest.mark.parametrize(("text", "word"), [("I want a refund.", "yes"), ("Hello.", "no")])
def test_a_question_is_a_yes_where_the_words_are_about_it(text: str, word: str) -> None:
    asked = choose("Does the caller speak of a refund?", "yes", "no")
    assert respond(asked, heard(text)) == Speech(word)


def test_a_summary_says_who_said_what() -> None:
    asked = "# Task\nSum up.\n\n# Summarise\nAll of it."
    items = (said("Hello."), heard("I want a table"), said("When?"))
    assert respond(asked, *items) == Speech(
        "The agent said: Hello. The caller said: I want a table. The agent said: When?"
    )
    assert respond(asked) == Speech("Nothing was said yet.")
