"""Formulas for a page: LaTeX, as the lessons write it, becomes MathML, which browsers draw.

A formula is read from left to right. Each reader below takes the tokens that belong to one thing,
a letter, a fraction, a whole group in braces, and returns its MathML. What it does not know raises,
so a page never shows half a formula.
"""

from __future__ import annotations

import re
from html import escape

WORDS = re.compile(r"\\(text|texttt|mathrm|operatorname)\s*\{([^{}]*)\}")
TOKEN = re.compile(
    r"\\(?:text|texttt|mathrm|operatorname)\s*\{[^{}]*\}"  # words belong to what they follow
    r"|\\(?:begin|end)\{\w+\}|\\[A-Za-z]+|\\.|\d+(?:[.,]\d+)*|'+|\s+|.",
    re.S,
)

GREEK = ["alpha", "beta", "gamma", "theta", "kappa", "lambda", "mu", "pi", "sigma", "tau"]
LETTERS = dict(zip(GREEK, "αβγθκλμπστ"))
LETTERS |= {"varepsilon": "ε", "epsilon": "ϵ", "ell": "ℓ", "infty": "∞", "partial": "∂"}
SIGNS = {"cdot": "·", "times": "×", "pm": "±", "approx": "≈", "ne": "≠", "leftarrow": "←"}
SIGNS |= {"to": "→", "top": "⊤", "mid": "∣", "|": "‖", "dots": "…", "ldots": "…", "int": "∫"}
SIGNS |= {"langle": "⟨", "rangle": "⟩", "lfloor": "⌊", "rfloor": "⌋", "{": "{", "}": "}"}
LARGE = {
    "sum": "∑",
    "prod": "∏",
    "max": "max",
    "min": "min",
}  # something may stand below and above them
NAMES = {"log", "tanh", "cos", "sin"}
SPACES = {",": 0.17, ";": 0.28, " ": 0.25, "quad": 1.0, "qquad": 2.0}
ACCENTS = {"hat": "^", "bar": "¯", "overline": "¯"}
SIZES = {"left": None, "right": None}
SIZES |= {f"big{side}": 1.2 for side in ("", "l", "r")}
SIZES |= {f"Big{side}": 1.8 for side in ("", "l", "r")}


class FormulaError(ValueError):
    """Something in a formula that this file does not know."""


def mathml(latex: str, display: bool = False) -> str:
    """The formula as a <math> element.

    >>> mathml("x^2")
    '<math><msup><mi>x</mi><mrow><mn>2</mn></mrow></msup></math>'
    """
    reader = Reader(latex)
    inside = reader.row()
    if reader.peek() is not None:
        raise FormulaError(f"{reader.peek()!r} closes nothing in {latex!r}")
    return f'<math display="block">{inside}</math>' if display else f"<math>{inside}</math>"


class Reader:
    """The tokens of a formula, and how far they have been read."""

    def __init__(self, latex: str):
        self.latex = latex
        self.tokens = [t for t in TOKEN.findall(latex) if not t.isspace()]
        self.at = 0

    def peek(self) -> str | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise FormulaError(f"{self.latex!r} ends too early")
        self.at += 1
        return token

    def row(self) -> str:
        """All up to the end, or to what closes a group."""
        parts = []
        while self.peek() not in (None, "}", "&", "\\\\", "\\end{cases}"):
            parts.append(self.scripted())
        return "".join(parts)

    def scripted(self) -> str:
        """A thing with what stands at its foot and at its head."""
        large = (self.peek() or "")[1:] in LARGE
        base, low, high = self.thing(), "", ""
        while (mark := self.peek()) is not None and (mark in "_^" or mark[0] == "'"):
            self.take()
            if mark == "_":
                low += self.thing()
            else:
                high += f"<mo>{'′' * len(mark)}</mo>" if mark[0] == "'" else self.thing()
        if not low and not high:
            return base
        low, high = low and f"<mrow>{low}</mrow>", high and f"<mrow>{high}</mrow>"
        under = large or base.startswith("<munder>")
        kinds = ("munder", "mover") if under else ("msub", "msup")
        tag = f"{kinds[0]}{kinds[1][1:]}" if low and high else kinds[0] if low else kinds[1]
        return f"<{tag}>{base}{low}{high}</{tag}>"

    def thing(self) -> str:
        """A letter, a number, a sign, a group, or a command with what belongs to it."""
        token = self.take()
        if token == "{":
            inside = self.row()
            self.close("}")
            return f"<mrow>{inside}</mrow>"
        if words := WORDS.fullmatch(token):
            tag = "mtext" if words[1].startswith("text") else "mi"
            kind = ' class="code"' if words[1] == "texttt" else ""
            plain = re.sub(r"\\(.)", r"\1", words[2])
            return f"<{tag}{kind}>{escape(plain)}</{tag}>"
        if token == "\\begin{cases}":
            return self.cases()
        if token[0] == "\\":
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{token}</mi>"
        if token in "()[]|":
            return f'<mo stretchy="false">{token}</mo>'
        return f"<mo>{escape({'-': '−', '*': '∗'}.get(token, token))}</mo>"

    def command(self, name: str) -> str:
        if name in LETTERS:
            return f"<mi>{LETTERS[name]}</mi>"
        if name in SIGNS:
            return f'<mo stretchy="false">{SIGNS[name]}</mo>'
        if name in LARGE:
            return f'<mo movablelimits="true">{LARGE[name]}</mo>'
        if name in NAMES:
            return f'<mi>{name}</mi><mspace width="0.1em"/>'
        if name in SPACES:
            return f'<mspace width="{SPACES[name]}em"/>'
        if name in ACCENTS:
            return f'<mover accent="true">{self.thing()}<mo>{ACCENTS[name]}</mo></mover>'
        if name in SIZES:
            return self.bracket(SIZES[name])
        if name in ("frac", "tfrac"):
            style = ' displaystyle="false"' if name == "tfrac" else ""
            fraction = f"<mfrac>{self.digit_or_thing()}{self.digit_or_thing()}</mfrac>"
            return f"<mstyle{style}>{fraction}</mstyle>" if style else fraction
        if name == "sqrt":
            return f"<msqrt>{self.digit_or_thing()}</msqrt>"
        if name == "mathbb":
            return f"<mi>{ {'E': '𝔼', 'R': 'ℝ'}[self.take()] }</mi>"
        if name == "underbrace":
            return f"<munder>{self.thing()}<mo>⏟</mo></munder>"
        if name == "textstyle":
            return ""
        raise FormulaError(f"\\{name} is not known, in {self.latex!r}")

    def digit_or_thing(self) -> str:
        r"""What follows \frac and \sqrt: of a bare 12 only the 1, as LaTeX has it."""
        token = self.peek() or ""
        if token.isdigit() and len(token) > 1:
            self.tokens[self.at : self.at + 1] = [token[0], token[1:]]
        return self.thing()

    def bracket(self, em: float | None) -> str:
        r"""The sign after \left or \Bigl: as high as what it encloses, or of a given size."""
        sign = self.take()
        sign = SIGNS.get(sign[1:], sign) if sign[0] == "\\" else sign
        size = "" if em is None else f' minsize="{em}em" maxsize="{em}em"'
        return "" if sign == "." else f'<mo stretchy="true"{size}>{escape(sign)}</mo>'

    def cases(self) -> str:
        r"""What stands up to \end{cases}: a brace and a small table."""
        rows: list[list[str]] = [[]]
        closing = ""
        while closing != "\\end{cases}":
            rows[-1].append(f"<mtd>{self.row()}</mtd>")
            closing = self.take()
            if closing == "\\\\":
                rows.append([])
        table = "".join(f"<mtr>{''.join(cells)}</mtr>" for cells in rows)
        return f'<mo stretchy="true">{{</mo><mtable columnalign="left">{table}</mtable>'

    def close(self, sign: str) -> None:
        if self.peek() != sign:
            raise FormulaError(f"{sign!r} is missing in {self.latex!r}")
        self.take()
