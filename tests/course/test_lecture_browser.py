"""Slides and summaries of the real lessons in a browser: nothing overflows, all can read them, they print."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import IN_CHROMIUM, open_page
from conftest import ROOT

from ecgnb.course.lecture.outline import read_outline
from ecgnb.course.lecture.pages import write_slides
from ecgnb.course.lecture.reveal import fetch_reveal, mathjax
from ecgnb.course.lecture.summary import read_glossary, summarise, write_summaries
from ecgnb.course.lessons import lessons
from ecgnb.errors import DataError

pytestmark = IN_CHROMIUM

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa"]}, "preload": False, "resultTypes": ["violations"]}

# Goes through a deck, slide by slide, and says what is wrong with each.
LOOK = """() => [...Array(Reveal.getTotalSlides()).keys()].flatMap(n => {
    Reveal.slide(n);
    const sheet = Reveal.getCurrentSlide().querySelector('.sheet'), found = [];
    if (sheet.offsetWidth != 1280 || sheet.offsetHeight != 720) found.push('no slide');
    if (sheet.scrollHeight > 720 || sheet.scrollWidth > 1280) found.push('overflows');
    for (const part of sheet.children) {
        if (part.offsetTop < 0 || part.offsetTop + part.offsetHeight > 720) found.push(part.className + ' hangs out');
    }
    const picture = sheet.querySelector('.picture');
    if (picture && picture.clientHeight < 300) found.push('a picture of ' + picture.clientHeight);
    const table = sheet.querySelector('.picture table');
    if (table && (table.offsetHeight > picture.clientHeight || table.offsetWidth > picture.clientWidth))
        found.push('a table of ' + table.offsetWidth + ' by ' + table.offsetHeight);
    for (const image of sheet.querySelectorAll('img')) if (!image.naturalWidth || !image.alt) found.push('no picture');
    const texts = document.createTreeWalker(sheet, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode, parent = text.parentElement;
        if (!text.textContent.trim() || parent.closest('mjx-container')) continue;
        if (parseFloat(getComputedStyle(parent).fontSize) < 24) found.push('small: ' + text.textContent);
    }
    return found.map(one => n + ': ' + one);
})"""


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """The folder of all decks, at the end of a long way."""
    try:
        reveal = fetch_reveal(ROOT / "build")
    except DataError as fault:
        pytest.skip(str(fault))
    folder = tmp_path_factory.mktemp("slides") / "a b" / "ö"
    write_slides([read_outline(lesson) for lesson in lessons()], folder, reveal, mathjax())
    return folder


@pytest.fixture(scope="module")
def summaries(tmp_path_factory):
    folder = tmp_path_factory.mktemp("summaries")
    glossary = read_glossary(ROOT / "notebooks" / "pages" / "glossary.md")
    found = [summarise(read_outline(lesson), glossary) for lesson in lessons()]
    write_summaries(found, folder, mathjax().as_uri(), "../")
    return folder


def open_deck(page, folder, lesson, query=""):
    page.goto((folder / f"{lesson.name}.html").as_uri() + query)
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.wait_for_function(
        "document.querySelectorAll('.math').length == document.querySelectorAll('mjx-container').length"
    )


def n_pages(pdf):
    return len(re.findall(rb"/Type\s*/Page[^s]", pdf))


def violations(page):
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:150]}" for one in found]


def test_no_slide_overflows_and_all_can_be_read(slides):
    with open_page("file:", width=1280, height=720) as page:
        for lesson in lessons():
            open_deck(page, slides, lesson)
            assert page.evaluate(LOOK) == [], lesson.number


def test_keys_notes_and_paper(slides):
    with open_page("file:", width=1280, height=720) as page:
        lesson = lessons()[0]
        open_deck(page, slides, lesson)
        total = page.evaluate("Reveal.getTotalSlides()")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Space")
        assert page.evaluate("Reveal.getState().indexh") == 2
        page.keyboard.press("End")
        assert page.evaluate("Reveal.isLastSlide()")
        page.keyboard.press("Home")
        with page.expect_popup() as opened:
            page.keyboard.press("s")
        opened.value.get_by_text("About this lesson").wait_for()
        opened.value.close()
        open_deck(page, slides, lesson, "?print-pdf")
        page.locator(".pdf-page").nth(total - 1).wait_for(state="attached")
        assert n_pages(page.pdf(prefer_css_page_size=True, print_background=True)) == total


def test_slides_are_readable_for_all(slides):
    """One slide of each kind in two decks, and the list of decks."""
    with open_page("file:", width=1280, height=720) as page:
        for lesson in (lessons()[0], lessons()[-1]):
            open_deck(page, slides, lesson)
            kinds = page.evaluate("Reveal.getSlides().map(slide => slide.className.split(' ')[0])")
            for kind in sorted(set(kinds)):
                page.evaluate("n => Reveal.slide(n)", kinds.index(kind))
                assert violations(page) == [], (lesson.number, kind)
        page.goto((slides / "index.html").as_uri())
        assert violations(page) == []
        assert page.locator("li img").count() == len(lessons())


def test_each_summary_is_one_page_of_paper(summaries):
    with open_page("file:", width=1000, height=1300) as page:
        for name, wanted in [*((lesson.number, 1) for lesson in lessons()), ("index", len(lessons()))]:
            page.goto((summaries / f"{name}.html").as_uri())
            formulas = page.locator("article .math").count()
            page.wait_for_function(f"document.querySelectorAll('mjx-container').length == {formulas}")
            cut = "[...document.querySelectorAll('article')].filter(one => one.scrollHeight > one.clientHeight).length"
            assert page.evaluate(cut) == 0, f"{name}: the page is full"
            small = "[...document.querySelectorAll('article img')].filter(i => i.clientHeight < 90).map(i => i.alt)"
            assert page.evaluate(small) == [], name
            assert n_pages(page.pdf(prefer_css_page_size=True, print_background=True)) == wanted
            assert violations(page) == [], name
