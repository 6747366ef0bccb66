"""End-to-end encryption of voice (DAVE 1): the gateway's part in it, and people who take part.

The gateway is the external sender of an MLS group: it proposes who is added and removed, members commit, the
first commit of an epoch wins.
"""
