"""Opens a checkpoint and the same with a cut vocabulary in transformers: ids as given, and hidden states of texts that need no word that went.

    python check.py WHOLE CUT LINES.json

LINES.json: [{line, ids}], ids of the cut vocabulary as WID Studio gives them. Prints one line of JSON; fails if anything differs.
"""

import json
import sys

import torch
import transformers
from transformers import AutoModel, AutoTokenizer

whole_folder, cut_folder, asked = sys.argv[1:]
lines = json.load(open(asked, encoding="utf8"))
whole_words = AutoTokenizer.from_pretrained(whole_folder)
cut_words = AutoTokenizer.from_pretrained(cut_folder)
other = [line for line in lines if cut_words(line["line"], add_special_tokens=False)["input_ids"] != line["ids"]]
assert not other, other[:3]

whole, cut = (AutoModel.from_pretrained(folder, dtype=torch.float32).eval() for folder in (whole_folder, cut_folder))
largest, compared, tokens = 0.0, 0, 0
for line in lines:
    # A forward pass of both a line: enough of them.
    if compared == 120:
        break
    texts = [words(line["line"], truncation=True, max_length=64, return_tensors="pt")["input_ids"] for words in (whole_words, cut_words)]
    names = [words.convert_ids_to_tokens(ids[0]) for words, ids in zip((whole_words, cut_words), texts)]
    # A text that needs a word that went is made of other tokens.
    if names[0] != names[1] or len(names[0]) < 3:
        continue
    with torch.no_grad():
        states = [model(input_ids=ids).last_hidden_state for model, ids in zip((whole, cut), texts)]
    largest = max(largest, (states[0] - states[1]).abs().max().item())
    compared += 1
    tokens += len(names[0])
assert compared > 100 and largest <= 1e-6, (compared, largest)
print(json.dumps({
    "versions": {"transformers": transformers.__version__, "torch": torch.__version__},
    "class": type(cut_words).__name__,
    "linesWithTheSameIds": len(lines),
    "textsWithoutRemovedTokens": compared,
    "tokens": tokens,
    "largestDifferenceOfHiddenStates": largest,
}))
