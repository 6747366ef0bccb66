"""The HTTP API, version 10: one module per part of Discord's own documentation."""
