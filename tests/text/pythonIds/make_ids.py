"""Makes ids.json.gz: odd lines, tokenizers of every kind, and the ids that Python's `tokenizers` (the Rust library) gives for them.

    pip install tokenizers sentencepiece
    python tests/text/pythonIds/make_ids.py

tests/text/pythonIds.test.ts holds our ids equal to them. sentencepiece is asked for its map of characters alone.
"""

import base64
import glob
import gzip
import io
import json
import os
import random
import struct
import sys

import sentencepiece
import tokenizers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
PROSE = os.path.join(HERE, "..", "..", "..", "public", "demo", "prose", "*.txt")
LINES = 2000
chance = random.Random(20261201)


def prose():
    words = []
    for file in sorted(glob.glob(PROSE)):
        with open(file, encoding="utf-8") as text:
            words += text.read().split()
    return words


WORDS = prose()
# From, to: what is odd about them is in the characters, so that lines take some of each.
BLOCKS = [
    (0x01, 0x20), (0x20, 0x7F), (0x7F, 0xA1), (0xA1, 0x100), (0x100, 0x250), (0x250, 0x2B0), (0x2B0, 0x370), (0x370, 0x400),
    (0x400, 0x530), (0x530, 0x590), (0x590, 0x600), (0x600, 0x700), (0x700, 0x900), (0x900, 0xE00), (0xE00, 0xF00), (0x1000, 0x1100),
    (0x1100, 0x1200), (0x1200, 0x1400), (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2100), (0x2100, 0x2200), (0x2200, 0x2300),
    (0x2460, 0x2500), (0x2580, 0x2600), (0x2600, 0x2800), (0x2E00, 0x2E80), (0x3000, 0x3040), (0x3040, 0x3100), (0x3130, 0x3400),
    (0x3400, 0x3480), (0x4E00, 0x5200), (0xA000, 0xA100), (0xAC00, 0xAD00), (0xE000, 0xE010), (0xF900, 0xFB00), (0xFB00, 0xFB50),
    (0xFB50, 0xFC00), (0xFE00, 0xFE70), (0xFE70, 0xFF00), (0xFF00, 0xFFF0), (0xFFF9, 0xFFFE), (0x10330, 0x1034B), (0x10400, 0x10450),
    (0x1D400, 0x1D500), (0x1F1E6, 0x1F200), (0x1F300, 0x1F400), (0x1F600, 0x1F650), (0x20000, 0x20040), (0x2B820, 0x2B920),
    (0x2F800, 0x2F820), (0xE0100, 0xE0110),
]
PHRASES = [
    "Müller und Straße", "ΟΔΥΣΣΕΥΣ ο σοφός", "İstanbul ışık", "naïve café résumé", "a\u0301e\u0301 o\u0308", "ﬁﬂ ﬃ ①②③ ㍿ ½ ²",
    "don't you're I'll we'd 've", "한국어 조선말", "日本語とEnglishの混在", "中文字符，标点。", "\U00020000\U0002A6DF字", "हिन्दी देवनागरी", "ภาษาไทย กำ",
    "العَرَبِيَّة", "עִבְרִית", "👨‍👩‍👧‍👦 👍🏽 🇩🇪", "a\u200bb\u200cc\u200dd\ufeffe", "one\u00a0two\u2003three\u3000four", "x\u0085y\u2028z", "tab\tnew\r\nline",
    "[MASK] the [mask] [UNK][SEP]", "<s> <mask> </s><pad>", "a <mask>b<mask> c", "[E1]x [E1] e1 Wort Wörter Wort!", "\u2581word \u2581\u2581", "##ing ## #",
    "3.14159 1,000,000 ١٢٣ ४५६ Ⅷ", "http://a.b/c?d=e&f=g#h", "C++ & C# @user #tag $5 50% ~^`|", "....!!! --- ___", "''quoted'' ``so'' “and” «this»",
    "ABC\u0130\u0131\u017f\u1e9e", "\u1100\u1161\u11a8", "e\u0301\u0302\u0303", "ª\u0301 ª\u200d ①\u0301 ½\u0308", "\ufdfa ﷽", "\u0001\u0002a\u007fb\ufffd",
    "supercalifragilisticexpialidocious" * 4, "a" * 300, " ", "", "  ", "\n", " leading", "trailing ", "  two  spaces  ", "\u00a8x", "\u2026", "\u3000\u3000a",
    "\u0001first", "\u200bfirst", "\ufefffirst", "\u0301first", "\r\nfirst", "<unk> <0x41>", "ſtraße ẞ", "ǅ ǆ Ǆ", "ﬀ", "\u0345\u03b1", "µ μ Ω Ω K K Å Å",
]


def piece():
    draw = chance.random()
    if draw < 0.45:
        word = chance.choice(WORDS)
        if chance.random() < 0.1:
            word = word.upper()
        return word
    if draw < 0.7:
        return chance.choice(PHRASES)
    if draw < 0.95:
        first, last = chance.choice(BLOCKS)
        return "".join(chr(chance.randrange(first, last)) for _ in range(chance.randint(1, 5)))
    return "".join(chr(chance.randrange(*chance.choice(BLOCKS))) for _ in range(chance.randint(1, 6)))


def line():
    glue = [" ", " ", " ", "", "  ", "\t", "\u00a0", "-", ", "]
    made = ""
    for _ in range(chance.randint(1, 4)):
        made += piece() + chance.choice(glue)
    return made.rstrip() if chance.random() < 0.7 else made


def charsmap(rule):
    """The map of characters that sentencepiece compiles into a model: field 2 of field 3 of its protocol buffer."""
    made = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(WORDS[:4000]), model_writer=made, vocab_size=120, hard_vocab_limit=False,
        normalization_rule_name=rule, minloglevel=2,
    )
    return field(field(made.getvalue(), 3), 2)


def field(data, wanted):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 2:
            size = varint()
            if key >> 3 == wanted:
                return data[at : at + size]
            at += size
        elif key & 7 == 0:
            varint()
        else:
            at += 8 if key & 7 == 1 else 4
    raise ValueError("no such field")


BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
lines = PHRASES + [line() for _ in range(LINES - len(PHRASES))]
maps = {"nmt_nfkc": charsmap("nmt_nfkc")}
training = [" ".join(WORDS[i : i + 12]) for i in range(0, len(WORDS), 12)] + lines
kinds = {}


def keep(name, tokenizer, specials, count=LINES):
    ids = [tokenizer.encode(one, add_special_tokens=False).ids for one in lines[:count]]
    rules = json.loads(tokenizer.to_str())
    text = json.dumps(rules, ensure_ascii=False)
    for key, value in maps.items():
        text = text.replace(base64.b64encode(value).decode(), "charsmap:" + key)
    kinds[name] = {"tokenizer": json.loads(text), "specials": specials, "ids": ids}
    print(name, tokenizer.get_vocab_size(), sum(map(len, ids)))


def added(content, **flags):
    return AddedToken(content, **flags)


def word_piece(name, normalizer, splitter=None):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    made.normalizer = normalizer
    made.pre_tokenizer = splitter or pre_tokenizers.BertPreTokenizer()
    made.train_from_iterator(training, trainers.WordPieceTrainer(vocab_size=1800, special_tokens=BERT, show_progress=False, limit_alphabet=900))
    made.add_tokens([added("[E1]", normalized=False), added("wort", single_word=True), added("CAFE", normalized=True, rstrip=True)])
    keep(name, made, BERT)


def word_level(name, normalizer, splitter):
    made = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    made.normalizer = normalizer
    made.pre_tokenizer = splitter
    made.train_from_iterator(training, trainers.WordLevelTrainer(vocab_size=2500, special_tokens=BERT, show_progress=False))
    keep(name, made, BERT)


def bpe(name, normalizer, splitter, alphabet=(), specials=ROBERTA, **settings):
    made = Tokenizer(models.BPE(**settings))
    if normalizer is not None:
        made.normalizer = normalizer
    if splitter is not None:
        made.pre_tokenizer = splitter
    more = {}
    if settings.get("continuing_subword_prefix"):
        more["continuing_subword_prefix"] = settings["continuing_subword_prefix"]
    if settings.get("end_of_word_suffix"):
        more["end_of_word_suffix"] = settings["end_of_word_suffix"]
    bytes_of = [f"<0x{byte:02X}>" for byte in range(256)] if settings.get("byte_fallback") else []
    made.train_from_iterator(
        training,
        trainers.BpeTrainer(
            vocab_size=1800, special_tokens=specials + bytes_of, initial_alphabet=list(alphabet), show_progress=False, limit_alphabet=500, **more
        ),
    )
    if bytes_of:
        # Bytes are pieces, not tokens that are looked for.
        rules = json.loads(made.to_str())
        rules["added_tokens"] = [one for one in rules["added_tokens"] if not one["content"].startswith("<0x")]
        made = Tokenizer.from_str(json.dumps(rules))
    made.add_special_tokens([added("<mask>", lstrip=True, special=True)])
    keep(name, made, specials)


def unigram(name, normalizer, splitter, byte_fallback=False, extra=()):
    first = Tokenizer(models.Unigram())
    if normalizer is not None:
        first.normalizer = normalizer
    first.pre_tokenizer = splitter
    first.train_from_iterator(
        training[: -len(lines)] + PHRASES, trainers.UnigramTrainer(vocab_size=1800, special_tokens=ROBERTA, unk_token="<unk>", show_progress=False, shrinking_factor=0.6)
    )
    rules = json.loads(first.to_str())
    pieces = [(one, score) for one, score in rules["model"]["vocab"]]
    if byte_fallback:
        pieces += [(f"<0x{byte:02X}>", -20.0) for byte in range(256)]
    made = Tokenizer(models.Unigram(pieces, unk_id=3, byte_fallback=byte_fallback))
    if normalizer is not None:
        made.normalizer = normalizer
    made.pre_tokenizer = splitter
    made.add_special_tokens([*ROBERTA[:4], added("<mask>", lstrip=True, special=True)])
    keep(name, made, ROBERTA)


def letters(name, normalizer, splitter, count=250):
    """A vocabulary of bytes, `##` before each letter that continues a word: ids show every character and every cut."""
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)}
    for one in BERT:
        vocabulary[one] = len(vocabulary)
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True, continuing_subword_prefix="##", unk_token="[UNK]"))
    if normalizer is not None:
        made.normalizer = normalizer
    if splitter is not None:
        made.pre_tokenizer = splitter
    made.add_special_tokens(BERT)
    keep(name, made, BERT, count)


N, P = normalizers, pre_tokenizers
nfkc = N.Precompiled(maps["nmt_nfkc"])
word_piece("WordPiece, uncased", N.BertNormalizer())
word_piece("WordPiece, cased", N.BertNormalizer(strip_accents=False, lowercase=False))
word_level("WordLevel, Whitespace", N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]), P.Whitespace())
word_level("WordLevel, WhitespaceSplit and Punctuation", N.NFKC(), P.Sequence([P.WhitespaceSplit(), P.Punctuation()]))
bpe("BPE, ByteLevel", None, P.ByteLevel(add_prefix_space=False), P.ByteLevel.alphabet())
bpe("BPE, ByteLevel with a space before", N.NFC(), P.ByteLevel(add_prefix_space=True), P.ByteLevel.alphabet())
bpe("BPE, ## and unknown", N.Lowercase(), P.Whitespace(), unk_token="<unk>", continuing_subword_prefix="##", fuse_unk=False)
bpe("BPE, </w> and fused unknown", None, P.WhitespaceSplit(), unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True)
bpe("BPE, bytes", N.Sequence([N.Prepend("▁"), N.Replace(" ", "▁")]), None, unk_token="<unk>", byte_fallback=True, fuse_unk=True)
unigram("Unigram, XLM-RoBERTa", nfkc, P.Sequence([P.WhitespaceSplit(), P.Metaspace()]))
unigram("Unigram, first", N.Sequence([nfkc, N.Lowercase()]), P.Metaspace(prepend_scheme="first"))
unigram("Unigram, never", N.Sequence([N.Nmt(), N.NFKC(), N.Replace(tokenizers.Regex(" {2,}"), " ")]), P.Metaspace(prepend_scheme="never"))
unigram("Unigram, bytes", N.Sequence([N.Strip(), nfkc]), P.Metaspace(prepend_scheme="always", split=False), byte_fallback=True)
for behavior in ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]:
    letters(f"Punctuation, {behavior}", None, P.Punctuation(behavior))
    for invert in [False, True]:
        split = P.Split(tokenizers.Regex(r"\d+|[a-z]|\s"), behavior, invert=invert)
        letters(f"Split, {behavior}, {invert}", None, split, 150)
letters("Split, text", None, P.Sequence([P.Split(" ", "merged_with_next"), P.Split("e", "merged_with_previous")]))
letters("Whitespace", N.NFKD(), P.Whitespace())
letters("Digits", None, P.Sequence([P.CharDelimiterSplit("a"), P.Digits()]))
letters("Digits, each", None, P.Digits(individual_digits=True))
letters("FixedLength", None, P.FixedLength(3))
letters("BERT, every character", N.BertNormalizer(), P.BertPreTokenizer(), LINES)
letters("Precompiled", nfkc, None, LINES)
letters("Metaspace, first, cut", N.BertNormalizer(), P.Sequence([P.WhitespaceSplit(), P.Metaspace(prepend_scheme="first")]))
letters("Strip", N.Sequence([N.Strip(left=True, right=False), N.StripAccents()]), P.Metaspace(prepend_scheme="first"))
letters("ByteLevel as a normalizer", N.ByteLevel(), None)
letters("GPT-2's expression", None, P.Split(tokenizers.Regex(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), "isolated"), 500)

made = {
    "versions": {"tokenizers": tokenizers.__version__, "sentencepiece": sentencepiece.__version__, "python": sys.version.split()[0]},
    "charsmaps": {name: base64.b64encode(value).decode() for name, value in maps.items()},
    "lines": lines,
    "kinds": kinds,
}
with open(os.path.join(HERE, "ids.json.gz"), "wb") as file:
    file.write(gzip.compress(json.dumps(made, ensure_ascii=False, separators=(",", ":")).encode(), 9, mtime=0))
print(os.path.getsize(os.path.join(HERE, "ids.json.gz")), "bytes")
