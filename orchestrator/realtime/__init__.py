"""The Realtime protocol, its client side, and when a response may be asked for."""
