#!/usr/bin/env bash
# @huggingface/tokenizers 0.2.0 (JavaScript) beside tokenizers 0.23.3 (Rust, through Python): a Unigram model with byte_fallback: true.
# Rust spells a character without a piece in its bytes; JavaScript reads the setting for BPE alone and answers the unknown token,
# without a word, so that a text of rare characters has other ids in a browser than where the model was trained.
#
# Seen on 2026-12-01:
#   Rust: ▁a <0xC3> <0xBC>
#   JavaScript: ▁a <unk>
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

pieces = [("<unk>", 0.0), ("▁a", -1.0), ("▁", -2.0)] + [(f"<0x{byte:02X}>", -10.0) for byte in range(256)]
made = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=True))
made.pre_tokenizer = pre_tokenizers.Metaspace()
made.save("tokenizer.json")
json.dump(made.encode("aü").ids, open("rust.json", "w"))
PYTHON
cat >check.mjs <<'JAVASCRIPT'
import { readFileSync } from 'node:fs';
import { Tokenizer } from '@huggingface/tokenizers';

const rust = JSON.parse(readFileSync('rust.json', 'utf8')).join(' ');
const tokenizer = new Tokenizer(JSON.parse(readFileSync('tokenizer.json', 'utf8')), {});
const own = tokenizer.encode('aü', { add_special_tokens: false }).ids.join(' ');
console.log(`Rust: ${rust}`);
console.log(`JavaScript: ${own}`);
if (rust !== '▁a <0xC3> <0xBC>' || own !== '▁a <unk>') throw new Error('one of the libraries does something else now');
JAVASCRIPT
node check.mjs
