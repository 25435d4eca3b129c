"""The cyclic garbage collector runs again whatever happens while it is paused."""

import gc

import pytest

from asg_schema.document import Document
from asg_schema.errors import DocumentError
from asg_schema.garbage_collection import garbage_collection_paused


def test_it_is_paused_within_and_runs_after() -> None:
    assert gc.isenabled()
    with garbage_collection_paused():
        assert not gc.isenabled()
        with garbage_collection_paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_refused_document_leaves_it_running() -> None:
    with pytest.raises(DocumentError):
        Document.from_json("{")
    assert gc.isenabled()


def test_who_has_switched_it_off_keeps_it_off() -> None:
    gc.disable()
    try:
        with garbage_collection_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
