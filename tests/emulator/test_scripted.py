import pytest

from orchestrator.emulator.model import CallTool, Fail, Prompt, Speech
from orchestrator.emulator.scripted import ScriptedModel
from orchestrator.errors import UsageError

PROMPT = Prompt("", (), "auto", ())


def test_responses_come_in_order_and_then_nothing() -> None:
    model = ScriptedModel([[Speech("one")], [CallTool("two")]])
    assert [model.respond(PROMPT) for _ in range(3)] == [[Speech("one")], [CallTool("two")], ()]
    assert model.prompts == [PROMPT] * 3


def test_a_script_can_be_written_in_json() -> None:
    model = ScriptedModel.from_json(
        """[
            [{"say": "Hi."}, {"call": "f", "arguments": {"x": "é"}}, {"call": "g"}],
            [{"fail": "content_filter", "status": "incomplete"}, {"fail": "server_error"}]
        ]"""
    )
    assert model.respond(PROMPT) == [Speech("Hi."), CallTool("f", '{"x": "é"}'), CallTool("g")]
    assert model.respond(PROMPT) == [Fail("content_filter", "incomplete"), Fail()]


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("[", ["not valid JSON"]),
        ("{}", ["must be an array of responses"]),
        (
            '[1, [{"say": 2}, {"say": "ok", "louder": true}], [{"call": "f", "arguments": "{}"}]]',
            ["response 1 must", "response 2, output 1", "response 2, output 2", "response 3"],
        ),
    ],
)
def test_everything_wrong_with_a_script_is_told_at_once(text: str, complaints: list[str]) -> None:
    with pytest.raises(UsageError) as wrong:
        ScriptedModel.from_json(text)
    for complaint in complaints:
        assert complaint in str(wrong.value)
