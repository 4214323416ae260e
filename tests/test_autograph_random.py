"""AutoGraph on random programs: as functions of tensors they compute what Python computes of integers."""

import linecache
import random

import pytest

import reflow as tf
from reflow.compiler import policy

NAMES = "abcd"


class PythonRange:
    """What `tf.range` is for integers."""

    range = staticmethod(range)


class Writer:
    """Writes a random function of four integers: branches, loops, jumps, chains, ternaries."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.lines = ["def f(a, b, c, d):"]
        self.count = 0
        self.block(3, False, 1)
        for _ in range(self.random.randint(0, 2)):
            self.line(1, f"if {self.condition()}:")
            self.block(1, False, 2)
            self.line(2, "return a, b, c, d")
            self.block(2, False, 1)
        self.line(1, "return a, b, c, d")
        self.text = "\n".join(self.lines) + "\n"
        self.arguments = [self.random.randint(0, 12) for _ in NAMES]

    def line(self, indent, text):
        self.lines.append("    " * indent + text)

    def expression(self):
        chance = self.random.random()
        if chance < 0.3:
            return self.random.choice(NAMES)
        if chance < 0.4:
            return str(self.random.randint(0, 9))
        if chance < 0.5:
            return f"({self.expression()} if {self.condition()} else {self.expression()})"
        sign, modulus = self.random.choice("+-*"), self.random.choice([7, 11, 101])
        return f"(({self.expression()} {sign} {self.random.choice(NAMES)}) % {modulus})"

    def condition(self):
        x, y, z = (self.random.choice(NAMES) for _ in range(3))
        sign = self.random.choice(["<", ">", "<=", ">=", "==", "!="])
        simple = f"{x} {sign} {self.random.choice([y, '3', '5'])}"
        kind = self.random.choice(["and", "or", "not", "chain", *["simple"] * 5])
        if kind in ("and", "or"):
            return f"({simple} {kind} {self.condition()})"
        return {"not": f"(not {simple})", "chain": f"({x} < {y} <= {z} + 4)"}.get(kind, simple)

    def block(self, depth, in_loop, indent):
        for _ in range(self.random.randint(1, 3)):
            self.statement(depth, in_loop, indent)

    def statement(self, depth, in_loop, indent):
        chance = self.random.random()
        if depth <= 0 or chance < 0.35:
            x, y = self.random.sample(NAMES, 2)
            self.line(
                indent,
                self.random.choice(
                    [
                        f"{x} = {self.expression()}",
                        f"{x}, {y} = {self.expression()}, {self.expression()}",
                        f"{x} += {self.expression()}; {x} %= 103",
                    ]
                ),
            )
        elif chance < 0.65:
            for head in [f"if {self.condition()}:", f"elif {self.condition()}:", "else:"]:
                if head.startswith("if") or self.random.random() < 0.5:
                    self.line(indent, head)
                    self.block(depth - 1, in_loop, indent + 1)
                    if in_loop and self.random.random() < 0.35:
                        self.line(indent + 1, self.random.choice(["break", "continue"]))
        else:
            self.count += 1
            i = f"i{self.count}"
            if chance < 0.85:
                limit = self.random.choice(["3", "a % 4", "b % 3"])
                self.line(indent, f"for {i} in tf.range({limit}):")
                self.block(depth - 1, True, indent + 1)
                self.line(indent + 1, f"{self.random.choice(NAMES)} += {i}")
            else:
                self.line(indent, f"{i} = a * 0")
                self.line(indent, f"while {i} < 3 and {self.condition()}:")
                self.line(indent + 1, f"{i} += 1")
                self.block(depth - 1, True, indent + 1)
            if self.random.random() < 0.3:
                self.line(indent, "else:")
                self.block(depth - 1, in_loop, indent + 1)


@pytest.mark.parametrize("seed", range(16))
def test_random_program(seed, monkeypatch):
    monkeypatch.setattr(policy, "forced", ["interpret"])
    program = Writer(seed)
    name = f"<random program {seed}>"
    linecache.cache[name] = (len(program.text), None, program.text.splitlines(True), name)
    code = compile(program.text, name, "exec")
    functions = []
    for space in (PythonRange, tf):
        scope = {"tf": space}
        exec(code, scope)
        functions.append(scope["f"])
    wanted = functions[0](*program.arguments)
    got = tf.function(functions[1])(*[tf.constant(value) for value in program.arguments])
    assert tuple(int(value) for value in got) == wanted, program.text
