"""Every command there is, once: parser, slash commands, help and docs/commands.md come from this table. Pure.

A command has up to three doors (a message that begins with the prefix, a slash command, a button) and one
handler behind them.
"""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from procs.bot_main.core.chat import Button, Incoming
from procs.bot_main.core.permissions import Level
from procs.bot_main.core.slash import OptionKind, SlashCommand, SlashOption

IN_WORDS = ("say", "ask", "draw")
"""Commands whose text is for her: in the others the mark of a channel or a person says which one is meant."""


@dataclass(frozen=True)
class Argument:
    """What may follow a command's name; the last one takes the rest of the line."""

    name: str
    help: str
    is_required: bool = False
    is_voice_channel: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class PanelButton:
    """A command's button on the panel of a session."""

    label: str
    is_danger: bool = False
    is_for_after: bool = False
    """Whether it stands on the panel of a session that is over, in the place of all others."""


@dataclass(frozen=True)
class Row:
    """One command."""

    name: str
    help: str
    """One line, for people."""
    level: Level
    """Who may use it."""
    arguments: tuple[Argument, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other words for it behind the prefix."""
    slash: str = ""
    """Name of the slash command where it differs."""
    feature: str = ""
    """Feature that carries it out; empty = the front itself."""
    example: str = ""
    """What to write behind the prefix."""
    is_hidden: bool = False
    """Whether the answer to slash and button is for who asked alone."""
    button: PanelButton | None = None
    """None = a panel has none for it."""


def _switch(name: str, text: str) -> tuple[Argument, ...]:
    return (Argument(name, text, choices=("on", "off")),)


COMMANDS: tuple[Row, ...] = (
    Row("join", "Join your voice channel, or the one you name; what is written here is answered aloud.",
        Level.TALKER, (Argument("channel", "Voice channel; yours if left out.", is_voice_channel=True),),
        example="join #lounge", button=PanelButton("Join me", is_for_after=True)),
    Row("stop", "Silence her at once; what waits is dropped too, and she stays in the channel.",
        Level.LISTENER, example="stop", button=PanelButton("Stop")),
    Row("leave", "Leave the voice channel; without the right to do so, this is your vote for it.",
        Level.LISTENER, aliases=("disconnect",), example="leave",
        button=PanelButton("Leave", is_danger=True)),
    Row("voice-status", "Show what she does, where, for whom, and what is missing.",
        Level.ANYONE, aliases=("status",), slash="status", example="voice-status", is_hidden=True,
        button=PanelButton("Status")),
    Row("say", "Read your text out as it is.", Level.TALKER,
        (Argument("text", "What to read out.", is_required=True),), aliases=("speak",),
        example="say Good evening."),
    Row("ask", "Ask her something; she answers aloud.", Level.TALKER,
        (Argument("text", "What to answer.", is_required=True),), example="ask How are you?"),
    Row("queue", "Show what waits, and your place in it.", Level.ANYONE, example="queue", is_hidden=True,
        button=PanelButton("Queue")),
    Row("settings", "Show this server's settings, or change one.", Level.ADMIN,
        (Argument("name", "Setting; all are shown if left out."),
         Argument("value", "New value, `default` for the default.")),
        example="settings leave_when_alone_s 300", is_hidden=True),
    Row("help", "Show what you can ask for.", Level.ANYONE, example="help", is_hidden=True,
        button=PanelButton("Help")),
    Row("draw", "Draw a picture.", Level.TALKER,
        (Argument("text", "What to draw.", is_required=True),), feature="drawing",
        example="draw a cat in the rain"),
    Row("mood", "Show her mood, or give her another one.", Level.TALKER,
        (Argument("name", "Mood."),), feature="text_chat", example="mood bubbly"),
    Row("evil", "Show or switch her evil self.", Level.ADMIN, _switch("state", "On or off."),
        feature="text_chat", example="evil on"),
    Row("bipolar", "Show or switch the arguments between her two selves.", Level.ADMIN,
        _switch("state", "On or off."), feature="bipolar", example="bipolar off"),
    Row("avatar", "Show another profile picture.", Level.ADMIN, (Argument("mood", "Mood of the picture."),),
        feature="profile_picture", example="avatar happy"),
    Row("autonomous", "Show or switch what she says by herself here.", Level.ADMIN,
        _switch("state", "On or off."), feature="autonomous", example="autonomous on"),
    Row("schedule", "Show or change what she does by the clock.", Level.ADMIN,
        (Argument("text", "What to change; the schedule is shown if left out."),), feature="schedule",
        example="schedule"),
    Row("birthday", "Tell her your birthday.", Level.TALKER,
        (Argument("date", "Month and day, like 03-09.", is_required=True),), feature="schedule",
        example="birthday 03-09"),
    Row("bedtime", "Show or change when she says good night.", Level.ADMIN,
        (Argument("text", "What to change; shown if left out."),), feature="schedule", example="bedtime"),
    Row("figurines", "Show or switch news of figurines.", Level.TALKER, _switch("state", "On or off."),
        feature="figurines", example="figurines on"),
)  # fmt: skip

_BY_WORD: dict[str, Row] = {
    word: row for row in COMMANDS for word in (row.name, *row.aliases, row.slash) if word
}


@dataclass(frozen=True)
class Command:
    """What somebody asks for."""

    row: Row
    arguments: Mapping[str, str] = field(default_factory=dict)
    """By name; absent where nothing was given."""
    text: str = ""
    """Everything behind the command's name."""


@dataclass(frozen=True)
class Unclear:
    """Words behind the prefix that are no command, or lack something."""

    said: str
    """What to answer."""


def row_of(word: str) -> Row | None:
    """The command of a name, an alias or a slash command's name; case does not count."""
    return _BY_WORD.get(word.lower())


def behind_prefix(text: str, prefix: str) -> str | None:
    """What follows the prefix; None if the text does not begin with it as a word of its own."""
    text = text.strip()
    head, rest = text[: len(prefix)], text[len(prefix) :]
    if head.lower() != prefix.lower() or (rest and not rest[0].isspace()):
        return None
    return rest.strip()


def line_of(message: Incoming, prefix: str) -> str | None:
    """What follows the prefix in a message, or a message to her that can't be meant as talk.

    None if the message is no command.
    """
    text = message.source or message.text
    line = behind_prefix(text, prefix)
    return text.strip() if line is None and message.is_addressed and _is_bare(text) else line


def _is_bare(text: str) -> bool:
    """Whether a text is a command's name alone, or with one of the few words that its argument may be.

    Whoever writes more than that to her may well be talking: "stop worrying", "join us for dinner".
    """
    word, rest = _split(text)
    row = row_of(word)
    if row is None or not rest:
        return row is not None and not any(argument.is_required for argument in row.arguments)
    return len(row.arguments) == 1 and _is_closed(row.arguments[0], rest)


def _is_closed(argument: Argument, value: str) -> bool:
    if argument.is_voice_channel:
        return bool(channel_id(value) or re.fullmatch(r"#\S+", value))
    return value.lower() in argument.choices


def parsed(line: str, prefix: str) -> Command | Unclear:
    """The command of a line from which the prefix was taken; nothing at all asks for help."""
    word, rest = _split(line)
    row = row_of(word or "help")
    if row is None:
        return Unclear(_unknown(word, prefix))
    return _checked(row, _taken(row, rest), rest, prefix)


def command_of(message: Incoming, prefix: str) -> Command | Unclear | None:
    """The command of a message, None if it is none; in words for her, people have names and no marks."""
    line = line_of(message, prefix)
    if line is None:
        return None
    asked = parsed(line, prefix)
    if isinstance(asked, Command) and asked.row.name in IN_WORDS and message.source:
        return command_of(replace(message, source=""), prefix) or asked
    return asked


def wording(message: Incoming, prefix: str) -> tuple[str, bool]:
    """What a message asks her, and whether it is to be read out; empty for a command that asks nothing."""
    asked = command_of(message, prefix)
    if asked is None:
        return message.text.strip(), False
    if isinstance(asked, Command) and asked.row.name in ("say", "ask"):
        return asked.arguments["text"].strip(), asked.row.name == "say"
    return "", False


def words_of(message: Incoming, prefix: str) -> str:
    """What the model is to answer: the text behind `ask`, else all of it."""
    return wording(message, prefix)[0] or message.text


def invoked(name: str, arguments: Mapping[str, str], prefix: str) -> Command | Unclear:
    """The command of a slash command or a button."""
    row = row_of(name)
    if row is None:
        return Unclear(_unknown(name, prefix))
    known = {a.name: str(arguments[a.name]).strip() for a in row.arguments if arguments.get(a.name)}
    return _checked(row, known, " ".join(known.values()), prefix)


def _split(line: str) -> tuple[str, str]:
    """First word and rest, whatever white space parts them."""
    parts = line.split(None, 1)
    return parts[0] if parts else "", parts[1].strip() if len(parts) > 1 else ""


def _taken(row: Row, rest: str) -> dict[str, str]:
    """The rest of a line as the row's arguments."""
    taken = {}
    for index, argument in enumerate(row.arguments):
        is_last = index == len(row.arguments) - 1
        value, rest = (rest, "") if is_last else _split(rest)
        if value:
            taken[argument.name] = value
    return taken


def _checked(row: Row, arguments: Mapping[str, str], text: str, prefix: str) -> Command | Unclear:
    for argument in row.arguments:
        value = arguments.get(argument.name, "")
        if argument.is_required and not value:
            return Unclear(f"❌ `{row.name}` needs something: {argument.help} Like `{prefix} {row.example}`.")
        if argument.choices and value and value.lower() not in argument.choices:
            return Unclear(f"❌ `{row.name}` takes {' or '.join(argument.choices)}.")
    return Command(row, arguments, text)


def _unknown(word: str, prefix: str) -> str:
    near = difflib.get_close_matches(word.lower()[:40], list(_BY_WORD), n=1)
    offer = f" Did you mean `{prefix} {near[0]}`?" if near else ""
    return f"❌ I don't know that command.{offer} `{prefix} help` shows what I can do."


# --- a channel that was named ------------------------------------------------------------------------

_CHANNEL = re.compile(r"<#([0-9]{1,20})>|([0-9]{1,20})")


def channel_id(text: str) -> int:
    """Id in a mention `<#id>` or a bare id, 0 if it is neither."""
    match = _CHANNEL.fullmatch(text.strip())
    return int(match[1] or match[2]) if match else 0


def channel_name(text: str) -> str:
    """A channel's name as people write it, ready to be compared."""
    return text.strip().removeprefix("#").strip().casefold()


# --- what is derived ---------------------------------------------------------------------------------


def slash_commands() -> tuple[SlashCommand, ...]:
    """The table as Discord wants it."""
    return tuple(
        SlashCommand(
            row.slash or row.name,
            row.help,
            tuple(map(_option, row.arguments)),
            row.level.title if row.level else "",
            row.is_hidden,
        )
        for row in COMMANDS
    )


def _option(argument: Argument) -> SlashOption:
    kind = OptionKind.VOICE if argument.is_voice_channel else OptionKind.TEXT
    return SlashOption(argument.name, argument.help, kind, argument.is_required, argument.choices)


def panel_buttons(*, is_over: bool) -> tuple[Button, ...]:
    """The buttons of a panel, in the table's order.

    Args:
        is_over: whether the panel's session is over.
    """
    shown = [(row.name, row.button) for row in COMMANDS if row.button and row.button.is_for_after == is_over]
    return tuple(Button(button.label, name, is_danger=button.is_danger) for name, button in shown)


def usage(row: Row) -> str:
    """A command with its arguments, like `join [channel]`."""
    shown = [f"<{a.name}>" if a.is_required else f"[{a.name}]" for a in row.arguments]
    return " ".join((row.name, *shown))


def cells(row: Row) -> tuple[str, ...]:
    """A command's line in the documents: names, slash command, button, who, what, example."""
    names = ", ".join(f"`{name}`" for name in (usage(row), *row.aliases))
    slash, button = f"`/miku {row.slash or row.name}`", row.button.label if row.button else ""
    return names, slash, button, row.level.title, row.help, f"`!miku {row.example}`"
