"""THE table: every campaign with its full number, what it must show, and where its figures should stay."""

from bus.topics import NODES
from tests.campaign.campaign import Campaign, Limit
from tests.campaign.plays import (
    blocks,
    clocks,
    deaths,
    decoders,
    discord,
    disks,
    exactness,
    gaps,
    interruptions,
    levels,
    models,
    orders,
    queue_kills,
    recovery,
    sessions,
    soak,
    stalls,
    strangers,
    voices,
    words,
)

CAMPAIGNS: tuple[Campaign, ...] = (
    Campaign(
        "S2", "pickles, extension types and object arrays on every topic",
        "each refused and counted once; no gadget ever runs",
        1_000, decoders.s2_gadgets, 11, "frames a topic",
    ),
    Campaign(
        "S3", "mutated and random bytes into every decoder",
        "decoded or refused in the decoder's own words, nothing else",
        100, decoders.s3_mutations, decoders.BATCH, "frames",
        limits=(Limit("decoding p99, us", 1, 1_000),),
    ),
    Campaign(
        "S4", "oversized, nested, doubled keys, claims of billions",
        "each refused for less than 1 MB of memory",
        100, decoders.s4_shapes, 100, "frames",
        limits=(Limit("refusing, ms", 0.99, 1),),
    ),
    Campaign(
        "S5", "raw bytes and half handshakes at every port while she speaks",
        "no sample lost; no process grows by 20 MB; all well at once",
        20, strangers.s5_raw_bytes, strangers.CONNECTIONS, "connections",
        limits=(Limit("gap worst, ms", 1, 60),),
    ),
    Campaign(
        "S6", "wrong keys, no keys, other roles, subscribers that never read",
        "0 frames read, 0 accepted, no sample lost",
        200, strangers.s6_wrong_keys,
    ),
    Campaign(
        "F1", "kill -9 of each process and of supervisord while texts arrive",
        "every accepted text is spoken or fails with a code, none twice; the session ends clean",
        200, deaths.f1_kill,
        limits=(Limit("longest silence, s", 0.95, 5), Limit("longest silence, s", 1, 10)),
    ),
    Campaign(
        "F2", "SIGSTOP of each process, with and without waking up",
        "as F1; a frozen process is replaced, one that wakes in time is not",
        161, deaths.f2_freeze,
        limits=(Limit("freeze to a new process, s", 1, 10), Limit("longest silence, s", 0.95, 15)),
    ),
    Campaign(
        "F3", "a process that dies as soon as it is there",
        "at most 5 starts in 60 s, an alarm, no other process suffers, well once mended",
        120, deaths.f3_crash_loop,
        limits=(Limit("last start to alarm, s", 1, 10), Limit("mended to well, s", 1, 10)),
    ),
    Campaign(
        "F4", "in Discord: the process that holds the session is killed and never comes back",
        "every feature works again, and what waited is answered once",
        50, sessions.f4_owner_gone,
        limits=(Limit("killed to first answer, s", 1, 6), Limit("killed to all lifted, s", 1, 6)),
    ),
    Campaign(
        "F5", "control messages lost, doubled, reordered; writers and readers restart",
        "the reader knows the truth in 6 s; no dead turn ever lives again",
        100, levels.f5_levels, levels.SEQUENCES, "sequences",
    ),
    Campaign(
        "F6", "in Discord: each step of a session's start fails or hangs",
        "one clear message; nothing is blocked 2 s later, and the next message is answered",
        20 * len(sessions.STARTS), sessions.f6_start,
        limits=(Limit("called to told, s", 1, 10),),
    ),
    Campaign(
        "F7", "in Discord: each step of a session's end fails or hangs, each way out is taken",
        "everything else is released; a second leave harms nothing; she can be called again",
        25 * len(sessions.ENDS), sessions.f7_stop,
        limits=(Limit("left to all lifted, s", 1, 5),),
    ),
    Campaign(
        "F10", "in Discord: the gateway is away for 1, 30, 90 and 600 s, and people write meanwhile",
        "each message is answered once, in order; more than 50 share a notice; nothing where she never was",
        60 * len(gaps.GAPS_S), gaps.f10_gaps,
        limits=(Limit("back to all answered, s", 0.95, 30),),
    ),
    Campaign(
        "F14", "eight faults of the language model's server, every other time stopped",
        "an answer or a reason; nothing is said twice; the next prompt works",
        400, models.f14_faults,
        limits=(Limit("stop to a free slot, ms", 1, 300),),
    ),
    Campaign(
        "F15", "sixteen faults of the voice's server",
        "the text or its beginning is heard, sample by sample; the next text is whole",
        800, voices.f15_faults,
    ),
    Campaign(
        "F16", "model swaps, ten times shorter than real ones",
        "shown as loading; prompts are kept; a swap that fails ends with a reason; stop works",
        120, models.f16_swap,
        limits=(Limit("swap to shown, s", 1, 3.5),),
    ),
    Campaign(
        "F18", "a reader that stops reading, on every kind of queue",
        "under 50 MB of growth; losses counted exactly; nothing of a dead turn afterwards",
        25, stalls.f18_stall,
    ),
    Campaign(
        "F19", "a full and a read-only disk, with a death on top",
        "she speaks on and says so; recordings are whole again once it is mended",
        20, disks.f19_disk,
        limits=(Limit("full to shown, s", 1, 10),),
    ),
    Campaign(
        "F20", "steps of the wall clock, over three lives of bot_main",
        "turns grow, floors never fall, each prompt is answered once, no lease ends early",
        50, clocks.f20_steps,
    ),
    Campaign(
        "F21", "stopped at a random time",
        "0 frames of the cut turn afterwards; the next text is heard alone and whole",
        1_000, interruptions.f21_barge_in,
        limits=(Limit("stop to silence, ms", 0.95, 200), Limit("stop to silence, ms", 0.99, 40)),
    ),
    Campaign(
        "F22", "a day of everyday life",
        "memory, files, threads and logs stay as they are",
        1, soak.f22_soak, minutes=24 * 60,
        limits=(Limit("growth, MB per hour", 1, soak.GROWTH_MB_PER_HOUR),),
    ),
    Campaign(
        "F23", "SIGTERM of each process and of everything in mid-sentence",
        "exit code 0; accepted texts are answered, also after a new start; nothing is left running",
        54, deaths.f23_end,
        limits=(Limit("all of it ends, s", 1, 5),),
    ),
    Campaign(
        "F24", "a second instance of everything or of one process",
        "refuses with a sentence; the first one's speech is whole",
        21, deaths.f24_second,
        limits=(Limit("refused, s", 1, 5),),
    ),
    Campaign(
        "F28", "everyday life with a sniffer looking on",
        "the lag of all loops, gathered over the runs of all campaigns",
        20, soak.f28_loops,
    ),
    Campaign(
        "F29", "in Discord: attempts of every feature while she speaks",
        "nothing begins, who asks is told once; everything works afterwards",
        200 // blocks.EACH, blocks.f29_attempts, blocks.EACH, "attempts a feature",
        limits=(Limit("block seen, ms", 0.99, 250), Limit("ended to each works again, s", 1, 6)),
    ),
    Campaign(
        "F31", "every order of starting five processes without a supervisor",
        "the first text is spoken",
        len(orders.ORDERS), orders.f31_order,
        limits=(Limit("last start to session, s", 1, 15),),
    ),
    Campaign(
        "F36", "a server goes away and comes back",
        "health turns red, and green by itself; the next text is spoken",
        51, recovery.f36_red_and_green,
        limits=(Limit("back to green, s", 1, 5),),
    ),
    Campaign(
        "D1", "in Discord: join, speak, leave, rejoin at random, with moves and kicks",
        "no ghost, nothing stuck; the next sentence is heard whole",
        200, discord.d1_life,
    ),
    Campaign(
        "D2", "each close code and fault of voice and gateway while she speaks",
        "heard again by herself, or ended with the reason told",
        20 * len(discord.BREAKS), discord.d2_breaks,
        limits=(Limit("broken to heard again, s", 0.95, 10),),
    ),
    Campaign(
        "D3", "kill -9 of discord_voice and bot_main in mid-sentence",
        "back in the channel; with bot_main gone the sentence is finished",
        100, discord.d3_kills,
        limits=(Limit("killed to heard again, s", 0.95, 10),),
    ),
    Campaign(
        "Q1", "in Discord: kill -9 of bot_main at random moments while five people write",
        "every message is answered once; none waits for ever, no mark stays",
        200, queue_kills.q1_kills,
        limits=(Limit("session over to all answered, s", 0.95, 30),),
    ),
    Campaign(
        "U1", "an hour of speech without a pause",
        "every text is heard whole; frames leave evenly",
        1, soak.u1_pacing, minutes=60,
        limits=(
            Limit("deficit per 3,000 frames", 1, 3), Limit("bursts", 1, 0),
            Limit("gap p99, ms", 1, 22), Limit("gap worst, ms", 1, 60),
        ),
    ),
    Campaign(
        "U21", "in Discord: 500 messages by 25 people in one session, of which 100 may wait",
        "each is answered once, in order, or counted in the one notice of its channel",
        5, words.u21_many, words.MESSAGES, "messages",
        patience_s=2 * words.LONG_S,
    ),
    Campaign(
        "U22", "messages that are edited and deleted while they wait and while they are answered",
        "the newest words are answered; what is gone is not",
        1_000 // words.WORDS, words.u22_edits, words.WORDS, "messages",
    ),
    Campaign(
        "U23", "messages missed in gaps of a second to twenty hours, over several lives",
        "each is answered once, or shares a digest (older than 6 h) or a notice (more than 50)",
        100, gaps.u23_missed, gaps.GAPS, "gaps",
    ),
    Campaign(
        "U24", "sentences that only sound like wishes, among real wishes, while she speaks",
        "no false block; a wish is explained to each person once in a minute",
        500 // blocks.SENTENCES, blocks.u24_words, blocks.SENTENCES, "sentences",
    ),
    Campaign(
        "U25", "sessions that end in order, or whose sink dies",
        "nothing begins meanwhile; 6 s after the end every feature works",
        1_000 // blocks.SESSIONS, blocks.u25_sessions, blocks.SESSIONS, "sessions",
    ),
    Campaign(
        "U3", "sentences through the whole stack, by either kind of voice server",
        "no sample lost or doubled; the end of each sentence is there",
        200, exactness.u3_sentences, exactness.SENTENCES, "sentences",
    ),
)  # fmt: skip

LAG_LIMITS_MS = {node: 50.0 if node == "discord_voice" else 100.0 for node in NODES}
"""Longest a callback may hold a node's loop (row F28)."""
