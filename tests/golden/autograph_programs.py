# ruff: noqa: B007, C417, E731, F821, F841, PIE804, RET503, SIM113
"""Functions that lean on AutoGraph, each with arguments: TensorFlow and Reflow run them alike.

`PROGRAMS` give values, `ERRORS` fail while they are traced or run. `BEYOND` are programs that
TensorFlow runs eagerly alone: what they give there is what Reflow gives as a function. `make_autograph_golden.py` writes
down what TensorFlow makes of them.
"""

import functools

PROGRAMS = []
BEYOND = []
ERRORS = []
tf = None  # the name space to run in, set by whoever runs the programs


def program(*calls):
    """Registers a function with one or more tuples of arguments."""

    def register(function):
        PROGRAMS.append((function, calls))
        return function

    return register


def beyond(*calls):
    """Registers a function that TensorFlow's AutoGraph does not convert."""

    def register(function):
        BEYOND.append((function, calls))
        return function

    return register


def error(*args):
    """Registers a function that fails for `args`."""

    def register(function):
        ERRORS.append((function, args))
        return function

    return register


# Branches -----------------------------------------------------------------------------------------


@program((3.0,), (-3.0,))
def if_assigns(x):
    if x > 0.0:
        y = x * 2.0
    else:
        y = -x
    return y


@program((3.0,), (-3.0,))
def if_without_else(x):
    y = x
    if x > 0.0:
        y = y + 1.0
    return y


@program((3.0,), (0.0,), (-3.0,))
def elif_chain(x):
    if x > 1.0:
        y = 1.0
    elif x > -1.0:
        y = 2.0
    else:
        y = 3.0
    return y * x


@program((3.0, 1.0), (3.0, -1.0), (-3.0, 1.0))
def nested_if(x, y):
    z = 0.0
    if x > 0.0:
        if y > 0.0:
            z = x + y
        else:
            z = x - y
        z = z * 2.0
    return z


@program((3.0,), (-3.0,))
def returns_in_branches(x):
    if x > 0.0:
        return x * x
    return -x


@program((3.0,), (0.5,), (-3.0,))
def early_returns(x):
    if x > 1.0:
        return x
    if x > 0.0:
        return x * 10.0
    y = x * 100.0
    return y


@program((3.0, True), (3.0, False), (-3.0, True))
def python_and_tensor(x, flag):
    if flag:
        if x > 0.0:
            x = x + 1.0
    else:
        x = x - 1.0
    return x


@program((3.0,), (-3.0,))
def structures(x):
    if x > 0.0:
        pair = (x, [x + 1.0, x + 2.0])
        table = {"a": x, "b": x * 2.0}
    else:
        pair = (x, [x, x])
        table = {"a": -x, "b": x}
    return pair[0] + pair[1][1] + table["a"] * 10.0 + table["b"]


@program((3.0,), (-3.0,))
def python_values_in_branches(x):
    if x > 0.0:
        n = 1
        s = "positive"
    else:
        n = 2
        s = "negative"
    return n, s


@program((3.0,), (-3.0,))
def branch_locals_need_not_agree(x):
    if x > 0.0:
        only_here = x * 2.0
        y = only_here + 1.0
    else:
        other = "text"
        y = x if other else x
    return y


class Box:
    def __init__(self):
        self.value = 0.0
        self.inner = None


@program((3.0,), (-3.0,))
def attributes(x):
    box = Box()
    box.value = x
    if x > 0.0:
        box.value = box.value + 1.0
    else:
        box.value = box.value - 1.0
    return box.value


@program((3.0,), (-3.0,))
def items(x):
    d = {"a": x, "b": 0.0}
    if x > 0.0:
        d["b"] = d["a"] * 2.0
    else:
        d["b"] = d["a"] * 3.0
    return d["b"]


@program((3,), (4,))
def integer_condition_compared(n):
    if n % 2 == 0:
        return n // 2
    else:
        return 3 * n + 1


# Expressions --------------------------------------------------------------------------------------


@program((3.0,), (-3.0,))
def ternary(x):
    return 1.0 if x > 0.0 else -1.0


@beyond((3.0,), (-3.0,), (7.0,))
def ternary_nested(x):
    return x if x > 5.0 else (x * 2.0 if x > 0.0 else x * 3.0)


@program((3.0, 1.0), (3.0, -1.0), (-3.0, 1.0), (-3.0, -1.0))
def logic(x, y):
    return x > 0.0 and y > 0.0, x > 0.0 or y > 0.0, not x > 0.0


@program((3.0, 1.0), (-3.0, 1.0), (0.5, -1.0))
def logic_of_three(x, y):
    if x > 0.0 and y > 0.0 and x > y or y < -5.0:
        return x
    return y


@program((3.0,), (0.5,), (9.0,))
def chained(x):
    return 1.0 < x < 5.0, 1.0 < x <= x + 1.0 < 5.0


@program((3.0,), (-3.0,))
def is_none(x, y=None):
    if y is None:
        y = x * 2.0
    if x is not None and y is not None:
        x = x + y
    return x


@program(([1.0, -2.0, 3.0],))
def numbers(x):
    return int(x[0]), float(x[1]), abs(x), len(x)


@program(([3.0, 1.0, 2.0],))
def sorting(x):
    return sorted(x), sorted(x, reverse=True)


@program((3.0,), (-3.0,))
def lambdas(x):
    scale = 2.0
    f = lambda v: v * scale if v > 0.0 else v
    return f(x)


@program((3.0,), (-3.0,))
def comprehension(x):
    return tf.add_n([x * float(i) if x > 0.0 else x for i in range(3)])


# Loops --------------------------------------------------------------------------------------------


@program((5,), (0,))
def while_counts(n):
    i = 0
    total = 0
    while i < n:
        total += i
        i += 1
    return total, i


@program((6,), (27,), (1,))
def collatz(n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


@program((10,), (3,), (0,))
def while_break(n):
    i = 0
    while i < n:
        if i * i > 20:
            break
        i += 1
    return i


@program((10,), (0,))
def while_continue(n):
    i = 0
    odd = 0
    while i < n:
        i += 1
        if i % 2 == 0:
            continue
        odd += i
    return odd


@program((5,), (0,))
def for_range(n):
    total = 0
    for i in tf.range(n):
        total += i * i
    return total


@program((5,), (0,), (-2,))
def for_python_range(n):
    total = 0
    for i in range(n):
        total += i
    return total


@program((2, 9, 3), (9, 2, -3), (2, 2, 1))
def for_range_with_step(a, b, c):
    total = 0
    for i in tf.range(a, b, c):
        total += i
    return total


@program((2, 9), (9, 2))
def for_python_range_with_bounds(a, b):
    total = 0
    for i in range(a, b):
        total += i
    return total


@program(([1.0, 2.0, 3.0],), ([[1.0, 2.0], [3.0, 4.0]],))
def for_rows(x):
    total = tf.zeros_like(x[0])
    for row in x:
        total = total + row * 2.0
    return total


@program(([1.0, 2.0, 3.0, 4.0],), ([1.0, 9.0, 3.0, 4.0],))
def for_rows_break(x):
    total = 0.0
    for v in x:
        if v > 3.0:
            break
        total = total + v
    return total


@program(([1.0, -2.0, 3.0, -4.0],))
def for_rows_continue(x):
    total = 0.0
    for v in x:
        if v < 0.0:
            continue
        total = total + v
    return total


@program((4, 3), (3, 0))
def nested_loops(n, m):
    total = 0
    for i in tf.range(n):
        for j in tf.range(m):
            if j > i:
                break
            total += i * j + 1
    return total


@program((4, 3))
def nested_loops_with_while(n, m):
    total = 0
    i = 0
    while i < n:
        j = 0
        while True and j < m:
            if (i + j) % 2 == 0:
                j += 1
                continue
            total += j
            j += 1
        i += 1
    return total


@program((3.0,))
def python_loop(x):
    for i in range(3):
        x = x + float(i)
    for name, value in {"a": 1.0, "b": 2.0}.items():
        if name == "b":
            x = x * value
    return x


@program((3.0,))
def python_loop_break(x):
    for i in range(10):
        if i == 3:
            break
        x = x + 1.0
    return x


@program((3.0,), (1.0,))
def python_loop_over_tensor_branch(x):
    for i in range(3):
        if x > 2.0:
            x = x * 2.0
        else:
            x = x + 1.5
    return x


@program((4,))
def loop_target_is_used_after(n):
    i = -1
    for i in tf.range(n):
        pass
    return i


@program((4,))
def loop_target_without_a_value_before(n):
    for i in tf.range(n):
        pass
    return i


@program((4,))
def variable_made_by_the_loop(n):
    for i in tf.range(n):
        last = i * 2
    return last


@program((4,))
def tuple_made_by_the_loop(n):
    i = 0
    while i < n:
        pair = (i, [i * 2, float(i)])
        i += 1
    return pair[0], pair[1][1]


@program((3,))
def shape_invariants(n):
    v = tf.constant([0])
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(shape_invariants=[(v, tf.TensorShape([None]))])
        v = tf.concat([v, [i]], 0)
    return v


@program((10,))
def maximum_iterations(n):
    total = 0
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(maximum_iterations=3)
        total += i
    return total


@program((10,))
def options_and_continue(n):
    total = 0
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(maximum_iterations=7)
        if i % 2 == 0:
            continue
        total += i
    return total


@program((4,))
def tensor_array(n):
    ta = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    for i in tf.range(n):
        ta = ta.write(i, i * i)
    return ta.stack()


@program(([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],))
def scan_by_hand(x):
    state = tf.zeros([2])
    outputs = tf.TensorArray(tf.float32, size=len(x))
    for t in tf.range(len(x)):
        state = state * 0.5 + x[t]
        outputs = outputs.write(t, state)
    return outputs.stack(), state


@program((3.0,))
def list_in_a_python_loop(x):
    parts = []
    for i in range(3):
        parts.append(x + float(i))
    return tf.stack(parts)


@program((3,))
def loop_over_structure(n):
    state = {"a": 0, "b": (1.0, [2.0])}
    for i in tf.range(n):
        state = {"a": state["a"] + i, "b": (state["b"][0] * 2.0, [state["b"][1][0] + 1.0])}
    return state["a"], state["b"][0], state["b"][1][0]


@program((5,))
def attribute_in_a_loop(n):
    box = Box()
    box.value = 0
    i = 0
    while i < n:
        box.value = box.value + i
        i += 1
    return box.value


@program((3,))
def loop_without_variables(n):
    for _ in tf.range(n):
        tf.constant(1)
    return n


@program(([3, 1, 2],))
def bubble_sort(x):
    n = len(x)
    for i in tf.range(n):
        for j in tf.range(n - 1 - i):
            if x[j] > x[j + 1]:
                a, b = x[j], x[j + 1]
                x = tf.tensor_scatter_nd_update(x, [[j], [j + 1]], [b, a])
    return x


@program((3,))
def none_before_the_loop(n):
    y = None
    for i in tf.range(n):
        if y is None:
            y = i
        y = y + 1
    return y


# Data sets ----------------------------------------------------------------------------------------


@program((2.0,))
def over_a_dataset(x):
    dataset = tf.data.Dataset.from_tensor_slices(([1, 2, 3], [10.0, 20.0, 30.0]))
    total = 0.0
    for a, b in dataset:
        total += tf.cast(a, tf.float32) * b * x
    return total


@program((25.0,), (5.0,), (50.0,))
def over_a_dataset_until(x):
    total, count = 0.0, 0
    for v in tf.data.Dataset.from_tensor_slices([10.0, 20.0, 30.0]):
        if v > x:
            break
        total += v
        count += 1
    return total, count


@program((2,))
def over_a_dataset_with_continue(n):
    total = 0
    for v in tf.data.Dataset.from_tensor_slices([1, 2, 3, 4, 5]):
        if v % n == 0:
            continue
        total += v
    return total


@program((3,))
def shapes_may_grow_over_a_dataset(n):
    found = tf.zeros([0], tf.int32)
    for v in tf.data.Dataset.from_tensor_slices([1, 2, 3]):
        found = tf.concat([found, [v * n]], 0)
    return found


@program((3,))
def tensor_array_over_a_dataset(n):
    rows = tf.TensorArray(tf.int32, size=0, dynamic_size=True)
    i = 0
    for v in tf.data.Dataset.from_tensor_slices([1, 2, 3]):
        rows = rows.write(i, v * n)
        i += 1
    return rows.stack()


@program((3,))
def on_with_an_iterator(n):
    iterator = iter(tf.data.Dataset.from_tensor_slices([1, 2, 3, 4, 5]))
    total = next(iterator) * n
    for v in iterator:
        total = total * 10 + v
        if v > 2:
            break
    for v in iterator:
        total = total * 100 + v
    return total


@program((3,))
def built_in_functions_of_datasets(n):
    dataset = tf.data.Dataset.from_tensor_slices([1, 2, 3, 4, 5])
    total = 0
    for i, v in enumerate(dataset):
        total += tf.cast(i, tf.int32) * v
    for a, b in zip(dataset, filter(lambda v: v > 2, dataset)):
        total += a * b
    for v in map(lambda v: v * n if v > 2 else -v, dataset):
        total += v
    above = map(lambda v: v > n, dataset)
    return total, len(dataset), any(above), all(above)


@program((3,))
def nested_datasets(n):
    total = 0
    dataset = tf.data.Dataset.from_tensor_slices([1, 2, 3])
    for a in dataset:
        for b in dataset.take(2):
            if a > b:
                total += a * b * n
    return total


@program((3,))
def rows_of_a_ragged_tensor(n):
    total = 0
    for row in tf.ragged.constant([[1, 2], [3], []]):
        total = total * 10 + tf.reduce_sum(row) * n
    return total


# Functions ----------------------------------------------------------------------------------------


def helper(x):
    if x > 0.0:
        return x * 2.0
    return x * 3.0


@program((3.0,), (-3.0,))
def calls_a_function(x):
    return helper(x) + helper(x=-x)


@program((3.0,), (-3.0,))
def calls_a_partial(x):
    def scaled(k, v):
        if v > 0.0:
            return v * k
        return v

    return functools.partial(scaled, 10.0)(x)


class Model:
    factor = 5.0

    def __init__(self):
        self.__hidden = 2.0

    def __call__(self, x):
        if x > 0.0:
            return self.scale(x)
        return x

    def scale(self, x):
        return x * self.__hidden if x > 1.0 else x * self.factor

    @classmethod
    def of_class(cls, x):
        return cls.factor * x if x > 0.0 else x

    @staticmethod
    def of_nobody(x):
        return x * 7.0 if x > 0.0 else x

    @property
    def doubled(self):
        return self.__hidden * 2.0


class Derived(Model):
    def __call__(self, x):
        y = super().__call__(x)
        if y > 3.0:
            y = super().scale(y) + 1.0
        return y


@beyond((3.0,), (0.5,), (-3.0,))
def calls_an_object(x):
    return Model()(x)


@beyond((3.0,), (0.5,), (-3.0,))
def calls_a_derived_object(x):
    return Derived()(x)


@program((3.0,), (-3.0,))
def calls_methods(x):
    m = Model()
    return m.of_class(x) + m.of_nobody(x) + Model.of_class(x) + m.doubled


def decorator(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        if args[0] > 100.0:
            return args[0]
        return f(*args, **kwargs)

    return wrapper


@decorator
def decorated(x, bias=1.0):
    if x > 0.0:
        return x + bias
    return x - bias


@program((3.0,), (-3.0,), (300.0,))
def calls_a_decorated_function(x):
    return decorated(x, bias=2.0)


@program((3.0,), (-3.0,))
def nested_functions(x):
    offset = 1.0

    def inner(v, *rest, k=2.0, **more):
        if v > 0.0:
            return v * k + offset + float(len(rest)) + more.get("extra", 0.0)
        return v

    offset = 10.0
    args = (1, 2)
    return inner(x, *args, k=3.0, **{"extra": 100.0})


@beyond((3.0,), (-3.0,))
def nonlocal_variable(x):
    count = 0.0

    def add(v):
        nonlocal count
        if v > 0.0:
            count = count + v
        else:
            count = count - v

    add(x)
    add(x * 2.0)
    return count


@program((5,))
def recursion_in_python(n):
    def power(x, k):
        if k == 0:
            return tf.ones_like(x)
        return x * power(x, k - 1)

    return power(n, 3)


@beyond((3.0,), (-3.0,))
def generators_are_left_alone(x):
    def numbers():
        yield 1.0
        yield 2.0

    total = x
    for v in numbers():
        if total > 0.0:
            total = total + v
    return total


@program((3.0,), (-3.0,))
def try_and_with(x):
    try:
        if x > 0.0:
            y = x * 2.0
        else:
            y = x
    except ValueError:
        y = x * 100.0
    finally:
        z = y + 1.0
    with tf.name_scope("scope"):
        if z > 0.0:
            z = z + 1.0
    return y + z


@program((3.0,), (-3.0,))
def return_in_try(x):
    try:
        return helper(x)
    except KeyError:
        return x


@program((3.0,))
def deletes(x):
    y = x + 1.0
    z = y
    del y
    if z > 0.0:
        y = z * 2.0
    else:
        y = z
    return y


@beyond((3.0,), (-3.0,))
def walrus(x):
    if (y := x * 2.0) > 0.0:
        y = y + 1.0
    return y


@program((3.0,), (-3.0,))
def augmented(x):
    values = [x, x]
    values[0] += 1.0
    if x > 0.0:
        values[1] *= 3.0
    return values[0] + values[1]


@program((3.0,), (-3.0,))
def do_not_convert(x):
    @tf.autograph.experimental.do_not_convert
    def plain(v):
        return v * 2.0 if isinstance(v, tf.Tensor) else v

    return plain(x) if x > 0.0 else x


@program(([1.0, 2.0, 3.0],))
def map_fn_converts(x):
    def f(v):
        if v > 1.5:
            return v * 2.0
        return v

    return tf.map_fn(f, x)


@beyond((3,), (9,))
def for_else(n):
    found = tf.constant(0)
    for i in tf.range(n):
        if i * i > 10:
            found = i
            break
    else:
        found = tf.constant(-1)
    return found


@beyond((3.0,), (9.0,))
def while_else(x):
    while x < 10.0:
        x = x + 4.0
        if x == 11.0:
            break
    else:
        x = x * 100.0
    return x


@beyond((3.0,), (-3.0,))
def lambdas_of_one_line(x):
    f, g = (lambda v: v * 2.0 if v > 0.0 else v), (lambda v: v * 3.0 if v > 0.0 else -v)
    return f(x) + g(x)


@beyond((3.0, 1.0), (1.0, 3.0))
def extremes(x, y):
    return max(x, y) * 10.0 + min(x, y, 2.0), max(tf.stack([x, y]))


@beyond((3.0,), (-3.0,))
def matches(x):
    kind = "double"
    match kind:
        case "double":
            y = x * 2.0 if x > 0.0 else x
        case other:
            y = x
    if y > 0.0:
        y = y + 1.0
    return y


# Errors -------------------------------------------------------------------------------------------


@error(3.0)
def missing_else(x):
    if x > 0.0:
        y = x
    return y


@error(3.0)
def missing_main(x):
    if x > 0.0:
        pass
    else:
        y = x
    return y


@error(3.0)
def missing_return_in_else(x):
    if x > 0.0:
        return x


@error(3.0)
def missing_return_in_main(x):
    if x > 0.0:
        x = x + 1.0
    else:
        return x


@error(3.0)
def dtypes_of_branches_differ(x):
    if x > 0.0:
        y = 1
    else:
        y = 2.0
    return y


@error(3.0)
def dtypes_of_a_ternary_differ(x):
    return 1.0 if x > 2.0 else "a"


@error(3.0)
def structures_of_branches_differ(x):
    if x > 0.0:
        y = (x, x)
    else:
        y = x
    return y


@error(3.0)
def none_in_main(x):
    y = x
    if x > 0.0:
        y = None
    return y


@error(3.0)
def none_in_else(x):
    if x > 0.0:
        y = x
    else:
        y = None
    return y


@error(3.0)
def condition_is_no_bool(x):
    if x:
        x = x + 1.0
    return x


@error([True, False])
def condition_is_no_scalar(x):
    if x:
        return 1.0
    return 2.0


@error([1.0, 2.0])
def loop_condition_is_no_scalar(x):
    while x > 0.0:
        x = x - 1.0
    return x


@error(3)
def undefined_before_the_loop(n):
    i = 0
    while i < n:
        y = y + 1
        i += 1
    return y


@error(3)
def dtype_changes_in_the_loop(n):
    x = 0
    for i in tf.range(n):
        x = tf.cast(i, tf.float32)
    return x


@error(3)
def shape_changes_in_the_loop(n):
    x = tf.constant([1])
    for i in tf.range(n):
        x = tf.concat([x, [i]], 0)
    return x


@error(3)
def structure_changes_in_the_loop(n):
    x = (1, 2)
    for i in tf.range(n):
        x = (i,)
    return x


@error(3)
def none_after_an_iteration(n):
    x = 1
    for i in tf.range(n):
        x = None
    return x


@error(3)
def shape_does_not_fit_the_invariant(n):
    x = tf.constant([1])
    for i in tf.range(n):
        tf.autograph.experimental.set_loop_options(shape_invariants=[(x, tf.TensorShape([1]))])
        x = tf.concat([x, [i]], 0)
    return x


@error(3.0)
def tensor_break_in_a_python_loop(x):
    for i in range(3):
        if x > 0.0:
            break
        x = x + 1.0
    return x


@error(3.0)
def condition_becomes_a_tensor(x):
    go = True
    while go:
        go = x > 5.0
    return x


@error(0)
def loop_that_never_ran(n):
    for i in tf.range(n):
        y = i
    return y


@error(3.0)
def use_before_assignment(x):
    if False:
        y = x
    return y


@error(3.0)
def bool_of_a_tensor(x):
    return bool(x > 0.0)


@error(3.0)
def use_of_a_deleted_variable(x):
    y = x
    del y
    return y


@error(3)
def attribute_made_in_one_branch(x):
    box = Box()
    if x > 0:
        box.other = x
    else:
        box.value = x
    return box.value


@error(10, 3)
def while_return(n, stop):
    i = 0
    while i < n:
        if i == stop:
            return i * 100
        i += 1
    return -i


@error([1.0, 2.0, 3.0], 2.0)
def for_rows_return(x, y):
    for v in x:
        if v >= y:
            return v
    return -1.0


@error(3)
def return_in_for_range(n):
    for i in tf.range(n):
        if i * i > 10:
            return i
    return 1000


@error(3.0)
def return_in_with(x):
    with tf.name_scope("scope"):
        if x > 0.0:
            return x
        y = x * 2.0
    return y


@error(3)
def undefined_before_a_loop_over_a_dataset(n):
    for v in tf.data.Dataset.from_tensor_slices([1, 2, 3]):
        last = v * n
    return last


@error(3)
def dtype_changes_over_a_dataset(n):
    total = n
    for v in tf.data.Dataset.from_tensor_slices([1.0, 2.0]):
        total = v
    return total


@error(3)
def return_over_a_dataset(n):
    for v in tf.data.Dataset.from_tensor_slices([1, 2, 3]):
        if v > n:
            return v
    return -1
