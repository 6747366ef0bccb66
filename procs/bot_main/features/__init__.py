"""The features of the text bot, one file each; `core/gate.py` has their table."""
