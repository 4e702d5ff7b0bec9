"""A program tells a conversation something, in a process of its own."""

import pytest

from tests.flow.small import HEAD
from tests.interaction.project import Project
from tests.testing.test_voice import FLOW as SIGNALLED

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

FLOW = HEAD + "session: {mode: text}" + SIGNALLED


def test_a_signal_reaches_the_session_that_it_names(project: Project) -> None:
    project.flow.write_text(FLOW)
    with project.talk() as talk:
        session = talk.until("session.started")["session"]
        talk.until("agent.said", text="Hello.")
        sent = project.command("signal", session, "shop.closing", "--data", '{"minutes": 5}')
        assert (sent.returncode, "sent" in sent.stdout) == (0, True), sent.stderr
        talk.until("agent.said", text="We close in 5 minutes.")
        assert project.command("signal", session, "nonsense").returncode == 0
        talk.until("signal.ignored", name="nonsense")
        talk.hang_up()
        talk.finish()
    late = project.command("signal", session, "shop.closing")
    assert late.returncode == 1
    assert late.stderr == f"{session}: the session has ended; nothing was sent\n"


def test_a_flow_that_waits_for_no_signal_is_sent_none(project: Project) -> None:
    project.flow.write_text(
        FLOW.replace("signal: shop.closing", 'dtmf: "5"').replace("${event.minutes}", "5")
    )
    with project.talk() as talk:
        session = talk.until("session.started")["session"]
        talk.until("agent.said", text="Hello.")
        sent = project.command("signal", session, "shop.closing")
        assert sent.returncode == 1
        assert sent.stderr == f"{session}: its flow waits for no signal; nothing was sent\n"
        assert "no session s0 is known in embedded" in project.command("signal", "s0", "x").stderr
        talk.hang_up()
        talk.finish()


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("s0", "closing"), "no Redis of this project is there yet"),
        (("s0", "Closing!"), "no name"),
        (("s0", "closing", "--data", "[1]"), "should be a JSON object"),
        (("s0", "closing", "--data", "{"), "should be a JSON object"),
    ],
)
def test_what_cannot_be_sent_is_told(
    project: Project, words: tuple[str, ...], complaint: str
) -> None:
    sent = project.command("signal", *words)
    assert (sent.returncode, complaint in sent.stderr) == (2, True), sent.stderr
