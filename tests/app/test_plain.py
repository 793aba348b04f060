"""Text of others stays text: Markdown of any kind comes out of a parser as the characters that it is made of."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from ecgnb.app.plain import LONGEST, WORD_JOINER, one_line, plain, plain_in_figure

HOSTILE = [
    "![](http://127.0.0.1:9/x.png)", "[click](http://evil.example)", "[x]: http://evil.example", "<http://evil.example>",
    "http://evil.example", "WWW.evil.example", "me@evil.example", "<img src=x>", "<script>1</script>", "&lt;b&gt;",
    ":material/home:", ":streamlit:", ":smile:", ":red[x]", "$x^2$", "# head", "- item", "+ item", "1. item", "2) item",
    "> quote", "    code", "\tcode", "`code`", "~~~", "a\n\n# b", "a\n===", "| a |\n|---|", "~~x~~", "**b** __c__",
    "---", "a\\", "a  \nb", "\\![](x)", "^[note]", "[^1]: x",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_stays_text(text):
    for around in ("{}", "x {} y", "**{}**", "#### Beat 0: {}"):
        shown = MarkdownIt("gfm-like", {"linkify": False}).render(around.format(plain(text)))
        tags = set(re.findall(r"<(\w+)", shown))
        assert tags <= {"p", "strong" if "**" in around else "p", "h4" if "#" in around else "p"}, shown
        letters = html.unescape(re.sub(r"<[^>]*>", "", shown)).strip()
        assert letters.replace(WORD_JOINER, "") == around.strip("*# ").format(one_line(text))
        # Streamlit's page makes links, icons and pictures of what is left as text
        untrusted = letters.removeprefix("Beat 0: ")
        assert not re.search(r"https?://|www\.|[-.\w+]@[-\w]|:[\w+-]+:|:material|:streamlit", untrusted, re.IGNORECASE)


@pytest.mark.parametrize("text", ["<a href='http://evil.example'>x</a>", "<b>1</b>", "&lt;b&gt;", "x<br>y"])
def test_a_figure_shows_text(text):
    shown = plain_in_figure(text)
    assert "<" not in shown and html.unescape(shown) == text


def test_one_line_that_ends_and_turns_nothing_around():
    assert one_line("a\r\nX: b\t\x85c") == "a X: b c"
    assert one_line("\u202egnp.exe\x1b[2J\x00\ud800") == "�gnp.exe�[2J��"
    assert len(one_line("x" * 10**6)) == LONGEST and one_line("x" * 10**6).endswith("x…")
    assert plain(ValueError("bad")) == "bad" and plain(7) == "7"
