"""Counts what ONNX Runtime's own tools make of fp32 files: `python count_products.py FILE HEADS WIDTH ...`, a line of JSON a file."""

import collections
import json
import logging
import os
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model

logging.disable(logging.WARNING)


def kinds(model):
    return collections.Counter(node.op_type for node in model.graph.node)


def weighted(model):
    """Products whose second factor is an initialiser."""
    held = {tensor.name for tensor in model.graph.initializer}
    return sum(node.op_type in ("MatMul", "Gemm") and any(name in held for name in node.input[1:2]) for node in model.graph.node)


def logits(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    ids = np.arange(2 * 9, dtype=np.int64).reshape(2, 9) % 50 + 5
    mask = np.ones_like(ids)
    mask[1, 6:] = 0
    given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    answer = session.run(["logits"], given)[0]
    return answer[mask == 1]


def judged(path, heads, width):
    model = onnx.load(path)
    with tempfile.TemporaryDirectory() as folder:
        bytes_path = os.path.join(folder, "bytes.onnx")
        quantize_dynamic(path, bytes_path)
        four = MatMulNBitsQuantizer(onnx.load(path), block_size=16, is_symmetric=True)
        four.process()
        fused_path = os.path.join(folder, "fused.onnx")
        fused = optimize_model(path, model_type="bert", num_heads=heads, hidden_size=width, opt_level=0, optimization_options=FusionOptions("bert"))
        fused.save_model_to_file(fused_path)
        exact = logits(path)
        return {
            "version": onnxruntime.__version__,
            "weighted": weighted(model),
            "bytes": kinds(onnx.load(bytes_path))["MatMulInteger"],
            "fourBits": kinds(four.model.model)["MatMulNBits"],
            "fused": {kind: kinds(fused.model)[kind] for kind in ("Attention", "BiasGelu", "SkipLayerNormalization", "EmbedLayerNormalization")},
            "apart": float(np.abs(logits(fused_path) - exact).max()),
        }


for at in range(1, len(sys.argv), 3):
    print(json.dumps(judged(sys.argv[at], int(sys.argv[at + 1]), int(sys.argv[at + 2]))))
