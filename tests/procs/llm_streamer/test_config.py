import pytest

from bus.errors import BadSettings
from bus.settings import load
from procs.llm_streamer.config import Config

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("environ", "address", "make"),
    [
        ({}, "", ""),
        ({"VOICE_GPU": "amd"}, "http://localhost:8091", "amd"),
        ({"VOICE_GPU": "nvidia"}, "http://localhost:8090", "nvidia"),
        (
            {"VOICE_GPU": "amd", "MIKU_LLM__AMD_URL": "http://llama-swap-amd:8080"},
            "http://llama-swap-amd:8080",
            "amd",
        ),
        ({"VOICE_GPU": "amd", "MIKU_LLM__BASE_URL": "http://box:1"}, "http://box:1", ""),
    ],
)
def test_the_card_of_the_plan_names_the_server_unless_an_address_is_given(tmp_path, environ, address, make):
    llm = load(Config, environ, tmp_path / "none.toml").llm
    assert (llm.address, llm.card_make) == (address, make)


@pytest.mark.parametrize("name", ["MIKU_LLM__BASE_URL", "MIKU_LLM__AMD_URL", "MIKU_LLM__NVIDIA_URL"])
@pytest.mark.parametrize("address", ["ftp://x", "http://", "http://x:port", "http://x?y=1"])
def test_an_address_where_nothing_can_be_asked_is_refused_at_the_start(tmp_path, name, address):
    with pytest.raises(BadSettings, match="http or https"):
        load(Config, {name: address}, tmp_path / "none.toml")
