"""The page of a run: figures, tables and folds show, nothing runs, nothing comes from the network."""

import base64
import re

import nbformat
import pytest
from bs4 import BeautifulSoup
from conftest import fuzz
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.course.display import source_page
from ecgnb.course.page import harmless, write_page

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def test_what_a_lesson_shows_stays(tmp_path):
    table = '<style scoped>td {color: red}</style><table border="1"><tr><th>class</th></tr><tr><td>N</td></tr></table>'
    outputs = [
        nbformat.v4.new_output("display_data", {"text/html": table}),
        nbformat.v4.new_output("display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": "A figure."}}),
        nbformat.v4.new_output("display_data", {"text/html": source_page("def f():\n    return 1")}),
        nbformat.v4.new_output("stream", name="stdout", text="<script>alert(1)</script>"),
        nbformat.v4.new_output("display_data", {"text/markdown": "a recipe of <script>alert(2)</script>**fs**"}),
    ]
    fold = "<details>\n<summary>A solution</summary>\n\n```python\nx = 1\n```\n\n</details>"
    text = f"# Title\n\n![hero](images/hero.png) [paper](https://doi.org/10.1) [below](#title)\n\n{fold}\n\n$x^2$"
    cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("f()", outputs=outputs)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "executed.ipynb")
    write_page(tmp_path / "executed.ipynb")
    page = BeautifulSoup((tmp_path / "executed.html").read_text(), features="html.parser")
    assert page.select_one("th").text == "class" and page.select_one("style[scoped]")
    assert [image["src"] for image in page("img")] == ["images/hero.png", f"data:image/png;base64,{PIXEL}"]
    assert {link["href"] for link in page("a")} >= {"https://doi.org/10.1", "#title"}
    assert page.details.summary.text == "A solution" and "x" in page.details.pre.text
    assert "background: #fff" in page.select_one("div.highlight[style]")["style"]
    assert "<script>alert(1)</script>" in page.text, "printed text is shown as it is"
    assert not page("script") and page.select_one(".jp-RenderedMarkdown strong").text == "fs"
    assert page.find("meta", charset="utf-8") and "default-src 'none'" in page.head.meta["content"]
    assert "$x^2$" in page.text and page.main.p.text.startswith("Formulas stand here in TeX")


@pytest.mark.parametrize(
    "piece",
    [
        "<script src='http://127.0.0.1:9/x.js'></script>",
        "<script>alert(1)",
        "<img src=http://127.0.0.1:9/x.png onerror=alert(1)>",
        "<img src=//127.0.0.1:9/x.png>",
        "<img src='\\\\127.0.0.1\\x.png'>",
        "<img srcset='http://127.0.0.1:9/x.png 2x'>",
        "<a href='java\tscript:alert(1)'>x</a>",
        "<a href=' JavaScript&colon;alert(1)'>x</a>",
        "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
        "<a href='#' ping='http://127.0.0.1:9'>x</a>",
        "<svg onload=alert(1)><image xlink:href='http://127.0.0.1:9/x.png'/><script>alert(1)</script></svg>",
        "<svg><a><animate attributeName=href values=javascript:alert(1) /></a></svg>",
        "<iframe src='http://127.0.0.1:9'></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<object data='http://127.0.0.1:9'></object><embed src='http://127.0.0.1:9'>",
        "<link rel=stylesheet href='http://127.0.0.1:9/x.css'>",
        "<meta http-equiv=refresh content='0;url=http://127.0.0.1:9'>",
        "<base href='http://127.0.0.1:9/'>",
        "<form action='http://127.0.0.1:9'><button formaction='javascript:alert(1)'>x</button></form>",
        "<body background='http://127.0.0.1:9/x.png' onload=alert(1)>",
        "<video poster='http://127.0.0.1:9/x.png'><source src='http://127.0.0.1:9/x'></video>",
        "<div OnClick=alert(1) style='color: red'>x</div>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<template><script>alert(1)</script></template>",
    ],
)
def test_what_acts_goes(piece):
    page = harmless(f"<html><head></head><body><p>before</p>{piece}<p>after</p></body></html>")
    assert_nothing_acts(page)
    assert "before" in page


def assert_nothing_acts(text):
    page = BeautifulSoup(text, features="html.parser")
    assert not page(["script", "iframe", "object", "embed", "link", "base", "form", "template"])
    assert len(page("meta", attrs={"http-equiv": True})) <= 1
    for tag in page(True):
        for name, value in tag.attrs.items():
            assert not name.lower().startswith("on") and name not in ("srcdoc", "srcset", "ping", "formaction")
            if name in ("src", "href", "xlink:href", "action", "data", "background", "poster"):
                assert not re.match(r"\W*(javascript|data:text|https?:|[/\\]{2})", value) or (
                    tag.name == "a" and value.startswith("http")
                )


PIECES = st.sampled_from(
    ["<", ">", "</", "script", "img", " src=", "'", '"', "javascript:", "http://x", " onload=", "=", "svg", "<!--",
     "-->", "<![CDATA[", "]]>", "&#x3c;", "\0", "/", "style", "a", " href=", "x"]
)  # fmt: skip


@fuzz(200)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_whatever_is_shown_nothing_acts(text):
    assert_nothing_acts(harmless(f"<html><head></head><body>{text}</body></html>"))
