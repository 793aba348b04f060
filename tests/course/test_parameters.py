"""Parameters of a reader's own lessons, and values from files and command lines: right, or one line that names it."""

import contextlib
import io
import itertools
import re
import time
import tokenize

import pytest
from conftest import ecgnb, fuzz
from hypothesis import given
from hypothesis import strategies as st

from ecgnb.course.lessons import check_parameters, find, lessons, parameters, profile_parameters
from ecgnb.course.parameters import Parameter, declared
from ecgnb.course.plain import MOST_CHARACTERS, brief, read_yaml
from ecgnb.course.sweeps.plan import read_sweep
from ecgnb.errors import EcgnbError, UsageError

CELL = """# %% [markdown]
# # A lesson of my own

# %% tags=["parameters"]
"""


def in_short(value):
    return brief(value)[:40]


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A function that writes the parameters cell of a lesson 91, in place of the course's lessons."""
    monkeypatch.setenv("ECGNB_LESSONS_DIR", str(tmp_path))

    def write(code):
        (tmp_path / "91_own.py").write_bytes(code if isinstance(code, bytes) else (CELL + code).encode())
        return find("91")

    return write


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('name: str = "a # b"  # of it', Parameter("name", "str", "a # b", "of it")),
        ('name: str = "a=b"  # of it', Parameter("name", "str", "a=b", "of it")),
        ("name: str = 'it''s'", Parameter("name", "str", "its", "")),
        ("alpha = 0.5  # weight [0, 1]", Parameter("alpha", "float", 0.5, "weight [0, 1]")),
        ("alpha=-1", Parameter("alpha", "int", -1, "")),
        ("on = True", Parameter("on", "bool", True, "")),
        ("names = []  # none", Parameter("names", "list", [], "none")),
        ("name: str | None = None  # or a name", Parameter("name", "str | None", None, "or a name")),
        ('rate: "float" = 1  # a number', Parameter("rate", "'float'", 1, "a number")),
        ("pairs: list[list[int]] = [[1, 2]]", Parameter("pairs", "list[list[int]]", [[1, 2]], "")),
        ("name: str = (\n    'long'  # help\n)", Parameter("name", "str", "long", "help")),
        (
            "many: list[str] = [\n    'a',  # one\n    'b',\n]  # both",
            Parameter("many", "list[str]", ["a", "b"], "both"),
        ),
        ("n: int = 1  # one  # noqa: E1", Parameter("n", "int", 1, "one")),
        ("import os\nx: int\nn: int = 1\nos.sep\n# %matplotlib inline", Parameter("n", "int", 1, "")),
    ],
    ids=in_short,
)
def test_a_parameter_is_read_as_python_reads_it(own, line, expected):
    assert list(parameters(own(line)).values()) == [expected]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("n: int = 2 * 3", "lesson 91: parameter n is '2 * 3'; expected a value written out"),
        ("n = 1 + 1", "lesson 91: parameter n is '1 + 1'; expected a value written out"),
        ("n: int = len('abc')", "parameter n is \"len('abc')\"; expected a value written out"),
        ('file: Path = Path("x")', "parameter file is \"Path('x')\"; expected a value written out"),
        ('file: Path = "x"', "parameter file is of type 'Path'; expected one of: int, float"),
        ("options: dict = {}", "parameter options is of type 'dict'; expected one of: int, float"),
        ("options = {'a': 1}", "parameter options is of type"),
        ("pair: tuple[int, int] = (1, 2)", "parameter pair is of type 'tuple[int, int]'"),
        ("names: list[dict] = []", "parameter names is of type 'list[dict]'"),
        ("nothing = None", "parameter nothing is of type None"),
        ("raw = b'x'", "parameter raw is of type b'x'"),
        ("n: int = 0.5", "parameter n takes a whole number; its default is 0.5"),
        ("n: int = " + "9" * 5000, "the cell of parameters is no Python"),
        ("n: int = " + "9" * 30, "parameter n takes a whole number; its default is 99999"),
        ("f: float = 1e999", "parameter f takes a number; its default is inf"),
        ("names: list[str] = [1]", "parameter names takes a list of text; its default is [1]"),
        ("n: int = (", "the cell of parameters is no Python"),
        ("n: int = " + "(" * 500, "the cell of parameters is no Python"),
        ("n: int = " + "-" * 100_000 + "1", "lesson 91: "),
    ],
    ids=in_short,
)
def test_a_parameter_that_cannot_be_read_is_named(own, line, message):
    lesson = own(line)
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        parameters(lesson)
    assert len(str(caught.value)) < 500


def test_a_lesson_that_is_no_lesson_is_named(own):
    lesson = own(b"# %%\n# caf\xe9\n")
    for act in (parameters, lambda found: found.title):
        with pytest.raises(UsageError, match=r"91_own.py is not UTF-8 \(.* at byte 10\); save it as such"):
            act(lesson)
    for command in (["lessons"], ["params", "91"], ["run", "91"]):
        done = ecgnb(*command)
        assert done.returncode == 2 and re.fullmatch(r"ecgnb: .*91_own\.py is not UTF-8.*\n", done.stderr)
    with pytest.raises(UsageError, match=r"91_own.py is no lesson"):
        parameters(own(b"# %% tags=5\nx = 1\n"))
    lesson.script.unlink()
    lesson.script.mkdir()
    assert lessons() == []


@pytest.mark.parametrize(
    ("line", "given", "expected"),
    [
        ("alpha = 0.5", "0.7", 0.7),
        ("n: int | None = None", "None", None),
        ("n: int | None = None  # [1, 5]", None, None),
        ("n: int | None = None", "3", 3),
        ("names: list = []", "[1, 'a', 2.5, True, None, [1]]", [1, "a", 2.5, True, None, [1]]),
        ("rates: list[float] = []", "[1, 2.5]", [1.0, 2.5]),
        ("n: int = 1  # of [a, b]", "7", 7),
        ("name: str = 'x'  # of [1, 2]", "y", "y"),
        ("n: int = 1  # one of {1, 2}", "2", 2),
        ("name: str = 'x'", '"); import os; os.abort() #', '"); import os; os.abort() #'),
    ],
    ids=in_short,
)
def test_a_value_of_a_kind_of_ones_own(own, line, given, expected):
    lesson = own(line)
    (name,) = parameters(lesson)
    found = check_parameters(lesson, {name: given})[name]
    assert found == expected and type(found) is type(expected)
    if isinstance(expected, list):
        assert [type(item) for item in found] == [type(item) for item in expected]


@pytest.mark.parametrize(
    ("line", "given", "message"),
    [
        ("names: list[str] = []", "[b'import os']", "parameter names takes a list of text; got \"[b'import os']\""),
        ("names: list = []", [b"import os"], "parameter names takes a list; got [b'import os']"),
        ("names: list[str] = []", [200], "parameter names takes a list of text; got [200]"),
        ("names: list[int] = []", ["200"], "parameter names takes a list of whole numbers; got ['200']"),
        ("names: list[int] = []", [True], "parameter names takes a list of whole numbers; got [True]"),
        ("names: list = []", "{'a': 1}", "parameter names takes a list; got"),
        ("names: list = []", [{"a": 1}], "parameter names takes a list; got [{'a': 1}]"),
        ("names: list = []", "[" + "-" * 100_000 + "1]", "parameter names takes a list; got '[-----"),
        ("names: list = []", "[" + "-" * 9_000 + "1]", "parameter names takes a list; got '[-----"),
        ("names: list = []", "[" + "+-~" * 3_000 + "1]", "parameter names takes a list; got '[+-~"),
        ("names: list = []", "[" * 9_000, "parameter names takes a list; got '[[[["),
        ("n: int = 1", "9" * 5_000, "parameter n takes a whole number; got '9999"),
        ("n: int = 1", 10**5_000, "parameter n takes a whole number; got a int that is too long to show"),
        ("f: float = 1.0", 10**400, "parameter f takes a number; got 1000"),
        ("f: float = 1.0", "nan", "parameter f takes a number; got 'nan'"),
        ("f: float = 1.0", "1e999", "parameter f takes a number; got '1e999'"),
        ("name: str = 'x'", "half \ud800", "parameter name takes text; got 'half \\ud800'"),
        ("name: str = 'x'", None, "parameter name takes text; got None"),
        ("name: str | None = 'x'", 3, "parameter name takes text, or None; got 3"),
        ("n: int = 1  # one of {1, 2}", "3", "parameter n must be one of 1, 2; got '3'"),
    ],
    ids=in_short,
)
def test_only_plain_values_reach_the_kernel(own, line, given, message):
    lesson = own(line)
    (name,) = parameters(lesson)
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        check_parameters(lesson, {name: given})
    assert len(str(caught.value)) < 500


HOSTILE = {
    "a tag": ("seed: !!binary aGk=", "line 1 has the tag 'tag:yaml.org,2002:binary'"),
    "a tag in a list": ("a: 1\ntest_records: [!!binary aW1wb3J0IG9z]", "line 2 has the tag"),
    "a tag of an object": ("a: !!python/object/apply:os.abort []", "line 1 has the tag"),
    "no int": ("seed: !!int x", "line 1 has the tag"),
    "a set": ("seed: !!set {a, b}", "line 1 has the tag"),
    "a local tag": ("seed: !own x", "line 1 has the tag '!own'"),
    "laughs": (
        "a: &a [x, x, x]\n"
        + "".join(f"{two}: &{two} [*{one}, *{one}, *{one}]\n" for one, two in itertools.pairwise("abcdefgh")),
        "line 1 has an anchor or alias, 'a'",
    ),
    "a circle": ("a: &a [*a]", "line 1 has an anchor or alias"),
    "an alias": ("a: *b", "line 1 has an anchor or alias, 'b'"),
    "brackets": ("seed: " + "[" * 10_000, "line 1 nests lists or mappings more than 20 deep"),
    "braces": ("seed: " + "{a: " * 10_000, "line 1 nests lists or mappings more than 20 deep"),
    "dashes": ("- " * 10_000, "line 1 nests lists or mappings more than 20 deep"),
    "digits": ("seed: " + "9" * 5_000, "line 1 has a number of 5,000 characters"),
    "hexadecimals": ("seed: 0x" + "f" * 5_000, "line 1 has a number of 5,002 characters"),
    "no binary number": ("seed: 0b_", "line 1 has '0b_', which is no number"),
    "infinity": ("alpha: .inf", "line 1 has .inf; expected a finite number"),
    "a list as name": ("[a, b]: 1", "line 1 has a list or a mapping for a name"),
    "a name twice": ("a: 1\na: 2", "line 2 names 'a' a second time"),
    "two documents": ("a: 1\n---\nb: 2", "is not YAML"),
    "too long": ("a: 1\n" * 200_000, f"has more than {MOST_CHARACTERS:,} characters"),
    "control characters": ("a: \x01", "is not YAML"),
    "nothing": ("", "holds NoneType; expected a mapping"),
}


@pytest.mark.parametrize(("text", "message"), HOSTILE.values(), ids=HOSTILE)
def test_yaml_that_is_not_plain_is_refused_at_once(tmp_path, text, message):
    path = tmp_path / "p.yaml"
    path.write_text(text)
    started = time.monotonic()
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        read_yaml(path)
    assert time.monotonic() - started < 2 and len(str(caught.value)) < 1000
    with pytest.raises(UsageError, match=re.escape(message)):
        read_sweep(path)


def test_plain_yaml(tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text("01: {a: [1, -2.5, yes, null, 'yes']}\ndate: 2024-13-45\ntime: 2024-01-01 25:61:61\n<<: {b: =}\n")
    assert read_yaml(path) == {
        "01": {"a": [1, -2.5, True, None, "yes"]},
        "date": "2024-13-45",
        "time": "2024-01-01 25:61:61",
        "<<": {"b": "="},
    }


@pytest.mark.parametrize("entry", ["", "[1]", "x", "7"])
def test_a_profile_of_another_form_is_named(own, tmp_path, entry):
    lesson = own("n: int = 1")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "smoke.yaml").write_text(f'"91": {entry}\n')
    with pytest.raises(UsageError, match=r"smoke\.yaml: lesson 91 has .*; expected parameters, such as epochs: 1"):
        profile_parameters(lesson, "smoke")


@pytest.mark.parametrize("text", ["metric: [a]", "metric: {a: 1}", "lesson: [a]", "lesson: {a: 1}", "profile: [a]"])
def test_odd_values_in_a_sweep(tmp_path, own, text):
    own("n: int = 1")
    (tmp_path / "s.yaml").write_text(('lesson: "91"\n' if "lesson" not in text else "") + f"grid: {{n: [1]}}\n{text}")
    with pytest.raises(UsageError, match=r"metric is|unknown lesson|unknown profile"):
        read_sweep(tmp_path / "s.yaml")


def test_what_an_error_shows_is_brief():
    assert brief("a\nb") == r"'a\nb'" and brief(7) == "7"
    assert len(brief("x" * 10_000)) < 200 and brief("x" * 10_000).endswith("(10,002 characters)")
    assert brief(10**5_000) == "a int that is too long to show"


PIECES = st.sampled_from(
    ["a", "seed", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",", "&a ", "*a", "!!int ", "!!binary ", "!", "<<", "? ",
     "|\n", "'", '"', "#", "1", "0x", "0b_", "1e9", ".inf", "2024-13-45", "~", "%", "@", "`", "\\", "\t", "---\n", "é",
     "\0", "\x85"]
)  # fmt: skip


@fuzz(300)
@given(st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=40).map("".join)))
def test_nothing_but_our_errors_leaves_the_reading_of_parameters(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(EcgnbError):
        for value in (read_yaml(path), *read_yaml(path).values()):
            check_every_kind(value)
    check_every_kind(text)
    with contextlib.suppress(EcgnbError):
        for parameter in declared(text):
            parameter.check(parameter.default)


def check_every_kind(value):
    for kind in ("int", "float", "str", "bool", "list", "list[int]", "list[str] | None"):
        with contextlib.suppress(EcgnbError):
            found = Parameter("n", kind, None, "help [0, 5]").check(value)
            assert type(found) in (int, float, str, bool, list, type(None))
            list(tokenize.generate_tokens(io.StringIO(repr(found)).readline))
