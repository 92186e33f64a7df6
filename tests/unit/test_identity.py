import hashlib

import pytest

from ravenstein.core.errors import StudyError
from ravenstein.store.database import memory_store
from ravenstein.store.identity import (
    KEY_VARIABLE,
    IdentityKey,
    identity_key,
    pseudonym,
    pseudonym_sql,
)

KEY = IdentityKey(bytes(range(32)))
LONG = IdentityKey(b"\xaa" * 131)


def test_published_vector():
    # RFC 4231, section 4.7 (test case 6): a key longer than a block
    text = "Test Using Larger Than Block-Size Key - Hash Key First"
    expected = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    assert pseudonym(LONG, text) == expected


@pytest.mark.parametrize("key", [KEY, LONG])
def test_the_engine_and_python_agree(key):
    names = ["A123", "", "Ó Briain", "李", "a" * 200, "'; drop table x --", "\\x41"]
    with memory_store() as store:
        store.connection.execute("create table people (person varchar)")
        store.connection.executemany("insert into people values (?)", [[n] for n in [*names, None]])
        expression, secret = pseudonym_sql(key, "person")
        query = f"select person, {expression} from people"
        found = dict(store.connection.execute(query, secret).fetchall())
    assert key.secret.hex() not in query
    assert found.pop(None) is None
    assert found == {name: pseudonym(key, name) for name in names}


def test_a_key_matters_and_is_never_shown():
    other = IdentityKey(bytes(range(1, 33)))
    assert pseudonym(KEY, "A123") != pseudonym(other, "A123")
    assert pseudonym(KEY, "A123") != hashlib.sha256(b"A123").hexdigest()
    assert repr(KEY) == "IdentityKey(…)"


def test_the_key_is_read_from_a_file_outside_the_study(tmp_path):
    path = tmp_path / "key"
    path.write_bytes(bytes(range(32)))
    assert identity_key({KEY_VARIABLE: str(path)}).secret == KEY.secret
    with pytest.raises(StudyError, match="no identity key"):
        identity_key({})
    path.write_bytes(b"short")
    with pytest.raises(StudyError) as caught:
        identity_key({KEY_VARIABLE: str(path)})
    assert "5 bytes" in caught.value.found
    assert "short" not in str(caught.value).replace("too short", "")
