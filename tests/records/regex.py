"""Records of ops/strings/regex.py."""

from .base import bad, record, s, sample

TEXTS = s([b"a1b22", b"", b"foo.bar\n", b"\xc3\xa4b\xe2\x82\xacb", b"aaa", b"A-B_c d"])

REPLACEMENTS = (
    (b"[0-9]+", rb"<\0>"),
    (rb"(\w)(\w)", rb"\2\1\\"),
    (b"a*", b"-"),
    (b"b*", b"x"),
    (b"^a|b$", b"!"),
    (b"[[:alpha:]]", b"."),
    (b".", b"_"),
    (rb"\s$", b"END"),
    (b"", b"+"),
    (b"(?i)[ab]", b"*"),
    (rb"[^\]a]", b"#"),
    (rb"(x)?b", rb"[\1]"),
    (b"a", rb"\1"),
    (rb"\pL", b"l"),
    (rb"\pC", b"c"),
    (rb"\p{Lu}|\PN", b"u"),
    (rb"[^\p{L}\p{Nd}\s]", b"?"),
    (rb"[\P{Latin}]+", b"/"),
    (rb"\p{^Latin}", b"/"),
    (rb"[[:^alpha:]]", b"."),
    (rb"[[:punct:][:^ascii:]]", b","),
)

record(
    "RegexReplace",
    *[sample(input=TEXTS, pattern=s(p), rewrite=s(r)) for p, r in REPLACEMENTS],
    sample(input=TEXTS, pattern=s(b"a"), rewrite=s(b"-"), replace_global=False),
    bad=[
        bad(input=TEXTS, pattern=s(b"(a"), rewrite=s(b""), match="[Ii]nvalid pattern"),
        bad(input=TEXTS, pattern=s(rb"\p{Lx}"), rewrite=s(b""), match="[Ii]nvalid pattern"),
        bad(input=TEXTS, pattern=s(b"[[:alphas:]]"), rewrite=s(b""), match="[Ii]nvalid pattern"),
        bad(input=TEXTS, pattern=s(b"(?=a)"), rewrite=s(b""), match="[Ii]nvalid pattern"),
    ],
)
record(
    "StaticRegexReplace",
    sample(input=TEXTS, pattern="[ab]+", rewrite=r"(\0)"),
    sample(input=TEXTS, pattern="[ab]", rewrite="", replace_global=False),
)
record(
    "RegexFullMatch",
    sample(input=TEXTS, pattern=s(b"[a-z0-9]*")),
    sample(input=TEXTS, pattern=s(b"a|a1b22|aa")),
    sample(input=TEXTS, pattern=s(b"foo.bar\\s")),
    bad=[bad(input=TEXTS, pattern=s(b"*"), match="[Ii]nvalid pattern")],
)
record(
    "StaticRegexFullMatch",
    sample(input=TEXTS, pattern="a+"),
    sample(input=TEXTS, pattern="(a1|b22)+"),
)
