from asg_schema.document import Document
from asg_schema.traversal import prune


def test_a_pruned_document_has_its_own_digest_even_where_the_whole_one_was_digested_before() -> None:
    source = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "nodes": [{"id": "e", "op": "exp", "inputs": ["x"]}, {"id": "s", "op": "sin", "inputs": ["x"]}],
        "outputs": [{"name": "e", "value": "e"}, {"name": "s", "value": "s"}],
    }
    document = Document.from_dict(source)
    whole = document.digest
    pruned = prune(document, ["e"])
    assert pruned.digest != whole
    assert pruned.digest == Document.from_json(pruned.to_json()).digest
