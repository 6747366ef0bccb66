"""The queue in words, for people. Pure."""

from procs.bot_main.core.queue import Queue


def waiting_text(queue: Queue, user_id: int, guild_id: int, wall_ms: int) -> str:
    """How many messages wait, and where those of a person in a server (0 = direct messages) stand."""
    n_waiting = sum(not row.pages for row in queue.rows.values())
    if not n_waiting:
        return "No message waits for an answer."
    own = [(place, row) for place, row in queue.of_person(user_id) if row.message.guild_id == guild_id]
    many = "1 message waits" if n_waiting == 1 else f"{n_waiting} messages wait"
    if not own:
        return f"{many}, none of yours."
    minutes = [max(0, wall_ms - row.message.written_ms) // 60_000 for _, row in own]
    places = [f"place {place} ({waited} min)" for (place, _), waited in zip(own, minutes, strict=True)]
    return f"{many}; yours: {', '.join(places[:5])}{' ...' if len(places) > 5 else ''}."
