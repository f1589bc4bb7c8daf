#!/usr/bin/env bash
# onnxruntime 1.32.0: quantize_dynamic leaves a MatMul alone, without an error, if its weight stands behind a Transpose,
# although the weight is constant. Weights stored as [in, out] are quantised, and so is a Gemm with transB = 1.
#
# Seen on 2026-12-01:
#   MatMul of [in, out]: 1 MatMulInteger
#   MatMul behind a Transpose: 0 MatMulInteger
#   Gemm with transB: 1 MatMulInteger
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import logging
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import quantize_dynamic

logging.disable(logging.WARNING)
weight = np.random.default_rng(0).normal(size=(16, 8)).astype(np.float32)


def quantised(nodes, stored):
    graph = helper.make_graph(
        nodes,
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 16])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 8])],
        [numpy_helper.from_array(np.ascontiguousarray(stored), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "in.onnx")
    quantize_dynamic("in.onnx", "out.onnx")
    return sum(node.op_type == "MatMulInteger" for node in onnx.load("out.onnx").graph.node)


seen = {
    "MatMul of [in, out]": quantised([helper.make_node("MatMul", ["x", "w"], ["y"], "product")], weight),
    "MatMul behind a Transpose": quantised(
        [
            helper.make_node("Transpose", ["w"], ["t"], "turn", perm=[1, 0]),
            helper.make_node("MatMul", ["x", "t"], ["y"], "product"),
        ],
        weight.T,
    ),
    "Gemm with transB": quantised([helper.make_node("Gemm", ["x", "w"], ["y"], "product", transB=1)], weight.T),
}
for form, count in seen.items():
    print(f"{form}: {count} MatMulInteger")
assert list(seen.values()) == [1, 0, 1], "onnxruntime does something else now"
PYTHON
