"""The pages keep their promises: links lead somewhere, examples run, words are in order."""

import doctest
import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml

import nexttouch
from nexttouch.cli.app import app
from nexttouch.config import Config
from nexttouch.datasets.simulator.world import (
    CHAMPION_LOSS,
    CHAMPION_LOSS_DAYS,
    FATIGUE,
    SEGMENTS,
    TIERS,
)

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
TEXTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *PAGES]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SELF_CONTAINED = [("simulated-world.md", 0), ("worklist.md", 0)]
"""Python that runs as it stands; tests beside the rooms run the other examples."""


def _blocks(page, language):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def _generator():
    file = ROOT / "docs" / "generate_reference.py"
    spec = importlib.util.spec_from_file_location("generate_reference", file)
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    return generator


def _code_cells(notebook):
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def _anchors(page):
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_pages_and_headings(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        file, _, anchor = target.partition("#")
        leads_to = page.parent / file if file else page
        assert leads_to.is_file(), target
        assert not anchor or anchor in _anchors(leads_to), target


def test_every_page_is_reached_from_the_index():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    for page in PAGES:
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or f"]({name}" in index, name


def test_every_public_name_has_its_entry():
    written = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert written == _generator().api_page(), "run: python docs/generate_reference.py"
    assert all(f"| `{name}` |" in written for name in nexttouch.__all__)


@pytest.mark.parametrize("page", ["config.md", "errors.md", "api.md"])
def test_reference_tables_leave_no_meaning_open(page):
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    assert not re.findall(r"^\|.*\|  \|$", text, flags=re.MULTILINE)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_projects_in_yaml_are_valid(page):
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        if "customers" in yaml.safe_load(block):
            assert Config.parse(block).goals.churn.activity


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_shell_lines_name_commands_and_targets_that_exist(page):
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", text, flags=re.DOTALL)
    code = "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", text)])
    commands = re.findall(
        r"^(?:\$ )?(?:\.venv/bin/)?(nexttouch|make) ([a-z-]+)", code, re.MULTILINE
    )
    for program, word in commands:
        assert word in (known if program == "nexttouch" else targets), f"{program} {word}"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_python_is_python_and_names_are_public(page):
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        examples = [e.source for e in doctest.DocTestParser().get_examples(block)]
        code = "".join(examples) if examples else block
        compile(code, page.name, "exec")
        assert set(re.findall(r"\bnt\.(\w+)", code)) <= set(nexttouch.__all__)


@pytest.mark.parametrize(("page", "at"), SELF_CONTAINED)
def test_examples_that_need_nothing_run(page, at):
    exec(compile(_blocks(page, "python")[at], page, "exec"), {})


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.name)
def test_notebooks_use_public_names_only_and_hold_no_output(notebook):
    cells = _code_cells(notebook)
    assert cells
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells)
    code = "\n".join("".join(cell["source"]) for cell in cells)
    assert set(re.findall(r"\bnt\.(\w+)", code)) <= set(nexttouch.__all__)
    public = {*nexttouch.__all__, *_generator().ROOMS}
    for names in re.findall(r"^from nexttouch import (.+)$", code, flags=re.MULTILINE):
        assert set(names.split(", ")) <= public
    for room in re.findall(r"^(?:from|import) nexttouch\.([\w.]+)", code, flags=re.MULTILINE):
        assert room in public


def test_the_shortest_project_of_the_quick_start_is_valid():
    config = Config.parse(_blocks("quickstart.md", "yaml")[0])
    assert config.goals.churn.activity == ("purchase",)
    assert config.strategy.teams["retention_agent"].hours == 80


def test_the_first_lines_of_the_quick_start_run(capsys):
    exec(compile(_blocks("quickstart.md", "python")[0], "quickstart.md", "exec"), {})
    assert capsys.readouterr().out.startswith("164539 USD ('purchase',)")


def test_the_simulated_world_is_described_as_it_is():
    text = (
        (ROOT / "docs" / "simulated-world.md")
        .read_text(encoding="utf-8")
        .replace("\N{MINUS SIGN}", "-")
    )
    rows = re.findall(r"^\| ([a-z_]+) \| (-?[\d.]+) \|", text, flags=re.MULTILINE)
    assert {tier: -float(change) for tier, change in rows} == {t.name: t.effect for t in TIERS}
    for number in (FATIGUE, CHAMPION_LOSS, CHAMPION_LOSS_DAYS, *(s.term_days for s in SEGMENTS)):
        assert str(number) in text


def test_the_glossary_is_in_alphabetical_order_and_names_each_word_once():
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| \*\*(.+?)\*\*", text, flags=re.MULTILINE)
    assert len(words) > 40
    assert words == sorted(set(words))
