"""The book's pages of the package: one a room, in the order in which imports run, each module on its room's page."""

import importlib
import re

import pytest
from conftest import ROOT

PAGES = ROOT / "notebooks" / "pages"
ROOMS = re.findall(r"^- \[ecgnb\.(\w+)\]", (PAGES / "api.md").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_index_leads_to_each_room():
    text = (PAGES / "api.md").read_text(encoding="utf-8")
    assert re.findall(r"\]\(api/(\w+)\)", text) == re.findall(r"^api/(\w+)$", text, re.MULTILINE) == ROOMS
    assert sorted(ROOMS) == sorted(path.stem for path in (PAGES / "api").iterdir())


@pytest.mark.parametrize("room", ROOMS)
def test_a_page_has_the_modules_of_its_room(room):
    text = (PAGES / "api" / f"{room}.md").read_text(encoding="utf-8")
    modules = re.findall(r"automodule:: (\S+)", text)
    assert text.startswith(f"# ecgnb.{room}\n") and modules and len(modules) == len(set(modules))
    assert [f"ecgnb.{name}" for name in re.findall(r"^## (\S+)$", text, re.MULTILINE)] == modules
    assert all(name.startswith(f"ecgnb.{room}.") and importlib.util.find_spec(name) for name in modules)


@pytest.mark.parametrize("room", ROOMS)
def test_what_a_room_offers_is_on_its_page(room):
    text = (PAGES / "api" / f"{room}.md").read_text(encoding="utf-8")
    offered = importlib.import_module(f"ecgnb.{room}")
    for name in offered.__all__:
        module = getattr(getattr(offered, name), "__module__", "")
        if module.startswith(f"ecgnb.{room}."):
            assert f"automodule:: {module}\n" in text, f"{name} of {module}"
