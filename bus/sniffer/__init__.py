"""The sniffer: looks at the bus without touching it.

It subscribes to the publishers of all nodes as any reader of states does; flows are mirrored there while
somebody subscribes (taps). It must never pull from a flow, never wait on behalf of a node, and never show
or store what people said unless asked to. The one verb that writes to the bus is `play`, and only in the
place of writers that are not running.

    __main__.py   arguments → verb → exit code      taps.py       what was heard, in a bounded queue
    arguments.py  options, topics, nearest names    measures.py   rates, gaps, delays of each topic
    runner.py     feeds a verb until it is over     waterfall.py  the milestones of a turn
    screen.py     the only one that prints          expect.py     `flow.audio.discord_voice hz>=49`
    output.py     lines and tables, as data         content.py    which fields hold what people said
    render.py     a message as one line or all      recording.py  MCAP files
    verbs/        one verb, one file
"""
