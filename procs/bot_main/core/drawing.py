"""Who asks for a drawing, what the image server is sent, and what is told meanwhile. Pure."""

import re
from typing import Any

SUBJECT_CHARS = 1_000
"""Longest description; models read about 75 words of it."""

_GREETING = r"(?:(?:hey|hi|hello|oh|ok|okay|yo|so|now|and)\b[\s,!.]*)?"
_ASKING = (
    r"(?:(?:please|pls|plz|kindly)\b[\s,]*)?"
    r"(?:(?:can|could|would|will)\s+(?:you|u|ya)\s+|i(?:\s+want|\s+need|\s+would\s+like|['’]d\s+like)\s+you\s+to\s+)?"
    r"(?:(?:please|pls|plz|kindly|maybe|quickly|just)\b[\s,]*)*"
)
_FOR = r"(?:for\s+(?:me|us)\s+|me\s+|us\s+)"
_ARTWORK = r"(?:drawing|picture|image|sketch|painting|portrait)"
_VERB = (
    rf"(?:(?:draw|make|paint|create|generate)\s+(?:{_FOR})?(?:a|an|another)\s+{_ARTWORK}\s+of\s+(?P<of>)"
    rf"|(?:draw|sketch|paint)\s+(?P<personal>{_FOR})?)"
)

_WHEN_OR_HOW = (
    r"(?:(?:(?:tonight|today|tomorrow|yesterday|soon|later|now|every\s+day"
    r"|this\s+(?:morning|afternoon|evening|week|weekend|season))\b(?!['’])"
    r"|\d+\s*[-–:]\s*\d+\b)[\s,]*)*"
)
"""The time or the score of a game. Alone it is nothing to draw; before a subject it harms nothing."""

_NO_SUBJECT = re.compile(
    rf"{_WHEN_OR_HOW}(?:\Z|(?:"
    r"is|are|was|were|has|had|would|will|should|could|can|might|and|or|but|than|then|if|when|because"
    r"|ends|ended|means|meant|seems|seemed|feels|felt|keeps|kept|it\s+(?:is|was)"
    r"|after|before|during|until|till|while|since|versus|vs|like|as"
    r"|against|between|with|without|by|for|in|into|of|on|onto|at|to|toward|towards|from|near|nigh|close|closer"
    r"|back|out|up|down|away|off|over|again|even|level|first|last|well|better|best|good|properly|fast|slowly"
    r"|anything|something\s+better|at\s+all|what|why|how|it\s+out"
    r"|\d+\s+cards?|(?:a|the|another|one|some|your|more)?\s*cards?"
    r"|(?:[\w'’]+\s+){0,3}?(?:conclusions?|attention|breath|blanks?|inspiration|distinctions?|comparisons?"
    r"|parallels?|analog(?:y|ies)|inferences?|lots|straws?|criticism|ire|salary|pension)"
    r"|(?:the|a)\s+(?:line|curtains?|curtain|blinds?|shades?|bath|crowd|veil)"
    r"|first\s+blood|blood|water|fire|strength|power|interest"
    r"|(?:your|my|his|her|their)\s+(?:sword|gun|weapon|blade|bow|pistol|strength|energy|own)"
    r"|the\s+town\s+red|(?:[\w'’]+\s+){1,2}with\s+the\s+same\s+brush|\w+self\s+into\s+a\s+corner"
    r"|a\s+(?:rosy|grim|bleak|dark|bright|clear)\s+picture(?!\s+of)"
    r")\b)",
    re.IGNORECASE,
)
"""What follows the verb where nothing is to be drawn: prepositions, verbs, idioms, questions of ability."""

_NO_GIFT = re.compile(
    r"(?:in|into|out|near|closer|back|away|to|toward|towards|up|a\s+bath|a\s+blank)\b", re.IGNORECASE
)
"""The same after `draw me`, which most idioms do not bear."""


def asked_for(text: str, name: str) -> str:
    """What somebody asks her to draw in a message that is addressed to her, empty if that is not asked.

    A request begins the message: `draw a cat`, `Miku, please draw me a cat`, `can you draw ...`, `make a
    picture of ...`. A word that merely holds or means another drawing is none: drawer, withdraw, I draw,
    draw a conclusion, the draw was fair.
    """
    called = rf"(?:@?{re.escape(name)}\b[\s,:!.?-]*)?"
    begins = rf"[\s,:!.-]*{_GREETING}{called}{_GREETING}{_ASKING}{_VERB}"
    found = re.match(begins, text[: 2 * SUBJECT_CHARS], re.IGNORECASE)
    if found is None:
        return ""
    subject = cleaned(text[found.end() :])
    if found["of"] is None:
        unmeant = _NO_GIFT if found["personal"] else _NO_SUBJECT
        if unmeant.match(subject):
            return ""
    return subject


def cleaned(text: str) -> str:
    """A description on one line, without what is said for politeness at its end; may be empty."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())[:SUBJECT_CHARS]
    polite = r"(?:[\s,]*\b(?:please|pls|plz|thanks|thank you|for me|for us|if you can|now))*[\s.!?,]*$"
    return re.sub(polite, "", plain, flags=re.IGNORECASE).strip()


# --- the workflow ---------------------------------------------------------------------------------------

Workflow = dict[str, Any]
"""ComfyUI's API format: node id → {class_type, inputs}."""

BUILT_IN: Workflow = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "{checkpoint}"}},
    "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "{prompt}", "clip": ["1", 1]}},
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry, deformed, text", "clip": ["1", 1]}},
    "4": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 768, "batch_size": 1}},
    "5": {
        "class_type": "KSampler",
        "inputs": {
            "seed": "{seed}", "steps": 20, "cfg": 7.0, "sampler_name": "euler", "scheduler": "normal",
            "denoise": 1.0, "model": ["1", 0], "positive": ["2", 0], "negative": ["3", 0],
            "latent_image": ["4", 0],
        },
    },
    "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
    "7": {"class_type": "SaveImage", "inputs": {"images": ["6", 0], "filename_prefix": "miku"}},
}  # fmt: skip
"""Text to picture with any checkpoint of the Stable Diffusion kind."""

DEPTH_MAX = 20
"""Of a workflow; real ones have four levels."""


def workflow_fault(workflow: object) -> str:
    """Why something is no usable workflow, as the end of a sentence; empty = it is one."""
    if not isinstance(workflow, dict) or not workflow:
        return "is no JSON object of nodes"
    nodes = workflow.values()
    if not all(isinstance(node, dict) and "class_type" in node and "inputs" in node for node in nodes):
        return "is not in the API format (every node has class_type and inputs): use Export (API)"
    if not _holds(workflow, "{prompt}", DEPTH_MAX):
        return "has no {prompt} in any text"
    return ""


def _holds(value: object, placeholder: str, depth: int) -> bool:
    if isinstance(value, str):
        return placeholder in value
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and any(_holds(one, placeholder, depth - 1) for one in inside)


def filled(value: Any, places: dict[str, str | int]) -> Any:
    """A workflow with values in the place of `{name}`, put in as JSON values: no text can become structure.

    A text that is nothing but a placeholder becomes its value, a number too; elsewhere its text is put in.
    What was put in is not looked at again.
    """
    if isinstance(value, dict):
        return {key: filled(one, places) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, places) for one in value]
    if not isinstance(value, str):
        return value
    if value[:1] == "{" and value[1:-1] in places and value[-1:] == "}":
        return places[value[1:-1]]
    names = "|".join(map(re.escape, places))
    return re.sub(rf"\{{({names})\}}", lambda found: str(places[found[1]]), value)


# --- what is told ---------------------------------------------------------------------------------------

EDIT_EVERY_MS = 2_000
"""Discord lets a message be edited about five times in five seconds, for all of a channel together."""


def place_line(ahead: int) -> str:
    """Where a drawing stands in a line."""
    return f"🎨 {ahead} {'picture' if ahead == 1 else 'pictures'} before yours ..."


def progress_line(ahead: int, percent: int) -> str:
    """What the message of a drawing under way says."""
    if ahead:
        return place_line(ahead)
    return f"🎨 Drawing ... {percent} %" if percent else "🎨 Drawing ..."


class Pace:
    """When the message is edited: only to say something new, and not too often."""

    def __init__(self, said: str, now_ms: float) -> None:
        self._said = said
        self._due_ms = now_ms + EDIT_EVERY_MS

    def lets(self, line: str, now_ms: float) -> bool:
        """Whether to say a line now; if so it counts as said."""
        if line == self._said or now_ms < self._due_ms:
            return False
        self._said, self._due_ms = line, now_ms + EDIT_EVERY_MS
        return True
