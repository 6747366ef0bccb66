"""A message that somebody wants to post, checked by Discord's rules before it becomes one."""

from dataclasses import dataclass, field

from tests.discord.rules import Rules
from tests.discord.world.errors import Refused, bad_field
from tests.discord.world.model import Attachment, Json, Message

SUPPRESS_EMBEDS = 1 << 2
LOADING = 1 << 7
SUPPRESS_NOTIFICATIONS = 1 << 12
COMPONENTS_V2 = 1 << 15
SETTABLE = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
"""By anybody; EPHEMERAL only in answers to interactions."""
EMBED_DESCRIPTION_MAX = 4_096
EMBED_TEXT_MAX = 6_000
CUSTOM_ID_MAX = 100
LABEL_MAX = 80


@dataclass
class Draft:
    """What a request says about a message."""

    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    tts: bool = False
    nonce: str | None = None
    enforce_nonce: bool = False
    allowed_mentions: Json | None = None
    reply_to: Message | None = None
    is_reply: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.content or self.embeds or self.components or self.attachments)


def draft(body: Json, files: list[Attachment], rules: Rules, settable: int = SETTABLE) -> Draft:
    """The draft that a request's body describes.

    Raises:
        Refused: something is longer or more than Discord takes, or of another shape.
    """
    made = Draft(
        content=_text(body, "content"),
        embeds=list(body.get("embeds") or []),
        components=list(body.get("components") or []),
        attachments=files,
        flags=int(body.get("flags") or 0) & settable,
        tts=bool(body.get("tts")),
        nonce=str(body["nonce"]) if body.get("nonce") is not None else None,
        enforce_nonce=bool(body.get("enforce_nonce")),
        allowed_mentions=body.get("allowed_mentions"),
    )
    check(made, rules)
    return made


def _text(body: Json, name: str) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise bad_field(name, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    return value.strip()


def check(made: Draft, rules: Rules) -> None:
    """Raises: Refused 50035 naming the field."""
    if len(made.content) > rules.content_max:
        raise bad_field("content", "BASE_TYPE_MAX_LENGTH", f"Must be {rules.content_max} or fewer in length.")
    if made.nonce is not None and len(made.nonce) > rules.nonce_max:
        raise bad_field("nonce", "BASE_TYPE_MAX_LENGTH", f"Must be {rules.nonce_max} or fewer in length.")
    if len(made.embeds) > rules.embeds_max:
        raise bad_field("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {rules.embeds_max} or fewer in length.")
    if len(made.attachments) > rules.attachments_max:
        raise bad_field("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    for embed in made.embeds:
        if len(embed.get("description") or "") > EMBED_DESCRIPTION_MAX:
            raise bad_field("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 4096 or fewer in length.")
    if sum(map(embed_length, made.embeds)) > EMBED_TEXT_MAX:
        raise bad_field("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    _check_components(made.components)


def embed_length(embed: Json) -> int:
    """Characters that count towards the limit of all embeds of a message."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    texts += [field_.get(key) for field_ in embed.get("fields") or [] for key in ("name", "value")]
    return sum(len(text or "") for text in texts)


def _check_components(components: list[Json]) -> None:
    seen: set[str] = set()
    for component in flat(components):
        custom_id = component.get("custom_id")
        if custom_id is not None:
            if not 1 <= len(custom_id) <= CUSTOM_ID_MAX:
                raise bad_field("components", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
            if custom_id in seen:
                raise bad_field(
                    "components", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
                )
            seen.add(custom_id)
        if len(component.get("label") or "") > LABEL_MAX:
            raise bad_field("components", "BASE_TYPE_MAX_LENGTH", "Must be 80 or fewer in length.")


def flat(components: list[Json]) -> list[Json]:
    """All components, those inside of rows, sections and containers included."""
    found: list[Json] = []
    for component in components:
        inside = list(component.get("components") or [])
        inside += [component[key] for key in ("accessory", "component") if component.get(key)]
        found += [component, *flat(inside)]
    return found


def must_not_be_empty(made: Draft) -> None:
    """Raises: Refused 50006."""
    if made.is_empty:
        raise Refused(50006)
