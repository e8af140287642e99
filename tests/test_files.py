from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from reidbench.errors import WriteError
from reidbench.files import replacing, write_text

KILLED = """
import os, sys, signal
from pathlib import Path
from reidbench.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_failing_block_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_text(path, "old")

    with suppress(KeyError), replacing(path) as temporary:
        temporary.write_text("new")
        raise KeyError

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_os_error_names_the_path_and_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(
        WriteError, match=r"cannot write .*file/record\.json: .*; check its permissions"
    ) as raised:
        write_text(tmp_path / "file" / "record.json", "text")

    assert raised.value.path == tmp_path / "file" / "record.json"


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_the_file_of_a_killed_process_is_removed_by_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False)
    (abandoned,) = tmp_path.iterdir()
    assert abandoned.name.endswith(".part")

    with replacing(path) as temporary:
        temporary.write_text("new")
        # The file of a running process stays.
        write_text(path, "newer")
        assert temporary.exists()

    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
