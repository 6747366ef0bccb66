"""The references: the same four stages with nothing around them, in one process and over ZeroMQ.

No turns that die, no leases, keys, bounds, restarts or recordings: what is left is the cost of Python,
asyncio and, in the second one, of three hops. A fault in them ends the measurement.
"""
