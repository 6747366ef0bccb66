import configparser
from pathlib import Path

import pytest

from bus.topics import NODES
from cli.secrets import holders, rendered
from cli.stack import CONF

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def conf() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(inline_comment_prefixes=(" ;",))
    parser.read_string(Path(CONF).read_text())
    return parser


def test_every_node_is_a_program_and_the_guardian_its_listener(conf: configparser.RawConfigParser) -> None:
    programs = conf["group:miku"]["programs"].split(",")
    assert sorted([*programs, "guardian"]) == sorted(NODES)
    assert {s.removeprefix("program:") for s in conf.sections() if s.startswith("program:")} == set(programs)
    assert conf.has_section("eventlistener:guardian")


def test_all_programs_are_kept_alike(conf: configparser.RawConfigParser) -> None:
    programs = conf["group:miku"]["programs"].split(",")
    kept = [
        {
            key: value.replace(name, "NODE")
            for key, value in conf[f"program:{name}"].items()
            if key != "environment"
        }
        for name in programs
    ]
    assert all(options == kept[0] for options in kept)


def test_the_guardian_is_kept_like_the_others(conf: configparser.RawConfigParser) -> None:
    guardian, other = conf["eventlistener:guardian"], conf["program:bot_main"]
    for key in (
        "autorestart",
        "startsecs",
        "startretries",
        "stopsignal",
        "stopwaitsecs",
        "stopasgroup",
        "killasgroup",
    ):
        assert guardian[key] == other[key]


def test_a_stop_ends_within_the_promise(conf: configparser.RawConfigParser) -> None:
    assert int(conf["program:bot_main"]["stopwaitsecs"]) < 5


def test_there_is_no_door_but_the_owners_socket(conf: configparser.RawConfigParser) -> None:
    assert not conf.has_section("inet_http_server")
    assert conf["unix_http_server"]["chmod"] == "0700"


def test_every_secret_is_emptied_for_who_does_not_read_it(conf: configparser.RawConfigParser) -> None:
    text = Path(CONF).read_text()
    assert rendered(text) == text, "run: python -m cli.docs"
    for name, nodes in holders().items():
        emptied = {
            s.partition(":")[2] for s in conf.sections() if f'{name}=""' in conf[s].get("environment", "")
        }
        assert emptied == set(NODES) - nodes, name
