"""What is told of the world outside: without its secrets, in letters that a terminal only shows, on one screen.

Names, addresses and other people's error messages come from files of strangers. Every DioneError and every line of the
log goes through here, so that no place has to think of it.
"""

import re
import unicodedata
from pathlib import Path

LINES, LETTERS = 24, 2000
"""A screen."""
WIDEST = 600
"""Letters of one line."""
HIDDEN = ("Cc", "Cf", "Co", "Cs")
"""Categories of what a terminal obeys or cannot show: control, direction of writing, private use, halves of letters."""


def shown(text: str | Path) -> str:
    """A path, or a text with addresses in it, without user, password or what stands after a `?`."""
    hidden = re.sub(r"(://[^\s?]*+)(?:\?\S*+)?", r"\1", re.sub(r"://[^/\s]*@", "://", str(text)))  # whole words, so that none is gone over twice
    return re.sub(r"\?[A-Za-z][\w.\-]*=\S*", "", hidden)


def plain(text: str) -> str:
    """The text with everything written out that a terminal would obey; lines stay lines."""
    return "".join(letter if letter == "\n" or unicodedata.category(letter) not in HIDDEN else _written_out(letter) for letter in text)


def screenful(text: str) -> str:
    """At most a screen of it: long lines are cut, of many the last one, which says what to do, is kept."""
    lines = [line if len(line) <= WIDEST else f"{line[: WIDEST - 1]}…" for line in text.split("\n")]
    head, kept, room = lines[:-1], [], LETTERS - len(lines[-1]) - WIDEST // 10
    for line in head[: LINES - 2] if len(lines) > LINES else head:
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    left = len(head) - len(kept)
    return "\n".join([*kept, *([f"… and {left} more lines"] if left else []), lines[-1]])


def message(text: str) -> str:
    """A text as an error or a log tells it."""
    return screenful(plain(shown(text)))


def _written_out(letter: str) -> str:
    return " " if letter == "\t" else letter.encode("unicode_escape").decode()
