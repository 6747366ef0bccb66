"""Marks that end or divide sentences, in the scripts of the world. Pure tables.

Source: the Unicode properties Sentence_Terminal and Terminal_Punctuation, as far as living languages use
them.
"""

STRONG = "!?！？。｡．।॥؟۔։።፧፨။។៕།༎⸮‼⁇⁈⁉"
"""End a sentence wherever they stand: Latin, CJK, Devanagari, Arabic, Urdu, Armenian, Ethiopic, Burmese,
Khmer, Tibetan."""
STOPS = ".…"
"""End a sentence unless they belong to an abbreviation, a number, a name or a hesitation."""
CLAUSES = ",;:—、，；：،؛՝፣፤፥፦၊៖\u0387"
"""Divide a sentence: commas, semicolons, colons and the dash."""
WIDE = frozenset("、，；：،؛՝፣፤፥፦၊៖—")
"""Clause marks that need no blank behind them."""

OPENERS = "\"'“‘„«‹([{「『（【《〈¿¡"
CLOSERS = "\"'”’»›)]}」』）】》〉〕"
"""Stay with the sentence they follow."""
PAIRS = (("(", ")"), ("（", "）"), ("「", "」"), ("『", "』"), ("“", "”"), ("«", "»"), ("[", "]"))

NEVER_FIRST = frozenset(
    "、。，．！？；：」』）】》〉ーぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ々ๆฯ" + CLOSERS + STRONG
)
"""May not begin a line, so no piece either."""

QUOTING = frozenset("とっだなのはがをにもで")
"""Behind a Japanese quote these carry the sentence on: 「はい。」と言った。"""

THAI_LAO = "\u0e01-\u0e4e\u0e81-\u0ece"
"""Letters and vowel signs of the scripts whose sentences end with a blank."""
LINKS = ("และ", "หรือ", "กับ", "ແລະ", "ຫຼື")
"""And, or, with: a blank before these does not end a Thai or Lao sentence."""
REPETITION = frozenset("ๆໆฯຯ")
"""A blank behind these is spelling."""
