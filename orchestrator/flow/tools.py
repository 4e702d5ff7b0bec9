"""Compiles tools that are functions of workers. Pure."""

from collections.abc import Mapping

from orchestrator.dispatch.call import Json
from orchestrator.flow import definition as made
from orchestrator.flow import document as doc
from orchestrator.flow.approvals import read_back, review
from orchestrator.flow.part import Report
from orchestrator.flow.returns import result_acceptor
from orchestrator.flow.shapes import Param, parse_rate
from orchestrator.flow.steps import Steps, arguments
from orchestrator.flow.symbols import Symbols
from orchestrator.flow.types import ANY, Type, join
from orchestrator.flow.values import arguments_acceptor, schema_of

__all__ = ["filler_of", "function_tool", "retry_of", "undone_types"]


def function_tool(
    name: str, tool: doc.Tool, undone: Mapping[str, Type], steps: Steps, report: Report
) -> made.Tool:
    """`undone` has the types of `result` and `args` of the tools that this one takes back."""
    symbols, node = steps.symbols, tool.node
    symbol = symbols.tools[name]
    assert symbol
    texts = steps.texts
    taking_back = texts.seeing(**undone)
    if tool.undo is not None:
        symbols.tool(tool.undo, node.at("undo").mark, report)
    shown = {key: param for key, param in tool.params.items() if key not in tool.args}
    asked = texts.seeing(args=symbol.args)
    settled = asked.seeing(result=symbol.returns)
    keyed = tool.idempotency is not None
    return made.Tool(
        name,
        name,
        symbol.mark,
        queue=tool.queue,
        handler=tool.handler or name,
        describe=tool.describe.strip(),
        schema=_schema(shown),
        accept=arguments_acceptor(tool.params),
        bound=arguments(tool.args, node.at("args"), symbol, taking_back, report),
        mode=tool.mode,
        timeout=tool.timeout,
        deadline=tool.deadline,
        retry=retry_of(tool.retry),
        safe=tool.safe,
        rerun=_reruns(tool),
        key=asked.seeing(event=ANY).exact(node.at("idempotency")) if keyed else None,
        requires=texts.condition(node.at("requires")) if tool.requires is not None else None,
        read_back=read_back(tool.approval, asked),
        review=review(tool.approval, asked),
        undo=tool.undo,
        filler=filler_of(tool.filler, steps),
        on_interrupt=tool.on_interrupt,
        on_hangup=tool.on_hangup or ("cancel" if tool.safe else "keep"),
        assign=steps.values(tool.assign, node.at("assign"), settled),
        ok_if=settled.condition(node.at("ok_if")) if tool.ok_if is not None else None,
        returned=result_acceptor(tool.returns),
        silent=tool.answer == "silent",
        errors=tool.errors,
        concurrency=tool.concurrency,
        rate=parse_rate(tool.rate) if tool.rate else None,
        priority=tool.priority or ("job" if tool.mode == "detached" else "live"),
    )


def undone_types(document: doc.Document, symbols: Symbols) -> Mapping[str, Mapping[str, Type]]:
    """What `result` and `args` are to each tool that takes back others' effects."""
    undone: dict[str, Mapping[str, Type]] = {}
    for name, tool in document.tools.items():
        symbol = symbols.tools[name]
        if tool.undo is not None and symbol:
            known = {"result": symbol.returns, "args": symbol.args}
            others = undone.get(tool.undo, known)
            undone[tool.undo] = {key: join(others[key], type_) for key, type_ in known.items()}
    return undone


def _schema(params: Mapping[str, Param]) -> dict[str, Json]:
    required = [name for name, param in params.items() if not param.optional]
    return {
        "type": "object",
        "properties": {name: schema_of(param) for name, param in params.items()},
        "required": required,
        "additionalProperties": False,
    }


def _reruns(tool: doc.Tool) -> bool:
    if tool.after_crash is None:
        return tool.safe or tool.idempotent
    return tool.after_crash == "rerun"


def retry_of(retry: doc.Retry | None) -> made.Retry:
    if retry is None:
        return made.Retry()
    return made.Retry(retry.max, retry.backoff, retry.factor, retry.jitter, frozenset(retry.on))


def filler_of(filler: doc.Filler | None, steps: Steps) -> made.Filler | None:
    if filler is None:
        return None
    node = filler.node.at("say")
    lines = [node.at(index) for index in range(len(filler.say))]
    return made.Filler(
        filler.after,
        tuple(steps.texts.template(line) for line in lines),
        filler.every,
        filler.progress,
    )
