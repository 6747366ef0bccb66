"""Voice: the voice gateway (version 8), the UDP side and what was heard there."""
