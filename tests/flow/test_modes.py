"""Calls that nobody waits for, and results that say that it did not work."""

from orchestrator.dispatch.call import Outcome
from orchestrator.flow.events import CallerLeft
from orchestrator.flow.snapshot import drained, quiescent
from tests.flow.scene import Scene
from tests.flow.small import play

OFFICE = """
vars: {ref: text, path: text}
tools:
  search:
    queue: q
    describe: Search the archive.
    params: {what: {type: text, optional: true}}
    returns: {found: {type: list, of: text}}
    mode: background
    on_hangup: keep
  note:
    queue: q
    describe: Keep a note.
    returns: {ref: text}
    mode: detached
    assign: {ref: "${result.ref}"}
  file:
    queue: q
    describe: File it.
    params: {what: {type: text, optional: true}}
    returns: {ref: text, filed: bool}
    ok_if: result.filed and args.what != 'nothing'
    assign: {ref: "${result.ref}"}
  publish: {queue: q, describe: Publish., mode: background, approval: caller}
on_error: sorry
start: office
states:
  office:
    goal: Help.
    tools: [search, note, file, publish]
    next:
      - {event: tool.file.done, set: {path: done}}
      - {event: tool.search.done, if: len(event.result.found) > 2, set: {path: many}}
      - {event: tool.search.failed, set: {path: "${event.code}"}}
      - {intent: The caller wants everything done., id: all, goto: batch}
      - {intent: The caller is done., id: done, goto: bye}
  batch:
    do:
      - {tool: search, with: {what: all}, as: hits}
      - {tool: note}
      - {tool: file, as: filed}
    goal: Tell what happened.
    next:
      - {event: tool.search.done, set: {path: "${event.result.found | join}"}}
      - {event: tool.file.failed, set: {path: "${event.code}"}}
      - {intent: The caller is done., id: done, goto: bye}
  sorry:
    do: [{say: Sorry.}]
    end: {reason: error}
  bye:
    do: [{say: Bye.}]
    end: {reason: completed}
"""
FOUND = Outcome("worker", {"found": ["a", "b", "c"]})
FILED = Outcome("worker", {"ref": "F1", "filed": True})
REFUSED = Outcome.failed("worker", "refused", "closed today")


def office() -> Scene:
    scene = play(OFFICE)
    scene.model("Hello.")
    scene.caller("Please.")
    return scene


def test_a_background_call_is_answered_at_once_and_told_when_nobody_speaks() -> None:
    scene = office()
    [call] = scene.model(search={})
    assert scene.output(call) == {"status": "started"}
    scene.settle("search", FOUND)
    assert [answer.purpose for answer in scene.answers] == ["goal", "answer", "answer"]
    assert '"found": ["a", "b", "c"]' in scene.notes[-1]
    scene.model("I am looking.")
    assert scene.answers[-1].purpose == "result"
    assert scene.vars["path"] == "many"


def test_a_background_call_that_fails_is_told_and_is_an_event_but_no_error() -> None:
    scene = office()
    scene.model(search={})
    scene.model("I am looking.")
    scene.settle("search", REFUSED)
    assert "closed today" in scene.notes[-1]
    assert scene.vars["path"] == "refused"
    assert scene.answers[-1].purpose == "result"
    assert scene.snapshot.run.erred is None


def test_a_background_call_is_kept_on_a_hang_up_and_told_to_nobody() -> None:
    scene = office()
    scene.model(search={})
    scene.apply(CallerLeft(scene.at))
    assert not drained(scene.snapshot)
    scene.settle("search", FOUND)
    assert drained(scene.snapshot)
    assert not scene.notes


def test_a_detached_call_is_answered_at_once_and_its_result_counts_for_nothing() -> None:
    scene = office()
    [call] = scene.model(note={})
    assert scene.output(call) == {"status": "started"}
    scene.model("Noted.")
    scene.settle("note", Outcome("worker", {"ref": "N1"}))
    assert scene.vars["ref"] is None
    assert not scene.notes
    assert quiescent(scene.snapshot)


def test_a_detached_call_that_fails_disturbs_nobody() -> None:
    scene = office()
    scene.model(note={})
    scene.model("Noted.")
    scene.settle("note", REFUSED)
    assert quiescent(scene.snapshot)
    assert scene.reports("call.failed")


def test_steps_wait_only_for_calls_that_are_waited_for() -> None:
    scene = office()
    scene.model(go_all={})
    assert len(scene.dispatches("search") + scene.dispatches("note")) == 2
    assert len(scene.dispatches("file")) == 1
    assert not scene.speaking
    scene.settle("file", FILED)
    assert scene.answers[-1].purpose == "goal"
    scene.model("All is done.")
    scene.settle("search", FOUND)
    assert scene.vars["path"] == "a, b, c"
    assert not scene.speaking


def test_a_detached_step_that_fails_is_no_error() -> None:
    scene = office()
    scene.model(go_all={})
    scene.settle("file", FILED)
    scene.settle("note", REFUSED)
    assert scene.snapshot.run.erred is None


def test_a_background_step_that_fails_is_an_error_unless_an_edge_takes_it() -> None:
    scene = office()
    scene.model(go_all={})
    scene.settle("search", REFUSED)
    scene.settle("file", FILED)
    assert scene.snapshot.run.erred == "tool.search.failed"


def test_a_result_that_says_that_it_did_not_work_is_a_failure() -> None:
    scene = office()
    [call] = scene.model(file={})
    scene.settle("file", Outcome("worker", {"ref": "F1", "filed": False}))
    assert scene.output(call)["error"] == "not_ok"
    assert (scene.vars["ref"], scene.vars["path"]) == (None, None)


def test_what_is_asked_about_a_result_and_has_no_answer_is_a_failure() -> None:
    scene = play(OFFICE.replace("result.filed and args.what != 'nothing'", "result.filed"))
    [call] = scene.model(file={})
    scene.settle("file", Outcome("worker", {"ref": "F1"}))
    assert scene.output(call)["error"] == "not_ok"


def test_what_is_asked_about_a_result_sees_the_arguments() -> None:
    scene = office()
    [nothing] = scene.model(file={"what": "nothing"})
    scene.settle("file", FILED)
    assert scene.output(nothing)["error"] == "not_ok"
    [good] = scene.model(file={})
    scene.settle("file", FILED)
    assert scene.output(good) == {"ref": "F1", "filed": True}
    assert (scene.vars["ref"], scene.vars["path"]) == ("F1", "done")


def test_a_result_that_is_not_ok_stops_the_steps_and_takes_their_edge() -> None:
    scene = office()
    scene.model(go_all={})
    scene.settle("file", Outcome("worker", {"filed": False}))
    assert scene.vars["path"] == "not_ok"


def test_a_background_call_that_needs_a_yes_starts_after_it() -> None:
    scene = office()
    scene.model(publish={})
    scene.model("Publish it?")
    scene.caller("Yes.")
    [yes] = scene.model(confirm_publish={})
    assert scene.output(yes) == {"status": "started"}
    scene.model("It is under way.")
    scene.settle("publish", Outcome("worker", {"url": "x"}))
    assert scene.answers[-1].purpose == "result"
