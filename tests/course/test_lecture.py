"""Slides and summaries are made by a lesson's structure: nothing is shown too early, too long, or without its label."""

import base64
import json
import re

import jupytext
import nbformat
import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.course.authoring.quiz import quiz_path
from ecgnb.course.lecture import __main__ as command
from ecgnb.course.lecture.deck import MOST_SLIDES, deck
from ecgnb.course.lecture.markup import as_html, table_html
from ecgnb.course.lecture.outline import Figure, Table, read_outline
from ecgnb.course.lecture.pages import write_slides
from ecgnb.course.lecture.slide import MOST_WORDS
from ecgnb.course.lecture.summary import read_glossary, summarise, write_summaries
from ecgnb.course.lecture.walk import fits
from ecgnb.course.lecture.words import n_words, sentences, shortened
from ecgnb.course.lessons import Lesson, code_sha256, lessons, lessons_dir, results_path
from ecgnb.errors import DataError

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x03\xe8\0\0\0\xc8" + bytes(20)).decode()  # 1000 by 200


def prose(text):
    return nbformat.v4.new_markdown_cell(text)


def code(*outputs, source="x = 1", tags=()):
    return nbformat.v4.new_code_cell(source, outputs=list(outputs), metadata={"tags": list(tags)})


def shown(**data):
    data = {kind.replace("_", "/"): content for kind, content in data.items()}
    return nbformat.v4.new_output("display_data", data=data, metadata={"image/png": {"alt": data.pop("alt", "")}})


def figure(alt="A curve."):
    return shown(image_png=PNG, alt=alt)


def said(text):
    return shown(text_markdown=text)


def frame(rows=3, columns=2):
    body = "".join(f"<tr><th>r{n}</th>{'<td>0.123456</td>' * columns}</tr>" for n in range(rows))
    heads = "<th></th>" + "".join(f"<th>c{n}</th>" for n in range(columns))
    return shown(text_html=f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>")


TITLE = prose(
    "# Find the beat\n\n**You will** find it.\n\n**You will learn** to\n- *see* it,\n- *count* it.\n\n"
    "**You need** eyes."
)
QUIZ = """
questions:
  - ask: How many of {n}?
    choices:
      - {wrong: Six, because: One is missing.}
      - {wrong: Eight, because: One too many.}
      - {right: Seven, because: "All of {n}."}
"""
END = prose("## What you learned\n\n- You *saw* it.\n\n**In practice.** Look twice.\n\n**Next.** The next lesson.")


@pytest.fixture
def lesson(tmp_path):
    """A function that writes a lesson of some cells and returns it."""

    def write(*cells, source="real"):
        found = Lesson("01", "01_beat", tmp_path / "01_beat.py")
        notebook = nbformat.v4.new_notebook(cells=list(cells), metadata={"ecgnb": {"source": source}})
        nbformat.write(notebook, found.notebook)
        found.script.write_text("# %% [markdown]\n# # Find the beat\n")
        return found

    return write


@pytest.fixture
def quiz():
    """A function that puts beside a lesson a quiz of one question, and a recorded run."""

    def write(lesson, code="", **more):
        code = code or code_sha256(jupytext.read(lesson.script))
        metrics = {"metrics": {"n": 7, **more}, "parameters": {}, "code_sha256": code}
        for path, text in ((quiz_path(lesson), QUIZ), (results_path(lesson, "default"), json.dumps(metrics))):
            path.parent.mkdir()
            path.write_text(text)

    return write


def slides(lesson):
    return deck(read_outline(lesson))


def test_a_deck_follows_the_lesson(lesson):
    found = slides(
        lesson(
            TITLE,
            prose("## Setup\n\nImports."),
            code(figure()),
            prose("## The data\n\nWhere is the beat? It is in the middle."),
            code(figure("A beat.")),
            code(said("It lies at **0.5** s.")),
            prose("## Quiz"),
            END,
        )
    )
    assert [slide.kind for slide in found] == [
        "title", "text", "list", "opening", "figure", "list", "text", "text",
    ]  # fmt: skip
    picture = found[4]
    assert (picture.heading, picture.caption, picture.figure.alt) == ("The data", "It lies at **0.5** s.", "A beat.")


def test_a_guess_is_asked_before_it_is_answered(lesson):
    fold = "<details><summary>Guess first: which is it?</summary>\n\nThe first.\n</details>"
    choices = "- **mean**: one way;\n- **median**: another.\n\n"
    found = slides(lesson(TITLE, prose(f"## The data\n\nTwo ways.\n\n{choices}{fold}"), code(figure()), END))
    guess = next(slide for slide in found if slide.kind == "guess")
    assert guess.body == "Which is it?" and guess.caption == "mean · median"
    assert not any("The first." in slide.body + slide.caption for slide in found)
    assert "**Answer.** The first." in guess.notes
    assert found[found.index(guess) + 1].heading == "Which is it?", "the figure answers it"


@pytest.mark.parametrize(("below", "heading"), [("", "Guess first"), ("### One wave\n\n", "Guess first · One wave")])
def test_a_guess_says_what_it_is_about(lesson, below, heading):
    fold = "<details><summary>Guess first: which is it?</summary>\n\nThe first.\n</details>"
    found = slides(lesson(TITLE, prose(f"## The data\n\nTwo.\n\n{below}{fold}"), code(figure()), END))
    assert next(slide for slide in found if slide.kind == "guess").heading == heading


@pytest.mark.parametrize(
    "seen",
    [
        "*What do you see?* A rise.",
        "What do you see?\n\n<details><summary>In the recorded run</summary>\n\nA rise.\n</details>",
    ],
)
def test_what_is_seen_is_asked_and_told_in_the_notes(lesson, seen):
    found = next(
        one for one in slides(lesson(TITLE, prose("## The data"), code(figure()), prose(seen), END)) if one.figure
    )
    assert found.caption == "What do you see?"
    assert any("A rise." in note for note in found.notes)


def test_notes_begin_with_what_to_ask_and_leave_out_what_leads_to_code(lesson):
    cells = [prose("## The data\n\nFirst."), prose("Is it early? It may be.\n\nOne row. By hand:"), code(figure("A."))]
    found = next(one for one in slides(lesson(TITLE, *cells, prose("It is."), END)) if one.figure)
    assert found.notes == [
        "**Ask.** Is it early?",
        "Is it early? It may be.",
        "One row.",
        "It is.",
        "**The figure.** A.",
    ]


@pytest.mark.parametrize(("below", "told"), [(figure(), "Here is the list. Read it."), (frame(20), "Read it.")])
def test_an_opening_points_at_nothing_that_is_not_shown(lesson, below, told):
    cells = [prose("## The data\n\nHere is the list. Read it."), code(below)]
    (found,) = [one for one in slides(lesson(TITLE, *cells, END)) if one.kind == "opening"]
    assert found.body == told and found.notes == ["Here is the list. Read it."]


def test_tags_say_what_structure_cannot(lesson):
    cells = [prose("## The data"), *(code(figure(f"Figure {n}."), tags=["slide"]) for n in range(40))]
    found = slides(
        lesson(
            TITLE, *cells, code(figure("Not this."), tags=["skip-slide"]),
            nbformat.v4.new_markdown_cell("Say this.", metadata={"tags": ["notes"]}), END,
        )
    )  # fmt: skip
    alts = [slide.figure.alt for slide in found if slide.figure]
    assert alts == [f"Figure {n}." for n in range(40)], "kept however many they are"
    assert any("Say this." in note for slide in found for note in slide.notes)


def test_a_long_lesson_keeps_what_tells_most(lesson):
    cells = [
        cell
        for n in range(30)
        for cell in (prose(f"## Chapter {n}\n\nWords about {n}."), code(figure(f"{n}.")), code(frame()))
    ]
    found = slides(lesson(TITLE, *cells, END))
    assert len(found) == MOST_SLIDES
    assert sum(slide.figure is not None for slide in found) > 25
    assert any("Words about 3." in slide.caption for slide in found), "what the opening said stands below the figure"


def test_a_quiz_shows_questions_and_keeps_answers(lesson, quiz):
    found = lesson(TITLE, code(said("x")), prose("## Quiz"), END)
    quiz(found)
    (shown,) = [one for one in slides(found) if one.kind == "quiz"]
    assert shown.heading == "Question 1"
    assert shown.body == "How many of 7?\n\n- A. Six\n- B. Eight\n- C. Seven"
    assert shown.notes == [
        "**C. Seven** **Right.** All of 7.", "**A. Six** **No.** One is missing.", "**B. Eight** **No.** One too many.",
    ], "the right one comes first"  # fmt: skip


def test_a_quiz_waits_for_a_run_of_the_code_as_it_is(lesson, quiz):
    found = lesson(TITLE, code(said("x")), END)
    quiz(found, code="of other code")
    assert not [one for one in slides(found) if one.kind == "quiz"]


@pytest.mark.parametrize(
    ("rows", "columns", "is_shown"), [(3, 2, True), (8, 3, True), (9, 2, False), (1, 4, False), (4, 30, False)]
)
def test_a_table_is_shown_where_it_can_be_read(lesson, rows, columns, is_shown):
    found = [one for one in slides(lesson(TITLE, prose("## The data"), code(frame(rows, columns)), END)) if one.table]
    assert len(found) == is_shown
    if found:
        assert found[0].table.rows[1] == ["r0", *["0.1235"] * columns], "no more decimals than anybody reads"


def test_below_a_table_stands_what_led_to_it_and_that_leads_to_no_second_one(lesson):
    lead = prose("Long before. (An aside.) Each has one. Here is that of the others:")
    cells = [prose("## The data\n\nFirst."), lead, code(), code(frame()), code(frame())]
    first, second = [one for one in slides(lesson(TITLE, *cells, END)) if one.table]
    assert (first.caption, second.caption) == ("Each has one. Here is that of the others.", "")


@pytest.mark.parametrize("lead", ["(Nobody knows. It stays.)", "- one\n- two"])
def test_an_aside_or_a_list_leads_to_no_table(lesson, lead):
    cells = [prose("## The data\n\nFirst."), prose(lead), code(frame())]
    (found,) = [one for one in slides(lesson(TITLE, *cells, END)) if one.table]
    assert found.caption == ""


@pytest.mark.parametrize(
    "told",
    [
        "Best minus worst of the four: 0.12 on DS2, 0.30 on svdb.",
        "On the same beats it differs by 0.12, says the run.",
        "The best is the nearest neighbour: its AUROC is 0.996 (0.993 to 0.999).",
        "The probe on one network, minus the probe on the other: +0.082 (-0.012 to +0.164).",
        "For the worst tenth of the patients 56.9%; with the first minute 78.5%.",
        "For new beats, the confidence of *both* is furthest off its accuracy, by 0.639.",
        "Macro F1, mean 0.525, median 0.563.",
    ],
)
def test_a_summary_quotes_no_sentence_that_leans_on_another(lesson, told):
    found = summarise(read_outline(lesson(TITLE, prose("## The data"), code(said(told)), code(figure()), END)), {})
    assert told not in found.numbers


def test_a_summary_quotes_what_makes_sense_by_itself(lesson, quiz):
    told = "The best of the methods has **51%** (40% to 60%) of its maps on the QRS."
    found = lesson(TITLE, prose("## The data"), code(said(told)), code(figure()), END)
    quiz(found, headline="The AUROC is 0.99 (0.98 to 1.00). Highest of all in 3 seeds. Without it 0.12 are lost.")
    assert summarise(read_outline(found), {}).numbers == [
        "The AUROC is 0.99 (0.98 to 1.00). Highest of all in 3 seeds.", "Without it 0.12 are lost.", told,
    ], "what leans on a sentence stays with it"  # fmt: skip


def test_a_table_keeps_its_heads():
    table = Table([["class", "n"], ["", "3"], ["<b>", "4"]])
    page = BeautifulSoup(table_html(table), features="html.parser")
    assert [(head.text, head["scope"]) for head in page("th")] == [("class", "col"), ("n", "col"), ("<b>", "row")]
    assert fits(table)


def test_nothing_runs_and_nothing_is_loaded():
    html = as_html("A <script>alert(1)</script><img src='https://x/y.png' onerror='z()'> [word](pages/g.md) $a<b$")
    page = BeautifulSoup(html, features="html.parser")
    assert not page(["script", "img", "a"]) and "word" in page.text
    assert page.find(class_="math").text == r"\(a<b\)"


@given(st.text(alphabet="ab .?!:;,(*`$1A\n-", max_size=200), st.integers(3, 40))
def test_what_is_shortened_is_short_and_nothing_new(text, most):
    found = shortened(text, most)
    assert n_words(found) <= most or "$" in found
    words = set(re.findall(r"\w+", text))
    assert set(re.findall(r"\w+", found)) <= words


def test_sentences_end_where_they_end():
    text = "Chen et al. 2015 cut it. Is it **early?** It (so they say) is. At 0.5 s, e.g. here, S. Done"
    assert sentences(text) == [
        "Chen et al. 2015 cut it.", "Is it **early?**", "It (so they say) is.", "At 0.5 s, e.g. here, S.", "Done",
    ]  # fmt: skip
    assert shortened("One. (An aside of some words.) Two: three.", 4) == "One. Two: three."
    assert shortened("A first part of it, and a second part that is far too long.", 8) == "A first part of it …"


@pytest.fixture
def scripts(tmp_path):
    found = [tmp_path / name for name in ("reveal.js", "reveal.css", "notes.js", "LICENSE", "tex-svg.js")]
    for path in found:
        path.write_text("")
    return found[:-1], found[-1]


def test_synthetic_data_is_labelled_on_each_slide_and_page(lesson, scripts, tmp_path):
    outline = read_outline(lesson(TITLE, prose("## The data"), code(figure()), END, source="synthetic"))
    write_slides([outline], tmp_path / "slides", *scripts)
    page = BeautifulSoup((tmp_path / "slides" / "01_beat.html").read_text(), features="html.parser")
    sections = page("section")
    assert len(sections) == 7 and all("Synthetic data" in section.text for section in sections)
    assert "synthetic data" in (tmp_path / "slides" / "index.html").read_text()
    write_summaries([summarise(outline, {})], tmp_path / "summaries", "tex-svg.js", "../")
    assert "Synthetic data" in (tmp_path / "summaries" / "01.html").read_text()


def test_slides_need_nothing_but_what_lies_beside_them(lesson, scripts, tmp_path):
    outline = read_outline(lesson(TITLE, prose("## The data\n\nHere.\n\n$$ a = b $$"), code(figure("A beat.")), END))
    write_slides([outline], tmp_path / "slides", *scripts)
    for path in (tmp_path / "slides").glob("*.html"):
        page = BeautifulSoup(path.read_text(), features="html.parser")
        for tag in page(["script", "link", "img"]):
            address = tag.get("src") or tag.get("href") or ""
            assert address.startswith("data:") or not address or (path.parent / address).is_file()
        assert all(image.get("alt") is not None for image in page("img"))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda path: path.unlink(), "has no notebook"),
        (lambda path: path.write_text("{"), "is no notebook"),
        (
            lambda path: path.write_text(json.dumps({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5})),
            "was never executed",
        ),
    ],
)
def test_a_lesson_without_a_run_is_named_in_one_line(lesson, spoil, told):
    found = lesson(TITLE, code(figure()))
    spoil(found.notebook)
    with pytest.raises(DataError, match=rf"^[^\n]*{told}[^\n]*make notebooks$"):
        read_outline(found)


def test_a_picture_that_is_not_there(lesson):
    with pytest.raises(DataError, match=r"shows images/none\.png, but there is no such PNG"):
        read_outline(lesson(prose("# A title\n\n![A beat](images/none.png)"), code(figure())))


def test_without_npm_it_says_so_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main([str(tmp_path / "slides")]) == 1
    assert capsys.readouterr().err == "slides: npm is not installed; on Debian install npm\n"
    assert not (tmp_path / "slides").exists()


def test_the_other_lessons_are_written_where_one_was_never_executed(lesson, scripts, tmp_path, monkeypatch, capsys):
    good = lesson(TITLE, code(figure()), END)
    bad = Lesson("02", "02_none", tmp_path / "02_none.py")
    monkeypatch.setattr(command, "lessons", lambda: [good, bad])
    monkeypatch.setattr(command, "fetch_reveal", lambda cache: scripts[0])
    monkeypatch.setattr(command, "mathjax", lambda: scripts[1])
    assert command.main([str(tmp_path / "slides")]) == 1
    assert capsys.readouterr().err == "slides: lesson 02 has no notebook 02_none.ipynb; run: make notebooks\n"
    assert (tmp_path / "slides" / "01_beat.html").is_file()
    assert command.main([]) == 1 and "one folder" in capsys.readouterr().err


@pytest.mark.parametrize("lesson_", lessons(), ids=lambda lesson: lesson.number)
def test_each_lesson_gives_a_lecture(lesson_):
    found = slides(lesson_)
    kinds = [slide.kind for slide in found]
    assert 20 <= len(found) <= MOST_SLIDES
    assert kinds[:3] == ["title", "text", "list"] and kinds.count("quiz") == 5
    assert kinds.count("figure") >= 5 and kinds.count("guess") >= 2
    assert sum(bool(slide.notes) for slide in found) >= 0.8 * len(found)
    for slide in found:
        assert slide.figure is None or slide.figure.alt
        assert slide.table is None or slide.caption, f"what does the table below {slide.heading} show?"
        if slide.kind not in ("list", "quiz"):
            assert n_words(slide.body) <= MOST_WORDS + 1 and n_words(slide.caption) <= MOST_WORDS, slide.heading


@pytest.mark.parametrize("lesson_", lessons(), ids=lambda lesson: lesson.number)
def test_each_lesson_has_a_summary(lesson_):
    outline = read_outline(lesson_)
    found = summarise(outline, read_glossary(lessons_dir() / "pages" / "glossary.md"))
    told = "".join(item.text for section in outline.sections for item in section.items if hasattr(item, "text"))
    run = json.loads((lessons_dir() / "results" / f"{lesson_.number}_default.json").read_text())
    assert 3 <= len(found.numbers) <= 5
    assert all(number in run["metrics"]["headline"] or number in " ".join(told.split()) for number in found.numbers)
    assert found.will and found.learned and found.practice and found.following and len(found.terms) == 5
    assert bool(found.formula) != bool(found.code) and len(found.code.splitlines()) <= 6
    assert isinstance(found.figure, Figure) and found.figure.source != found.hero.source
