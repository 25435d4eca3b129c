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


def test_what_was_made_meanwhile_is_not_gone_through_afterwards() -> None:
    young: list[int] = []

    def look(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 0:
            young.append(len(gc.get_objects(generation=0)))

    gc.collect()
    gc.callbacks.append(look)
    try:
        with garbage_collection_paused():
            made = [[index] for index in range(100_000)]
        made.extend([index] for index in range(2_000))  # enough for a collection or two
    finally:
        gc.callbacks.remove(look)
    assert young
    assert max(young) < 50_000
