"""Which gradients are sparse, and of which rows. See make_calls_golden.py."""

ARRAYS = {}
CALLS = ""


def _kind(tf, gradient):
    if isinstance(gradient, tf.IndexedSlices):
        values = tf.convert_to_tensor(gradient).numpy().tolist()
        return f"rows {gradient.indices.numpy().tolist()} {values}"
    return gradient if gradient is None else f"dense {gradient.numpy().tolist()}"


def _models(tf, table, ids):
    """Sums of squares of rows of a table, by ways to come to them."""

    def rows():
        return tf.reduce_sum(tf.gather(table, ids) ** 2)

    zero = tf.constant(0.0)
    inner = tf.function(rows)
    start = tf.constant(0), zero

    def of_row(i, total):
        return i + 1, total + tf.reduce_sum(tf.gather(table, ids[i]) ** 2)

    def loop():
        return tf.while_loop(lambda i, total: i < 3, of_row, start)[1]

    def loop_of(body):
        return tf.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t + body(i)), start)[1]

    return {
        "gather": rows,
        "a function": inner,
        "a function in a function": tf.function(lambda: inner() + 1.0),
        "twice": lambda: rows() + tf.reduce_sum(tf.gather(table, [5])),
        "with all": lambda: rows() + tf.reduce_sum(table),
        "a loop": loop,
        "a loop and rows": lambda: loop() + rows(),
        "a function of a loop": tf.function(loop),
        "a loop of a function": lambda: loop_of(lambda i: inner()),
        "a loop of a branch": lambda: loop_of(lambda i: tf.cond(i > 0, rows, lambda: zero)),
        "a scan": lambda: tf.reduce_sum(
            tf.scan(lambda t, i: t * 0.5 + tf.gather(table, i), ids, initializer=tf.zeros([2, 2]))
        ),
        "a branch": lambda: tf.cond(ids[0, 0] > 0, rows, lambda: zero),
        "the other branch": lambda: tf.cond(ids[0, 0] > 5, rows, lambda: zero),
        "two branches": lambda: tf.cond(ids[0, 0] > 0, rows, lambda: 2.0 * rows()),
        "a case": lambda: tf.switch_case(ids[0, 0], [rows, rows]),
        "rows at once": lambda: tf.reduce_sum(
            tf.vectorized_map(lambda i: tf.gather(table, i) ** 2, ids)
        ),
        "computed again": lambda: tf.recompute_grad(lambda x: rows() * x)(tf.constant(1.0)),
        "gather_nd": lambda: tf.reduce_sum(tf.gather_nd(table, [[0], [1]]) ** 2),
        "single numbers": lambda: tf.reduce_sum(tf.gather_nd(table, [[0, 1], [1, 0]]) ** 2),
        "columns": lambda: tf.reduce_sum(tf.gather(table, [0, 1], axis=1) ** 2),
        "a part": lambda: tf.reduce_sum(table[1:3] ** 2),
        "a copy": lambda: tf.reduce_sum(tf.gather(tf.identity(table), [1, 2]) ** 2),
        "a sparse read": lambda: tf.reduce_sum(table.sparse_read([1, 2]) ** 2),
    }


def _program(name):
    def kinds(tf, np):
        table = tf.Variable(np.arange(12.0, dtype=np.float32).reshape(6, 2))
        ids = tf.constant([[1, 2], [1, 4], [0, 1]])
        model = _models(tf, table, ids)[name]

        def gradient(model=model):
            with tf.GradientTape() as tape:
                y = model()
            return tape.gradient(y, table)

        traced = tf.function(model)
        found = [gradient(), tf.function(gradient)(), gradient(traced)]
        if name == "the other branch":  # TensorFlow gives zeros for all rows
            return [f"{g is None or tf.convert_to_tensor(g).numpy().tolist()}" for g in found]
        return [f"{_kind(tf, g)}" for g in found]

    kinds.__name__ = name
    return kinds


NAMES = [
    *("gather", "a function", "a function in a function", "twice", "with all", "a loop"),
    *("a loop and rows", "a function of a loop", "a loop of a function", "a loop of a branch"),
    *("a scan", "a branch", "the other branch", "two branches", "a case", "rows at once"),
    *("computed again", "gather_nd", "single numbers", "columns", "a part", "a copy"),
    "a sparse read",
]
PROGRAMS = [_program(name) for name in NAMES]
