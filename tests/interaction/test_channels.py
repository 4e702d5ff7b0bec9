"""A flow that was written for a telephone, typed; and a model that the service does not have."""

import pytest

from tests.interaction.project import Project

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

PHONE = """
dsl: 1
flow: phone
version: "1"
session: {channel: sip, model: gpt-9, backup: gpt-realtime-2.1}
on_error: bye
start: talk
states:
  talk:
    do: [{say: Hello.}]
    next: [{intent: The caller is done., id: done, examples: [I am done.], goto: bye}]
  bye: {end: {reason: completed}}
"""


def test_a_flow_for_a_telephone_is_played_in_text_with_its_second_model(project: Project) -> None:
    project.flow.write_text(PHONE)
    told = project.say("I am done.")
    assert told.ended == "completed"
    assert "written for sip; played in text" in told.errors
    assert "gpt-9 was refused (invalid_model); model gpt-realtime-2.1" in told.errors
