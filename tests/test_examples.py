from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples/my_method.py"


def test_example_plugin_runs_through_the_command_line(small_root: Path, tmp_path: Path) -> None:
    finished = subprocess.run(
        [sys.executable, "-m", "reidbench", "run", "-m", "mean-color", "-p", "ilids", "--plugin", str(EXAMPLE),
         "--data-root", str(small_root), "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert finished.returncode == 0, finished.stderr
    record = json.loads(finished.stdout)
    assert record["method"] == "mean-color"
    assert record["figures"]["rank1"]["mean"] > record["chance"]["rank1"]


def test_readme_shows_the_example_plugin() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")

    (shown,) = re.findall(r"```python\n(.*?)```", readme, flags=re.DOTALL)

    assert shown == EXAMPLE.read_text(encoding="utf-8")
