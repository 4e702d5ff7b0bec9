"""What the model is shown: a text, or an image of the project."""

import base64

import pytest

from orchestrator.errors import UsageError
from orchestrator.flow.commands import AddItem
from orchestrator.flow.compile import check, compile_flow, compile_sources
from orchestrator.flow.definition import Flow
from orchestrator.flow.images import MAX_IMAGE, data_uri
from orchestrator.realtime.protocol import Invalid, parse_client
from orchestrator.realtime.translate import Realtime
from tests.flow.scene import Scene
from tests.flow.small import HEAD

PNG = b"\x89PNG\r\n\x1a\nrest"
FLOW = (
    HEAD
    + """
session: {mode: text, inputs: [INPUTS]}
vars: {count: {type: int, default: 2}}
start: look
states:
  look:
    do: [{show: {SHOWN}}]
    goal: Talk about it.
    next: [{intent: Done., id: done, goto: bye}]
  bye: {end: {reason: completed}}
"""
)


def files(path: str) -> str:
    """The files of the project: one image, one text that calls itself an image."""
    known = {"flows/menu.png": PNG, "flows/text.png": b"Hello."}
    if path not in known:
        raise UsageError(f"{path}: there is no such file")
    return data_uri(path, known[path])


def source(shown: str, inputs: str = "text, image") -> str:
    return FLOW.replace("SHOWN", shown).replace("INPUTS", inputs)


def compiled(shown: str) -> Flow:
    return compile_flow(source(shown), "flows/f.flow.yaml", {}, files)[0]


def shown(flow: Flow) -> AddItem:
    scene = Scene(flow)
    scene.start()
    assert scene.speaking, "the goal is spoken for: nobody has said anything"
    [item] = [command for command in scene.commands if isinstance(command, AddItem)]
    return item


def test_a_text_is_as_if_the_caller_had_typed_it() -> None:
    item = shown(compiled('text: "${count} tickets."'))
    assert (item.role, item.text, item.image) == ("user", "2 tickets.", "")


def test_an_image_goes_into_the_conversation_as_it_is() -> None:
    item = shown(compiled("image: menu.png"))
    assert item.image == "data:image/png;base64," + base64.b64encode(PNG).decode()
    (create,) = Realtime().perform(item)
    assert create["item"]["content"] == [{"type": "input_image", "image_url": item.image}]
    assert not isinstance(parse_client(create), Invalid)


def test_another_image_is_another_flow() -> None:
    def other(path: str) -> str:
        return data_uri(path, PNG + b"!")

    again = compile_flow(source("image: menu.png"), "flows/f.flow.yaml", {}, other)[0]
    assert again.sha256 != compiled("image: menu.png").sha256


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("image: none.png", "there is no such file"),
        ("image: text.png", "that is no PNG"),
        ("image: menu.gif", "is no path to a PNG or JPEG of the project"),
        ("image: /etc/menu.png", "is no path to a PNG or JPEG of the project"),
        ("image: menu.png, text: Hello., ", "one thing is shown"),
    ],
)
def test_what_cannot_be_shown_is_refused(given: str, problem: str) -> None:
    errors = [p for p in check(source(given), "flows/f.flow.yaml", {}, files) if p.level == "error"]
    assert [p.message for p in errors if problem in p.message], errors


def test_an_image_needs_a_session_that_takes_images() -> None:
    found = check(source("image: menu.png", "text"), "flows/f.flow.yaml", {}, files)
    assert [p.message for p in found if p.level == "error"] == ["this session takes no images"]


def test_an_image_has_a_greatest_size() -> None:
    with pytest.raises(UsageError, match="larger than"):
        data_uri("a.png", PNG + bytes(MAX_IMAGE))


def test_images_go_by_their_paths_from_the_flow_wherever_that_lies() -> None:
    def elsewhere(path: str) -> str:
        assert path == "/home/ana/menu.png"
        return data_uri(path, PNG)

    here, text = compiled("image: menu.png"), source("image: menu.png")
    there = compile_flow(text, "/home/ana/f.flow.yaml", {}, elsewhere)[0]
    assert here.sha256 == there.sha256
    assert [*there.sources.texts] == ["f.flow.yaml", "menu.png"]
    assert compile_sources(there.sources).sha256 == here.sha256
