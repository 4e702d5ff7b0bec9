"""What a session does at MCP servers of its own, outside of any response. Pure.

Servers are listed when the session hears of them; a call that the client had to approve is made
when its word comes. Whoever lists and calls gives the outcome back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from orchestrator.dispatch.call import Json
from orchestrator.emulator.conversation import Conversation, Item
from orchestrator.emulator.servers import Listing, NativeCall, Outcome, Servers, Target
from orchestrator.emulator.wire import Event, NewId, Rejected, event

__all__ = ["Hosted", "added"]


def added(new_id: NewId, item: Item, previous: str | None) -> list[Event]:
    """The events of an item that is whole from its beginning."""
    return [
        event(new_id, f"conversation.item.{step}", previous_item_id=previous, item=item)
        for step in ("added", "done")
    ]


class Hosted:
    def __init__(self, servers: Servers, conversation: Conversation, new_id: NewId) -> None:
        self._servers = servers
        self._conversation = conversation
        self._new_id = new_id
        self._decided: set[str] = set()  # approval requests that the client has answered

    def listing(self, labels: Sequence[str]) -> tuple[list[Event], list[Listing]]:
        """These servers are to be listed."""
        listings = [
            Listing(label, self._new_id("mcpl"), self._servers.config(label)) for label in labels
        ]
        events = [self._event("mcp_list_tools.in_progress", item_id=each.item) for each in listings]
        return events, listings

    def listed(
        self, listing: Listing, tools: Sequence[Mapping[str, Json]] | None
    ) -> Sequence[Event]:
        """What a server offers, or None if it cannot be asked."""
        if tools is None:
            return [self._event("mcp_list_tools.failed", item_id=listing.item)]
        self._servers.listed(listing.label, tools)
        named: Item = {"id": listing.item, "type": "mcp_list_tools"}
        item = {**named, "server_label": listing.label, "tools": list(tools), "status": "completed"}
        done = self._event("mcp_list_tools.completed", item_id=listing.item)
        return [done, *added(self._new_id, item, self._conversation.insert(item))]

    def call_of(self, target: Target, item: str, arguments: str) -> NativeCall:
        config = self._servers.config(target.label)
        return NativeCall(item, target.label, target.tool, arguments, config)

    def approve(self, item: Item, after: str | None) -> tuple[list[Event], list[NativeCall]]:
        """The client's word on a call. If it may be made, that happens now, in no response.

        Raises `Rejected`.
        """
        name = item["approval_request_id"]
        request = next((each for each in self._conversation.items if each["id"] == name), None)
        if request is None or request["type"] != "mcp_approval_request" or name in self._decided:
            message = f"There is no approval request '{name}' that waits for an answer."
            raise Rejected("invalid_value", message, "item.approval_request_id")
        events = added(self._new_id, item, self._conversation.insert(item, after))
        self._decided.add(name)
        if not item["approve"]:
            return events, []
        target = Target(request["server_label"], request["name"], ask=False)
        call = self.call_of(target, self._new_id("mcp"), request["arguments"])
        call = replace(call, request=name)
        return [*events, *self._calling(call)], [call]

    def _calling(self, call: NativeCall) -> Sequence[Event]:
        item = {**_mcp_call(call), "status": "in_progress"}
        previous = self._conversation.insert(item)
        return [
            self._event("conversation.item.added", previous_item_id=previous, item=item),
            self._event("response.mcp_call.in_progress", item_id=call.item, output_index=0),
        ]

    def called(self, call: NativeCall, outcome: Outcome) -> Sequence[Event]:
        """What came of a call that the client had approved."""
        how = "failed" if outcome.error else "completed"
        result = {"output": outcome.output, "error": outcome.error, "status": "completed"}
        item = {**_mcp_call(call), **result}
        self._conversation.replace(item)
        previous = self._conversation.before(call.item)
        return [
            self._event(f"response.mcp_call.{how}", item_id=call.item, output_index=0),
            self._event("conversation.item.done", previous_item_id=previous, item=item),
        ]

    def _event(self, kind: str, **fields: Json) -> Event:
        return event(self._new_id, kind, **fields)


def _mcp_call(call: NativeCall) -> Item:
    named = {"server_label": call.label, "name": call.tool, "arguments": call.arguments}
    item = {"id": call.item, "object": "realtime.item", "type": "mcp_call"}
    return {**item, **named, "approval_request_id": call.request}
