"""What every process that plays sound is made of; no process by itself.

A process never imports another one, and two of them play sound: `discord_voice` and `web_gateway`. Sessions
must begin and end by the same rules in both, and sound must be buffered, paced and counted in the same way;
so all of that stands here once. A process becomes a sink by being a `SinkNode` with a `VoiceBackend` of its
own.

Only the processes in `bus.topics.SINKS` may import this room, from any of their rooms but `core/`; it imports
itself and `bus`, and names none of them. `tests/structure/test_layers.py` keeps both.
"""
