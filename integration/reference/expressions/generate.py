#!/usr/bin/env python3
"""Prints random expressions, one a line, for expressions.sh: every builtin, helper and operator with
operands that fit and with odd ones, and calls within calls. The first argument is the seed.

What depends on the clock, the host, the network, the order of Go's maps or a database is left out."""

import random
import sys

ODD = """nil|true|0|-1|3|1.5|9223372036854775807|1e300|""|"a"|"héllo 日"|"1,2,3"|[]|[1,2,3]|["a","b"]|
[nil,1,"x"]|[[1],[2,3]]|{}|{"a":1}|evt.Meta|evt.Meta.k|evt.Meta.number|evt.Unmarshaled.n|
evt.Unmarshaled.s|evt.Unmarshaled.none|evt.Unmarshaled.list|evt.Unmarshaled.texts|
evt.Unmarshaled.objects|evt.Unmarshaled.map|evt.Unmarshaled.missing|evt.Unmarshaled.bools|
evt.Unmarshaled.mixed|evt.Unmarshaled.empty|evt.Unmarshaled.b|evt.Time|evt.Line.Raw|evt.Enriched|
1..3|Fields("x")|duration("90s")|date("2024-01-02")|ParseUri("/?a=1&b=2")|b"ab\\xff\"""".replace("\n", "").split("|")
TEXTS = [
    '""', '"a"', '"héllo 日"', '"a,b,,c"', "evt.Meta.k", "evt.Unmarshaled.s", '"%41%zz+;"', '"1.2.3.4"',
    '"::1"', '"1.2.3.0/24"', "\"<a><b x='1'>t</b></a>\"", '"k=v q=\\"x y\\" z="', '"[1,2]"',
    '"{\\"a\\":[1,{\\"b\\":\\"c\\\\u00e9\\"}]}"', '"a.b[0]"', '"//b"', '"2024-01-02T03:04:05Z"', '" x "',
]
KINDS = {
    "a": ODD,
    "s": TEXTS,
    "i": ["0", "1", "-1", "5", "9223372036854775807", "evt.Unmarshaled.n", "1.0"],
    "n": ["0", "-1", "2", "1.5", "-2.5", "1e300", "evt.Unmarshaled.n", '"4"', '" 5 "', '"0x10"', '"1e3"'],
    "l": [
        "[]", "[1,2,3]", '["b","a","b"]', "evt.Unmarshaled.list", "evt.Unmarshaled.texts", 'Fields("x y")',
        '[1,"a",nil]', "1..3", "evt.Unmarshaled.objects", "[[1],[1]]", '[{"a":1},{"a":2}]', "[true,false]",
        "evt.Unmarshaled.bools", "evt.Unmarshaled.empty",
    ],
    "m": [
        "evt.Unmarshaled.map", "evt.Meta", '{"a":1}', "{}", "evt.Unmarshaled.none", "nil",
        'JsonExtractObject("", "a")', "evt.Unmarshaled.newmap",
    ],
    "t": ["[evt.Time, evt.Time]", '[date("2024-01-02"), date("2024-01-07")]', "[evt.Time]", "[]", "[1,2]"],
}
# What fits each, by the letters above.
CALLS = """Upper:s Lower:s Fields:s TrimSpace:s Atof:s ParseUri:s ParseQuery:s PathUnescape:s
QueryUnescape:s PathEscape:s QueryEscape:s B64Decode:s IsIP:s IsIPV4:s IsIPV6:s ParseUnix:s
LibInjectionIsSQLI:s LibInjectionIsXSS:s fromJSON:s toBase64:s fromBase64:s duration:s timezone:s
trim:s trim:ss upper:s lower:s Index:ss IndexAny:ss Split:ss SplitAfter:ss Trim:ss TrimLeft:ss
TrimRight:ss TrimPrefix:ss TrimSuffix:ss JsonExtract:ss JsonExtractUnescape:ss JsonExtractSlice:ss
JsonExtractObject:ss IpInRange:ss IpToRange:ss XMLGetNodeValue:ss ExtractQueryParam:ss Match:ss
trimPrefix:ss trimSuffix:ss split:ss split:ssi splitAfter:ss splitAfter:ssi indexOf:ss lastIndexOf:ss
hasPrefix:ss hasSuffix:ss ReplaceAll:sss XMLGetAttributeValue:sss replace:sss replace:sssi SplitN:ssi
SplitAfterN:ssi Replace:sssi Join:ls Get:li ToString:a ToJsonString:a Distinct:l Flatten:aa
FlattenDistinct:la KeyExists:sm UnmarshalJSON:sms ParseKV:sms ParseKVLax:sms Sprintf:sa Sprintf:saa
Distance:ssss AverageInterval:t MedianInterval:t len:a type:a abs:n ceil:n floor:n round:n int:n float:n
string:a repeat:si join:l join:ls max:nn min:nn max:l min:l mean:l median:l mean:nl toJSON:a first:l
last:l get:li get:ms take:li fromPairs:l reverse:l uniq:l concat:ll flatten:l sort:l sort:ls bitand:ii
bitor:ii bitxor:ii bitnand:ii bitnot:i bitshl:ii bitshr:ii bitushr:ii""".split()
LOOPS = "all none any one filter map find findIndex findLast findLastIndex count sum sortBy reduce".split()
BODIES = """#|# > 1|.a|true|1|nil|#.a == 1|#index|# == "a"|# in ["a","b"]|#?.t|.t|# != nil|len(#) > 0|string(#)|
# ?? 1|evt.Meta.k|[#]|# contains "a"|let x = #; x|.t == "x"|{"a": #}|# + 1|-#|not #|Upper(#)|#acc|#[0]|
# startsWith "a"|#acc + #|any([1], # == 1)""".replace("\n", "").split("|")
OPERATORS = """== != < > <= >= in not|in matches contains startsWith endsWith .. + - * / % ** and or ??
?:""".split()
TAILS = """|[0]|[-1]|[9]|[1:]|[:2]|[-2:]|["a"]|.a|?.a|[0].a|?.[0]""".split("|")
KNOWN = ["len", "count", "first", "string", "join", "sum", "sort", "Upper", "type"]


def argument(kind, depth):
    """An argument of a kind: one that fits, seldom an odd one, or a call."""
    chance = random.random()
    if depth and chance < 0.5:
        return call(depth - 1)
    return random.choice(KINDS["a" if chance > 0.9 else kind])


def call(depth):
    """A call whose arguments mostly fit."""
    if random.random() < 0.2:
        return f"{random.choice(LOOPS)}({argument('l', depth)}, {random.choice(BODIES)})"
    name, kinds = random.choice(CALLS).split(":")
    return f"{name}({', '.join(argument(kind, depth) for kind in kinds)})"


def expression():
    """Any expression."""
    one, other = argument("a", 1), argument("a", 1)
    operator = random.choice(OPERATORS).replace("|", " ")
    return random.choice([
        lambda: call(0),
        lambda: call(1),
        lambda: call(2),
        lambda: f"{one} {operator} {other}",
        lambda: f"({one}){random.choice(TAILS)}",
        lambda: f"(evt.Unmarshaled.b ? {one} : {other}){random.choice(TAILS)}",
        lambda: f"let x = {one}; x{random.choice(TAILS)} {operator} {random.choice(KINDS['a'])}",
        lambda: f"{one} | {random.choice(KNOWN)}()",
        lambda: f"{random.choice(LOOPS)}({one})",
    ])()


def main():
    random.seed(sys.argv[1] if len(sys.argv) > 1 else "1")
    for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 20_000):
        print(expression())


if __name__ == "__main__":
    main()
