"""A story small enough to learn from letter by letter: the first two chapters of Alice.

The text is "Alice's Adventures in Wonderland" by Lewis Carroll (Macmillan, London, 1865), chapters
I and II, 22 kB. It is in the public domain everywhere: it was published more than 150 years ago,
and its author, Charles Lutwidge Dodgson, died in 1898. Italics and stars are left out, the French
accent too, and quotation marks are straight, so that every character is ASCII.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from minitorch.creation import from_numpy
from minitorch.tensor import Tensor


def char_text() -> str:
    """The text: 22,243 characters, of 61 kinds.

    >>> char_text()[33:81]
    'Alice was beginning to get very tired of sitting'
    """
    return Path(__file__).with_name("alice.txt").read_text("ascii")


class CharVocabulary:
    """A number for each character of a text, in the order of the characters.

    Args:
        text: what is to be written; each of its characters gets a number.

    >>> words = CharVocabulary("hello")
    >>> words.characters, len(words), words.encode("hole")
    ('ehlo', 4, tensor([1, 3, 2, 0]))
    >>> words.decode([1, 0, 2, 2, 3])
    'hello'
    """

    def __init__(self, text: str):
        self.characters = "".join(sorted(set(text)))
        self._numbers = {character: i for i, character in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def encode(self, text: str) -> Tensor:
        """The numbers of the characters: (len(text),) int64.

        Raises:
            ValueError: a character is none of the vocabulary's.
        """
        try:
            return from_numpy(np.array([self._numbers[c] for c in text], dtype=np.int64))
        except KeyError as error:
            raise ValueError(
                f"CharVocabulary.encode: {error.args[0]!r} at position "
                f"{text.index(error.args[0])} is none of the {len(self)} characters"
            ) from None

    def decode(self, numbers: Tensor | Iterable[int]) -> str:
        """The text that numbers in 0 to len(self) - 1 stand for."""
        listed = numbers.tolist() if isinstance(numbers, Tensor) else list(numbers)
        for place, number in enumerate(listed):
            if not 0 <= number < len(self):
                raise ValueError(
                    f"CharVocabulary.decode: {number} at position {place}, expected 0 to "
                    f"{len(self) - 1}"
                )
        return "".join(self.characters[number] for number in listed)
