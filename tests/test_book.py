"""The book: builds from the committed notebooks without a warning, and works in a browser that is offline."""

import functools
import http.server
import re
import subprocess
import sys
import threading

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import IN_CHROMIUM, open_page
from conftest import ROOT
from playwright.sync_api import expect

from ecgnb.course.lessons import lessons, parameters

pytestmark = IN_CHROMIUM


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
    """The site on a server of this machine, below a sub-path as on GitHub Pages."""
    root = book.parent / "root"
    (root / "x").mkdir(parents=True)
    (root / "x" / "y").symlink_to(book, target_is_directory=True)
    server = http.server.ThreadingHTTPServer(("localhost", 0), functools.partial(Quiet, directory=root))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/x/y"
    server.shutdown()
    server.server_close()


@pytest.fixture(params=["served", "opened from a folder"])
def address(request, book, site):
    return site if request.param == "served" else book.as_uri()


def pages(book):
    found = (path.relative_to(book) for path in book.rglob("*.html"))
    return sorted(path.as_posix() for path in found if not path.parts[0].startswith("_"))


# What is wrong with the page as it stands: boxes that scroll and that no key reaches; a heading that skips a level;
# what a cell printed at length, unfolded.
UNREACHED = """() => [...document.querySelectorAll('article *')].filter(box => {
    const scrolls = ['auto', 'scroll'].includes(getComputedStyle(box).overflowX);
    return scrolls && box.scrollWidth > box.clientWidth && box.clientWidth && box.tabIndex < 0
        && !box.querySelector('a, button, input, [tabindex]');
}).map(box => box.outerHTML.slice(0, 150))"""
SKIPPED = """() => {
    const levels = [...document.querySelectorAll('article :is(h1, h2, h3, h4, h5, h6)')].map(h => +h.tagName[1]);
    return levels.filter((level, i) => level > (i ? levels[i - 1] : 0) + 1);
}"""
UNFOLDED = """() => [...document.querySelectorAll('.cell_output .output pre')].filter(
    one => one.checkVisibility() && !one.closest('.text_html') && one.textContent.trim().split('\\n').length > 30
).map(one => one.textContent.slice(0, 80))"""
WIDE_CODE = """() => {
    document.querySelectorAll('details').forEach(one => one.open = true);
    const wide = [...document.querySelectorAll('article pre')].filter(one => one.scrollWidth > one.clientWidth);
    return wide.map(one => one.textContent.slice(0, 80));
}"""


def test_every_page_is_whole(book, site):
    """It opens with no complaint; pictures have size and a text, formulas are set, headings are in order."""
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
            expect(page.locator("mjx-container")).to_have_count(page.locator("article .math").count())
            assert page.evaluate(SKIPPED) == [], name
            if re.match(r"0\d_", name):
                assert len(images) >= 6, name
                assert page.evaluate(UNFOLDED) == [], name


def test_every_page_fits(book, site):
    """On a phone no page scrolls sideways, and a key reaches what does; at 1400 px no code does."""
    with open_page(site, width=390, height=800) as page:
        for name in pages(book):
            page.set_viewport_size({"width": 390, "height": 800})
            page.goto(f"{site}/{name}")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
            page.wait_for_timeout(50)  # for the folds' own event
            assert page.evaluate(UNREACHED) == [], name
            page.set_viewport_size({"width": 1400, "height": 800})
            assert page.evaluate(WIDE_CODE) == [], name
            assert page.evaluate("document.documentElement.scrollWidth") <= 1400, name


# What looks like others before it on its page, but for its words: blocks of code after the fourth, entries of the API
# after the twelfth. axe takes a minute more for them, to find the same few colours.
ALIKE = """() => {
    const mark = (found, n) => [...found].slice(n).forEach(node => node.setAttribute('data-alike', ''));
    mark(document.querySelectorAll('div.highlight'), 4);
    mark(document.querySelectorAll('article dl.py'), 12);
}"""


# By night the same elements are looked at once more, but for a page's many paragraphs, which have the same colours.
ALIKE_BY_NIGHT = (
    "document.querySelectorAll('article :is(p, li, tr)').forEach((one, i) => i > 40 && (one.dataset.alike = ''))"
)
DARK = "document.documentElement.dataset.theme = document.documentElement.dataset.mode = 'dark'"


def complaints(page, name, rules):
    # Without preload: false axe asks for the style sheets' own imports, at an address where they are not.
    options = {"runOnly": rules, "preload": False, "resultTypes": ["violations"]}
    found = Axe().run(page, context={"exclude": [["[data-alike]"]]}, options=options).response["violations"]
    return [f"{name}: {one['id']}: {one['nodes'][0]['html'][:150]} ({len(one['nodes'])})" for one in found]


def test_it_is_readable_for_all(book, site):
    """The rules of WCAG 2 A and AA that axe-core can check, by day; by night those of contrast once more."""
    with open_page(site) as page:
        for name in pages(book):
            page.goto(f"{site}/{name}")
            page.evaluate(ALIKE)
            assert complaints(page, name, {"type": "tag", "values": ["wcag2a", "wcag2aa"]}) == []
            if "data-theme" in page.evaluate("document.documentElement.outerHTML.slice(0, 200)"):
                page.add_style_tag(content="* { transition: none !important }")
                page.evaluate(ALIKE_BY_NIGHT)
                page.evaluate(DARK)
                assert complaints(page, f"{name}, dark", {"type": "rule", "values": ["color-contrast"]}) == []


@pytest.mark.parametrize("name", ["pages/sweeps.html", "pages/generated/results.html"])
def test_an_interactive_figure_is_drawn_and_changes(address, name):
    with open_page(address, width=1400) as page:
        page.goto(f"{address}/{name}")
        figure = page.locator(".js-plotly-plot")
        figure.scroll_into_view_if_needed()
        expect(figure.locator(".main-svg").first).to_be_visible()
        drawn = ".heatmaplayer image" if "sweeps" in name else ".scatterlayer .point"
        expect(figure.locator(drawn).first).to_be_visible()
        box, room = figure.bounding_box(), page.locator("article").bounding_box()
        assert box["height"] > 300 and box["x"] + box["width"] <= room["x"] + room["width"]
        before = figure.locator(".cartesianlayer").inner_html()
        figure.locator(".updatemenu-header").click()
        figure.locator(".updatemenu-dropdown-button").nth(1).click()
        page.wait_for_function("before => document.querySelector('.cartesianlayer').innerHTML != before", arg=before)
        page.evaluate(DARK)
        page.wait_for_function("document.querySelector('.js-plotly-plot').layout.paper_bgcolor != '#fff'")


def test_the_front_page_leads_to_every_lesson(book, address):
    """A card each, with picture, number, title and time; lessons are numbered in the sidebar and in their titles."""
    with open_page(address, width=1400) as page:
        page.goto(f"{address}/index.html")
        cards = page.locator(".lesson")
        expect(cards).to_have_count(len(lessons()))
        listed = page.locator(".bd-sidebar-primary li a").all_inner_texts()
        for lesson, card in zip(lessons(), cards.all(), strict=True):
            title = lesson.title.partition('"')[0]  # the page has curly quotation marks
            assert f"{lesson.number} · {title}" in card.inner_text() and "minutes to read" in card.inner_text()
            assert card.locator("img").count() == 1
            assert any(text.startswith(f"{int(lesson.number)}. ") for text in listed)
        for way in page.locator(".ways a").all():
            assert (book / way.get_attribute("href")).is_file()
        cards.last.click()
        last = lessons()[-1]
        expect(page.locator("article h1")).to_contain_text(f"{int(last.number)}. ")
        expect(page.locator(".left-prev, .prev-next-info").first).to_contain_text(f"{int(last.number) - 1}. ")
        expect(page.locator("mjx-container")).to_have_count(page.locator("article .math").count())


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
