"""Documents with one fault: where it is put, and what is said of it."""

import copy
from typing import Any

from executor_harness.regression import regression_json

__all__ = ["FAULTS", "REGRESSION", "changed"]

REGRESSION = regression_json()


def changed(pointer: str, value: Any) -> dict[str, Any]:
    """The regression document with the value at a pointer replaced; `-` is a new entry at the end of a list."""
    source = copy.deepcopy(REGRESSION)
    *path, last = pointer.split("/")[1:]
    here: Any = source
    for part in path:
        here = here[int(part) if part.isdigit() else part]
    if last == "-":
        here.append(value)
    else:
        here[int(last) if last.isdigit() else last] = value
    return source


DTYPES = '"float16", "bfloat16", "float32", "float64", "int8", "int32", "int64", "uint8", "uint32" or "bool"'
ID_RULE = "an id is a letter or _ followed by at most 254 letters, digits, _ . / or -"
NAME_RULE = "a name has 1 to 255 characters, none of them a control character"
NODE = {"id": "new", "op": "exp", "inputs": ["x"]}
CONSTANT = {"id": "c", "op": "constant", "dtype": "float32", "shape": [2]}

FAULTS: list[tuple[str, Any, str, str, str]] = [
    # (where to put what, pointer, code, message)
    # the document
    ("/asg", "1", "/asg", "invalid_value", 'asg is "1"; an integer is needed'),
    ("/asg", True, "/asg", "invalid_value", "asg is true; an integer is needed"),
    ("/asg", 0, "/asg", "invalid_value", "asg is 0; at least 1 is needed"),
    ("/asg", 2, "/asg", "newer_version", "the document has format version 2; this reader knows versions up to 1"),
    ("/name", "", "/name", "invalid_value", f'name is ""; {NAME_RULE}'),
    ("/name", "a\nb", "/name", "invalid_value", f'name is "a\\nb"; {NAME_RULE}'),
    ("/nodez", [], "/nodez", "unknown_field", 'there is no field "nodez" here; did you mean "nodes"?'),
    ("/inputs", None, "/inputs", "invalid_value", "inputs is null; a list is needed"),
    ("/nodes", {}, "/nodes", "invalid_value", "nodes is an object; a list is needed"),
    ("/metadata", [], "/metadata", "invalid_value", "metadata is a list; an object is needed"),
    # inputs
    ("/inputs/0", 5, "/inputs/0", "invalid_value", "it is 5; an object is needed"),
    ("/inputs/0/id", "2x", "/inputs/0/id", "invalid_value", f'input "2x": id is "2x"; {ID_RULE}'),
    ("/inputs/0/dtype", "float", "/inputs/0/dtype", "invalid_value",
     f'input "x": dtype is "float"; {DTYPES} is needed; did you mean "float64"?'),
    ("/inputs/0/shape", 3, "/inputs/0/shape", "invalid_value", 'input "x": shape is 3; a list is needed'),
    ("/inputs/0/shape/0", -1, "/inputs/0/shape/0", "invalid_value", 'input "x": a dim is at least 0, not -1'),
    ("/inputs/0/shape/0", 1.5, "/inputs/0/shape/0", "invalid_value",
     'input "x": shape entry 0: a dim is an integer, a symbol, or {"add"|"mul"|"floordiv"|"mod": [dims]}, not 1.5'),
    ("/inputs/0/shape", [1] * 65, "/inputs/0/shape", "invalid_value",
     'input "x": shape is a list; at most 64 entries are allowed, not 65'),
    ("/inputs/0/rol", {}, "/inputs/0/rol", "unknown_field",
     'input "x": there is no field "rol" here; did you mean "role"?'),
    ("/inputs/0/role", "rng_key", "/inputs/0/role", "invalid_value",
     'input "x": role is "rng_key"; an object is needed'),
    ("/inputs/0/role", {"kind": "rngkey"}, "/inputs/0/role/kind", "unknown_kind",
     'input "x": there is no kind "rngkey"; did you mean "rng_key"?'),
    ("/inputs/0/role", {"kind": "data"}, "/inputs/0/role/kind", "unknown_kind",
     'input "x": there is no kind "data"; known are rng_key, cotangent, tangent, loss_scale'),
    ("/inputs/0/role", {"of": "x"}, "/inputs/0/role/kind", "missing_field",
     'input "x": the field "kind" is missing'),
    ("/inputs/0/role", {"kind": "cotangent"}, "/inputs/0/role/of", "missing_field",
     'input "x": the field "of" is missing'),
    ("/inputs/0/role", {"kind": "tangent", "of": "x", "to": 1}, "/inputs/0/role/to", "unknown_field",
     'input "x": there is no field "to" here'),
    ("/inputs/0/role", {"kind": "rng_key"}, "/inputs/0/dtype", "type_mismatch",
     'input "x" float32[batch, 3]: a random key is uint32[2]'),
    ("/inputs/0/role", {"kind": "loss_scale"}, "/inputs/0/shape", "type_mismatch",
     'input "x" float32[batch, 3]: a loss scale is a floating-point number of rank 0'),
    ("/inputs/-", {"id": "s", "dtype": "int32", "shape": [], "role": {"kind": "loss_scale"}},
     "/inputs/2/dtype", "type_mismatch", 'input "s" int32[]: a loss scale is a floating-point number of rank 0'),
    ("/inputs/0/role", {"kind": "tangent", "of": "weigh"}, "/inputs/0/role/of", "unknown_value",
     'input "x": there is no input or parameter "weigh"; did you mean "weight"?'),
    ("/inputs/-", {"id": "t", "dtype": "float64", "shape": [], "role": {"kind": "tangent", "of": "bias"}},
     "/inputs/2/role/of", "type_mismatch",
     'input "t" is the tangent float64[] of "bias" float32[1]; their dtypes must be equal'),
    ("/inputs/-", {"id": "t", "dtype": "float64", "shape": [], "role": {"kind": "cotangent", "of": "loss"}},
     "/inputs/2/role/of", "type_mismatch",
     'input "t" is the cotangent float64[] of "loss" float32[]; their dtypes must be equal'),
    ("/inputs/-", {"id": "x", "dtype": "float32", "shape": []}, "/inputs/2/id", "duplicate_id",
     'input "x": the id is taken; ids are unique'),
    # parameters
    ("/parameters/0/shape/0", "batch", "/parameters/0/shape/0", "invalid_value",
     'parameter "weight": shape entry 0 is "batch"; an integer is needed'),
    ("/parameters/0/trainable", 1, "/parameters/0/trainable", "invalid_value",
     'parameter "weight": trainable is 1; true or false is needed'),
    ("/parameters/0/init", "zeros", "/parameters/0/init", "invalid_value",
     'parameter "weight": init is "zeros"; an object is needed'),
    ("/parameters/0/init", {"kind": "xavier"}, "/parameters/0/init/kind", "unknown_kind",
     'parameter "weight": there is no kind "xavier"; known are zeros, ones, constant, uniform, normal, '
     "truncated_normal, xavier_uniform, xavier_normal, kaiming_uniform, kaiming_normal, orthogonal"),
    ("/parameters/0/init", {"kind": "constant"}, "/parameters/0/init/value", "missing_field",
     'parameter "weight": the field "value" is missing'),
    ("/parameters/0/init", {"kind": "constant", "value": "1"}, "/parameters/0/init/value", "invalid_value",
     'parameter "weight": value is "1"; a number, "inf", "-inf" or "nan" is needed'),
    ("/parameters/0/init", {"kind": "kaiming_normal", "mode": "fan"}, "/parameters/0/init/mode", "invalid_value",
     'parameter "weight": mode is "fan"; "fan_in" or "fan_out" is needed; did you mean "fan_in"?'),
    ("/parameters/1/init", {"kind": "orthogonal"}, "/parameters/1/init", "invalid_value",
     'parameter "bias" float32[1]: orthogonal needs at least 2 axes, and [1] has 1'),
    ("/parameters/0/init", {"kind": "normal", "zero_row": 3}, "/parameters/0/init", "invalid_value",
     'parameter "weight" float32[3, 1]: zero_row is 3; an index below the size is needed, and [3, 1] has 3 along its '
     "first axis"),
    ("/parameters/-", {"id": "n", "dtype": "int64", "shape": []}, "/parameters/2/trainable", "invalid_value",
     'parameter "n" int64[]: only a floating-point parameter is trainable; write "trainable": false'),
    ("/parameters/-", {"id": "n", "dtype": "int8", "shape": [], "trainable": False, "init": {"kind": "normal"}},
     "/parameters/2/init", "invalid_value",
     'parameter "n" int8[]: normal needs a floating-point dtype; zeros, ones or constant is needed here'),
    ("/parameters/-", {"id": "x", "dtype": "float32", "shape": []}, "/parameters/2/id", "duplicate_id",
     'parameter "x": the id is taken; ids are unique'),
    # nodes
    ("/nodes/-", [], "/nodes/5", "invalid_value", "it is a list; an object is needed"),
    ("/nodes/-", {"id": "new", "op": "matmull"}, "/nodes/5/op", "unknown_op",
     'node "new" (matmull): there is no op "matmull"; did you mean "matmul"?'),
    ("/nodes/-", {"id": "new", "op": ["exp"]}, "/nodes/5/op", "invalid_value",
     'node "new": op is a list; an op\'s name is needed'),
    ("/nodes/-", {"id": "new", "op": "full", "dtype": "float32", "shape": ["batc", "batch"], "value": 0},
     "/nodes/5", "unknown_symbol",
     'node "new" (full): no input has the symbol "batc", so that no run can know it; did you mean "batch"?'),
    ("/nodes/-", {"id": "new"}, "/nodes/5/op", "missing_field", 'node "new": the field "op" is missing'),
    ("/nodes/-", {"op": "exp", "inputs": ["x"]}, "/nodes/5/id", "missing_field", 'the field "id" is missing'),
    ("/nodes/-", {**NODE, "axs": 1}, "/nodes/5/axs", "unknown_field",
     'node "new" (exp): there is no field "axs" here'),
    ("/nodes/-", {"id": "new", "op": "sum", "inputs": ["x"], "axes": [0]}, "/nodes/5/axes", "unknown_field",
     'node "new" (sum): there is no field "axes" here; did you mean "axis"?'),
    ("/nodes/-", {"id": "new", "op": "sum", "inputs": ["x"], "axis": 0}, "/nodes/5/axis", "invalid_value",
     'node "new" (sum): axis is 0; a list is needed'),
    ("/nodes/-", {"id": "new", "op": "sum", "inputs": ["x"], "axis": [64]}, "/nodes/5/axis/0", "invalid_value",
     'node "new" (sum): axis entry 0 is 64; less than 64 is needed'),
    ("/nodes/-", {"id": "new", "op": "sum", "inputs": ["x"], "keepdims": 1}, "/nodes/5/keepdims", "invalid_value",
     'node "new" (sum): keepdims is 1; true or false is needed'),
    ("/nodes/-", {**NODE, "inputs": "x"}, "/nodes/5/inputs", "invalid_value",
     'node "new" (exp): inputs is "x"; a list is needed'),
    ("/nodes/-", {**NODE, "inputs": [1]}, "/nodes/5/inputs/0", "invalid_value",
     'node "new" (exp): inputs entry 0 is 1; a string is needed'),
    ("/nodes/-", {**NODE, "metadata": {"line": 3}}, "/nodes/5/metadata/line", "invalid_value",
     'node "new" (exp): line is 3; a string is needed'),
    ("/nodes/-", {**NODE, "inputs": ["y"]}, "/nodes/5/inputs/0", "unknown_value",
     'node "new" (exp): there is no value "y"'),
    ("/nodes/-", {**NODE, "inputs": ["sqared"]}, "/nodes/5/inputs/0", "unknown_value",
     'node "new" (exp): there is no value "sqared"; did you mean "squared"?'),
    ("/nodes/-", {**NODE, "inputs": ["loss:1"]}, "/nodes/5/inputs/0", "unknown_value",
     'node "new" (exp): there is no value "loss:1"; did you mean "loss"?'),
    ("/nodes/-", {**NODE, "id": "loss"}, "/nodes/5/id", "duplicate_id",
     'node "loss": the id is taken; ids are unique'),
    ("/nodes/-", {**NODE, "inputs": ["new"]}, "/nodes/5/inputs/0", "not_yet_computed",
     'node "new" (exp): "new" is not computed before it; nodes stand in topological order, each after its operands, '
     "so that there is no cycle"),
    ("/nodes/0/inputs/0", "loss", "/nodes/0/inputs/0", "not_yet_computed",
     'node "xw" (matmul): "loss" is not computed before it; nodes stand in topological order, each after its '
     "operands, so that there is no cycle"),
    ("/nodes/-", {**NODE, "inputs": []}, "/nodes/5/inputs", "type_mismatch",
     'node "new" (exp): takes 1 operand (x), not 0'),
    ("/parameters/1/shape", [4, 3], "/nodes/1/inputs/1", "type_mismatch",
     'node "prediction" (add): "bias" float32[4, 3] does not broadcast with "xw" float32[batch, 1]: axis -2 4 against '
     "batch; batch or 1 is needed there"),
    ("/inputs/1/dtype", "float64", "/nodes/2/inputs/1", "type_mismatch",
     'node "error" (subtract): "prediction" float32[batch, 1] and "target" float64[batch, 1] differ in dtype; both '
     "must have one (write an astype)"),
    ("/nodes/4/axis", [0, 2], "/nodes/4/axis", "type_mismatch",
     'node "loss" (mean): axis 2 is out of range for "squared" float32[batch, 1]: an axis from -2 to 1 is needed'),
    # constants
    ("/nodes/-", {**CONSTANT, "value": 1}, "/nodes/5/value", "invalid_value",
     'node "c" (constant): value is 1; a list is needed'),
    ("/nodes/-", {**CONSTANT, "value": [1, "a"]}, "/nodes/5/value/1", "invalid_value",
     'node "c" (constant): value entry 1 is "a"; a number, true, false, "inf", "-inf" or "nan" is needed'),
    ("/nodes/-", {**CONSTANT, "value": [1, True]}, "/nodes/5/value", "invalid_value",
     'node "c" (constant): value is a list; a number is needed for float32'),
    ("/nodes/-", {**CONSTANT, "value": [1, 3.5e38]}, "/nodes/5/value", "invalid_value",
     'node "c" (constant): value is a list; a number that does not overflow, or "inf" or "-inf", is needed for '
     "float32"),
    ("/nodes/-", {**CONSTANT, "value": [1, 10**400]}, "/nodes/5/value", "invalid_value",
     'node "c" (constant): value is a list; a number that does not overflow, or "inf" or "-inf", is needed for '
     "float32"),
    ("/nodes/-", {**CONSTANT, "dtype": "uint8", "value": [1, 256]}, "/nodes/5/value", "invalid_value",
     'node "c" (constant): value is a list; an integer from 0 to 255 is needed for uint8'),
    ("/nodes/-", {**CONSTANT, "value": [1]}, "/nodes/5/value", "type_mismatch",
     'node "c" (constant): value has 1 elements; float32[2] needs 2'),
    ("/nodes/-", {**CONSTANT, "value": {"base64": "?"}}, "/nodes/5/value/base64", "invalid_value",
     'node "c" (constant): base64 is "?"; it is not valid base64'),
    ("/nodes/-", {**CONSTANT, "value": {"base64": "AAAA"}}, "/nodes/5/value", "type_mismatch",
     'node "c" (constant): value has 3 bytes; float32[2] needs 8'),
    ("/nodes/-", {**CONSTANT, "value": {"hex": "00"}}, "/nodes/5/value/base64", "missing_field",
     'node "c" (constant): the field "base64" is missing'),
    # outputs
    ("/outputs/-", {"name": "loss", "value": "xw"}, "/outputs/2/name", "duplicate_name",
     'output "loss": the name is taken; names of outputs are unique'),
    ("/outputs/0/value", "los", "/outputs/0/value", "unknown_value",
     'output "prediction": there is no value "los"; did you mean "loss"?'),
    ("/outputs/0/name", None, "/outputs/0/name", "invalid_value", f"name is null; {NAME_RULE}"),
    ("/outputs/0/value", 3, "/outputs/0/value", "invalid_value",
     'output "prediction": value is 3; a string is needed'),
    ("/outputs/0/role", {"kind": "gradient", "of": "loss"}, "/outputs/0/role/wrt", "missing_field",
     'output "prediction": the field "wrt" is missing'),
    ("/outputs/0/role", {"kind": "gradient", "of": "loss", "wrt": "xw"}, "/outputs/0/role/wrt", "unknown_value",
     'output "prediction": there is no input or parameter "xw"; did you mean "x"?'),
    ("/outputs/0/role", {"kind": "state_update", "of": "x"}, "/outputs/0/role/of", "unknown_value",
     'output "prediction": there is no parameter "x"'),
    ("/outputs/0/role", {"kind": "state_update", "of": "bias"}, "/outputs/0/role/of", "type_mismatch",
     'output "prediction" float32[batch, 1] updates "bias" float32[1]; their types must be equal'),
]  # fmt: skip
