#!/usr/bin/env bash
# onnxruntime 1.32.0 on a CPU (x86-64 with AVX2): a session that knows the shapes of a residual sum replaces Add and
# LayerNormalization by SkipLayerNormalization, and is slower for it. A file that does not tell the shapes runs faster.
# "Shapes" here is nothing but whether the two inputs' middle axis has one name or two.
#
# Seen on 2026-12-01:
#   shapes known True: SkipLayerNormalization: 0.78 ms
#   shapes known False: Add, LayerNormalization: 0.16 ms
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import time
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

WIDTH = 128


def session(known):
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["a", "b"], ["sum"], "sum"),
            helper.make_node("LayerNormalization", ["sum", "gain", "shift"], ["y"], "norm", axis=-1),
        ],
        "residual",
        [
            value("a", TensorProto.FLOAT, ["batch", "tokens", WIDTH]),
            value("b", TensorProto.FLOAT, ["batch", "tokens" if known else "others", WIDTH]),
        ],
        [value("y", TensorProto.FLOAT, ["batch", "tokens", WIDTH])],
        [numpy_helper.from_array(np.full(WIDTH, x, np.float32), name) for name, x in (("gain", 1), ("shift", 0))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.optimized_model_filepath = "optimised.onnx"
    made = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return made, [node.op_type for node in onnx.load("optimised.onnx").graph.node]


rows = np.random.default_rng(0).normal(size=(8, 128, WIDTH)).astype(np.float32)
made = {known: session(known) for known in (True, False)}
times = {True: [], False: []}
for _ in range(400):
    for known, (runtime, _) in made.items():
        began = time.process_time()
        runtime.run(None, {"a": rows, "b": rows})
        times[known].append(time.process_time() - began)
for known, (_, operators) in made.items():
    print(f"shapes known {known}: {', '.join(operators)}: {1000 * min(times[known]):.2f} ms")
assert made[True][1] == ["SkipLayerNormalization"] and made[False][1] == ["Add", "LayerNormalization"], "fused otherwise"
assert min(times[True]) > 1.3 * min(times[False]), "SkipLayerNormalization is no longer slower"
PYTHON
