from orchestrator.flow.document import Document
from orchestrator.flow.loader import Node
from orchestrator.flow.part import Report
from orchestrator.flow.symbols import Symbols


def check_source(root: Node, report: Report) -> None: ...


def check_document(document: Document, symbols: Symbols, report: Report) -> None: ...
