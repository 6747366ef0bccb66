"""The main gateway, version 10: one WebSocket per session, replay after a lost connection."""
