"""Makes the texts of strings.jsonl: real and hostile ones, the same list for the same seed.

Leaves out code points that Unicode 14 does not assign (newer regex engines know more letters), lone
surrogates (no UTF-8) and U+0000 (it would end a C string).
"""
import random
import unicodedata
from pathlib import Path

HERE = Path(__file__).resolve().parent
LICENSES = Path("/usr/share/common-licenses")
CODE_POINTS = [
    chr(c) for c in range(1, 0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")
]
SPACES = [c for c in CODE_POINTS if unicodedata.category(c)[0] == "Z"] + list("\t\n\v\f\r\x85")
LOOK_LIKE_SPACES = list("\x1c\x1d\x1e\x1f\u00ad\u180e\u200b\u200c\u200d\u2060\u2800\u3164\ufeff")
APOSTROPHES = list("'\u2019\u02bc\u2032`\u00b4\uff07\u2018")
ENDINGS = "s t re ve m ll d S T RE VE M LL D Re lL x".split() + [""]
SPECIAL_TOKENS = ["<s>", "</s>", "<pad>", "<unk>", "<mask>", "<|endoftext|>"]

HAND_WRITTEN = [
    "",
    " ",
    "Hello world",
    " Hello world",
    "Hello  world   with    more     blanks      each       time",
    "trailing blank ",
    "trailing blanks   ",
    "   ",
    "\t",
    "\n",
    "\r\n",
    "line one\nline two\r\nline three\rline four\n\n\nline eight\n",
    "tab\tseparated\t\tvalues\t",
    " \n \n ",
    "a \n b",
    "a\n  b",
    "a  \n",
    "int main(void)\n{\n    return 0;\n}\n",
    "\tif (x) {\n\t\ty();\n\t}\n",
    "isn't it? I've said we're sure they'll say I'm what he'd want.",
    "ISN'T IT? I'VE SAID WE'RE SURE THEY'LL SAY I'M WHAT HE'D WANT.",
    "isn\u2019t it? I\u2019ve said we\u2019re sure they\u2019ll say I\u2019m what he\u2019d want.",
    "'s't're've'm'll'd",
    "'''s ''t 'r 'v 'l 'l'l",
    "don't'd've",
    "rock 'n' roll in the '90s, the '80s's best",
    "l'été, d'accord, qu'il, aujourd'hui, l'Homme",
    "x's'y 1's 1'd !'s ''s \n's",
    "\u0130stanbul'da 's",
    "123456789012345678901234567890",
    "3.14159 1,000,000 0x7fff 1e-9 50% $9.99 #1 @home",
    "v1.2.3-rc4+build.5",
    "\u0661\u0662\u0663 \u096a\u096b\u096c \u4e00\u4e8c\u4e09 \uff14\uff15\uff16",
    "\u00bd\u00be\u2153 a\u00bd 1\u00bd \u00b2\u00b3x\u2074 H\u2082O",
    "\u2160\u2161\u216b\u2180 \u2170\u217b a\u2163b",
    "\u2460\u2473\u24ea\u2776 \u3251\u32b1",
    "\U0001d7d8\U0001d7e2\U0001d7ff \U00010107\U00010133 \U00012400",
    "e\u0301 o\u0308 n\u0303 a\u0300\u0301\u0302\u0303\u0304\u0305",
    "\u0301\u0302 leading marks",
    "Z\u0351\u036b\u0343a\u0329\u034dl\u0322\u0335g\u0353\u0317o\u031f\u0330",
    "\u00e9 is e\u0301, \u212b is \u00c5 is A\u030a, \ufb01 is fi, \u017f is s",
    "\u0e01\u0e33 \u0e40\u0e01\u0e48\u0e07 \u0e19\u0e49\u0e33",
    "\u0928\u093f \u0915\u094d\u0937 \u0930\u094d\u200d \u0930\u094d\u200c",
    "\u1112\u1161\u11ab \ud55c \u3131\u3149",
    "\U0001f600\U0001f601 \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f44d\U0001f3fd",
    "\U0001f1e9\U0001f1ea \u2764\ufe0f #\ufe0f\u20e3",
    "\U0001f468\U0001f3ff\u200d\U0001f9b2\U0001f469\u200d\u2764\u200d\U0001f48b\u200d\U0001f468",
    "\u202eright to left\u202c \u200fmark\u200e \u2066isolate\u2069",
    "\ufeffbyte order mark",
    "soft\u00adhyphen zero\u200bwidth\u200cnon\u200djoiner word\u2060joiner",
    "\ufffd replacement \ufffc object",
    "\ue000\uf8ff\U000f0000\U0010fffd",
    "\x01\x02\x03\x1b[31mred\x1b[0m\x7f\x80\x9f",
    "<s>", "</s>", "<mask>", "<|endoftext|>", "<pad>", "<unk>",
    "<s>Hello</s>", "<s> Hello </s>", " <s> ", "<s></s><s></s>",
    "The <mask> sat on the<mask>.", "The  <mask>  sat", "\n<mask>\n", "\u00a0<mask>\u3000<mask>",
    "a\u200b<mask>",
    "<mask><mask> <mask>", "x<mask>y <mask>z",
    "<S> </S> <Mask> <MASK> < s> <s > <s/> </ s>", "<s<s>>", "<<s>>",
    "<s", "s>", "</s", "<mask", "<|endoftext|", "|endoftext|>",
    "one<|endoftext|>two <|endoftext|> three", "<|endoftext|><|endoftext|>", "<|endoftext|>\n",
    "<|endof<s>text|>",
    "&lt;s&gt; \\u003cs\\u003e \uff1cs\uff1e",
    "<extra_id_0> [MASK] [CLS] <|im_start|> @@ ## \u2581 \u0120 \u010a \u00c4",
    "\u0120Hello\u0120world\u010a",
    "#version: 0.2",
    "https://example.org/a/b?c=d&e=%20f#g user@example.org /usr/share/doc C:\\Windows\\System32",
    "{\"key\": [1, 2.5, null, true], \"nested\": {\"a\\n\": \"\\u00e9\"}}",
    "!!! ??? ... --- *** ___ === ~~~ ((())) [[[]]] {{{}}}",
    "a!b?c.d-e*f_g=h~i(j)k[l]m{n}o",
    " !  ?   .",
    "\u201cquoted\u201d \u2018single\u2019 \u00abguillemets\u00bb \u300ckagi\u300d",
    "\u2014 dash \u2026",
    "snake_case camelCase PascalCase kebab-case SCREAMING_CASE mixed123numbers456",
    "Donaudampfschifffahrtselektrizit\u00e4tenhauptbetriebswerkbauunterbeamtengesellschaft",
    "pneumonoultramicroscopicsilicovolcanoconiosis " * 4,
    "\u00df\u1e9e \u0131I\u0130i \u01c5 \u03c2\u03c3\u03a3 \ufb00\ufb03",
    "a" * 300,
    "ab" * 500,
    "ha" * 99 + "!" * 99,
    " " * 300,
    "x" + " " * 99 + "y",
    "\n" * 99 + "z",
    " \t" * 50,
    "\u3042" * 150,
    "\U0001f600" * 60,
    "\u0301" * 120,
    "9" * 300,
    "-" * 300,
    "the " * 100,
]


def lines_of(path, n):
    """Returns n non-empty lines with their indentation, evenly spread over the file."""
    with open(path, encoding="utf-8") as f:
        lines = [line.rstrip("\n") for line in f if line.strip()]
    return lines[:: max(1, len(lines) // n)][:n]


def around_spaces():
    """Every white space, and characters that look like it, in every position."""
    patterns = ["a%sb", "%sa", "a%s", "a %sb", "a%s b", "a%s%sb", "1%s!%s\u00e9%s", "%s"]
    return [
        pattern.replace("%s", space)
        for space in SPACES + LOOK_LIKE_SPACES
        for pattern in patterns
    ]


def contractions():
    texts = [
        "it%s%s %s%s" % (apostrophe, ending, apostrophe, ending)
        for apostrophe in APOSTROPHES
        for ending in ENDINGS
    ]
    return texts + ["you'%sx 7'%s\n'%s" % (ending, ending, ending) for ending in ENDINGS]


def numbers():
    """Digits, fractions, Roman numerals, counting signs: 12 of every 40 that Unicode has."""
    category_n = [c for c in CODE_POINTS if unicodedata.category(c)[0] == "N"]
    starts = range(0, len(category_n), 40)
    return ["".join(category_n[i : i + 12]) + "a" + category_n[i] for i in starts]


def around_special_tokens(rng, n):
    parts = SPECIAL_TOKENS + [" ", "  ", "\n", "a", " the", "<", ">", "s", "\u00e9", ".", "\u3000"]
    return ["".join(rng.choice(parts) for _ in range(rng.randint(2, 8))) for _ in range(n)]


def stretches_of_unicode(rng, n):
    """Adjacent code points: words and signs of one script."""
    texts = []
    for _ in range(n):
        start = rng.randrange(len(CODE_POINTS)) if rng.random() < 0.2 else rng.randrange(12000)
        texts.append("".join(CODE_POINTS[start : start + rng.randint(2, 10)]))
    return texts


def mixtures(rng, n):
    """Code points from everywhere, with ASCII and white space between them."""
    common = "aeiounst AEI 019 .,!?'-"
    pools = [common, common, CODE_POINTS[:12000], CODE_POINTS, SPACES, LOOK_LIKE_SPACES]
    draw = lambda: rng.choice(rng.choice(pools))
    return ["".join(draw() for _ in range(rng.randint(1, 16))) for _ in range(n)]


def slices_of(texts, rng, n):
    """Parts of sentences that start and end anywhere."""
    slices = []
    for _ in range(n):
        text = rng.choice(texts)
        start = rng.randrange(len(text))
        slices.append(text[start : start + rng.randint(1, 14)])
    return slices


def all_strings(kjv_directory, seed):
    rng = random.Random(seed)
    sentences = lines_of(HERE / "languages.txt", 1000)
    texts = HAND_WRITTEN + sentences + around_spaces() + contractions() + numbers()
    texts += around_special_tokens(rng, 150)
    texts += lines_of(kjv_directory / "heldout.txt", 100)
    texts += lines_of(LICENSES / "GPL-3", 100) + lines_of(LICENSES / "Apache-2.0", 50)
    texts += slices_of(sentences, rng, 400)
    texts += stretches_of_unicode(rng, 400)
    texts += mixtures(rng, 500)
    return list(dict.fromkeys(texts))  # without repetitions, in order
