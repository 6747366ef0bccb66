"""A Discord of our own on loopback: what the unmodified client library talks to in tests.

Room for room:

- `world/`    what there is (guilds, channels, people, messages) and the rules about it; no I/O
- `gateway/`  the main WebSocket: sessions, intents, compression, resume
- `rest/`     the HTTP API with its rate limits and error codes
- `voice/`    voice gateway, UDP, transport encryption, end-to-end encryption (DAVE), what was heard
- `director`  what a test calls: people speak, channels fill up, faults strike
- `control`   the director over HTTP for tests of separate processes

It is strict where Discord is strict, and knows nothing of the programs under test.
Sources: Discord's developer documentation and OpenAPI document, the DAVE white paper 1.1.4, RFC 9420 (MLS),
RFC 3550 (RTP).
"""
