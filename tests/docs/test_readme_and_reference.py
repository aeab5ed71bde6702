"""README and reference: examples run, links lead somewhere, every field and error has its entry."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nexttouch.cli.app import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator():
    file = ROOT / "docs" / "generate_reference.py"
    spec = importlib.util.spec_from_file_location("generate_reference", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_config_field_has_its_entry(generator):
    written = (ROOT / "docs" / "reference" / "config.md").read_text(encoding="utf-8")
    assert written == generator.config_page(), "run: python docs/generate_reference.py"
    assert "| `goals.margin_rate` |" in written
    assert written.count("\n") > 150


def test_every_error_code_has_its_entry(generator):
    written = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    assert written == generator.errors_page(), "run: python docs/generate_reference.py"


def test_the_ten_lines_of_python_run_as_they_stand(tmp_path):
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "p_churn" in done.stdout
    assert "expected_value" in done.stdout
    assert (tmp_path / "state" / "events" / "manifest.json").exists()


def test_links_of_the_readme_lead_to_files():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert len(targets) > 10
    for target in targets:
        assert (ROOT / target).is_file(), target


def test_commands_of_the_readme_exist():
    known = {c.name or c.callback.__name__ for c in app.registered_commands}
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("nexttouch "):
                assert line.split()[1] in known, line
            if line.startswith("make "):
                assert f"\n{line.split()[1]}:" in (ROOT / "Makefile").read_text()
