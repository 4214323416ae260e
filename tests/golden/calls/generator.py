"""Programs with tf.random.Generator."""


def _raised(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "nothing"


def drawing(tf, np):
    g = tf.random.Generator.from_seed(1234)
    result = [
        g.uniform([3]), g.uniform([2, 3], 1.0, 5.0), g.uniform([], dtype=tf.float64),
        g.uniform([4], maxval=10, dtype=tf.int32), g.uniform([3], -5, 5, dtype=tf.int64),
        g.uniform([2], None, None, dtype=tf.uint32), g.uniform([2], None, dtype=tf.int32),
        g.uniform_full_int([2]), g.uniform_full_int([2], dtype=tf.int32), g.state.numpy(),
        g.normal([3]), g.normal([2, 2], 5.0, [0.1, 10.0]), g.normal([3], dtype=tf.float64),
        g.normal([3], dtype=tf.float16), g.truncated_normal([5]), g.truncated_normal([2], 3.0, 2.0),
        g.truncated_normal(tf.constant([2, 2]), dtype=tf.float64), g.state.numpy(),
        g.binomial([5], counts=10.0, probs=0.3, dtype=tf.int64),
        g.binomial([4, 3], counts=tf.constant([1.0, 20.0, 300.0], tf.float64), probs=tf.constant(0.7, tf.float64), dtype=tf.int64),
        g.state.numpy(), g.key, g.skip(10), g.state.numpy(), g.make_seeds(3), g.state.numpy(),
    ]  # fmt: skip
    result += [part.state.numpy() for part in g.split(2)]
    result += [part.normal([2]) for part in g.split(3)]
    result.append(g.state.numpy())
    return result


def states(tf, np):
    random = tf.random
    make = random.Generator
    g = make.from_seed(5, alg="philox")
    result = [g.state.numpy(), g.algorithm, g.state.dtype.name, int(g.state.trainable)]
    copy = make(g)
    g.uniform([3])
    result += [
        copy.state.numpy(),
        g.state.numpy(),
        copy.uniform([2]),
        make(copy_from=g).normal([2]),
    ]
    g.reset([1, 2, 3])
    result += [g.state.numpy(), g.uniform([2])]
    g.reset_from_seed(2**70 + 5)
    result += [g.state.numpy(), g.uniform([2])]
    g.reset_from_key_counter(2**63 + 3, [1, 2**64 - 1])
    result += [g.state.numpy(), g.uniform([2])]
    result += [
        make.from_state([4, 5, 6], alg=random.Algorithm.PHILOX).normal([2]),
        make.from_key_counter(7, [1, 2], "auto_select").uniform([2]),
        make.from_key_counter(7, [1, 2], "auto_select").algorithm,
        make(state=np.array([1, 2, 3]), alg=1).uniform([2]),
    ]
    shared = tf.Variable([9, 8, 7], dtype=tf.int64)
    make(state=shared, alg="Philox").uniform([2])
    result.append(shared.numpy())
    slow = make.from_seed(5, alg="threefry")
    result += [slow.state.numpy(), slow.algorithm, _raised(lambda: slow.uniform([2]))]
    for seed, alg in (
        (2**70 + 5, "philox"), (-1, 1), (2**64 - 1, 1), (0, "AUTO-SELECT"), ([1, 2, 3, 4], 1),
        ([7], "three_fry"), ([7], 3), ([[2**64 - 1, 5]], 1),
    ):  # fmt: skip
        result.append(random.create_rng_state(seed, alg))
    for call in (
        lambda: random.create_rng_state(1, "xyz"), lambda: random.create_rng_state(1, 1.5),
        lambda: make(state=[1, 2], alg=1), lambda: make(), lambda: g.reset([1, 2]),
        lambda: g.reset_from_key_counter(1, [1]),
        lambda: g.uniform([2], dtype=tf.int32), lambda: g.uniform([2], None, 5, dtype=tf.int32),
        lambda: g.uniform([2], 5, 5, dtype=tf.int32),
        lambda: g.binomial([5], counts=[10.0, 5.0], probs=0.3, dtype=tf.int64),
    ):  # fmt: skip
        result.append(_raised(call))
    return result


def the_global_generator(tf, np):
    random = tf.random
    first = random.get_global_generator()
    random.set_global_generator(random.Generator.from_seed(3))
    second = random.get_global_generator()
    return [
        int(first is second), int(second is random.get_global_generator()), second.uniform([2]),
        int(random.experimental.get_global_generator() is second),
    ]  # fmt: skip


def stateless(tf, np):
    random = tf.random
    seed = [5, 9]
    return [
        random.stateless_uniform([3], seed, alg="philox"),
        random.stateless_uniform([3], seed, alg=random.Algorithm.AUTO_SELECT),
        random.stateless_normal([3], seed, alg=1),
        random.stateless_truncated_normal([3], seed, alg="auto_select"),
        random.stateless_uniform([2], seed, None, None, tf.int32, alg="philox"),
        random.split(seed, 3), random.fold_in(seed, 7), random.split(seed, alg="philox"),
        random.experimental.stateless_shuffle(tf.range(6), seed),
        random.experimental.index_shuffle(tf.range(10), seed, 9),
        random.experimental.index_shuffle(3, seed, 2000000),
        _raised(lambda: random.experimental.index_shuffle(3, seed, 2)),
        _raised(lambda: random.stateless_uniform([2], seed, alg="xx")),
    ]  # fmt: skip


def in_functions(tf, np):
    g = tf.random.Generator.from_seed(11)

    @tf.function
    def draw():
        return g.normal([2]), g.uniform([3])

    return [*draw(), *draw(), g.state.numpy()]


ARRAYS = {}
CALLS = ""
PROGRAMS = [drawing, states, the_global_generator, stateless, in_functions]
