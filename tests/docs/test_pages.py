"""The pages keep their promises: links lead somewhere, examples run, words are in order."""

import re
from pathlib import Path

import pytest

from nexttouch.config import Config
from nexttouch.datasets.simulator.world import (
    CHAMPION_LOSS,
    CHAMPION_LOSS_DAYS,
    FATIGUE,
    SEGMENTS,
    TIERS,
)

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))


def _blocks(page, language):
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


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
    for page in ("quickstart.md", "concepts.md", "glossary.md", "simulated-world.md"):
        assert f"]({page}" in index


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
