"""Loads exported folders as a Python user would and prints what it found as JSON, a line a folder.

Usage: python check_folder.py FOLDER...
Everything is read from the folder; nothing is fetched.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import onnx
import onnxruntime
import torch
import transformers
from transformers import AutoModel, AutoModelForMaskedLM, AutoTokenizer

SENTENCES = ["The old man went down to the [MASK] and looked at the sea.", "She [MASK] nothing."]


def run_onnx(path, batch):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path, load_external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    feeds = {name: np.asarray(batch[name], dtype=np.int64) for name in (value.name for value in session.get_inputs())}
    return {
        "inputs": [[value.name, value.type, value.shape] for value in session.get_inputs()],
        "outputs": [[value.name, value.type, value.shape] for value in session.get_outputs()],
        "opset": model.opset_import[0].version,
        "metadata": sorted(entry.key for entry in model.metadata_props),
        "names": len({node.name for node in model.graph.node}) == len(model.graph.node),
    }, session.run(None, feeds)[0]


def check(folder):
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        headless = json.load(file)["architectures"][0].endswith("Model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    slow_or_fast = type(tokenizer).__name__
    kind = AutoModel if headless else AutoModelForMaskedLM
    model, info = kind.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    stored = str(next(model.parameters()).dtype)
    model = model.float().eval()
    batch = tokenizer(SENTENCES, return_tensors="np", padding=True, truncation=True)
    with torch.no_grad():
        out = model(**{name: torch.tensor(value) for name, value in batch.items()})
        expected = (out.last_hidden_state if headless else out.logits).numpy()
    real = np.asarray(batch["attention_mask"]) == 1  # what is answered for padding is nobody's business
    files = {}
    for name in sorted(os.listdir(os.path.join(folder, "onnx"))):
        if not name.endswith(".onnx"):
            continue
        facts, got = run_onnx(os.path.join(folder, "onnx", name), batch)
        difference = np.abs(got - expected)
        facts["difference"] = float(difference[real].max())
        facts["relative"] = float((difference / np.maximum(1, np.abs(expected)))[real].max())
        if not headless:
            mask = np.asarray(batch["input_ids"]) == tokenizer.mask_token_id
            facts["top"] = tokenizer.convert_ids_to_tokens(got[mask].argmax(-1).tolist())
        files[name] = facts
    top = None
    if not headless:
        mask = np.asarray(batch["input_ids"]) == tokenizer.mask_token_id
        top = tokenizer.convert_ids_to_tokens(expected[mask].argmax(-1).tolist())
    return {
        "folder": folder,
        "versions": {module.__name__: module.__version__ for module in (transformers, torch, onnx, onnxruntime)},
        "tokenizer": slow_or_fast,
        "maskToken": tokenizer.mask_token,
        "modelMaxLength": tokenizer.model_max_length,
        "ids": np.asarray(batch["input_ids"]).tolist(),
        "missing": sorted(info["missing_keys"]),
        "unexpected": sorted(info["unexpected_keys"]),
        "stored": stored,
        "tied": headless or model.get_output_embeddings().weight.data_ptr() == model.get_input_embeddings().weight.data_ptr(),
        "top": top,
        "files": files,
    }


for path in sys.argv[1:]:
    print(json.dumps(check(path)))
