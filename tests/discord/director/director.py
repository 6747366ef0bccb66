"""Makes guilds, places, people and bots, and finds them by name."""

import secrets

from tests.discord.director.bot import Bot
from tests.discord.director.person import Person
from tests.discord.director.place import Place
from tests.discord.faults import Faults
from tests.discord.gateway.intents import PRIVILEGED
from tests.discord.journal import Journal
from tests.discord.loopback import Loopback
from tests.discord.rules import Rules
from tests.discord.world.model import Application, Guild, Kind, Message, Role
from tests.discord.world.permissions import Permission
from tests.discord.world.snowflakes import new_id

OWNER = "Owner"


class Director:
    """One test's view of a Discord."""

    def __init__(self, discord: Loopback) -> None:
        self.discord = discord
        self.people: dict[str, Person] = {}
        self.places: dict[str, Place] = {}
        self.bots: dict[str, Bot] = {}
        self.guilds: dict[str, Guild] = {}

    @property
    def faults(self) -> Faults:
        """To arm them."""
        return self.discord.faults

    @property
    def journal(self) -> Journal:
        """What all bots did."""
        return self.discord.journal

    @property
    def rules(self) -> Rules:
        """Discord's limits, to be changed."""
        return self.discord.rules

    def furnish(self, token: str = "") -> "Director":
        """A guild as most tests need it: general and Lounge, Ann, and the bot Miku with usual permissions."""
        self.guild("Home")
        self.place("general")
        self.place("Lounge", Kind.VOICE)
        self.person("Ann")
        self.bot("Miku", token=token)
        return self

    def guild(self, name: str) -> Guild:
        """The guild of this name; made when first named, with an owner of its own."""
        if name not in self.guilds:
            owner = self.discord.world.add_user(OWNER)
            self.guilds[name] = self.discord.world.add_guild(name, owner)
            self.people.setdefault(OWNER, Person(self, owner))
        return self.guilds[name]

    def place(self, name: str, kind: Kind = Kind.TEXT, guild: str = "Home", user_limit: int = 0) -> Place:
        """The channel of this name; made when first named."""
        if name not in self.places:
            made = self.discord.happenings.channel_made(self.guild(guild), name, kind, user_limit)
            self.places[name] = Place(self, made)
        return self.places[name]

    def voice_place(self, name: str, user_limit: int = 0, guild: str = "Home") -> Place:
        """A voice channel."""
        return self.place(name, Kind.VOICE, guild, user_limit)

    def stage(self, name: str, guild: str = "Home") -> Place:
        """A stage: voice without end-to-end encryption, for listeners first."""
        return self.place(name, Kind.STAGE, guild)

    def person(self, name: str, guild: str = "Home") -> Person:
        """The person of this name; made a member of the guild when first named."""
        if name not in self.people:
            user = self.discord.world.add_user(name)
            self.discord.happenings.joined(self.guild(guild), user)
            self.people[name] = Person(self, user)
        return self.people[name]

    def bot(self, name: str, guild: str = "Home", token: str = "", privileged: int = PRIVILEGED) -> Bot:
        """The bot of this name; invited into the guild when first named."""
        if name not in self.bots:
            user = self.discord.world.add_user(name, is_bot=True)
            owner = self.guild(guild).owner
            token = token or secrets.token_urlsafe(32)
            application = Application(new_id(), name, user, token, owner, privileged)
            self.discord.world.applications[application.id] = application
            self.discord.happenings.joined(self.guild(guild), user)
            self.bots[name] = Bot(self, application)
        return self.bots[name]

    def role(self, name: str, permissions: list[str], guild: str = "Home", mentionable: bool = False) -> Role:
        """A new role with the named permissions (`CONNECT`, `MENTION_EVERYONE`, ...)."""
        found = self.guild(guild)
        role = Role(new_id(), name, bits(permissions), len(found.roles), mentionable)
        found.roles[role.id] = role
        self.discord.happenings.role_made(found, role.id)
        return role

    def forbid(self, permissions: list[str], guild: str = "Home") -> None:
        """Takes permissions from everybody in the guild."""
        found = self.guild(guild)
        found.roles[found.id].permissions &= ~bits(permissions)
        self.discord.happenings.role_changed(found, found.id)

    def allow(self, permissions: list[str], guild: str = "Home") -> None:
        """Gives permissions to everybody in the guild."""
        found = self.guild(guild)
        found.roles[found.id].permissions |= bits(permissions)
        self.discord.happenings.role_changed(found, found.id)

    def outage(self, guild: str = "Home") -> None:
        """The guild is unavailable; everybody is put out of voice."""
        found = self.guild(guild)
        for state in list(found.voice_states.values()):
            self.discord.switchboard.put_out(found, state.user)
        self.discord.happenings.outage(found)

    def recovery(self, guild: str = "Home") -> None:
        """The guild is back."""
        self.discord.happenings.recovered(self.guild(guild))

    def find_place(self, place: "Place | str") -> Place:
        """By name, or itself."""
        return self.places[place] if isinstance(place, str) else place

    def find_person(self, person: "Person | str") -> Person:
        """By name, or itself."""
        return self.people[person] if isinstance(person, str) else person

    def find_bot(self, bot: "Bot | str") -> Bot:
        """By name, or itself."""
        return self.bots[bot] if isinstance(bot, str) else bot

    def find_message(self, message: Message | int | str) -> Message:
        """By id, or itself; also those that only one person sees."""
        if isinstance(message, Message):
            return message
        wanted = int(message)
        for channel in self.discord.world.channels.values():
            if wanted in channel.messages:
                return channel.messages[wanted]
        return next(one for one in reversed(self.journal.sent) if one.id == wanted)


def bits(permissions: list[str]) -> int:
    """Names of permissions as one number."""
    return sum(Permission[name] for name in set(permissions))
