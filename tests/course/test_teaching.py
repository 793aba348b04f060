"""The map of the course and the page for instructors: what they say is what lessons and recorded runs say."""

import re

import pytest
from conftest import ROOT

from ecgnb.course.authoring.teaching import (
    PLACES,
    all_needs,
    course_in_words,
    course_picture,
    filled,
    needs,
    times_table,
)
from ecgnb.course.lessons import Lesson, find, lessons
from ecgnb.errors import UsageError

PAGES = ROOT / "notebooks" / "pages"


def lesson_of(tmp_path, text):
    script = tmp_path / "99_x.py"
    script.write_text(f"# %% [markdown]\n{text}", encoding="utf-8")
    return Lesson("99", "99_x", script)


def test_what_a_lesson_needs_is_read_from_its_text(tmp_path):
    assert needs(find("01")) == [] and needs(find("02")) == ["01"]
    assert needs(find("05")) == ["02"], "95 % is no lesson"
    text = "# **You need** lessons 01 (this) and\n# 02 (that).\n#\n# Then 03."
    assert needs(lesson_of(tmp_path, text)) == ["01", "02"]
    with pytest.raises(UsageError, match="lesson 99 does not say what it needs"):
        needs(lesson_of(tmp_path, "# Nothing."))


def test_each_lesson_comes_after_those_that_it_needs():
    for lesson in lessons():
        assert all(number < lesson.number for number in needs(lesson))
    assert all(set(wanted) <= set(needs(find(number))) for number, wanted in all_needs().items())


def test_the_picture_shows_each_lesson_and_each_need():
    assert set(PLACES) == {lesson.number for lesson in lessons()}
    assert len({place[:2] for place in PLACES.values()}) == len(PLACES), "no box on another"
    picture = course_picture()
    arrows = set(re.findall(r'data-from="(\d\d)" data-to="(\d\d)"', picture))
    assert arrows == {(start, end) for end, wanted in all_needs().items() for start in wanted}
    for start, end in arrows:
        (column, row), (to_column, to_row) = PLACES[start][:2], PLACES[end][:2]
        assert row < to_row, "arrows lead down"
        between = {(column, between) for between in range(row + 1, to_row)} if column == to_column else set()
        assert not between & {place[:2] for place in PLACES.values()}, "no arrow runs through a box"
    assert all(f'href="../{lesson.name}.html"' in picture for lesson in lessons())
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", ""), "nothing from outside"


def test_the_picture_is_said_in_words_too():
    words = course_in_words().splitlines()
    assert len(words) == len(lessons()) and words[0].endswith("needs no other lesson.")
    assert words[1].endswith("builds on 01.")


def test_times_are_those_of_lessons_and_runs():
    rows = times_table().splitlines()[2:]
    assert len(rows) == len(lessons()) and all(len(row.split(" | ")) == 8 for row in rows)
    assert "not run" not in times_table()


def test_numbers_come_from_the_recorded_runs():
    assert re.fullmatch(r"0\.\d\d and 0\.\d\d", filled("{{02.macro_f1:.2f}} and {{02.patient_wise_macro_f1:.2f}}"))
    assert filled("{{01.wide_network.auroc_difference.0:+.4f}}")[0] in "+\N{MINUS SIGN}"
    assert re.fullmatch(r"\d\.\d hours", filled("{{hours 01 02}}"))
    for wrong in ("{{01.nothing}}", "{{01.auroc.nothing}}", "{{02.strategies.99}}"):
        with pytest.raises(UsageError, match="the recorded default run of lesson"):
            filled(wrong)
    with pytest.raises(UsageError, match="unknown lesson"):
        filled("{{hours 01 77}}")


@pytest.mark.parametrize("name", ["instructors.md", "map.md"])
def test_nothing_is_left_to_fill(name):
    text = filled((PAGES / name).read_text(encoding="utf-8"))
    assert "{{" not in text and "nan" not in text.lower().split()


def test_each_lesson_has_mistakes_and_questions():
    text = (PAGES / "instructors.md").read_text(encoding="utf-8")
    mistakes = text.partition("## Common mistakes")[2].partition("\n## ")[0]
    questions = text.partition("## Exam questions")[2].partition("\n## ")[0]
    for lesson in lessons():
        assert re.search(rf"^{lesson.number}\n: ", mistakes, re.MULTILINE)
        part = questions.partition(f"### Lesson {lesson.number}\n")[2].partition("\n### ")[0]
        assert 2 <= part.count(":::{dropdown}") <= 3 and part.count(":::\n") >= 2
