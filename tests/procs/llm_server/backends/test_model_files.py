import asyncio
import errno
from pathlib import Path

import pytest

from bus.errors import BackendError
from procs.llm_server.backends import model_files
from procs.llm_server.backends.model_files import ModelFiles
from procs.llm_server.core import demo_brain

pytestmark = pytest.mark.unit


async def complaint(gguf: Path, folder: Path) -> str:
    with pytest.raises(BackendError) as caught:
        await ModelFiles(gguf, folder).find()
    return caught.value.detail


async def test_a_named_file(tmp_path):
    path = tmp_path / "miku-7b.gguf"
    path.write_bytes(b"GGUF and more")
    model = await ModelFiles(path, tmp_path).find()
    assert (model.path, model.name, model.is_demo) == (path, "miku-7b", False)


async def test_what_is_wrong_with_a_named_file_is_one_sentence_with_its_path(tmp_path):
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "empty.gguf").touch()
    assert "there is no such file" in await complaint(tmp_path / "none.gguf", tmp_path)
    assert "Is a directory" in await complaint(tmp_path, tmp_path)
    assert "it is no GGUF file" in await complaint(tmp_path / "note.txt", tmp_path)
    assert str(tmp_path / "empty.gguf") in await complaint(tmp_path / "empty.gguf", tmp_path)


async def test_the_demo_brain_is_made_once(tmp_path):
    folder = tmp_path / "state" / "models"
    model = await ModelFiles(None, folder).find()
    assert (model.name, model.is_demo) == (demo_brain.NAME, True)
    assert model.path.read_bytes() == demo_brain.build()
    made_ns = model.path.stat().st_mtime_ns
    assert await ModelFiles(None, folder).find() == model
    assert model.path.stat().st_mtime_ns == made_ns


async def test_a_new_recipe_takes_the_place_of_the_old_one(tmp_path, monkeypatch):
    old = await ModelFiles(None, tmp_path).find()
    monkeypatch.setattr(demo_brain, "SCRIPTS", ("Another demo brain.",))
    new = await ModelFiles(None, tmp_path).find()
    assert list(tmp_path.iterdir()) == [new.path]
    assert new.path != old.path


async def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(model_files.os, "fsync", full)
    with pytest.raises(BackendError) as caught:
        await ModelFiles(None, tmp_path).find()
    assert caught.value.code == "disk_full"
    assert list(tmp_path.iterdir()) == []


async def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "models").touch()
    with pytest.raises(BackendError, match="can't be written"):
        await ModelFiles(None, tmp_path / "models").find()


async def test_a_file_that_appears_ends_the_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(model_files, "LOOK_PERIOD_S", 0.005)
    path = tmp_path / "late.gguf"
    files = ModelFiles(path, tmp_path)
    with pytest.raises(BackendError):
        await files.find()
    wait = asyncio.create_task(files.changed(60.0))
    await asyncio.sleep(0.02)
    assert not wait.done()
    path.write_bytes(b"GGUF")
    await asyncio.wait_for(wait, 5.0)


async def test_an_unchanged_file_is_tried_again_after_the_patience(tmp_path):
    path = tmp_path / "same.gguf"
    path.write_bytes(b"GGUF")
    files = ModelFiles(path, tmp_path)
    first = await files.find()
    await asyncio.wait_for(files.changed(0.01), 5.0)
    assert await files.find() == first
