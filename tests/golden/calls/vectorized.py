"""Programs with tf.vectorized_map and with Jacobians."""

ARRAYS: dict = {}
CALLS = ""

X = [[0.5, -1.0, 2.0], [1.5, 0.25, -0.75], [-0.5, 3.0, 1.0], [2.0, -2.0, 0.125]]
W = [[1.0, -0.5], [0.25, 2.0], [-1.5, 0.75]]


def _raised(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def mapping(tf, np):
    x, w, t = tf.constant(X), tf.Variable(W), tf.constant([[1, 1, 2], [3, 4, 4]])
    vmap = tf.vectorized_map
    found = vmap(
        lambda d: {"a": d["x"] + 1.0, "b": [tf.constant(3), d["y"][0]]}, {"x": x, "y": w[:1]}
    )
    return [
        vmap(lambda r: tf.nn.softmax(tf.linalg.matvec(w, r, transpose_a=True)), x),
        vmap(lambda r: tf.reshape(r, [-1, 1]) @ tf.reshape(r, [1, -1]), x),
        vmap(lambda p: tf.gather(p[0], p[1]), (x, tf.constant([[0, 1], [2, 2], [1, 0], [0, 0]]))),
        *(found["a"], *found["b"]),
        vmap(lambda r: tf.unique(r)[0], t),
        vmap(lambda r: tf.where(tf.equal(r, r[1]))[0], t),
        vmap(lambda v: tf.cond(v > 1, lambda: v * 10, lambda: -v), tf.constant([1, 2, 3])),
        vmap(lambda v: tf.while_loop(lambda a: a < 10, lambda a: (a * 2,), (v,))[0], tf.constant([1, 2, 3])),
        vmap(lambda r: vmap(lambda e: e * tf.reduce_sum(r), r), x),
        vmap(lambda r: tf.map_fn(lambda e: e * tf.reduce_sum(r), r), x),
        vmap(lambda s: tf.strings.length(s), tf.constant(["a", "bcd"])),
        vmap(lambda r: tf.sort(r), x), vmap(lambda r: tf.cumsum(r)[::-1], x),
        vmap(lambda r: r * 2.0, tf.zeros([0, 3])),
        vmap(lambda r: tf.scatter_nd([[1], [0]], r[:2], [4]), x),
        vmap(lambda r: tf.nn.conv1d(r[None, :, None], tf.ones([2, 1, 1]), 1, "SAME")[0, :, 0], x),
    ]  # fmt: skip


def refused(tf, np):
    vmap, v = tf.vectorized_map, tf.Variable(1.0)
    x = tf.constant(X)
    return [
        _raised(
            lambda: vmap(tf.strings.length, tf.constant(["a", "b"]), fallback_to_while_loop=False)
        ),
        _raised(lambda: vmap(lambda r: v.assign_add(1.0), x, fallback_to_while_loop=False)),
        _raised(lambda: vmap(3, x)),
    ]


def random_numbers(tf, np):
    zeros, ones = tf.zeros([3, 2]), tf.ones([3, 4])
    vmap, random = tf.vectorized_map, tf.random
    return [
        vmap(lambda r: r + random.uniform([2], seed=3), zeros),
        vmap(lambda r: r[0] + random.normal([], seed=3), zeros),
        vmap(lambda r: r + random.truncated_normal([2], seed=4), zeros),
        vmap(lambda r: random.uniform([2], 0, 10, dtype=tf.int32, seed=3), zeros),
        vmap(lambda a: random.gamma([2], a, seed=3), tf.constant([0.5, 1.0, 3.0])),
        vmap(lambda r: random.gamma([2], 2.0, seed=3), zeros),
        vmap(lambda a: random.poisson([2], a, seed=3), tf.constant([0.5, 1.0, 30.0])),
        vmap(lambda r: random.categorical(r, 2, seed=3), tf.ones([3, 1, 4])),
        vmap(lambda r: random.categorical([[1.0, 2.0, 3.0]], 2, seed=3), zeros),
        vmap(lambda r: tf.nn.dropout(r, 0.5, seed=3), ones),
        vmap(lambda r: random.stateless_uniform([2], [1, 2]), zeros),
        vmap(lambda s: random.stateless_uniform([2], s), tf.constant([[1, 2], [3, 4]])),
        vmap(lambda r: random.uniform([2], seed=1) * random.uniform([2], seed=2), zeros),
    ]  # fmt: skip


def gradients(tf, np):
    x, w = tf.constant(X), tf.Variable(W)

    def dense(found):
        return [tf.convert_to_tensor(each) for each in found]

    def model(row):
        return tf.nn.softmax(tf.tanh(tf.linalg.matvec(w, row, transpose_a=True)))

    def of_one(row):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(model(row) ** 2)
        return tape.gradient(y, w)

    def fold(row):
        return tf.foldl(lambda a, c: tf.tanh(a + c), row, 0.0)

    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reduce_sum(tf.vectorized_map(model, x) ** 2)
    found = [tf.vectorized_map(of_one, x), *dense(tape.gradient(y, [x, w]))]
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.vectorized_map(fold, x)
    return [*found, y, *dense([tape.gradient(y, x)])]


def jacobians(tf, np):
    x, w = tf.constant(X), tf.Variable(W)

    def taped(f, **options):
        tape = tf.GradientTape(**options)
        with tape:
            tape.watch(x)
            y = f()
        return tape, y

    tape, y = taped(lambda: tf.sin(x @ w), persistent=True)
    found = [tape.jacobian(y, x), tape.batch_jacobian(y, x), tape.jacobian(y, {"w": w})["w"]]
    found += [
        tape.jacobian(y, x, experimental_use_pfor=False),
        tape.batch_jacobian(y, x, experimental_use_pfor=False),
        tape.jacobian(x * 1.0, w, unconnected_gradients="zero"),
        int(tape.jacobian(tf.constant([1.0]), x) is None),
        tape.batch_jacobian(tf.constant(X), x),
    ]
    tape, y = taped(lambda: tf.reduce_sum(x**2))
    found.append(tape.jacobian(y, x))
    found.append(_raised(lambda: tape.jacobian(y, x)))
    tape, y = taped(lambda: x**2)
    found.append(_raised(lambda: tape.jacobian(y, x, experimental_use_pfor=False)))
    tape, y = taped(lambda: x**2)
    found.append(_raised(lambda: tape.batch_jacobian(y[:1], x)))
    tape, y = taped(lambda: x**2)
    found.append(_raised(lambda: tape.batch_jacobian(y[:, 0], x)))
    with tf.GradientTape() as outer:
        outer.watch(x)
        tape, y = taped(lambda: x**3 * tf.reduce_sum(x, 1, keepdims=True))
        z = tape.batch_jacobian(y, x)
    found.append(outer.gradient(z, x))
    with tf.GradientTape() as outer:
        outer.watch(x)
        tape, y = taped(lambda: tf.reduce_sum(tf.sin(x) * tf.reduce_sum(x)))
        z = tape.gradient(y, x)
    found.append(outer.jacobian(z, x))
    return found


def in_functions(tf, np):
    w = tf.Variable(W)

    @tf.function(input_signature=[tf.TensorSpec([None, None])])
    def unknown(x):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            y = tf.vectorized_map(lambda row: tf.sin(row) * tf.reduce_sum(row), x)
        return y, tape.jacobian(y, x), tape.batch_jacobian(y, x)

    @tf.function
    def known(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(x @ w)
        return tape.jacobian(y, [x, w])

    x = tf.constant(X)
    return [*unknown(x), *unknown(x[:2]), *known(x)]


PROGRAMS = [mapping, refused, random_numbers, gradients, jacobians, in_functions]
