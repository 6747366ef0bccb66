"""What a test calls: people do things, places change, faults strike.

`Director` makes them; a person, a place and a bot are known by their names everywhere.
"""

from tests.discord.director.director import Director

__all__ = ["Director"]
