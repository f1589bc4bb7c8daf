"""Reads folders of an encoder without a head as tools for vectors do: `python check_vectors.py FOLDER ...`, a line of JSON a folder.

Everything is read from the folder; nothing is fetched.
"""

import json
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy as np
import sentence_transformers
import torch
import transformers
from optimum.onnxruntime import ORTModelForFeatureExtraction
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

SENTENCES = ["The old man went down to the sea.", "She said nothing."]


def check(folder):
    batch = AutoTokenizer.from_pretrained(folder)(SENTENCES, return_tensors="pt", padding=True)
    with torch.no_grad():
        expected = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()(**batch).last_hidden_state
        model = ORTModelForFeatureExtraction.from_pretrained(folder, subfolder="onnx", file_name="model.onnx")
        got = model(**batch).last_hidden_state
        kept = batch["attention_mask"][..., None]
        pooled = ((expected * kept).sum(1) / kept.sum(1)).numpy()
    backend = SentenceTransformer(folder, backend="onnx", model_kwargs={"file_name": "onnx/model.onnx"})
    return {
        "folder": folder,
        "versions": {module.__name__: module.__version__ for module in (transformers, sentence_transformers)},
        "optimum": float(((got - expected).abs() * kept).max()),
        "sentences": float(np.abs(backend.encode(SENTENCES) - pooled).max()),
        "width": int(pooled.shape[1]),
    }


for path in sys.argv[1:]:
    print(json.dumps(check(path)))
