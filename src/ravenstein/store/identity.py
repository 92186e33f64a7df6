"""Keyed hashing of identifiers: HMAC-SHA256, the same in Python and inside the engine.

An identifier that is only hashed can be found again by hashing every passport number; with a
secret key it cannot. The key stays outside the study and is never logged or stored.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from ravenstein.core.errors import StudyError

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_VARIABLE = "RAVENSTEIN_IDENTITY_KEY_FILE"
_BLOCK = 64
_SHORTEST = 32


@dataclass(frozen=True)
class IdentityKey:
    """A secret key; its representation shows nothing of it."""

    secret: bytes

    def __post_init__(self) -> None:
        if len(self.secret) < _SHORTEST:
            raise StudyError(
                "The identity key is too short.",
                expected=f"at least {_SHORTEST} random bytes",
                found=f"{len(self.secret)} bytes",
                where="identity key",
                fix="Make one: head -c 32 /dev/urandom > FILE",
            )

    def __repr__(self) -> str:
        """Show no byte of the key."""
        return "IdentityKey(…)"


def identity_key(environment: Mapping[str, str] = os.environ) -> IdentityKey:
    """Read the key from the file that RAVENSTEIN_IDENTITY_KEY_FILE names.

    Raises:
        StudyError: If the variable is not set, or the file is not there or too short.
    """
    path = Path(environment.get(KEY_VARIABLE, ""))
    if not path.is_file():
        raise StudyError(
            "There is no identity key.",
            expected=f"{KEY_VARIABLE} naming a file of at least {_SHORTEST} random bytes",
            found="no such file" if str(path) != "." else "the variable is not set",
            where="environment",
            fix="Make one outside the study (head -c 32 /dev/urandom > FILE) and name it.",
        )
    return IdentityKey(path.read_bytes())


def spreading_key(environment: Mapping[str, str] = os.environ) -> tuple[tuple[int, int], str]:
    """Return the key by which persons are spread over buckets, and a sign to know it by.

    Notes:
        Derived from the identity key where there is one, else a published one: where a person is
        kept is then no secret, and nothing of it leaves the folder.
    """
    if KEY_VARIABLE not in environment:
        return (0, 0), "published"
    secret = identity_key(environment).secret
    made = hmac.new(secret, b"border buckets", hashlib.sha256).digest()
    sign = hmac.new(secret, b"sign of border buckets", hashlib.sha256).hexdigest()[:16]
    return (int.from_bytes(made[:8], "little"), int.from_bytes(made[8:16], "little")), sign


def pseudonym(key: IdentityKey, identifier: str) -> str:
    """Return the keyed hash of an identifier, 64 hexadecimal digits.

    Args:
        key: The secret key.
        identifier: The identifier, hashed as its UTF-8 bytes.

    Notes:
        HMAC-SHA256(key, identifier).

    Source:
        RFC 2104, section 2; RFC 4231 for test vectors.

    >>> pseudonym(IdentityKey(b"k" * 32), "A123")[:8]
    'ccaba0fb'
    """
    return hmac.new(key.secret, identifier.encode(), hashlib.sha256).hexdigest()


def pseudonyms(key: IdentityKey, identifiers: pa.Array) -> pa.Array:
    """Return the keyed hash of each identifier, as `pseudonym` gives it; what is missing stays so.

    Args:
        key: The secret key.
        identifiers: Whole numbers or text, blank or missing ones among them [n].
    """
    text = identifiers.cast(pa.string())
    coded = pc.if_else(pc.equal(pc.utf8_trim_whitespace(text), ""), None, text).dictionary_encode()
    hashed = pa.array([pseudonym(key, one) for one in coded.dictionary.to_pylist()], pa.string())
    return hashed.take(coded.indices)


def pseudonym_sql(key: IdentityKey, column: str) -> tuple[str, list[bytes]]:
    """Return the DuckDB expression that hashes a column as `pseudonym` does; null stays null.

    Args:
        key: The secret key.
        column: Column name.

    Returns:
        The expression and its two parameters, in order. The key is only in the parameters, which
        are bound and so in no text that an engine might log.

    Notes:
        sha256((k ⊕ opad) ‖ sha256((k ⊕ ipad) ‖ m)), RFC 2104, section 2.
    """
    secret = key.secret if len(key.secret) <= _BLOCK else hashlib.sha256(key.secret).digest()
    block = secret.ljust(_BLOCK, b"\0")
    outer, inner = (bytes(byte ^ pad for byte in block) for pad in (0x5C, 0x36))
    name = '"' + column.replace('"', '""') + '"'
    return f"sha256(?::BLOB || unhex(sha256(?::BLOB || encode({name}))))", [outer, inner]
