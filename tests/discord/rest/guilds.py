"""Guilds: roles, members, nicknames, voice states."""

from tests.discord.rest.ratelimits import Limit
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.model import Guild, Kind, Member
from tests.discord.world.payloads import channel_json, guild_json, member_json, role_json, voice_state_json
from tests.discord.world.permissions import Permission, may

NICK_MAX = 32


async def guild(ask: Ask) -> Answer:
    """One guild."""
    return guild_json(ask.guild)


async def channels(ask: Ask) -> Answer:
    """Its channels."""
    return [channel_json(channel) for channel in ask.guild.channels.values()]


async def roles(ask: Ask) -> Answer:
    """Its roles."""
    return [role_json(role) for role in ask.guild.roles.values()]


async def member(ask: Ask) -> Answer:
    """One member."""
    return member_json(ask.discord.world.member(ask.guild, ask.path["user"]))


async def edit_own_member(ask: Ask) -> Answer:
    """The bot's own nickname."""
    found = ask.guild
    ask.need_in(found, Permission.CHANGE_NICKNAME)
    own = found.members[ask.bot.id]
    _rename(ask, found, own)
    return member_json(own)


def _rename(ask: Ask, found: Guild, whom: Member) -> None:
    if "nick" not in ask.body:
        return
    nick = ask.body["nick"] or None
    if nick and len(nick) > NICK_MAX:
        raise bad_field("nick", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
    whom.nick = nick
    ask.discord.happenings.member_changed(found, whom)


async def edit_member(ask: Ask) -> Answer:
    """Nickname, or the voice channel somebody is moved to."""
    found = ask.guild
    whom = ask.discord.world.member(found, ask.path["user"])
    if "nick" in ask.body:
        ask.need_in(found, Permission.MANAGE_NICKNAMES)
        _rename(ask, found, whom)
    if "channel_id" in ask.body:
        ask.need_in(found, Permission.MOVE_MEMBERS)
        if whom.user.id not in found.voice_states:
            raise Refused(40032)
        target = ask.body["channel_id"]
        ask.discord.switchboard.move(found, whom.user, ask.discord.world.channel(target) if target else None)
    return member_json(whom)


async def voice_state(ask: Ask) -> Answer:
    """Where a member is in voice."""
    found = ask.guild
    user = ask.bot.id if ask.path["user"] == "@me" else int(ask.path["user"])
    state = found.voice_states.get(user)
    if state is None:
        raise Refused(10065)
    return voice_state_json(state)


async def edit_own_voice_state(ask: Ask) -> Answer:
    """On a stage: become a speaker, for those who may mute others."""
    state = ask.guild.voice_states.get(ask.bot.id)
    if state is None:
        raise Refused(10065)
    if state.channel.kind is not Kind.STAGE:
        raise Refused(50024)
    if ask.body.get("suppress") is False and not may(ask.bot, state.channel, Permission.MUTE_MEMBERS):
        raise Refused(50013)
    state.suppress = bool(ask.body.get("suppress", state.suppress))
    ask.discord.switchboard.tell_state(state)
    return None


ROUTES = [
    Route("GET", "/guilds/{guild}", guild),
    Route("GET", "/guilds/{guild}/channels", channels),
    Route("GET", "/guilds/{guild}/roles", roles),
    Route("GET", "/guilds/{guild}/members/{user}", member),
    Route("PATCH", "/guilds/{guild}/members/@me", edit_own_member, Limit(5, 15.0)),
    Route("PATCH", "/guilds/{guild}/members/{user}", edit_member, Limit(10, 10.0)),
    Route("GET", "/guilds/{guild}/voice-states/{user}", voice_state),
    Route("PATCH", "/guilds/{guild}/voice-states/@me", edit_own_voice_state),
]
