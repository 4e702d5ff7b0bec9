"""The images that a flow shows: each is read once, when the flow is compiled. Pure.

Reading is given from outside; of an image it gives the data URI.
"""

import base64
from collections.abc import Mapping

from orchestrator.errors import UsageError
from orchestrator.flow.checks.walk import steps
from orchestrator.flow.document import Document, Step
from orchestrator.flow.part import Report
from orchestrator.flow.sources import NO_PATH, Read, beside

__all__ = ["MAX_IMAGE", "data_uri", "gather_images", "is_image", "path_of"]

MAX_IMAGE = 1_000_000  # bytes
KINDS = {".png": ("image/png", b"\x89PNG\r\n\x1a\n"), ".jpg": ("image/jpeg", b"\xff\xd8\xff")}
KINDS[".jpeg"] = KINDS[".jpg"]


def is_image(path: str) -> bool:
    return path.lower().endswith(tuple(KINDS))


def data_uri(path: str, content: bytes) -> str:
    """The image as the service takes it. Raises `UsageError` unless it is what its name says."""
    kind, start = next(KINDS[ending] for ending in KINDS if path.lower().endswith(ending))
    if len(content) > MAX_IMAGE:
        raise UsageError(f"{path}: larger than {MAX_IMAGE:,} bytes")
    if not content.startswith(start):
        raise UsageError(f"{path}: that is no {kind.removeprefix('image/').upper()}")
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def gather_images(document: Document, read: Read, report: Report) -> Mapping[str, str]:
    """Data URIs by the paths of the files. Problems (U001, S001) are reported."""
    found: dict[str, str] = {}
    allowed = document.session.inputs if document.session else None
    for step in steps(document):
        if step.show and step.show.image is not None:
            mark = step.show.node.at("image").mark
            if "image" not in (allowed or ()):
                hint = "add `inputs: [text, image]` to the session"
                report("S001", mark, "this session takes no images", hint)
            path = path_of(step)
            if problem := _problem(path, step.show.image, read, found):
                report("U001", mark, problem)
    return found


def path_of(step: Step) -> str:
    """From where we are; the author wrote it from the file that the step stands in."""
    assert step.show and step.show.image is not None
    return beside(step.show.node.mark.file, step.show.image)


def _problem(path: str, written: str, read: Read, found: dict[str, str]) -> str:
    if NO_PATH.search(written) or not is_image(written):
        return f"'{written}' is no path to a PNG or JPEG of the project"
    try:
        found.setdefault(path, read(path))
    except UsageError as problem:
        return str(problem)
    return ""
