"""The variables in which secrets of settings may come: each is for the processes whose sections hold it."""

import dataclasses
import typing
from collections.abc import MutableMapping
from typing import Any

from bus.settings import Meta, env_name


def secret_names(config: type[Any]) -> list[str]:
    """Every variable by which a secret of a `Config` may be set, further names included."""
    names = []
    for section in typing.get_type_hints(config).values():
        for field in dataclasses.fields(section):
            meta: Meta = field.metadata["meta"]
            if meta.secret:
                names += [env_name(section.SECTION, field.name), *meta.aliases]
    return names


def forget_secrets(config: type[Any], environ: MutableMapping[str, str]) -> None:
    """Take the secrets of a `Config` out of the environment once they are read: children inherit none."""
    for name in secret_names(config):
        environ.pop(name, None)
