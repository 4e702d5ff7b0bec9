import pytest

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.answers import MAX_ROUNDS
from orchestrator.flow.commands import Hush
from orchestrator.flow.events import AgentSaid, AnswerEnded, ToolAsked
from orchestrator.flow.moves import SORRY
from orchestrator.flow.snapshot import quiescent
from tests.flow.restaurant import at_confirm, at_details, started
from tests.flow.small import BANK, bank, play
from tests.flow.world import How


def test_a_say_on_entry_is_spoken_without_the_model_and_waits_for_the_caller() -> None:
    scene = started()
    assert scene.said == ["Chez Ana, hello. How can I help?"]
    assert scene.answers == []
    assert quiescent(scene.snapshot)


def test_a_turn_of_the_caller_gets_exactly_one_answer() -> None:
    scene = started()
    scene.caller("Hello?")
    scene.model("How can I help?")
    assert [answer.purpose for answer in scene.answers] == ["answer"]
    assert quiescent(scene.snapshot)


def test_a_turn_that_comes_while_the_model_answers_is_answered_next() -> None:
    scene = started()
    scene.caller("Hello?")
    scene.caller("Anybody there?")
    assert len(scene.answers) == 1
    scene.model("Yes?")
    assert len(scene.answers) == 2


def test_a_model_that_fails_is_asked_again_after_a_pause_and_then_given_up() -> None:
    scene = started()
    scene.caller("Hello?")
    for _ in range(3):
        assert scene.speaking
        scene.apply(AnswerEnded(scene.at, scene.speaking, "failed", "server_error"))
        scene.wait(2)
    assert len(scene.answers) == 3
    assert scene.snapshot.run.erred == "server_error"
    assert scene.state == "transfer"


def test_an_answer_of_which_nothing_is_heard_is_given_up() -> None:
    scene = started()
    scene.caller("Hello?")
    answer = scene.speaking
    scene.wait(60)
    assert [c.speak for c in scene.commands if isinstance(c, Hush)] == [answer]
    assert scene.snapshot.run.erred == "answer.timeout"


def test_a_model_that_only_calls_tools_is_stopped() -> None:
    scene = at_details()
    for _ in range(MAX_ROUNDS):
        if scene.state == "details":
            scene.model(set_details={"party_size": "many"})
    assert scene.snapshot.run.erred == "model.loop"


def test_instructions_keep_to_the_documented_layout() -> None:
    scene = at_details()
    prose = scene.answers[-1].instructions
    titles = [line for line in prose.splitlines() if line.startswith("# ")]
    assert titles == [
        "# Role",
        "# Date and zone",
        "# Goal",
        "# Known values",
        "# Still needed",
    ]
    assert '- seating: "any"' in prose
    assert "- party_size: Number of guests" in prose


GREETS = """
session:
  persona: |
    You sell tickets.
vars: {count: {type: int, default: 2}, day: {type: text, describe: Day of the show}}
start: desk
states:
  desk:
    do: [{prompt: Greet.}]
    goal: Sell.
    collect: {vars: [count, day]}
    examples: [two for tonight]
    next: [{event: collected, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_each_section_stands_between_blank_lines_and_a_prompt_asks_for_nothing() -> None:
    scene = play(GREETS)
    scene.model("Hello.")
    scene.caller("Hello.")
    prompt, answer = (answer.instructions for answer in scene.answers)
    now = "Sunday 22 November 2026, 10:00 (2026-11-22T10:00+01:00, Europe/Paris)"
    head = f"# Role\nYou sell tickets.\n\n# Date and zone\n{now}\n\n"
    known, phrases = "# Known values\n- count: 2\n\n", "# Sample phrases\n- two for tonight"
    assert prompt == f"{head}# Goal\nGreet.\n\n{known}{phrases}"
    needed = "# Still needed\n- day: Day of the show\n\n"
    assert answer == f"{head}# Goal\nSell.\n\n{known}{needed}{phrases}"


def test_a_say_in_a_voice_is_an_answer_of_its_own_and_the_callers_turn_follows() -> None:
    scene = play(BANK, channel="websocket")
    assert [answer.purpose for answer in scene.answers] == ["say"]
    assert scene.answers[0].choice == "none"
    assert scene.answers[0].instructions.endswith("# Say exactly\nHello.")
    scene.model("Hello.")
    assert len(scene.answers) == 1


@pytest.mark.parametrize("how", ["completed", "incomplete", "failed"])
def test_an_answer_without_a_word_or_a_call_is_asked_for_again(how: How) -> None:
    scene = bank()
    scene.caller("Hello?")
    scene.fail("server_error", how)
    assert scene.reports("answer.failed")
    assert not scene.speaking
    scene.wait(1)
    assert [answer.purpose for answer in scene.answers] == ["answer", "answer"]


def test_an_answer_that_was_cut_off_is_left_alone() -> None:
    scene = bank()
    scene.caller("Hello?")
    scene.fail(how="cancelled")
    scene.wait(10)
    assert len(scene.answers) == 1
    assert not scene.reports("answer.failed")


def test_answers_that_speak_and_fail_are_given_up() -> None:
    scene = bank()
    scene.caller("Hello?")
    for _ in range(3):
        assert scene.speaking
        scene.apply(AgentSaid(scene.at, scene.speaking, "Well,"))
        scene.fail("server_error")
        scene.wait(2)
    assert scene.snapshot.run.erred == "server_error"
    assert scene.said[-1] == SORRY


def test_an_answer_that_spoke_and_was_not_completed_counts() -> None:
    scene = bank()
    scene.caller("Hello?")
    assert scene.speaking
    scene.apply(AgentSaid(scene.at, scene.speaking, "Well,"))
    scene.fail("max_output_tokens", "incomplete")
    assert quiescent(scene.snapshot)


def test_the_pause_before_an_answer_is_asked_for_again_doubles() -> None:
    scene = bank()
    scene.caller("Hello?")
    scene.fail("rate_limit_exceeded")
    scene.wait(0.4)
    assert not scene.speaking
    scene.wait(0.2)
    scene.fail("rate_limit_exceeded")
    scene.wait(0.9)
    assert not scene.speaking
    scene.wait(0.2)
    assert scene.speaking


def test_a_failure_between_good_answers_is_forgotten() -> None:
    scene = bank()
    scene.caller("Hello?")
    for _ in range(3):
        scene.fail("server_error")
        scene.wait(1)
        scene.model(balance={})
        scene.settle("balance", Outcome("worker", {"ok": True}))
    assert scene.snapshot.run.erred is None


def test_a_caller_who_speaks_up_does_not_wait_for_the_pause() -> None:
    scene = bank()
    scene.caller("Hello?")
    scene.fail("server_error")
    scene.caller("Are you there?")
    assert scene.speaking
    scene.model("Yes.")
    scene.wait(5)
    assert len(scene.answers) == 2


def test_a_prompt_that_failed_is_given_again_before_the_steps_go_on() -> None:
    scene = bank()
    scene.caller("Goodbye.")
    scene.model(go_done={})
    scene.fail("server_error")
    scene.caller("Goodbye?")
    assert not scene.ended
    scene.wait(0.6)
    assert scene.answers[-1].purpose == "prompt"
    assert "# Goal\nBye." in scene.answers[-1].instructions
    scene.model("Bye.")
    assert scene.snapshot.run.ended == "completed"


def test_a_sign_of_the_answer_renews_the_patience_with_it() -> None:
    scene = bank()
    scene.caller("Hello?")
    scene.wait(20)
    assert scene.speaking
    scene.apply(AgentSaid(scene.at, scene.speaking, "Well,"))
    scene.wait(20)
    scene.asks("balance", {})
    scene.wait(20)
    assert scene.snapshot.run.erred is None
    scene.wait(11)
    assert scene.snapshot.run.erred == "answer.timeout"


def test_an_error_without_a_way_out_ends_with_an_apology() -> None:
    scene = bank()
    scene.caller("Hello?")
    scene.wait(31)
    assert scene.said[-1] == SORRY
    assert (scene.snapshot.run.ended, scene.snapshot.run.how) == ("error", "error")


UNSET = """
vars: {weather: text}
start: desk
states:
  desk:
    do: [{say: "It is ${weather}."}]
    goal: Talk about the weather.
    next: [{intent: The caller is done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_words_with_something_unset_in_them_are_not_said_and_silence_nobody() -> None:
    scene = play(UNSET)
    assert scene.said == []
    assert scene.reports("say.unset")[0].data["name"] == "weather"
    assert scene.answers[-1].purpose == "goal"


@pytest.mark.parametrize("do", ["[{say: Noted.}]", "[{note: Noted.}]", "[{prompt: Say so.}]"])
def test_a_move_of_the_model_that_stays_is_followed_by_words_once(do: str) -> None:
    scene = play(UNSET.replace("goto: bye}", f"do: {do}}}, {{if: turns > 9, goto: bye}}"))
    scene.model("Lovely.")
    scene.caller("I am done.")
    scene.model(go_done={})
    if scene.speaking:
        scene.model("Noted.")
    assert quiescent(scene.snapshot)
    assert len(scene.said) + len(scene.answers) == 3


def test_answers_that_only_speak_are_no_loop() -> None:
    scene = play(BANK.replace("safe: true", "safe: true\n    mode: background"))
    scene.caller("My balance, again and again.")
    for _ in range(MAX_ROUNDS - 2):
        scene.model(balance={})
    scene.model("It comes.")
    for _ in range(MAX_ROUNDS):
        if scene.snapshot.work.calls:
            scene.settle("balance", Outcome("worker", {"ok": True}))
            scene.model("Here it is.")
    assert scene.snapshot.run.erred is None


def test_words_of_the_caller_do_not_reach_an_answer_that_is_over() -> None:
    scene = bank()
    scene.caller("Hello?")
    over = scene.speaking
    assert over
    scene.model("Hello.")
    scene.apply(AgentSaid(scene.at, over, "Late."))
    scene.apply(AnswerEnded(scene.at, over, "failed", "late"))
    scene.apply(ToolAsked(scene.at, over, "call_late", "go_done", "{}"))
    assert scene.state == "desk"
    assert scene.reports("tool.ignored")
    assert quiescent(scene.snapshot)


def test_a_read_back_that_breaks_off_is_tried_a_few_times_and_then_an_error() -> None:
    scene = at_confirm()
    scene.model(create_booking={})
    for _ in range(3):
        assert scene.speaking
        assert scene.answers[-1].purpose == "readback"
        scene.apply(AgentSaid(scene.at, scene.speaking, "Day Tuesday, at"))
        scene.apply(AnswerEnded(scene.at, scene.speaking, "incomplete", "max_output_tokens"))
        scene.wait(2)
    assert scene.snapshot.run.erred == "max_output_tokens"


def test_a_read_back_that_was_spoken_into_waits_for_what_the_caller_says() -> None:
    scene = at_confirm()
    scene.model(create_booking={})
    assert scene.speaking
    scene.apply(AgentSaid(scene.at, scene.speaking, "Day Tuesday, at"))
    scene.apply(AnswerEnded(scene.at, scene.speaking, "cancelled"))
    assert not scene.speaking
    scene.caller("Hold on. Go ahead.")
    scene.model("Of course.")
    assert scene.answers[-1].purpose == "readback"
