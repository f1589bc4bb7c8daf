#!/usr/bin/env bash
# onnxruntime 1.32.0: the transformer optimiser (model_type "bert") fuses a layer's attention only if its scores are divided by
# the root of the head's size. The same graph that multiplies by the reciprocal, which is the same number here, is left as it is,
# without a warning; GELU is fused to BiasGelu likewise only if it divides by the root of 2.
#
# Seen on 2026-12-01:
#   scores Div, GELU Div: Attention 1, BiasGelu 1
#   scores Mul, GELU Div: Attention 0, BiasGelu 1
#   scores Div, GELU Mul: Attention 1, BiasGelu 0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet onnx==1.23.2 onnxruntime==1.32.0 sympy==1.14.0
cd "$folder"
venv/bin/python - <<'PYTHON'
import collections
import logging
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model

logging.disable(logging.WARNING)
# A head of 16: its root, 4, has an exact reciprocal.
HEADS, SIZE, WIDTH, INNER = 2, 16, 32, 64
random = np.random.default_rng(0)


def fused(scores, gelu):
    nodes, held = [], []

    def tensor(name, value):
        held.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(kind, inputs, name, **attributes):
        nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def number(name, value):
        return tensor(name, np.float32(value))

    def linear(x, name, rows, columns):
        weight = tensor(f"{name}.weight", random.normal(0, 0.1, (rows, columns)).astype(np.float32))
        return node("Add", [node("MatMul", [x, weight], f"{name}/MatMul"), tensor(f"{name}.bias", random.normal(size=columns).astype(np.float32))], f"{name}/Add")

    def norm(x, name):
        ones = [tensor(f"{name}.{part}", np.full(WIDTH, one, np.float32)) for part, one in (("weight", 1), ("bias", 0))]
        return node("LayerNormalization", [x, *ones], name, axis=-1)

    x = norm("x", "embeddings")
    rows = node("Unsqueeze", ["mask", tensor("axis1", np.array([1]))], "rows")
    cast = node("Cast", [node("Unsqueeze", [rows, tensor("axis2", np.array([2]))], "columns")], "cast", to=TensorProto.FLOAT)
    mask = node("Mul", [node("Sub", [number("one", 1), cast], "absent"), number("least", -1e4)], "scored")
    split, merge = tensor("split", np.array([0, 0, HEADS, SIZE])), tensor("merge", np.array([0, 0, WIDTH]))

    def heads(name, order):
        return node("Transpose", [node("Reshape", [linear(x, name, WIDTH, WIDTH), split], f"{name}/Reshape")], f"{name}/T", perm=order)

    q, k, v = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]), heads("value", [0, 2, 1, 3])
    root = SIZE**0.5
    scaled = node(scores, [node("MatMul", [q, k], "scores"), number("scale", root if scores == "Div" else 1 / root)], "scaled")
    attention = node("Softmax", [node("Add", [scaled, mask], "masked")], "attention", axis=-1)
    context = node("Transpose", [node("MatMul", [attention, v], "context")], "turned", perm=[0, 2, 1, 3])
    merged = node("Reshape", [context, merge], "merged")
    after = norm(node("Add", [linear(merged, "output", WIDTH, WIDTH), x], "sum"), "norm")
    inner = linear(after, "expand", WIDTH, INNER)
    argument = node(gelu, [inner, number("root2", 2**0.5 if gelu == "Div" else 0.5**0.5)], "argument")
    curve = node("Mul", [inner, node("Add", [node("Erf", [argument], "erf"), "one"], "plus")], "curve")
    active = node("Mul", [curve, number("half", 0.5)], "active")
    norm(node("Add", [linear(active, "contract", INNER, WIDTH), after], "sum2"), "y")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "layer",
        [value("x", TensorProto.FLOAT, ["batch", "tokens", WIDTH]), value("mask", TensorProto.INT64, ["batch", "tokens"])],
        [value("y", TensorProto.FLOAT, ["batch", "tokens", WIDTH])],
        held,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "layer.onnx")
    made = optimize_model("layer.onnx", model_type="bert", num_heads=HEADS, hidden_size=WIDTH, opt_level=0, optimization_options=FusionOptions("bert"))
    counts = collections.Counter(one.op_type for one in made.model.graph.node)
    return counts["Attention"], counts["BiasGelu"]


seen = {(scores, gelu): fused(scores, gelu) for scores, gelu in (("Div", "Div"), ("Mul", "Div"), ("Div", "Mul"))}
for (scores, gelu), (attention, bias_gelu) in seen.items():
    print(f"scores {scores}, GELU {gelu}: Attention {attention}, BiasGelu {bias_gelu}")
assert list(seen.values()) == [(1, 1), (0, 1), (1, 0)], "the optimiser does something else now"
PYTHON
