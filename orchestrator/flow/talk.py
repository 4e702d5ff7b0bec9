"""Who speaks next. Pure.

One answer at a time: while one is open, what should follow it is owed. Outputs of calls
never make the model speak by themselves; when everything has settled, `rest` asks for
exactly one answer, or for none.
"""

from orchestrator.flow import silence
from orchestrator.flow.commands import AddItem, Play, Purpose, Say, Speak, ToolChoice
from orchestrator.flow.definition import Template
from orchestrator.flow.macrostep import Macrostep
from orchestrator.flow.offer import instructions, offers, schemas
from orchestrator.flow.records import replace
from orchestrator.flow.snapshot import AGAIN, Confirmation

__all__ = ["CALLER", "HEARD", "MUTE", "busy", "owe", "patience", "rest", "say", "say_text", "speak"]

_RANK: tuple[Purpose, ...] = ("answer", "resume", "goal", "result")
MUTE: tuple[Purpose, ...] = ("prompt", "say", "readback")
"""Answers in which the model may call nothing: they pay no debt to the caller but their own."""

PATIENCE = 30.0
"""Seconds without a sign of the answer that was asked for."""
CALLER = "caller:"
"""The timer of a caller who began to speak and never stopped."""
HEARD = "heard:"
"""The timer of an answer whose end was never heard of by ear."""


def owe(m: Macrostep, purpose: Purpose) -> None:
    """An answer is due. Several debts are paid with one answer, the most telling one."""
    owed = m.talk.owed
    if owed is None or _RANK.index(purpose) > _RANK.index(owed):
        m.talk = replace(m.talk, owed=purpose)


def busy(m: Macrostep) -> bool:
    """Whether nobody may begin to speak now."""
    return bool(
        m.ended or m.talk.speaking or m.talk.caller or m.place.transferring or AGAIN in m.timers
    )


def rest(m: Macrostep) -> None:
    """Nothing is left to decide: pay what is owed, unless outputs of calls are still to come."""
    held = any(not held.told for held in m.work.held)
    if busy(m) or held or any(call.answers for call in m.work.calls.values()):
        return
    confirming = m.work.confirming
    if m.talk.unheard:
        speak(m, m.talk.owed or "answer")
    elif confirming and _to_be_read(m, confirming):
        answer = speak(m, "readback", confirming.read_back)
        m.work = replace(m.work, confirming=replace(confirming, spoken=answer))
    elif m.talk.owed:
        speak(m, m.talk.owed)


def _to_be_read(m: Macrostep, confirming: Confirmation) -> bool:
    told = confirming.spoken is not None or confirming.heard is not None
    return not told and confirming.cut_off != m.talk.turns


def speak(m: Macrostep, purpose: Purpose, text: str = "") -> str:
    """Ask for an answer now; its id is returned. Nothing else may be open."""
    answer = _open(m, purpose, text)
    patience(m)
    mute = purpose in MUTE
    choice: ToolChoice = "none" if mute else "auto"
    if m.session.session.prompting == "stable" and not m.place.flow:  # whose tools it has
        _tell(m, purpose, text, mute=mute)
        m.emit(Speak(answer, purpose, m.place.epoch, "", (), choice, whole=False))
    else:
        tools = () if mute else schemas(m)
        prose = instructions(m, purpose, text)
        m.emit(Speak(answer, purpose, m.place.epoch, prose, tools, choice))
    return answer


def _tell(m: Macrostep, purpose: Purpose, text: str, *, mute: bool) -> None:
    """What this answer is for, unless that was the last thing that the model was told. Which tools
    may be used now is a hint in it; the engine judges what is asked for, as ever."""
    words = instructions(m, purpose, text, role=False)
    names = () if mute else offers(m)
    if names:
        words += "\n\n# Offered now\n" + "\n".join(f"- {name}" for name in names)
    if words != m.talk.told:
        m.talk = replace(m.talk, told=words)
        m.emit(AddItem(m.new_id("item"), "system", words))


def play(m: Macrostep, file: str, text: str = "") -> str:
    """Let a recorded file be heard; like an answer it has an id, which is returned, and an end.
    However long the file is, there is no sign of it before that."""
    answer = _open(m, "say", text)
    m.talk = replace(m.talk, spoke=True)
    m.emit(Play(answer, file, text))
    return answer


def _open(m: Macrostep, purpose: Purpose, text: str) -> str:
    assert m.talk.speaking is None, "one answer at a time"
    answer = m.new_id("say")
    mute = purpose in MUTE
    _of_its_own_accord(m, purpose)
    paid = not mute or (purpose == "readback" and m.talk.owed != "result")
    m.talk = replace(
        m.talk,
        speaking=answer,
        epoch=m.place.epoch,
        spoke=False,
        purpose=purpose,
        text=text,
        said="",
        calls=(),
        due=False,
        observed=False,
        moved=False,
        owed=None if paid else m.talk.owed,
        unheard=m.talk.unheard and mute,
        rounds=m.talk.rounds + (not mute),
    )
    return answer


def _of_its_own_accord(m: Macrostep, purpose: Purpose) -> None:
    """What is new to the caller begins a new silence: no filler, no word of a guard, nor what is
    said because of the silence."""
    steps = m.place.steps
    new = not silence.led_to(m.flow, steps[-1].path) if steps else purpose not in ("say", "prompt")
    if new:
        silence.broken(m)


def patience(m: Macrostep) -> None:
    """Wait for the next sign of the open answer, but not for ever."""
    m.set_timer("answer:", PATIENCE)


def say(m: Macrostep, template: Template, audio: str | None = None) -> str | None:
    """Say the author's words. Where there is a voice that is an answer, whose id is returned.

    Words with something unset in them are not said at all: half a sentence helps nobody.
    """
    unset = template.unset(m.scope())
    if unset:
        m.report("say.unset", name=unset, place=str(template.mark))
        return None
    if audio and m.run.channel == "websocket":
        return play(m, audio, m.text(template))
    return say_text(m, m.text(template))


def say_text(m: Macrostep, text: str) -> str | None:
    """Say exactly this. Returns as `say` does."""
    if m.run.channel != "text":
        return speak(m, "say", text)
    _of_its_own_accord(m, "say")
    m.emit(Say(m.new_id("item"), text))
    return None
