"""Answers to slash commands, buttons and forms.

The first answer must come within 3 s (else 10062), there is only one (else 40060); follow-ups go to the
webhook routes for 15 minutes. Source: "Receiving and Responding to Interactions".
"""

import time
from typing import TYPE_CHECKING

from tests.discord.happenings import COMMAND_ANSWER, PLAIN
from tests.discord.rest.route import Answer, Ask, Route
from tests.discord.world.drafts import LOADING, SETTABLE, Draft, draft, must_not_be_empty
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.message_payload import message_json
from tests.discord.world.model import EPHEMERAL, Interaction, Json, Message

if TYPE_CHECKING:
    from tests.discord.loopback import Loopback

MESSAGE, THINKING, WILL_UPDATE, UPDATE, CHOICES, FORM = 4, 5, 6, 7, 8, 9
SLASH, BUTTON, COMPLETE, SUBMIT = 2, 3, 4, 5
FITTING: dict[int, set[int]] = {
    SLASH: {MESSAGE, THINKING, FORM},
    BUTTON: {MESSAGE, THINKING, WILL_UPDATE, UPDATE, FORM},
    COMPLETE: {CHOICES},
    SUBMIT: {MESSAGE, THINKING, WILL_UPDATE, UPDATE},
}
"""Kind of interaction: kinds of first answers."""


async def callback(ask: Ask) -> Answer:
    """The first answer."""
    interaction = _waiting(ask)
    kind = int(ask.body["type"])
    if kind not in FITTING[interaction.kind]:
        raise bad_field("type", "INTERACTION_CALLBACK_TYPE_INVALID", "Not for this kind of interaction.")
    data: Json = ask.body.get("data") or {}
    made = draft(data, ask.files, ask.discord.rules, SETTABLE | EPHEMERAL)
    if kind == MESSAGE:
        must_not_be_empty(made)
        interaction.original = post(ask, interaction, made)
    elif kind == THINKING:
        made.flags |= LOADING
        made.allowed_mentions = {"parse": []}
        interaction.original = post(ask, interaction, made)
    elif kind in (WILL_UPDATE, UPDATE):
        interaction.original = interaction.message
        if kind == UPDATE and interaction.message:
            ask.discord.happenings.edit(interaction.message, made, set(data))
    interaction.answer_kind = kind
    interaction.answer = data
    interaction.answered_after_ms = (time.monotonic_ns() - interaction.asked_ns) // 1_000_000
    return _callback_json(ask, interaction) if ask.has("with_response") else None


def _waiting(ask: Ask) -> Interaction:
    id_ = ask.path["interaction"]
    found = ask.discord.world.interactions.get(int(id_)) if id_.isdigit() else None
    if found is None or found.token != ask.path["token"]:
        raise Refused(10062)
    if found.answer_kind is not None:
        raise Refused(40060)
    if _age_s(found) > ask.discord.rules.interaction_first_answer_s:
        raise Refused(10062)
    return found


def _age_s(interaction: Interaction) -> float:
    return (time.monotonic_ns() - interaction.asked_ns) / 1e9


def post(ask: Ask, interaction: Interaction, made: Draft) -> Message:
    """A message of the bot that answers an interaction."""
    ask.discord.world.attachments |= {file.id: file for file in made.attachments}
    application = interaction.application
    return ask.discord.happenings.post(
        interaction.channel,
        application.bot,
        made,
        kind=COMMAND_ANSWER if interaction.kind == SLASH else PLAIN,
        webhook_id=application.id,
        application_id=application.id,
        interaction=interaction,
    )


def _callback_json(ask: Ask, interaction: Interaction) -> Json:
    message = interaction.original
    told: Json = {"id": str(interaction.id), "type": interaction.kind}
    if message is None:
        return {"interaction": told}
    told |= {
        "response_message_id": str(message.id),
        "response_message_loading": bool(message.flags & LOADING),
        "response_message_ephemeral": message.is_hidden,
    }
    data = message_json(message, interaction.application.bot, ask.discord.happenings.cdn)
    return {"interaction": told, "resource": {"type": interaction.answer_kind, "message": data}}


def answered(discord: "Loopback", application_id: str, token: str) -> Interaction | None:
    """The interaction whose answers this token opens.

    Raises:
        Refused: it has not been answered yet, or its 15 minutes are over.
    """
    for interaction in discord.world.interactions.values():
        if interaction.token == token and str(interaction.application.id) == application_id:
            if interaction.answer_kind is None:
                raise Refused(10015)
            if _age_s(interaction) > discord.rules.interaction_token_s:
                raise Refused(50027)
            return interaction
    return None


def follow_up(ask: Ask, interaction: Interaction) -> Answer:
    """One more answer; after a "thinking ..." the first of them takes its place."""
    made = draft(ask.body, ask.files, ask.discord.rules, SETTABLE | EPHEMERAL)
    must_not_be_empty(made)
    message = interaction.original
    if message is not None and message.flags & LOADING:
        message.flags &= ~LOADING
        ask.discord.happenings.edit(message, made, set(ask.body) - {"flags"}, is_first=True)
    else:
        message = post(ask, interaction, made)
        interaction.followups.append(message)
    return message_json(message, interaction.application.bot, ask.discord.happenings.cdn)


def answer_of(interaction: Interaction, id_: str) -> Message:
    """One of an interaction's answers. Raises: Refused 10008."""
    answers = {str(one.id): one for one in interaction.followups}
    if interaction.original:
        answers |= {str(interaction.original.id): interaction.original, "@original": interaction.original}
    if id_ not in answers:
        raise Refused(10008)
    return answers[id_]


ROUTES = [Route("POST", "/interactions/{interaction}/{token}/callback", callback, needs_token=False)]
