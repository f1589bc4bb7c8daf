#!/usr/bin/env bash
# transformers 5.24.0 with tokenizers 0.23.3: if tokenizer_config.json says BertTokenizer, AutoTokenizer takes from
# tokenizer.json the vocabulary alone and makes normalizer, pre-tokenizer and longest word anew, without a word. A model that was
# trained with the rules of its tokenizer.json then gets other ids. PreTrainedTokenizerFast reads the file as it stands.
#
# Seen on 2026-12-01:
#   the file itself: ['[UNK]', 'cats', 'sat']
#   as BertTokenizer: ['the', 'cats', 'sat']
#   as PreTrainedTokenizerFast: ['[UNK]', 'cats', 'sat']
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.24.0 tokenizers==0.23.3
cd "$folder"
HF_HUB_OFFLINE=1 venv/bin/python - <<'PYTHON'
import json
import pathlib
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer

words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cats", "sat"]
# No normalizer: capitals are other words.
own = Tokenizer(models.WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
own.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
text = "The cats sat"
seen = {"the file itself": own.encode(text).tokens}
special = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
for kind in ("BertTokenizer", "PreTrainedTokenizerFast"):
    place = pathlib.Path(kind)
    place.mkdir()
    own.save(str(place / "tokenizer.json"))
    (place / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": kind, **special}))
    (place / "config.json").write_text(json.dumps({"model_type": "bert"}))
    ids = AutoTokenizer.from_pretrained(str(place))(text, add_special_tokens=False)["input_ids"]
    seen[f"as {kind}"] = [words[i] for i in ids]
for form, tokens in seen.items():
    print(f"{form}: {tokens}")
expected = ["[UNK]", "cats", "sat"]
assert list(seen.values()) == [expected, ["the", "cats", "sat"], expected], "transformers does something else now"
PYTHON
