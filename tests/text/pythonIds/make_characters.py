"""Prints src/text/tokenizing/libraryCharacters.ts: classes of characters as Python's `tokenizers` (the Rust library) has them.

    python tests/text/pythonIds/make_characters.py > src/text/tokenizing/libraryCharacters.ts

It asks the library about every character, in about half a minute.
"""

import unicodedata

import tokenizers
from tokenizers import normalizers, pre_tokenizers

CHARACTERS = [chr(code) for code in range(1, 0x110000) if not 0xD800 <= code < 0xE000]


def bert(**settings):
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**{**off, **settings})


def dropped_by(normalizer):
    return [one for one in CHARACTERS if normalizer.normalize_str("a" + one) == "a"]


def ranges(characters):
    found = []
    for code in map(ord, characters):
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return [f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in found]


def table(name, comment, characters):
    print(f"\n/** {comment} */\nexport const {name} = inside(\n  '{' '.join(ranges(characters))}',\n);")


punctuation = pre_tokenizers.Punctuation("isolated")
# Later versions of Unicode gave these a decomposition that the library does not know. All of them decompose with compatibility,
# or canonically where they have no case.
unknown = set("\u32ff\U000105c9\U000105e4\U0001f16c\U00011938")
forms = [normalizers.NFKD(), normalizers.NFD()]
for form in forms:
    name = "NFKD" if form is forms[0] else "NFD"
    unknown |= {one for one in CHARACTERS if form.normalize_str(one) == one != unicodedata.normalize(name, one)}
# Python's own Unicode may be older than a browser's: what it does not know either is listed by hand.
for first, last in [(0xA7F1, 0xA7F4), (0xAB69, 0xAB69), (0x10781, 0x10785), (0x10787, 0x107B0), (0x107B2, 0x107BA), (0x11383, 0x11383),
                    (0x11385, 0x11385), (0x1138E, 0x1138E), (0x11391, 0x11391), (0x113C5, 0x113C5), (0x113C7, 0x113C8),
                    (0x16121, 0x16128), (0x16D68, 0x16D6A), (0x1CCD6, 0x1CCF9), (0x1E030, 0x1E06D), (0x1FBF0, 0x1FBF9)]:
    unknown |= {chr(code) for code in range(first, last + 1)}

print(f"""// Written by tests/text/pythonIds/make_characters.py from tokenizers {tokenizers.__version__}. BERT's rules there go by Unicode 8, so that a browser's
// own classes differ: it knows marks and punctuation that came later.

/** Ranges for the inside of an expression's brackets (flag `u`). */
function inside(ranges: string): string {{
  return ranges
    .split(' ')
    .map((range) => range.replace(/[^-]+/g, (code) => `\\\\u{{${{code}}}}`))
    .join('');
}}""")
table("LIBRARY_PUNCTUATION", "What it takes as punctuation: marks and ASCII's symbols.",
      [one for one in CHARACTERS if len(punctuation.pre_tokenize_str("a" + one + "a")) == 3])
table("LIBRARY_CONTROL", "Control characters and others that BERT's rules drop.", ["\0"] + dropped_by(bert(clean_text=True)))
table("LIBRARY_ACCENTS", "Marks that BERT's rules drop as accents.", dropped_by(bert(strip_accents=True)))
table("LIBRARY_MARKS", "Marks that the rule StripAccents drops.", dropped_by(normalizers.StripAccents()))
table("UNKNOWN_FORMS", "Characters that it leaves as they are where Unicode's normal forms take them apart.", sorted(unknown))
