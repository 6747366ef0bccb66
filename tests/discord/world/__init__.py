"""What there is in this Discord, and the rules about it. No I/O, no asyncio."""
