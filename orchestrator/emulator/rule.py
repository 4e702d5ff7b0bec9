"""The rule model: an offline stand-in for a language model, in English only.

It reads what docs/prompt.md documents (sections of the instructions, the offered tools,
the items of the conversation) and nothing else; it knows no flow. It keeps no state: two
equal prompts get equal answers.

How it decides, the first that applies:

1. `# Say exactly`: those words. `# Choose one of`: one of these. `# Summarise`: what was said.
2. The caller answered a read-back: `confirm_X`, `decline_X`, or the changed values.
3. The caller's words hold values for a `set_STATE`, or for the parameters of a `go_ID`.
4. What a search found in this turn is read, by a tool that takes an id.
5. The caller's words are like the description or the sample phrases of a tool.
6. A tool that is to be called at the goal, once nothing is needed any more.
7. Otherwise it speaks: outcomes of calls, then the goal, then a question for what is needed,
   the next step of what was read, or an offer of what the goal allows under a condition.

`# Sample phrases` are a state's and name no tool, so they are not used; those of a tool
stand in its description. What has been dealt with is seen from the calls that stand after
the caller's words. No tool is called twice with the same arguments between two turns of
the caller.

What it is not: it understands no grammar and has no knowledge of the world. It compares
words, stems and a few groups of near words, and finds values by patterns. Irony, long
stories, several wishes in one breath and references across turns are beyond it. It
carries callers who say plainly what they want; that is enough to try a flow, and no
measure of how a language model would do.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date

from orchestrator.dispatch.call import Json
from orchestrator.emulator.model import CallTool, Output, Prompt, Speech
from orchestrator.emulator.words import reply
from orchestrator.emulator.words.choices import answer
from orchestrator.emulator.words.conditions import is_conditional, is_named, is_offered
from orchestrator.emulator.words.filling import Heard, fill
from orchestrator.emulator.words.findings import follow_up, found_id, is_id, meant
from orchestrator.emulator.words.judging import choose, summarise
from orchestrator.emulator.words.layout import Made, Parameter, Tool, Turn, View, read
from orchestrator.emulator.words.shapes import is_object
from orchestrator.emulator.words.similarity import is_question
from orchestrator.emulator.words.wishes import Wish, argument, is_search, wishes

__all__ = ["RuleModel"]

_TURNS_BACK = 3


class RuleModel:
    """Answers prompts by rules; see the module."""

    def respond(self, prompt: Prompt) -> Sequence[Output]:
        view = read(prompt)
        if view.exact:
            return [Speech(view.exact)]
        if view.choices:
            return [Speech(choose(view))]
        if view.summarise:
            return [Speech(summarise(view))]
        if prompt.tool_choice == "none" or not view.tools:
            return [Speech(reply.speak(view))]
        if is_object(prompt.tool_choice):
            return [_forced(view, [t for t in view.tools if t.name == prompt.tool_choice["name"]])]
        call = _decide(view)
        if call is None and prompt.tool_choice == "required":
            return [_forced(view, view.tools)]
        return [call or Speech(reply.speak(view))]


def _decide(view: View) -> CallTool | None:
    wanted = _wishes(view)
    for call in (
        _answered(view, wanted),
        _values(view, wanted),
        _followed(view),
        *(_wished(view, each) for each in wanted),
        _at_goal(view),
    ):
        if call and not _repeated(view, call):
            return call
    return None


def _repeated(view: View, call: CallTool) -> bool:
    arguments = json.loads(call.arguments)
    return any(made.name == call.name and made.arguments == arguments for made in view.turn.calls)


def _call(tool: Tool, arguments: Mapping[str, Json] | None = None) -> CallTool:
    return CallTool(tool.name, json.dumps(arguments or {}, ensure_ascii=False))


def _forced(view: View, tools: Sequence[Tool]) -> Output:
    """The call that must be made, with what the words have for it."""
    for tool in tools:
        values = _fill(view, tool, view.turn)
        if values or len(tools) == 1:
            return _call(tool, values)
    return _call(tools[0]) if tools else Speech(reply.speak(view))


def _answered(view: View, wanted: Sequence[Wish]) -> CallTool | None:
    """Yes confirms. No declines, unless there are new values or another wish in it."""
    said = answer(view.turn.text) if view.turn.fresh else None
    if said == "no" and wanted and wanted[0].score:
        return None
    by_role = {tool.role: tool for tool in view.tools if tool.role in ("confirm", "decline")}
    if said is None or not by_role or any(_fill_new(view, tool) for tool in view.tools):
        return None
    tool = by_role.get("confirm" if said == "yes" else "decline")
    return _call(tool) if tool else None


def _values(view: View, wanted: Sequence[Wish]) -> CallTool | None:
    """New values in the caller's words, but for the words of a question to another tool."""
    best = wanted[0] if wanted and wanted[0].score else None
    question = best.sentence if best and best.question else ""
    for tool in (each for each in view.tools if each.role == "set"):
        if values := _heard_values(view, tool, question):
            return _call(tool, values)
    if question or not view.turn.fresh:
        return None
    plain = best.tool if best and best.strong else None
    for tool in (each for each in view.tools if each.role == "go" and plain in (None, each)):
        if values := _fill_new(view, tool):
            return _call(tool, values)
    return None


def _heard_values(view: View, tool: Tool, without: str) -> dict[str, Json]:
    """Values from all turns that no call has dealt with; later words win."""
    values = dict[str, Json]()
    unspent = _unspent(view.turns)
    for turn in unspent:
        values |= _fill(view, tool, turn, without=without if turn is view.turn else "")
    return _new(view, values or _fill_together(view, tool, unspent))


def _unspent(turns: Sequence[Turn]) -> list[Turn]:
    """The last turns whose values nobody took, back to the last call with values."""
    unspent = list[Turn]()
    for turn in reversed(turns[-_TURNS_BACK:]):
        if any(_took_values(call) for call in turn.calls):
            break
        answered = turn.calls and turn.said and is_question(turn.text)
        if turn.text and not answered:
            unspent.append(turn)
    return unspent[::-1]


def _took_values(call: Made) -> bool:
    return bool(call.arguments) or not call.name.startswith("go_")


def _fill_new(view: View, tool: Tool) -> dict[str, Json]:
    """Values for a `set_` or `go_` tool in the caller's last words that are not known yet."""
    if tool.role not in ("set", "go"):
        return {}
    return _new(view, _fill(view, tool, view.turn))


def _fill_together(view: View, tool: Tool, turns: Sequence[Turn]) -> dict[str, Json]:
    """A day in one turn and its time in the next are one value."""
    if len(turns) < 2:
        return {}
    whole = Turn(after=turns[-1].after, text=" ".join(turn.text for turn in turns))
    return _fill(view, tool, whole)


def _new(view: View, values: Mapping[str, Json]) -> dict[str, Json]:
    return {
        name: value
        for name, value in values.items()
        if name in view.stale or view.known.get(name) != value
    }


def _fill(view: View, tool: Tool, turn: Turn, without: str = "") -> dict[str, Json]:
    text = turn.text.replace(without, "").strip() if without else turn.text
    if not text or not tool.parameters:
        return {}
    needed = [each.name for each in view.needed]
    return fill(tool.parameters, Heard(text, turn.after), view.now, needed)


def _wishes(view: View) -> list[Wish]:
    """What the caller's last words ask for, while no call of theirs has been made.

    Where their values have been stored, a question or a plain wish may be left.
    """
    turn = view.turn
    if turn.said or not turn.text or any(_is_wish(call) for call in turn.calls):
        return []
    tools = [tool for tool in view.tools if tool.role in ("", "go") and not _is_due(view, tool)]
    found = wishes(tools, turn.text, _today(view))
    if not any(each.strong for each in found):
        found = wishes(tools, meant(turn), _today(view))
    return found if turn.fresh else [each for each in found if _is_left(each)]


def _is_left(wanted: Wish) -> bool:
    corrects = wanted.tool.role == "go" and wanted.tool.parameters
    asks = wanted.question and wanted.score > 0
    return not corrects and (wanted.strong or wanted.trouble or asks)


def _is_wish(call: Made) -> bool:
    return not call.name.startswith("set_")


def _wished(view: View, wanted: Wish) -> CallTool | None:
    """The call for a wish; None if the words hold nothing for a required parameter."""
    heard = Heard(wanted.sentence, view.turn.after)
    values = fill(wanted.tool.parameters, heard, view.now)
    if wanted.tool.role == "go":
        values = _new(view, values)
    declined = next((tool for tool in view.tools if tool.role == "decline"), None)
    if declined and not values and wanted.tool.role == "go" and wanted.tool.parameters:
        return _call(declined)  # something is to be changed, we do not know yet what
    arguments = _arguments(view, wanted.tool, wanted.sentence, values)
    return None if arguments is None else _call(wanted.tool, arguments)


def _followed(view: View) -> CallTool | None:
    """What a search has found is read at once, if there is a tool that reads it."""
    found = follow_up(view)
    arguments = _arguments(view, found[0], view.turn.text, {}) if found else None
    return _call(found[0], arguments) if found and arguments is not None else None


def _today(view: View) -> date | None:
    return view.now.date() if view.now else None


def _at_goal(view: View) -> CallTool | None:
    """The tool that the goal leads to: once for each set of values, or when the caller insists."""
    if view.needed:
        return None
    for tool in view.tools:
        named = _is_due(view, tool) or is_named(tool, view.goal)
        if named and _is_time(view, tool):
            arguments = _arguments(view, tool, view.turn.text, {})
            sought = not is_search(tool) or any((arguments or {}).values())
            if arguments is not None and sought:
                return _call(tool, arguments)
    return None


def _is_due(view: View, tool: Tool) -> bool:
    """Whether the tool is to be called at the goal, whatever the caller says."""
    return tool.at_goal and not is_conditional(tool, view.goal)


def _is_time(view: View, tool: Tool) -> bool:
    if is_conditional(tool, view.goal):
        return _insists(view) and is_offered(tool, view)
    return _not_since_change(view, tool) or (tool.at_goal and _insists(view))


def _arguments(
    view: View, tool: Tool, text: str, values: Mapping[str, Json]
) -> dict[str, Json] | None:
    """The values, and those of required parameters without one; None if there are none."""
    arguments = dict(values)
    for each in tool.parameters:
        if each.required and each.name not in arguments:
            value = _argument(view, tool, each, text, [*arguments])
            if value is None:
                return None
            arguments[each.name] = value
    return arguments


def _argument(view: View, tool: Tool, parameter: Parameter, text: str, used: Sequence[str]) -> Json:
    """A value that is known, an id that was found, or words: of the text, else of the matter."""
    if parameter.name in view.known:
        return view.known[parameter.name]
    if is_id(parameter):
        return found_id(parameter, tool, view)
    said = argument(parameter, tool, text, used) if text else None
    return said if said is not None or is_search(tool) else _matter(view, parameter)


def _matter(view: View, parameter: Parameter) -> Json:
    """What the talk is about: the words that were last searched for."""
    searches = {tool.name for tool in view.tools if is_search(tool)}
    calls = [call for turn in view.turns for call in turn.calls if call.name in searches]
    sought = [value for call in calls for value in call.arguments.values() if value]
    return next((each for each in reversed(sought) if isinstance(each, str)), None)


def _not_since_change(view: View, tool: Tool) -> bool:
    for turn in reversed(view.turns):
        for call in reversed(turn.calls):
            if call.name in (tool.name, f"decline_{tool.name}"):
                return False
            if call.arguments and call.name.startswith(("set_", "go_")):
                return True
    return True


def _insists(view: View) -> bool:
    """The caller's new words are a yes, though nothing has just been read back."""
    offered = any(tool.role == "confirm" for tool in view.tools)
    return view.turn.fresh and not offered and answer(view.turn.text) == "yes"
