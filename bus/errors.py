"""Every error of the project, and every code a user may see.

BusError
├── OurError          programming or deployment: crash, loudly, at once
│   ├── UnknownTopic      a topic that is not in the list
│   ├── NotTheWriter      a node writes or reads what its contract does not name
│   ├── BadMessage        a message that breaks its own rules
│   ├── AddressTaken      another process holds our port
│   └── BadSettings       a setting that cannot be used; the text names key, reason and remedy
├── TheirError        a peer or the network: drop or fail the turn, count, show
│   ├── DecodeError       bytes that are not a message of ours
│   ├── WrongVersion      another protocol version
│   └── PeerStalled       a flow did not move within its deadline
└── BackendError      a foreign service failed; carries a code of `CODES` and whether a retry helps
"""

from dataclasses import dataclass


class BusError(Exception):
    """Root of all errors of the project."""


class OurError(BusError):
    """A mistake of ours or of the deployment: the process crashes and says why."""


class UnknownTopic(OurError):
    """A topic that `bus/topics.py` does not list."""


class NotTheWriter(OurError):
    """A node uses a topic that its contract (`reads`, `writes`) or the list does not grant."""


class BadMessage(OurError):
    """A message that breaks the rules its class states."""


class AddressTaken(OurError):
    """Another process holds the port; the text names it and the remedy."""


class BadSettings(OurError):
    """Settings that cannot be used; the text is one sentence for the operator, with the remedy."""


class TheirError(BusError):
    """A peer's mistake or absence: never a reason to crash."""


class DecodeError(TheirError):
    """Bytes that are not a message of the expected kind."""


class WrongVersion(TheirError):
    """A message of another protocol version."""


class PeerStalled(TheirError):
    """A flow's reader took nothing within the deadline."""


class BackendError(BusError):
    """A foreign service failed.

    Args:
        code: key of `CODES`.
        detail: technical detail for logs; never message text or secrets.
        retryable: whether trying again later can help.
    """

    def __init__(self, code: str, detail: str = "", *, retryable: bool = True) -> None:
        assert code in CODES, code
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
        self.retryable = retryable


@dataclass(frozen=True)
class Code:
    """What a user reads when something fails: what happened, and what to do about it."""

    cause: str
    remedy: str


CODES: dict[str, Code] = {
    # the language model
    "llm_unreachable": Code(
        "The language model server does not answer.",
        "Start it, or correct llm.base_url; `./miku doctor` shows which servers answer.",
    ),
    "llm_loading": Code(
        "The language model is still loading.",
        "Wait for it; `./miku status` shows the progress. llm.first_token_timeout_s sets how long we wait.",
    ),
    "llm_model_unknown": Code(
        "The language model server does not know this model.",
        "Set llm.model to a name it serves; `./miku doctor` lists them.",
    ),
    "llm_busy": Code(
        "The language model server refuses more work at the moment.",
        "Try again in a few seconds, or raise the server's limit of parallel requests.",
    ),
    "llm_refused": Code(
        "The language model server refused the request.",
        "See the log of llm_streamer for its answer; a wrong llm.api_key is the usual cause.",
    ),
    "llm_prompt_too_long": Code(
        "The conversation does not fit into the model's context.",
        "Lower bot.history_messages, or give the model server a larger context.",
    ),
    "llm_failed": Code(
        "The language model server failed while answering.",
        "Try again; if it stays, look at the log of the model server.",
    ),
    "llm_empty": Code(
        "The language model answered without any text.",
        "Try again; if it stays, the model may have failed to load: look at its server's log.",
    ),
    "llm_timeout": Code(
        "The language model did not answer in time.",
        "Try again, or raise llm.first_token_timeout_s for slow hardware.",
    ),
    "model_unusable": Code(
        "The model file can't be used.",
        "Correct llm_server.gguf, or leave it empty for the demo brain; `./miku status` names the fault.",
    ),
    # the voice
    "tts_unreachable": Code(
        "The voice server does not answer.",
        "Start it, or correct tts.rvc_url or tts.soprano_url; `./miku doctor` shows what answers.",
    ),
    "tts_loading": Code(
        "The voice is still warming up.",
        "Wait for it; `./miku status` shows when it is ready.",
    ),
    "tts_engine_missing": Code(
        "The voice's engine, model or voice name is missing.",
        '`./miku status` says what; tts_server.engine = "espeak" always works.',
    ),
    "tts_failed": Code(
        "The voice server failed in the middle of a sentence.",
        "Try again; if it stays, look at the log of the voice server.",
    ),
    "tts_stalled": Code(
        "The voice server stopped sending sound.",
        "Try again; tts.stall_timeout_s sets how long we wait for the next sound.",
    ),
    "tts_bad_audio": Code(
        "The voice server sent sound that cannot be played.",
        "Check that tts.backend matches the server: its rate and sample format differ from the agreed ones.",
    ),
    # the path between our own processes
    "peer_stalled": Code(
        "One of Miku's own processes took no data for two seconds.",
        "It is restarted by itself; `./miku status` names it.",
    ),
    "peer_lost": Code(
        "One of Miku's own processes died in the middle of the answer.",
        "It is restarted by itself: try again.",
    ),
    "process_resting": Code(
        "One of Miku's own processes keeps failing and rests for a while.",
        "Its log has the reason; it is tried every five minutes, and at once when miku.toml is saved.",
    ),
    "turn_timeout": Code(
        "The answer did not finish in time and was given up.",
        "Try again; `bus-sniffer turn` shows in which process the time went.",
    ),
    "busy": Code(
        "Too many prompts are waiting already.",
        "Wait until Miku has answered some of them.",
    ),
    # the session
    "session_active": Code(
        "Another session is running, and the hardware allows only so many.",
        "End it first (`./miku leave`), or raise session.max_sessions on a bigger machine.",
    ),
    "session_none": Code(
        "Miku is in no session.",
        "Let her join first: `./miku join`, or `!miku join` in Discord.",
    ),
    "session_idle": Code(
        "The session has ended, since nobody had asked for anything for a while.",
        "Let her join again; session.idle_leave_s sets how long she waits (0 = for ever).",
    ),
    "quiet_hours": Code(
        "These are quiet hours in this server: Miku does not speak now.",
        "Write to her, or call her afterwards; administrators set them: `!miku settings quiet_hours`.",
    ),
    "session_not_ready": Code(
        "A process that the session needs is not ready.",
        "`./miku status` names it; `./miku doctor` finds the reason.",
    ),
    "voice_disabled": Code(
        "The voice is switched off.",
        "Set voice.enabled = true (or VOICE_ENABLED=true).",
    ),
    "session_start_timeout": Code(
        "The session did not start in time.",
        "Try again; `./miku doctor` finds what is missing. Slow machines: raise session.start_timeout_s.",
    ),
    "sink_failed": Code(
        "The place where Miku speaks was lost.",
        "Let her join again; the log of the sink has the reason.",
    ),
    # Discord
    "discord_token_missing": Code(
        "There is no Discord bot token.",
        "Set MIKU_DISCORD__TOKEN, or discord.token in a miku.toml of mode 0600; docs/discord.md shows how.",
    ),
    "discord_token_invalid": Code(
        "Discord does not accept the bot token.",
        "Make a new one in the developer portal (Bot, Reset Token) and set discord.token.",
    ),
    "discord_intent_missing": Code(
        "Discord does not grant the intent to read messages, so she answers to slash, mention and DM only.",
        "Switch on the Message Content Intent in the developer portal (Bot), then restart Miku.",
    ),
    "discord_unreachable": Code(
        "Discord can't be reached.",
        "Check the network; it is tried again by itself. discord.api_base must be empty without a proxy.",
    ),
    "discord_forbidden": Code(
        "Discord does not allow her to do that here.",
        "Give her role the missing permission in this channel; docs/discord.md lists them.",
    ),
    "voice_not_in_channel": Code(
        "You must be in a voice channel!",
        "Go into one, or name it: `!miku join #channel`.",
    ),
    "voice_no_permission": Code(
        "She may not connect to or speak in that voice channel.",
        "Give her role View Channel, Connect and Speak there.",
    ),
    "voice_channel_full": Code(
        "Voice channel is full!",
        "Raise its user limit, make room, or give her role Move Members.",
    ),
    "voice_stage": Code(
        "That is a stage channel, where she could not be heard without an invitation to speak.",
        "Take an ordinary voice channel.",
    ),
    "voice_refused": Code(
        "Discord did not let her into the voice channel, and gave no reason.",
        "Check the channel's permissions and limit, then try again.",
    ),
    "voice_kicked": Code(
        "She was disconnected from the voice channel by somebody.",
        "Let her join again: `!miku join`.",
    ),
    "voice_channel_gone": Code(
        "The voice channel was deleted.",
        "Let her join another one.",
    ),
    "voice_guild_gone": Code(
        "The server is unavailable at the moment, or she was removed from it.",
        "Wait until Discord has it back, then let her join again.",
    ),
    "voice_lost": Code(
        "The voice connection was lost and could not be restored.",
        "Let her join again; the log of discord_voice has the close code.",
    ),
    "voice_interrupted": Code(
        "Her voice does not get through to the voice channel at the moment.",
        "It is tried again by itself; the log of discord_voice has the reason.",
    ),
    "voice_muted": Code(
        "A moderator has muted her in this server, so nobody hears her.",
        "Right-click her in the voice channel and take the server mute off.",
    ),
    "voice_rate_limited": Code(
        "Discord limits how often she may join.",
        "Wait a minute, then let her join again.",
    ),
    "voice_dave_missing": Code(
        "Discord demands end-to-end encryption, and the library for it is missing.",
        "Run `make run` once more: it installs what is missing (davey).",
    ),
    "voice_udp_blocked": Code(
        "No audio is leaving: UDP to Discord's voice servers is blocked.",
        "Allow outgoing UDP (ports 50000 to 65535) in the firewall.",
    ),
    # what the text bot can do besides
    "vision_unavailable": Code(
        "She can't look at that: the vision model does not answer, or none is set.",
        "Start it, or correct vision.base_url and vision.model.",
    ),
    "attachment_unreachable": Code(
        "The attachment could not be fetched.",
        "Send it again; it is fetched from Discord's own servers only (vision.attachment_hosts adds others).",
    ),
    "attachment_too_large": Code(
        "That file is too large or too long to look at.",
        "Send a picture of up to 25 MiB and 40 megapixels, or a video of up to 25 MiB and one minute.",
    ),
    "attachment_unreadable": Code(
        "That file is no picture or video that can be read, or it is damaged.",
        "Send it as PNG, JPEG, GIF, WebP, MP4, MOV or WebM.",
    ),
    "drawing_unavailable": Code(
        "She can't draw: the image server does not answer, or none is set.",
        "Start ComfyUI, or correct drawing.base_url.",
    ),
    "drawing_failed": Code(
        "The image server could not make the picture.",
        "Try again; if it stays, look at ComfyUI's log and at drawing.workflow_file.",
    ),
    "drawing_refused": Code(
        "The image server does not accept the workflow.",
        "Correct drawing.workflow_file or drawing.checkpoint; the log of bot_main names the node.",
    ),
    "drawing_no_memory": Code(
        "The image server has run out of graphics memory.",
        "Try again later, unload other models, or use a smaller workflow.",
    ),
    "drawing_timeout": Code(
        "The picture was not finished in time and was given up.",
        "Try again later, or raise drawing.time_limit_s.",
    ),
    "drawing_busy": Code(
        "Too many pictures are waiting to be drawn already.",
        "Ask again when the next one is finished.",
    ),
    # the graphics cards
    "gpu_unreachable": Code(
        "A model server that should make room on its card does not answer.",
        "Nothing is loaded there then; if it should run, start it or correct gpu.free_urls.",
    ),
    "gpu_not_freed": Code(
        "A model server did not unload its models, so their graphics memory is not free.",
        "Look at its log; gpu.free_urls must be llama-swap servers, and gpu.api_key theirs.",
    ),
    "gpu_short": Code(
        "A graphics card has not enough free memory for a session.",
        'End other programs on it, or lower gpu.needed_mib; gpu.when_short = "warn" lets it start anyway.',
    ),
    "recognition_missing": Code(
        "Sound comes in from the microphone, but there is no speech recognition.",
        "Type what you want to say.",
    ),
    "disk_full": Code(
        "The disk is full, so sound can't be written.",
        "Free some space, or set state_dir to another disk.",
    ),
    "store_failed": Code(
        "Miku's memory can't be written to the disk; she goes on, but would forget at a restart.",
        "Free some space and correct the permissions of state_dir.",
    ),
    "pictures_unusable": Code(
        "The folder of profile pictures, or a picture in it, can't be used.",
        "Correct pictures.folder; pictures are PNG, JPEG or GIF of at most 8 MiB and 40 million pixels.",
    ),
    "feed_unreachable": Code(
        "The shop's feed can't be read.",
        "Open figurines.feed_url in a browser; it is tried again by itself.",
    ),
    "feed_unusable": Code(
        "What the shop's address gives is no feed.",
        "Set figurines.feed_url to an RSS, Atom or JSON feed of at most 2 MiB.",
    ),
    "bot_unreachable": Code(
        "The process that takes prompts does not answer.",
        "Start Miku (`make run`), or see `./miku status`.",
    ),
    "port_taken": Code(
        "Another program holds a port that Miku needs.",
        "Stop that program, or set bus.base_port to another value; `./miku doctor` names the port.",
    ),
    "bad_request": Code(
        "The request can't be understood.",
        "See `miku --help` for what can be asked.",
    ),
}


def sentence(code: str) -> str:
    """Cause and remedy of a code as one line for a user."""
    entry = CODES[code]
    return f"{entry.cause} {entry.remedy}"
