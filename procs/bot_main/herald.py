"""The herald: tells in the chat what becomes of sessions and turns, and ends sessions that nobody hears."""

from bus import Bus
from bus.errors import CODES, sentence
from bus.messages import Phase, TurnKind
from procs.bot_main.backends.base_chat import ChatBackend
from procs.bot_main.core.alone import Alone
from procs.bot_main.core.chat import Post
from procs.bot_main.core.conversation import Conversation
from procs.bot_main.core.fallback import Fallback
from procs.bot_main.core.record import Ended
from procs.bot_main.core.running import Asked, Outcome
from procs.bot_main.courier import Courier
from procs.bot_main.guilds import Guilds
from procs.bot_main.links import Links
from procs.bot_main.prompting import Prompting, message_id
from procs.bot_main.sessions import Sessions
from procs.bot_main.voice import Voice

PRESENCE = "🎤 In Voice Chat"
ALONE = "👋 Everybody has left, so I left too."


class Herald:
    """Implements `sessions.Audience`."""

    def __init__(
        self,
        bus: Bus,
        chat: ChatBackend,
        sessions: Sessions,
        links: Links,
        guilds: Guilds,
        courier: Courier,
        voice: Voice,
        prompting: Prompting,
    ) -> None:
        self._bus = bus
        self._chat = chat
        self._sessions = sessions
        self._links = links
        self._guilds = guilds
        self._courier = courier
        self._voice = voice
        self._prompting = prompting
        self.is_online = False
        """Whether the chat tells what happens in it."""
        self._presence = ""
        self._fallbacks: dict[str, Fallback] = {}
        self._alone: dict[str, Alone] = {}
        self._told: set[str] = set()
        """Sessions whose involuntary end was told."""

    def turn_started(self, conversation: Conversation, asked: Asked) -> None:
        """The place shown at a message is over once it is answered."""
        self._prompting.begins(asked)

    def turn_ended(self, conversation: Conversation, ended: Ended) -> None:
        """What could not be said is written."""
        self._prompting.ends(ended.asked)
        if not conversation.intent.guild_id:
            return
        fallback = self._fallbacks.setdefault(conversation.session, Fallback())
        channel_id = self._voice.prompt_channel(conversation)
        for number, text in enumerate(fallback.texts(ended, is_over=not conversation.intent.wanted)):
            is_there = ended.asked.channel_id == channel_id
            reply_to = message_id(ended.asked.request) if is_there else 0
            post = Post(text, reply_to=reply_to, nonce=f"t{ended.turn}-{number}")
            self._courier.post(channel_id, post)

    def session_changed(self, conversation: Conversation) -> None:
        """Presence, voice and panel follow; an end that nobody asked for is told."""
        self._links.look()
        self.show_presence()
        code, session = conversation.end_code, conversation.session
        is_told = conversation.intent.wanted or not conversation.began or session in self._told
        if conversation.intent.guild_id and code in CODES and not is_told:
            self._told.add(session)
            self._courier.post(self._voice.prompt_channel(conversation), Post(f"❌ {sentence(code)}"))
        fallback = self._fallbacks.get(session)
        for text in fallback.left_over() if fallback else ():
            self._courier.post(self._voice.prompt_channel(conversation), Post(text))

    def look(self) -> None:
        """What is due because time has passed; called each second."""
        self._look_at_rooms()
        self.show_presence()

    def _look_at_rooms(self) -> None:
        now_ms = self._bus.clock.mono_ns() // 1_000_000
        held = [c for c in self._sessions.all if c.intent.guild_id]
        for conversation in held:
            self._tell_whether_silenced(conversation)
            if conversation.intent.wanted and self._is_alone(conversation, now_ms):
                self._courier.post(self._voice.prompt_channel(conversation), Post(ALONE))
                self._sessions.leave(conversation, Outcome(TurnKind.CUT))
            elif conversation.intent.wanted and self._guilds.quiet_until(conversation.intent.guild_id):
                self._sessions.leave(conversation, Outcome(TurnKind.FAILED, "quiet_hours"))
        ids = {c.session for c in held}
        for session in (self._alone.keys() | self._fallbacks.keys() | self._told) - ids:
            self._alone.pop(session, None)
            self._fallbacks.pop(session, None)
            self._told.discard(session)
            self._voice.forget(session)

    def _tell_whether_silenced(self, conversation: Conversation) -> None:
        """A mute, or a stage she was moved to, is told at once and not with the next answer."""
        if not conversation.intent.wanted or conversation.phase is not Phase.ACTIVE:
            return
        fallback = self._fallbacks.setdefault(conversation.session, Fallback())
        for text in fallback.silenced(self._links.silenced(conversation.intent.guild_id)):
            self._courier.post(self._voice.prompt_channel(conversation), Post(text))

    def _is_alone(self, conversation: Conversation, now_ms: int) -> bool:
        intent = conversation.intent
        room = self._chat.voice_room(intent.guild_id, intent.voice_channel_id) if self.is_online else None
        n_listeners = room.n_listeners if room and conversation.phase is Phase.ACTIVE else None
        limit_s = self._guilds.of(intent.guild_id).leave_when_alone_s
        alone = self._alone.setdefault(conversation.session, Alone())
        return alone.is_over(n_listeners, conversation.silent_for_ms(now_ms), limit_s, now_ms)

    def show_presence(self) -> None:
        """What stands below her name follows the sessions."""
        is_there = any(
            c.intent.wanted and c.intent.guild_id and c.phase is Phase.ACTIVE for c in self._sessions.all
        )
        text = PRESENCE if is_there else ""
        if self.is_online and text != self._presence:
            self._presence = text
            self._courier.deliver("presence", lambda: self._chat.set_presence(text))
