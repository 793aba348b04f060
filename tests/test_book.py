"""The book: builds from the committed notebooks without a warning, and works in a browser that is offline."""

import functools
import http.server
import re
import subprocess
import sys
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import open_page
from conftest import ROOT
from playwright.sync_api import expect

from ecgnb.course.lessons import lessons, parameters

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-b", "html", str(ROOT / "notebooks"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(book):
    """The site on a server of this machine."""
    server = http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=book))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


def pages(book):
    found = (path.relative_to(book) for path in book.rglob("*.html"))
    return sorted(path.as_posix() for path in found if not path.parts[0].startswith("_"))


def test_every_page_is_whole(book, site):
    """It opens with no complaint, its pictures have size and a text, its formulas are set, and it fits a phone."""
    listed = pages(book)
    assert {f"{lesson.name}.html" for lesson in lessons()} | {"index.html", "pages/glossary.html"} <= set(listed)
    with open_page(site, width=390, height=800) as page:
        page.emulate_media(color_scheme="light")
        for name in listed:
            page.goto(f"{site}/{name}")
            images = page.evaluate(
                "[...document.querySelectorAll('article img')].map(i => (i.loading = 'eager', [i.alt, i.src]))"
            )
            assert all(alt for alt, _ in images), name
            page.wait_for_function("[...document.querySelectorAll('article img')].every(i => i.naturalWidth > 0)")
            assert page.evaluate("document.documentElement.scrollWidth") <= 395, name
            expect(page.locator("mjx-container")).to_have_count(page.locator("article .math").count())
            if re.match(r"0\d_", name):
                assert len(images) >= 6, name


# What looks like others before it on its page, but for its words: blocks of code after the fourth, entries of the API
# after the twelfth. axe takes a minute more for them, to find the same few colours.
ALIKE = """() => {
    const mark = (found, n) => [...found].slice(n).forEach(node => node.setAttribute('data-alike', ''));
    mark(document.querySelectorAll('div.highlight'), 4);
    mark(document.querySelectorAll('article dl.py'), 12);
}"""


def test_it_is_readable_for_all(book, site):
    """The rules of WCAG 2 A and AA that axe-core can check: contrast, alternative texts, names of links, landmarks."""
    # Without preload: false axe asks for the style sheets' own imports, at an address where they are not.
    rules = {
        "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]},
        "preload": False,
        "resultTypes": ["violations"],
    }
    with open_page(site) as page:
        for name in pages(book):
            page.goto(f"{site}/{name}")
            page.evaluate(ALIKE)
            context = {"exclude": [["[data-alike]"]]}
            found = Axe().run(page, context=context, options=rules).response["violations"]
            told = [f"{one['id']}: {one['nodes'][0]['html'][:150]} (and {len(one['nodes']) - 1} more)" for one in found]
            assert not told, (name, told)


@pytest.mark.parametrize("name", ["pages/sweeps.html", "pages/generated/results.html"])
def test_an_interactive_figure_is_drawn_and_changes(site, name):
    with open_page(site) as page:
        page.goto(f"{site}/{name}")
        figure = page.locator(".js-plotly-plot")
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg").first).to_be_visible()
        assert figure.bounding_box()["height"] > 300
        before = figure.locator(".cartesianlayer").inner_html()
        figure.locator(".updatemenu-header").click()
        figure.locator(".updatemenu-dropdown-button").nth(1).click()
        page.wait_for_function("before => document.querySelector('.cartesianlayer').innerHTML != before", arg=before)


def test_a_solution_opens(site):
    with open_page(site) as page:
        page.goto(f"{site}/{lessons()[0].name}.html")
        solution = page.locator("details", has_text="A solution").first
        code = solution.locator("div.highlight").first
        expect(code).not_to_be_visible()
        solution.locator("summary").first.click()
        expect(code).to_be_visible()


def test_search_finds_a_term(site):
    with open_page(site) as page:
        page.goto(f"{site}/search.html?q=inter-patient")
        expect(page.locator("#search-results li a").first).to_be_visible()
        assert page.locator("#search-results li a", has_text="Glossary").count() >= 1


def test_lessons_lead_to_the_glossary_and_offer_themselves(book):
    glossary = (book / "pages" / "glossary.html").read_text(encoding="utf-8")
    for lesson in lessons():
        text = (book / f"{lesson.name}.html").read_text(encoding="utf-8")
        targets = re.findall(r'href="pages/glossary\.html#(term-[\w-]+)"', text)
        assert len(targets) >= 3 and len(targets) == len(set(targets)), "each term once"
        assert all(f'id="{target}"' in glossary for target in targets)
        assert f"_sources/{lesson.name}.ipynb" in text and (book / "_sources" / f"{lesson.name}.ipynb").is_file()


def test_results_and_parameters_come_from_the_lessons(book):
    results, options = (
        (book / "pages" / "generated" / f"{name}.html").read_text(encoding="utf-8")
        for name in ("results", "parameters")
    )
    for lesson in lessons():
        assert f"Lesson {lesson.number}: " in results and f"Lesson {lesson.number}: " in options
        assert all(f">{name}<" in options for name in parameters(lesson))
