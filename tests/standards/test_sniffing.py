"""What a file is, told by its content alone."""

from __future__ import annotations

import pytest

from standards import sniffing
from standards.sniffing import Form


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"", Form.EMPTY),
        (b"\xef\xbb\xbf \r\n", Form.EMPTY),
        (b"PK\x03\x04rest", Form.ZIP),
        (b"%PDF-1.4", Form.PDF),
        (b"\n\n%PDF-1.4", Form.PDF),
        (b"\x89PNG\r\n\x1a\n", Form.IMAGE),
        (b"\xff\xd8\xff\xe0", Form.IMAGE),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", Form.IMAGE),
        (b"\x00\x00\x00\x18ftypheic", Form.IMAGE),
        (b'\xef\xbb\xbf {"a": 1}', Form.JSON),
        (b"[]", Form.JSON),
        (b'<?xml version="1.0"?><a/>', Form.XML),
        ("<?xml version='1.0'?>".encode("utf-16"), Form.XML),
        (b"\x0bMSH|^~\\&|A", Form.HL7V2),
        (b"FHS|^~\\&|A", Form.HL7V2),
        (b"MSHA", Form.TEXT),
        (b"shc:/5676290952432060346029243740446031222959532654603460292540772804336028", Form.CARD),
        (b"eyJ6aXAiOiJERUYi.abc.def", Form.CARD),
        (b"shlink:/eyJ1cmwi", Form.LINK),
        (b"https://viewer.example/app#shlink:/eyJ1cmwi", Form.LINK),
        ("Take care, María.\n".encode(), Form.TEXT),
        (rb"{\rtf1\ansi}", Form.TEXT),
        (b"MZ\x90\x00", Form.UNKNOWN),
        (b"\x00\x01\x02", Form.UNKNOWN),
    ],
)
def test_form_of_a_file(data, form):
    assert sniffing.sniff(data).form is form
