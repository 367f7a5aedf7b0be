"""Files of people in pieces: each can be read by itself, and lines keep their numbers."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from switchhook.commands.people import card_pieces, csv_pieces

cells = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\x00\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=12
)
tables = st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=20)


@given(tables, st.integers(10, 120))
def test_the_pieces_of_a_table_have_its_rows_and_know_their_lines(rows: list[list[str]], size: int) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(
        [["name", "numbers", "city"], *rows]
    )
    whole = out.getvalue().encode()
    pieces = list(csv_pieces(whole, size))
    found: list[list[str]] = []
    for piece in pieces:
        reader = csv.reader(io.StringIO(piece.content.decode(), newline=""))
        assert next(reader) == ["name", "numbers", "city"]
        first = reader.line_num + 1 + piece.ahead
        for row in reader:
            begins = whole.split(b"\n")[first - 1]  # the line of the whole file at which the row begins
            assert begins.decode().startswith('"' + row[0].replace('"', '""').split("\n", maxsplit=1)[0])
            found.append(row)
            first = reader.line_num + 1 + piece.ahead
    assert found == rows


def test_what_is_blank_before_the_head_is_no_head() -> None:
    for blank in (b"\n", b"\xef\xbb\xbf\r\n", b",;\n \n", b'"\n"\n'):
        pieces = list(csv_pieces(blank + b"name,tel\n" + b"a,1\n" * 4, 24))
        assert len(pieces) > 1
        assert {piece.content.startswith(blank + b"name,tel\na,1\n") for piece in pieces} == {True}
        assert sum(piece.content.count(b"a,1\n") for piece in pieces) == 4


def test_a_record_longer_than_a_piece_is_one_piece_and_an_empty_file_is_sent_as_it_is() -> None:
    long = b'name\n"' + b"x\n" * 100 + b'"\nb\n'
    assert [piece.content for piece in csv_pieces(long, 20)] == [long[:-2], b"name\nb\n"]
    assert [piece.ahead for piece in csv_pieces(long, 20)] == [0, 101]
    assert [piece.content for piece in csv_pieces(b"", 9)] == [b""]
    assert [piece.content for piece in card_pieces(b"", 9)] == [b""]
    utf_16 = "name\nz\n".encode("utf-16")
    assert [piece.content for piece in csv_pieces(utf_16, 2)] == [utf_16]


@given(st.lists(st.integers(0, 5), min_size=1, max_size=12), st.integers(1, 200))
def test_cards_stay_whole(lines: list[int], size: int) -> None:
    cards = ["BEGIN:VCARD\r\n" + "NOTE:x\r\n" * count + "END:VCARD\r\n" for count in lines]
    pieces = list(card_pieces("".join(cards).encode(), size))
    assert b"".join(piece.content for piece in pieces).decode() == "".join(cards)
    at = 0
    for piece in pieces:
        assert piece.content.startswith(b"BEGIN:VCARD")
        assert piece.content.endswith(b"END:VCARD\r\n")
        assert piece.ahead == at
        at += piece.content.count(b"\n")
