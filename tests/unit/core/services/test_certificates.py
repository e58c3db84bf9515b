"""From when until when certificates are valid, as `cryptography` reads it too."""

from base64 import b64decode, b64encode
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from processor.core.services.certificates import validities

AUTHORITY = trustme.CA()


@pytest.mark.parametrize("year", [2049, 2050, 2120])
def test_each_of_a_chain_is_read(year: int) -> None:
    leaf = AUTHORITY.issue_cert("a.example", not_after=datetime(year, 2, 3, 4, 5, 6, tzinfo=UTC))
    chain = b"".join(each.bytes() for each in leaf.cert_chain_pems) + AUTHORITY.cert_pem.bytes()
    expected = [
        (each.not_valid_before_utc.timestamp(), each.not_valid_after_utc.timestamp())
        for each in x509.load_pem_x509_certificates(chain)
    ]
    assert list(map(tuple, validities(f"# ours\n{chain.decode()}"))) == expected


def test_what_is_none_is_passed_over() -> None:
    pem = AUTHORITY.cert_pem.bytes().decode()
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    odd = "".join(f"{begin}{content}{end}" for content in ("", "!", "MAA=", "MAMwAQI=", "MIIB", "AAAA"))
    assert len(list(validities(odd + pem))) == 1


def test_a_certificate_that_is_valid_until_something_that_is_no_time_is_passed_over() -> None:
    lines = AUTHORITY.cert_pem.bytes().decode().strip().splitlines()
    der = b64decode("".join(lines[1:-1]))
    odd = b64encode(der.replace(b"\x17\x0d", b"\x04\x0d").replace(b"\x18\x0f", b"\x04\x0f")).decode()
    assert list(validities(f"{lines[0]}\n{odd}\n{lines[-1]}")) == []


@given(st.data())
def test_whatever_is_changed_is_read_or_passed_over(data: st.DataObject) -> None:
    lines = AUTHORITY.cert_pem.bytes().decode().strip().splitlines()
    der = bytearray(b64decode("".join(lines[1:-1])))
    for _ in range(data.draw(st.integers(1, 6))):
        der[data.draw(st.integers(0, min(250, len(der) - 1)))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    text = f"{lines[0]}\n{b64encode(bytes(der[:cut])).decode()}\n{lines[-1]}"
    assert len(list(validities(text))) <= 1
