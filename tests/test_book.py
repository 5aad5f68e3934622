"""The course as a book: pages that hold all of a lesson, fetch nothing, and lead somewhere."""

from __future__ import annotations

import base64
import doctest
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lessons import __main__ as runner
from lessons import book, formulas, growing
from lessons.formulas import FormulaError, mathml
from lessons.prose import html

ROOT = Path(__file__).parent.parent
COURSE = runner.lessons(ROOT / "lessons")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("book") / "site"
    book.write(COURSE, folder)
    return folder


def read(path: Path) -> ElementTree.Element:
    """A page; raises where it is not well-formed."""
    return ElementTree.fromstring(path.read_text("utf-8").partition("\n")[2])


def text(element: ElementTree.Element) -> str:
    return "".join(element.itertext())


def test_there_is_a_page_for_each_lesson_and_one_with_the_contents(folder: Path):
    pages = {f"{lesson.path.stem}.html" for lesson in COURSE} | {"engine.html", "puzzles.html"}
    assert {path.name for path in folder.iterdir()} == pages | {"index.html"}
    entries = read(folder / "index.html").findall(".//li")
    assert [int(entry.get("value")) for entry in entries] == [lesson.number for lesson in COURSE]
    for entry, lesson in zip(entries, COURSE, strict=True):
        assert text(entry) == "".join(lesson.heading)


@pytest.mark.parametrize("lesson", COURSE, ids=lambda lesson: lesson.path.stem)
def test_a_page_holds_the_code_and_the_figures_of_its_lesson(folder: Path, lesson):
    page = read(folder / f"{lesson.path.stem}.html")
    assert text(page.find(".//h1")) == lesson.heading[0]
    cells = book.cells(lesson.path.read_text("utf-8"))
    code = [cell for kind, cell in cells if kind != book.MARKDOWN]
    shown = [text(block) for block in page.findall("./body/pre")]
    assert [block for block in shown if block in code] == code
    pictures = [
        base64.b64decode(image.get("src").partition(",")[2]) for image in page.findall(".//img")
    ]
    names = re.findall(r'save_figure\(\s*"(\w+)"', lesson.path.read_text("utf-8"))
    assert pictures == [(ROOT / "figures" / f"{name}.png").read_bytes() for name in names]


def test_the_contents_lead_to_the_engine_and_the_puzzles_and_say_how_to_run_them(folder: Path):
    index = read(folder / "index.html")
    links = {link.get("href"): text(link) for link in index.iter("a")}
    for name in ("engine", "puzzles"):
        page = read(folder / f"{name}.html")
        assert links[f"{name}.html"] == text(page.find(".//h1"))
        assert {link.get("href") for link in page.iterfind("./body/nav/a")} == {"index.html"}
    commands = {text(code) for code in index.iter("code")}
    assert commands > {"python -m lessons engine", "python -m lessons check puzzles"}


def test_the_page_of_the_engine_shows_what_each_step_brings_and_the_last_whole(folder: Path):
    page, steps = read(folder / "engine.html"), growing.steps()
    headings = [text(heading) for heading in page.iter("h2")]
    assert headings[:-1] == [growing.about(path).rstrip(".") for path in steps]
    *news, last = page.findall("./body/pre")
    assert len(news) == len(steps) == 10
    for number, block in enumerate(news, 1):
        assert text(block).split("\n") == growing.news(number)
        marked = {"came": "+", "went": "-"}
        for span in block.iter("span"):
            assert text(span).startswith(marked[span.get("class")])
    assert text(last) == steps[-1].read_text("utf-8")


def test_the_page_of_the_puzzles_holds_their_rules_and_their_code(folder: Path):
    page = read(folder / "puzzles.html")
    source = (ROOT / "lessons" / "exercises" / "puzzles.py").read_text("utf-8")
    rules, code = source.removeprefix('"""').split('"""\n\n', 1)
    assert text(page.find("./body/pre")) == code.rstrip("\n")
    assert "Each has an answer in one line" in rules
    assert any(text(p).startswith("Each has an answer in one line") for p in page.iter("p"))


@pytest.mark.parametrize(
    "name", ["index", *(lesson.path.stem for lesson in COURSE), "engine", "puzzles"]
)
def test_no_sign_of_markdown_or_latex_is_left(folder: Path, name: str):
    page = read(folder / f"{name}.html")
    for element in [page.find("./head"), *page.iter("code")]:
        after = element.tail
        element.clear()
        element.tail = after
    assert re.findall(r"[$`\\]|\*\*|^#|\]\(", text(page), re.M) == []


def test_links_lead_to_pages_and_nothing_is_fetched(folder: Path):
    links = set()
    for path in folder.iterdir():
        page = read(path)
        links |= {link.get("href") for link in page.iter("a")}
        assert all(image.get("src").startswith("data:image/png") for image in page.iter("img"))
        assert not re.search(r"<(script|link|iframe)|url\(", path.read_text("utf-8"))
    local = {link for link in links if not link.startswith("https://")}
    assert len(local) > len(COURSE)
    assert all((folder / link).exists() for link in local)


def test_with_run_a_page_shows_what_the_cells_say(tmp_path: Path):
    lesson = tmp_path / "01_small.py"
    lesson.write_text(
        "# %% [markdown]\n# # Small\n#\n# It counts.\n\n# %%\nx = 1 < 2\nprint(x, '<&>')\n\n"
        "# %%\ny = 3\n\n# %%\nprint('figure: somewhere.png')\nprint(x + y)\n"
    )
    book.write(runner.lessons(tmp_path), tmp_path / "site", run=True)
    page = read(tmp_path / "site" / "01_small.html")
    said = [text(block) for block in page.findall(".//pre[@class='said']")]
    assert said == ["True <&>", "4"]


def test_the_command_writes_a_book(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "01_small.py").write_text("# %% [markdown]\n# # Small\n#\n# It is.\n")
    assert runner.main(["book", str(tmp_path / "site")], tmp_path) == 0
    assert capsys.readouterr().out == f"4 pages, to be read from {tmp_path / 'site/index.html'}\n"
    with pytest.raises(SystemExit):
        runner.main(["book"], tmp_path)
    assert "book takes a folder to write to" in capsys.readouterr().err


# text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("# A *title*", "<h1>A <em>title</em></h1>"),
        ("one\ntwo\n\nthree", "<p>one two</p>\n<p>three</p>"),
        ("`a < b` & **c**", "<p><code>a &lt; b</code> &amp; <strong>c</strong></p>"),
        ("- one\n- two,\n  on", "<ul><li>one</li><li>two, on</li></ul>"),
        ("3. c\n4. d", '<ol start="3"><li>c</li><li>d</li></ol>'),
        ("| | b |\n| --- | --- |\n| c | d |",
         "<table><tr><td></td><td>b</td></tr><tr><td>c</td><td>d</td></tr></table>"),
        ("```c\n# x < y;\n\nz\n```", "<pre><code># x &lt; y;\n\nz</code></pre>"),
        ("see lesson 5, lesson 9", '<p>see <a href="5.html">lesson 5</a>, lesson 9</p>'),
        ("[there](https://a.b/c)", '<p><a href="https://a.b/c">there</a></p>'),
        ("2 * 3 * 4", "<p>2 * 3 * 4</p>"),
        ("$x$", "<p><math><mi>x</mi></math></p>"),
        ("$$x$$", '<math display="block"><mi>x</mi></math>'),
    ],
)  # fmt: skip
def test_text_becomes_html(markdown: str, expected: str):
    assert html(markdown, lambda number: "5.html" if number == 5 else None) == expected


# formulas ---------------------------------------------------------------------------------------


def inside(latex: str) -> str:
    return mathml(latex).removeprefix("<math>").removesuffix("</math>")


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        ("2.5 x", "<mn>2.5</mn><mi>x</mi>"),
        ("a - b", "<mi>a</mi><mo>−</mo><mi>b</mi>"),
        (r"a < \mu", "<mi>a</mi><mo>&lt;</mo><mi>μ</mi>"),
        ("x_i^2", "<msubsup><mi>x</mi><mrow><mi>i</mi></mrow><mrow><mn>2</mn></mrow></msubsup>"),
        ("f''", "<msup><mi>f</mi><mrow><mo>′′</mo></mrow></msup>"),
        (r"\frac12", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
        (r"\frac{a}b", "<mfrac><mrow><mi>a</mi></mrow><mi>b</mi></mfrac>"),
        (r"\sqrt d", "<msqrt><mi>d</mi></msqrt>"),
        (r"\text{fan\_in of}", "<mtext>fan_in of</mtext>"),
        (r"\hat y", '<mover accent="true"><mi>y</mi><mo>^</mo></mover>'),
        (r"\sum_i", '<munder><mo movablelimits="true">∑</mo><mrow><mi>i</mi></mrow></munder>'),
        (r"\left. x \right]", '<mi>x</mi><mo stretchy="true">]</mo>'),
    ],
)
def test_a_formula_becomes_mathml(latex: str, expected: str):
    assert inside(latex) == expected


def test_the_example_in_its_docstring_holds():
    assert doctest.testmod(formulas) == (0, 1)


def test_cases_are_a_table():
    found = inside(r"\begin{cases} 1 & a \\ 2 & b \end{cases}")
    cells = [text(cell) for cell in ElementTree.fromstring(f"<m>{found}</m>").iter("mtd")]
    assert cells == ["1", "a", "2", "b"]


@pytest.mark.parametrize(
    ("latex", "words"),
    [
        (r"\oint x", r"\oint is not known"),
        ("{x", "'}' is missing"),
        ("x}", "'}' closes nothing"),
        (r"\frac1", "ends too early"),
        (r"\begin{cases} 1", "ends too early"),
    ],
)
def test_what_is_not_known_is_an_error(latex: str, words: str):
    with pytest.raises(FormulaError) as error:
        mathml(latex)
    assert words in str(error.value)
