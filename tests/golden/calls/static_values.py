"""What `tf.get_static_value` knows in graphs: see make_calls_golden.py."""

ARRAYS = {}
CALLS = ""

# Of `p`, a vector of unknown size, `q` of shape [2, 3], `r` of shape [None, 3], `n` a scalar: fed.
VALUES = """
tf.constant([1, 2])
tf.constant(2) * 3
tf.constant(2) + 3
tf.shape(p)
tf.shape(q)
tf.shape(r)
tf.raw_ops.Shape(input=q)
tf.raw_ops.Shape(input=r)
tf.raw_ops.Size(input=q)
tf.raw_ops.Size(input=r)
tf.raw_ops.Rank(input=r)
tf.rank(q)
tf.range(1, 7, 2)
tf.range(n)
tf.range(tf.size(q))
tf.cast(tf.constant([1.5, 2.5]), tf.int32)
tf.cast(n, tf.int64)
tf.concat([[1], [2, 3]], 0)
tf.concat([[1], p], 0)
tf.raw_ops.Concat(concat_dim=0, values=[[1], [2]])
tf.stack([1, 2])
tf.stack([n, 2])
tf.stack([tf.constant([1, 2]), tf.constant([3, 4])])
tf.stack([tf.constant([1, 2]), tf.constant([3, 4])], 1)
tf.stack([tf.stack([n, 2]), [3, 4]])
tf.stack([tf.raw_ops.Rank(input=q), 2])
tf.unstack(tf.constant([1, 2]))[1]
tf.unstack(tf.stack([n, 2]))[0]
tf.unstack(tf.stack([n, 2]))[1]
tf.unstack(tf.constant([[1, 2], [3, 4]]), axis=1)[0]
tf.split(tf.constant([1, 2, 3, 4]), 2)[1]
tf.split(tf.stack([n, 2]), 2)[0]
tf.split(tf.stack([n, 2]), 2)[1]
tf.split(tf.constant([1, 2, 3]), [1, 2])[1]
tf.fill([2], 7)
tf.fill([n], 7)
tf.fill([2], n)
tf.raw_ops.Fill(dims=tf.shape(r), value=7)
tf.zeros([2])
tf.equal(tf.constant(2), 2)
tf.equal(n, 2)
tf.not_equal(tf.constant([2, 3]), 2)
tf.less(tf.constant(2), 3)
tf.logical_not(tf.constant(True))
tf.stop_gradient(tf.constant(2))
tf.identity(tf.constant(2))
tf.identity(tf.stack([n, 2]))
tf.identity(n)
tf.where(tf.constant(True), 2, 3)
tf.maximum(tf.constant(2), 3)
tf.minimum(tf.constant(2), 3)
tf.reshape(tf.constant([1, 2]), [2, 1])
tf.constant([1, 2])[0]
tf.shape(q)[0]
tf.shape(r)[1]
tf.reduce_prod(tf.constant([2, 3]))
tf.transpose(tf.constant([[1, 2]]))
tf.expand_dims(tf.constant(2), 0)
tf.squeeze(tf.constant([2]))
tf.gather(tf.constant([4, 5]), 1)
tf.constant(b"text")
tf.cast(tf.shape(q), tf.float32)
tf.random.uniform([])
tf.constant(True)
"""


def _described(value):
    if value is None or not hasattr(value, "tolist"):
        return repr(value)
    return f"{value.dtype} {[None if v is None else v for v in _plain(value)]}"


def _plain(value):
    flat = value.reshape(-1).tolist()
    return [v.tolist() if hasattr(v, "tolist") else v for v in flat]


def of_graphs(tf, np):
    tf1, found = tf.compat.v1, []
    with tf.Graph().as_default():
        names = {"tf": tf, "p": tf1.placeholder(tf.int32, [None])}
        names["q"] = tf1.placeholder(tf.float32, [2, 3])
        names["r"] = tf1.placeholder(tf.float32, [None, 3])
        names["n"] = tf1.placeholder(tf.int32, [])
        for line in VALUES.strip().splitlines():
            tensor = eval(line, names)
            for partial in (False, True):
                value = tf.get_static_value(tensor, partial)
                found.append(f"{line} {partial}: {_described(value)}")
    return ["\n".join(found)]


def of_functions(tf, np):
    found = []
    small, large = tf.constant(3), tf.zeros([1000])
    variable = tf.Variable(3)

    @tf.function
    def f(x):
        for tensor in (x, small, tf.identity(small), small + 1, tf.shape(x), tf.identity(large)):
            found.append(_described(tf.get_static_value(tensor)))
        found.append(_described(tf.get_static_value(variable)))
        return x

    f(tf.ones([2]))
    return [*found, _described(tf.get_static_value(variable))]


def of_others(tf, np):
    return [repr(tf.get_static_value(value)) for value in (2, "a", [1, 2], None)]


def can_no_longer_be_fed(tf, np):
    tf1 = tf.compat.v1
    with tf.Graph().as_default(), tf1.Session() as session:
        held, other = tf.constant(2), tf.constant(3)
        total = held + other
        found = [session.run(total, {held: 5})]
        tf.get_static_value(held)
        found.append(session.run(total, {other: 5}))
        try:
            session.run(total, {held: 5})
        except ValueError:
            found.append(b"ValueError")
    return found


PROGRAMS = [of_graphs, of_functions, of_others, can_no_longer_be_fed]
