#!/usr/bin/env bash
# @huggingface/tokenizers 0.2.0 (JavaScript) beside tokenizers 0.23.3 (Rust, through Python): the pre-tokenizer Whitespace is \w+|[^\w\s]+
# in both, but JavaScript's \w is ASCII. Words with an umlaut, and every word of a script that is not Latin, are cut at each such
# letter, so that the same tokenizer.json gives other ids in a browser than where the model was trained, without a word.
#
# Seen on 2026-12-01:
#   Rust: Müller | und | Straße | Привет
#   JavaScript: M | ü | ller | und | Stra | ß | e | Привет
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet tokenizers==0.23.3
cd "$folder"
npm install --silent --no-audit --no-fund --prefix . @huggingface/tokenizers@0.2.0 >/dev/null
venv/bin/python - <<'PYTHON'
import json
from tokenizers import Tokenizer, models, pre_tokenizers

text = "Müller und Straße Привет"
made = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
made.pre_tokenizer = pre_tokenizers.Whitespace()
made.save("tokenizer.json")
json.dump({"text": text, "pieces": [piece for piece, _ in made.pre_tokenizer.pre_tokenize_str(text)]}, open("rust.json", "w"))
PYTHON
cat >check.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

const { text, pieces } = JSON.parse(readFileSync('rust.json', 'utf8'));
const tokenizer = new Tokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')), {});
const own = tokenizer.pre_tokenizer.pre_tokenize_text(text, {});
console.log(`Rust: ${pieces.join(' | ')}`);
console.log(`JavaScript: ${own.join(' | ')}`);
if (pieces.join('|') !== 'Müller|und|Straße|Привет' || own.join('|') !== 'M|ü|ller|und|Stra|ß|e|Привет')
  throw new Error('one of the libraries does something else now');
JAVASCRIPT
node check.mjs
