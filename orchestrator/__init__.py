"""An event-driven orchestrator for OpenAI Realtime voice agents."""
