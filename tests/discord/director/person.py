"""A person who uses Discord: writes, reacts, uses commands and buttons, comes into voice."""

import mimetypes
from typing import TYPE_CHECKING, Any

from tests.discord.director.asking import ask, option_data
from tests.discord.voice.heard import Samples
from tests.discord.voice.speaking import speak
from tests.discord.world.drafts import Draft, flat
from tests.discord.world.model import Attachment, Interaction, Json, Message, Role, User
from tests.discord.world.permissions import Permission, may
from tests.discord.world.snowflakes import new_id

if TYPE_CHECKING:
    from tests.discord.director.bot import Bot
    from tests.discord.director.director import Director
    from tests.discord.director.place import Place

SLASH, BUTTON, SUBMIT = 2, 3, 5
FORM = 9


class Person:
    """One person."""

    def __init__(self, director: "Director", user: User) -> None:
        self._director = director
        self.user = user

    @property
    def name(self) -> str:
        """What others call this person."""
        return self.user.name

    @property
    def mention(self) -> str:
        """How to name this person in a text."""
        return f"<@{self.user.id}>"

    def says(
        self,
        place: "Place | str",
        text: str,
        reply_to: Message | int | str | None = None,
        files: dict[str, str | bytes] | None = None,
    ) -> Message:
        """Writes into a text channel; `files` maps names to their content.

        Raises:
            PermissionError: this person may not write there.
        """
        channel = self._director.find_place(place).channel
        if not may(self.user, channel, Permission.SEND_MESSAGES | Permission.VIEW_CHANNEL):
            raise PermissionError(f"{self.name} may not write in {channel.name}")
        target = self._director.find_message(reply_to) if reply_to is not None else None
        attached = [
            Attachment(new_id(), name, media_type(name), one.encode() if isinstance(one, str) else one)
            for name, one in (files or {}).items()
        ]
        self._director.discord.world.attachments |= {one.id: one for one in attached}
        draft = Draft(text, reply_to=target, is_reply=target is not None, attachments=attached)
        return self._director.discord.happenings.post(channel, self.user, draft)

    def writes_to(self, bot: "Bot | str", text: str) -> Message:
        """A direct message to a bot."""
        channel = self._director.discord.world.dm(self.user, self._director.find_bot(bot).user)
        return self._director.discord.happenings.post(channel, self.user, Draft(text))

    def inbox(self, bot: "Bot | str" = "Miku") -> list[Message]:
        """What a bot has written to this person directly."""
        channel = self._director.discord.world.dm(self.user, self._director.find_bot(bot).user)
        return [message for message in channel.messages.values() if message.author is not self.user]

    def edits(self, message: Message | int | str, text: str) -> None:
        """Changes an own message."""
        found = self._director.find_message(message)
        self._director.discord.happenings.edit(found, Draft(text), {"content"})

    def deletes(self, message: Message | int | str) -> None:
        """Takes an own message away."""
        self._director.discord.happenings.delete(self._director.find_message(message))

    def reacts(self, message: Message | int | str, emoji: str) -> None:
        """Puts a reaction to a message."""
        self._director.discord.happenings.react(self._director.find_message(message), self.user, emoji)

    def unreacts(self, message: Message | int | str, emoji: str) -> None:
        """Takes the reaction back."""
        self._director.discord.happenings.unreact(self._director.find_message(message), self.user, emoji)

    def types(self, place: "Place | str") -> None:
        """Is seen typing."""
        self._director.discord.happenings.type(self._director.find_place(place).channel, self.user)

    def takes_dms(self, yes: bool) -> None:
        """Whether bots may write to this person directly."""
        self.user.takes_dms = yes

    def gets(self, role: Role | int) -> None:
        """Is given a role, named by itself or its id."""
        role_id = role if isinstance(role, int) else role.id
        for guild in self._director.discord.world.guilds_of(self.user):
            if role_id in guild.roles:
                guild.members[self.user.id].role_ids.append(role_id)
                self._director.discord.happenings.member_changed(guild, guild.members[self.user.id])

    def joins(self, place: "Place | str") -> None:
        """Comes into a voice channel."""
        self._director.discord.switchboard.bring_in(self._director.find_place(place).channel, self.user)

    def leaves(self) -> None:
        """Goes out of voice."""
        for guild in self._director.discord.world.guilds_of(self.user):
            self._director.discord.switchboard.put_out(guild, self.user)

    def quits(self, guild: str = "Home") -> None:
        """Leaves the guild altogether."""
        self.leaves()
        self._director.discord.happenings.left(self._director.guild(guild), self.user)

    async def speaks(self, samples: Samples) -> None:
        """Speaks in the voice channel this person is in: 48 kHz mono, in real time."""
        await speak(self._director.discord.switchboard, self.user, samples)

    def uses(
        self, command: str, place: "Place | str", bot: "Bot | str" = "Miku", **options: Any
    ) -> Interaction:
        """A slash command with its subcommands, `"miku join"`, and its options.

        Raises:
            LookupError: the bot has not registered such a command, or not with these options.
        """
        found = self._director.find_place(place)
        asked = self._director.find_bot(bot)
        data = option_data(asked.application, found.channel, command, self._plain(options))
        return ask(self._director.discord, asked.application, found.channel, self.user, SLASH, data)

    def _plain(self, options: dict[str, Any]) -> dict[str, Any]:
        ids = {name: person.user.id for name, person in self._director.people.items()}
        ids |= {name: bot.user.id for name, bot in self._director.bots.items()}
        ids |= {name: place.id for name, place in self._director.places.items()}
        return {
            name: ids.get(value, value) if isinstance(value, str) else value
            for name, value in options.items()
        }

    def presses(
        self, message: Message | int | str, what: str, values: list[str] | None = None
    ) -> Interaction:
        """A button (by label or custom id), or a menu with the chosen values.

        Raises:
            LookupError: there is no such button, or it is disabled.
        """
        found = self._director.find_message(message)
        for component in flat(found.components):
            if what in (component.get("label"), component.get("custom_id")) and not component.get("disabled"):
                data: Json = {"custom_id": component["custom_id"], "component_type": component["type"]}
                if values is not None:
                    data["values"] = values
                return ask(
                    self._director.discord, self._of(found), found.channel, self.user, BUTTON, data, found
                )
        raise LookupError(f"no button {what!r} that could be pressed")

    def submits(self, form: Interaction, **values: str) -> Interaction:
        """Fills in the form that answered an interaction.

        Raises:
            LookupError: that was no form, or it has no such fields.
        """
        if form.answer_kind != FORM or form.answer is None:
            raise LookupError("the interaction was not answered by a form")
        fields = [one for one in flat(form.answer["components"]) if one.get("type") == 4]
        if {one["custom_id"] for one in fields} != set(values):
            raise LookupError(f"the form's fields are {[one['custom_id'] for one in fields]}")
        rows = [
            {"type": 1, "components": [{"type": 4, "custom_id": name, "value": value}]}
            for name, value in values.items()
        ]
        data: Json = {"custom_id": form.answer["custom_id"], "components": rows}
        return ask(
            self._director.discord, form.application, form.channel, self.user, SUBMIT, data, form.message
        )

    def _of(self, message: Message) -> Any:
        return self._director.discord.world.application_of(message.author)


def media_type(name: str) -> str:
    """What a client says a file is, by its name."""
    return mimetypes.guess_type(name)[0] or "application/octet-stream"
