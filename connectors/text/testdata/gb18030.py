"""Writes gb18030.sha256 and gb18030-encode.sha256 anew: what Python's codec says of every cell of
GB18030 and of every character, as digests.

    python3 connectors/text/testdata/gb18030.py

Each cell with a character counts as one line "cell code-point" in hexadecimal, in the order of the
bytes, the cells of two bytes first. Left out are cells that Python can't decode and those for
private use, for U+FFFD and for noncharacters; the test knows them from their absence.

Each character beyond ASCII counts as one line "code-point cell", but for U+E815 to U+E864, which are
written as the characters that stand for them.
"""

import hashlib
import itertools
import pathlib

two = itertools.product(range(0x81, 0xFF), [t for t in range(0x40, 0xFF) if t != 0x7F])
four = itertools.product(range(0x81, 0xFF), range(0x30, 0x3A), range(0x81, 0xFF), range(0x30, 0x3A))


def character(cell):
    try:
        c = ord(cell.decode("gb18030"))
    except UnicodeDecodeError:
        return None
    private = 0xE000 <= c <= 0xF8FF or c >= 0xF0000
    nothing = c == 0xFFFD or 0xFDD0 <= c <= 0xFDEF or c & 0xFFFE == 0xFFFE
    return None if private or nothing else c


lines = []
for cell in map(bytes, itertools.chain(two, four)):
    if (c := character(cell)) is not None:
        lines.append(f"{cell.hex().upper()} {c:X}\n")
digest = hashlib.sha256("".join(lines).encode()).hexdigest()
pathlib.Path(__file__).with_suffix(".sha256").write_text(f"{len(lines)} {digest}\n")

lines = []
for c in itertools.chain(range(0x80, 0xD800), range(0xE000, 0xE815), range(0xE865, 0x110000)):
    lines.append(f"{c:X} {chr(c).encode('gb18030').hex().upper()}\n")
digest = hashlib.sha256("".join(lines).encode()).hexdigest()
(pathlib.Path(__file__).parent / "gb18030-encode.sha256").write_text(f"{len(lines)} {digest}\n")
