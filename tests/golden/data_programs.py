"""Programs on data sets, run by TensorFlow (make_data_golden.py) and by Reflow (test_data.py).

Each gets `tf` and returns what is compared: elements as NumPy values, specs and numbers as text. Those
that are marked `fails` raise an error, of which the class is compared; those in GRAPH are TF 1.
"""

import collections
import os
import tempfile

import numpy as np

PROGRAMS = []
GRAPH = []


def program(f):
    PROGRAMS.append(f)
    return f


def graph(f):
    GRAPH.append(f)
    return f


def fails(f):
    f.fails = True
    return program(f)


def elements(dataset):
    return list(dataset.as_numpy_iterator())


def known(dataset):
    """What is known of a data set before it runs."""
    return [repr(dataset.element_spec), int(dataset.cardinality())]


# Beginnings ---------------------------------------------------------------------------------------


@program
def ranges(tf):
    D = tf.data.Dataset
    made = [
        D.range(4),
        D.range(2, 5),
        D.range(5, 0, -2),
        D.range(3, output_type=tf.float32),
        D.range(3, 1),
    ]
    return [elements(d) + known(d) for d in made]


@program
def tensors_and_slices(tf):
    D = tf.data.Dataset
    pair = collections.namedtuple("pair", ["b", "a"])
    value = pair(np.arange(6).reshape(3, 2), {"z": ["x", "y", "w"], "c": (np.float32([1, 2, 3]),)})
    a, b = D.from_tensors(value), D.from_tensor_slices(value)
    return [elements(a), known(a), elements(b), known(b)]


@program
def lists_are_tensors(tf):
    a = tf.data.Dataset.from_tensor_slices(([[1, 2], [3, 4]], [1.5, 2.5]))
    b = tf.data.Dataset.range(2).map(lambda x: [x, x + 1])
    c = tf.data.Dataset.range(2).map(lambda x: ([x, x + 1], "t"))
    return [elements(d) + known(d) for d in (a, b, c)]


@program
def random_numbers(tf):
    d = tf.data.Dataset.random(seed=4).take(70)
    again = tf.data.Dataset.random(seed=4, rerandomize_each_iteration=True).take(3).repeat(2)
    tf.random.set_seed(11)
    with_global = tf.data.Dataset.random().take(3)
    return [elements(d), elements(d), elements(with_global), len(elements(again)), known(d)]


@program
def counter(tf):
    d = tf.data.Dataset.counter(3, -2).take(4)
    return [elements(d), known(tf.data.Dataset.counter())]


def numbers():
    for i in range(3):
        yield i, [i] * i


@program
def generator_with_types(tf):
    d = tf.data.Dataset.from_generator(numbers, (tf.int64, tf.int32), ([], [None]))
    return [elements(d), elements(d.repeat(2).take(5)), known(d)]


@program
def generator_with_signature(tf):
    def gen(n):
        for i in range(n):
            yield {"a": np.float32(i), "b": (f"s{i}", True)}

    signature = {
        "a": tf.TensorSpec([], tf.float32),
        "b": (tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.bool)),
    }
    d = tf.data.Dataset.from_generator(gen, args=(3,), output_signature=signature)
    return [elements(d), elements(d.batch(2)), known(d)]


@fails
def generator_of_another_shape(tf):
    spec = tf.TensorSpec([1], tf.int32)
    return elements(
        tf.data.Dataset.from_generator(lambda: iter([[1], [2, 3]]), output_signature=spec)
    )


@fails
def generator_of_another_type(tf):
    return elements(tf.data.Dataset.from_generator(lambda: iter([1, "a"]), output_types=tf.int32))


@fails
def generator_that_fails(tf):
    def gen():
        yield 1
        raise ValueError("boom")

    return elements(tf.data.Dataset.from_generator(gen, output_types=tf.int32))


@fails
def generator_that_fails_otherwise(tf):
    def gen():
        yield 1
        raise RuntimeError("boom")

    return elements(tf.data.Dataset.from_generator(gen, output_types=tf.int32))


@fails
def slices_of_other_sizes(tf):
    return tf.data.Dataset.from_tensor_slices((np.zeros(3), np.zeros(4)))


@fails
def slices_of_scalars(tf):
    return tf.data.Dataset.from_tensor_slices(3)


# Order --------------------------------------------------------------------------------------------


@program
def shuffled(tf):
    D = tf.data.Dataset
    result = []
    for n, size, seed in [(10, 4, 7), (10, 3, 0), (5, 20, 7), (300, 50, 1), (8, 1, 2)]:
        d = D.range(n).shuffle(size, seed=seed)
        result += [elements(d), elements(d), elements(d.repeat(2))]
        d = D.range(n).shuffle(size, seed=seed, reshuffle_each_iteration=False)
        result += [elements(d), elements(d.repeat(2))]
    return result


@program
def shuffled_with_a_global_seed(tf):
    tf.random.set_seed(5)
    a = tf.data.Dataset.range(10).shuffle(4)
    b = tf.data.Dataset.range(10).shuffle(4, seed=3)
    return [elements(a), elements(b), elements(a)]


@program
def shuffled_slices_in_batches(tf):
    x, y = np.arange(40).reshape(20, 2), np.arange(20).astype(np.float32)
    d = tf.data.Dataset.from_tensor_slices((x, {"y": y}))
    e = d.shuffle(7, seed=3).repeat(2).skip(3).take(30).shard(2, 1).batch(4)
    return [elements(d.shuffle(100, seed=1).batch(6)), elements(e), known(e)]


@program
def shuffled_after_holding(tf):
    d = tf.data.Dataset.from_tensor_slices(np.arange(400).reshape(200, 2))
    e = d.cache().prefetch(2).shuffle(64, seed=5).repeat(2).batch(90, drop_remainder=True)
    f = tf.data.Dataset.zip((d, tf.data.Dataset.range(300))).shuffle(500, seed=5).take(9).batch(4)
    return [elements(e), elements(f), known(f)]


@program
def shuffle_and_repeat(tf):
    both = tf.data.experimental.shuffle_and_repeat
    a = tf.data.Dataset.range(6).apply(both(4, count=3, seed=2))
    b = tf.data.Dataset.range(6).apply(both(50, count=2, seed=2))
    c = tf.data.Dataset.range(3).apply(both(2, seed=9)).take(10)
    return [elements(a), elements(b), elements(c)]


@program
def parts(tf):
    d = tf.data.Dataset.range(10)
    made = [
        d.take(3), d.take(0), d.take(-1), d.skip(7), d.skip(20), d.skip(-1), d.shard(4, 1),
        d.shard(3, 0), d.repeat(2).take(13), d.take(0).repeat(), d.repeat(0), d.repeat().take(12),
    ]  # fmt: skip
    return [elements(e) + known(e) for e in made] + [known(d.repeat())]


@program
def put_together(tf):
    D = tf.data.Dataset
    a, b = D.range(3), D.range(10, 14).map(lambda x: x * 2)
    made = [
        D.zip((a, b)), D.zip({"x": a, "y": (b, a)}), D.zip(a, b), D.zip((a.shuffle(3, seed=1), b)),
        a.concatenate(b), b.concatenate(a), a.enumerate(start=5), D.zip((a, a.repeat())),
    ]  # fmt: skip
    shapes = D.from_tensors([1, 2]).concatenate(D.from_tensors([1, 2, 3]))
    return [elements(e) + known(e) for e in made] + [known(shapes)]


@fails
def concatenate_other_types(tf):
    return tf.data.Dataset.range(3).concatenate(tf.data.Dataset.from_tensors("a"))


@fails
def zip_of_a_list(tf):
    return tf.data.Dataset.zip([tf.data.Dataset.range(3)])


@fails
def shard_beyond(tf):
    return elements(tf.data.Dataset.range(3).shard(2, 2))


@program
def chosen(tf):
    D = tf.data.Dataset
    parts = [D.from_tensors(c).repeat(n) for c, n in (("a", 3), ("b", 1), ("c", 4))]
    choice = D.range(3).repeat(4)
    a = D.choose_from_datasets(parts, choice)
    b = D.choose_from_datasets(parts, choice, stop_on_empty_dataset=False)
    c = tf.data.experimental.choose_from_datasets(parts, choice)
    return [elements(a), elements(b), elements(c), known(a)]


@program
def sampled(tf):
    D = tf.data.Dataset
    a, b, c = D.range(8), D.range(10, 18), D.range(20, 22)
    made = [
        D.sample_from_datasets([a, b], [0.3, 0.7], seed=2),
        D.sample_from_datasets([a, b, c], seed=4),
        D.sample_from_datasets([a, b, c], [0.2, 0.0, 0.8], seed=4),
        D.sample_from_datasets([a, c], [0.3, 0.7], seed=2, stop_on_empty_dataset=True),
        D.sample_from_datasets([a, b], tf.constant([0.9, 0.1]), seed=3),
    ]
    return [elements(e) + known(e) for e in made]


@program
def resampled(tf):
    def parity(x):
        return tf.cast(x % 2, tf.int32)

    d = tf.data.Dataset.range(40)
    made = [
        d.rejection_resample(parity, [0.8, 0.2], [0.5, 0.5], seed=3),
        d.rejection_resample(parity, [0.8, 0.2], seed=3),
        d.rejection_resample(parity, [0.5, 0.5], [0.5, 0.5], seed=3),
    ]
    return [elements(e) for e in made]


# Batches ------------------------------------------------------------------------------------------


@program
def batches(tf):
    d = tf.data.Dataset.range(7)
    s = tf.data.Dataset.from_tensor_slices((["a", "b", "c"], [[1.0], [2.0], [3.0]]))
    made = [
        d.batch(3), d.batch(3, drop_remainder=True), d.batch(100), d.batch(2, True).batch(2), s.batch(2),
        d.batch(3, num_parallel_calls=2), d.batch(4).unbatch(), s.batch(2).unbatch(),
        d.batch(3).rebatch(2), d.batch(2).rebatch([3, 1]), d.batch(4).rebatch(3, drop_remainder=True),
        d.map(lambda x: x).batch(3), d.map(lambda x: tf.fill([2], x)).batch(2).unbatch(),
    ]  # fmt: skip
    return [elements(e) + known(e) for e in made]


@fails
def batch_of_other_shapes(tf):
    return elements(tf.data.Dataset.range(3).map(lambda x: tf.zeros([x])).batch(3))


@fails
def batch_of_none(tf):
    return elements(tf.data.Dataset.range(3).batch(0))


@program
def padded(tf):
    d = tf.data.Dataset.range(1, 6).map(lambda n: tf.fill([n], n))
    two = d.map(lambda x: (x, {"s": tf.strings.as_string(x)}))
    made = [
        d.padded_batch(2), d.padded_batch(2, padded_shapes=[6]), d.padded_batch(3, [None], tf.constant(-1, tf.int64)),
        d.padded_batch(2, drop_remainder=True), two.padded_batch(3, ([None], {"s": [None]})),
        two.padded_batch(3, ([5], {"s": [None]}), (np.int64(9), {"s": "?"})),
        tf.data.Dataset.range(3).padded_batch(2),
    ]  # fmt: skip
    return [elements(e) + known(e) for e in made]


@fails
def padded_too_small(tf):
    d = tf.data.Dataset.range(1, 6).map(lambda n: tf.fill([n], n))
    return elements(d.padded_batch(2, [2]))


@fails
def padded_with_another_type(tf):
    d = tf.data.Dataset.range(1, 6).map(lambda n: tf.fill([n], n))
    return elements(d.padded_batch(2, [None], "x"))


@program
def windows(tf):
    D = tf.data.Dataset
    result = []
    for args in [(3,), (3, 1), (2, 3), (3, 1, 2), (3, None, 2), (2, 4, 2)]:
        for drop in (False, True):
            d = D.range(8).window(*args, drop_remainder=drop)
            result.append([elements(w) for w in d] + [int(d.cardinality())])
    pairs = D.zip((D.range(4), D.range(10, 14))).window(2)
    flat = D.range(7).window(3, 1, drop_remainder=True).flat_map(lambda w: w.batch(3))
    nested = pairs.flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(2), b.batch(2))))
    return [*result, elements(flat), elements(nested), repr(pairs.element_spec)]


@program
def sparse(tf):
    s = tf.sparse.SparseTensor([[0, 0], [1, 2], [2, 1]], [1, 2, 3], [3, 4])

    def dense(d):
        return [tf.sparse.to_dense(x).numpy() for x in d]

    a, b = tf.data.Dataset.from_tensor_slices(s), tf.data.Dataset.from_tensors(s)
    c = a.map(lambda x: x * 2).batch(2)
    d = tf.data.Dataset.range(1, 4).map(lambda n: tf.fill([n], n)).sparse_batch(2, [5])
    e = tf.data.Dataset.from_tensor_slices((s, [1, 2, 3])).batch(2)
    return [
        dense(a), dense(b), dense(c), dense(c.unbatch()), dense(d),
        [(tf.sparse.to_dense(x).numpy(), y.numpy()) for x, y in e],
        *[repr(x.element_spec) for x in (a, b, c, d, e)],
    ]  # fmt: skip


@program
def ragged(tf):
    D = tf.data.Dataset
    r = tf.ragged.constant([[1, 2], [], [3]])
    deep = tf.ragged.constant([[[1], [2, 3]], [], [[3]]])
    made = [
        D.from_tensor_slices(r), D.from_tensors(r), D.from_tensor_slices(r).batch(2), D.from_tensor_slices(deep),
        D.from_tensor_slices(deep).batch(2), D.from_tensor_slices(deep).batch(2).unbatch(),
        D.range(3).map(lambda x: tf.range(x)).ragged_batch(2), D.range(3).map(lambda x: tf.fill([x, 2], x)).ragged_batch(2),
        D.range(3).ragged_batch(2), D.range(3).map(lambda x: tf.ragged.range([x, 2])).batch(2),
        D.range(3).map(lambda x: (tf.range(x), {"x": x})).ragged_batch(2, True).map(lambda a, b: (a * 2, b["x"])),
    ]  # fmt: skip
    return [
        [
            repr(
                [
                    tf.nest.map_structure(
                        lambda t: t.to_list() if hasattr(t, "to_list") else t.numpy().tolist(), x
                    )
                    for x in d
                ]
            )
        ]
        + known(d)
        for d in made
    ]


# Functions ----------------------------------------------------------------------------------------


@program
def mapped(tf):
    D = tf.data.Dataset
    d = D.range(5)
    table = tf.constant([10.0, 20.0, 30.0, 40.0, 50.0])
    weight = tf.Variable(2.0)
    made = [
        d.map(lambda x: x + 1), d.map(lambda x: (x, {"y": tf.cast(x, tf.float32) / 2})),
        d.map(lambda x: tf.gather(table, x)), d.map(lambda x: weight * tf.cast(x, tf.float32)),
        d.map(lambda x: x * x, num_parallel_calls=2), d.map(lambda x: x * x, tf.data.AUTOTUNE),
        d.map(lambda x: "constant"), d.map(lambda x: (x, None)),
        D.zip((d, d)).map(lambda a, b: a * b), D.from_tensor_slices({"a": [1, 2]}).map(lambda e: e["a"]),
        d.map(lambda x: tf.strings.join(["n", tf.strings.as_string(x)])),
        d.map(lambda x: tf.cond(x > 2, lambda: x, lambda: -x)),
        d.map(lambda x: tf.while_loop(lambda i: i < 20, lambda i: i * 3 + 1, [x])[0]),
    ]  # fmt: skip
    return [elements(e) + known(e) for e in made]


@program
def variables_are_read_as_they_are(tf):
    v = tf.Variable(1)
    d = tf.data.Dataset.range(3).map(lambda x: v.read_value())
    first = elements(d)
    v.assign(7)
    return [first, elements(d)]


@program
def random_functions(tf):
    D = tf.data.Dataset
    a = D.range(3).map(lambda x: tf.random.uniform([], seed=1))
    b = D.range(3).map(lambda x: tf.random.uniform([], seed=1)).repeat(2)
    tf.random.set_seed(5)
    c = D.range(3).map(lambda x: (tf.random.normal([2]), tf.random.uniform([])))
    e = D.range(2).flat_map(lambda x: D.range(2).map(lambda y: tf.random.uniform([], seed=3)))
    return [elements(a), elements(a), elements(b), elements(c), elements(e)]


@program
def python_functions(tf):
    def python(x):
        return np.int64(x * 10)

    def eager(x):
        return x.numpy() + 1

    d = tf.data.Dataset.range(3)
    a = d.map(lambda x: tf.numpy_function(python, [x], tf.int64))
    b = d.map(lambda x: tf.py_function(eager, [x], tf.int64))
    return [elements(a), elements(b), elements(b.batch(2))]


@fails
def function_that_fails(tf):
    return elements(
        tf.data.Dataset.range(3).map(lambda x: tf.debugging.assert_less(x, np.int64(2)) or x)
    )


@fails
def function_of_a_bad_value(tf):
    return elements(tf.data.Dataset.range(3).map(lambda x: tf.gather([1, 2], x)))


@fails
def function_that_returns_an_object(tf):
    return tf.data.Dataset.range(3).map(lambda x: object())


@fails
def function_that_makes_a_variable(tf):
    return tf.data.Dataset.range(2).map(lambda x: tf.Variable(1) + 1)


@fails
def function_of_too_few_arguments(tf):
    return tf.data.Dataset.range(2).map(lambda x, y: x)


@fails
def padded_shapes_of_other_keys(tf):
    return tf.data.Dataset.from_tensors({"a": [1]}).padded_batch(2, {"b": [None]})


@fails
def zip_of_nothing(tf):
    return tf.data.Dataset.zip(())


@fails
def scan_without_a_result(tf):
    return tf.data.Dataset.range(3).scan(0, lambda s, x: s)


@fails
def unbatch_of_scalars(tf):
    return tf.data.Dataset.range(3).unbatch()


@fails
def generator_of_another_structure(tf):
    types = (tf.int32, tf.int32)
    return elements(tf.data.Dataset.from_generator(lambda: iter([(1, 2, 3)]), output_types=types))


@fails
def choice_beyond(tf):
    D = tf.data.Dataset
    return elements(D.choose_from_datasets([D.range(2)], D.range(5, 6)))


@program
def filtered(tf):
    d = tf.data.Dataset.range(9)
    pairs = tf.data.Dataset.zip((d, d))
    made = [d.filter(lambda x: x % 3 == 0), pairs.filter(lambda a, b: a > 6), d.take_while(lambda x: x < 3), d.unique(),
            tf.data.Dataset.from_tensor_slices(["b", "a", "b"]).unique()]  # fmt: skip
    return [elements(e) + known(e) for e in made]


@fails
def filter_of_a_number(tf):
    return tf.data.Dataset.range(3).filter(lambda x: x)


@program
def flattened(tf):
    D = tf.data.Dataset
    d = D.range(1, 4)
    made = [
        d.flat_map(lambda x: D.range(x)),
        d.flat_map(lambda x: D.from_tensors((x, [x])).repeat(2)),
    ]
    return [elements(e) + known(e) for e in made]


@fails
def interleave_more_than_there_are(tf):
    own = tf.data.Dataset.from_tensors
    return elements(tf.data.Dataset.range(3).interleave(own, 1, num_parallel_calls=2))


@program
def interleaved(tf):
    D = tf.data.Dataset
    sizes = [D.range(1, 7), D.from_tensor_slices(np.int64([2, 0, 1, 5, 3, 1, 1])), D.range(0)]
    result = []
    for d in sizes:
        for cycle, block in [(1, 1), (2, 1), (3, 2), (3, 100), (10, 1), (4, 3)]:

            def own(x):
                return D.from_tensors(x).repeat(x)

            result.append(elements(d.interleave(own, cycle, block)))
            result.append(
                elements(d.interleave(own, cycle, block, num_parallel_calls=min(cycle, 2)))
            )
            parallel = tf.data.experimental.parallel_interleave
            result.append(elements(d.apply(parallel(own, cycle, block))))
    return result


@program
def with_a_state(tf):
    d = tf.data.Dataset.range(5)
    sums = d.scan(np.int64(0), lambda s, x: (s + x, s * x))
    growing = d.scan(tf.constant([], tf.int64), lambda s, x: (tf.concat([s, [x]], 0), tf.size(s)))
    pairs = tf.data.Dataset.zip((d, d))
    return [
        elements(sums), known(sums), elements(growing), known(growing),
        d.reduce(np.int64(1), lambda s, x: s + x).numpy(),
        d.reduce((0, 1.0), lambda s, x: (s[0] + 1, s[1] * 2.0))[1].numpy(),
        pairs.reduce(np.int64(0), lambda s, e: s + e[0] * e[1]).numpy(),
        d.reduce(tf.constant([], tf.int64), lambda s, x: tf.concat([s, [x]], 0)).numpy(),
        d.take(0).reduce(5, lambda s, x: s).numpy(),
    ]  # fmt: skip


@fails
def reduce_to_another_type(tf):
    return tf.data.Dataset.range(5).reduce(0, lambda s, x: s + 0.5)


@program
def grouped(tf):
    D = tf.data.Dataset
    d = D.range(20)
    made = [
        d.group_by_window(lambda x: x % 3, lambda k, w: w.batch(4), window_size=4),
        d.group_by_window(
            lambda x: x % 3, lambda k, w: w.batch(4), window_size_func=lambda k: k + 1
        ),
        d.group_by_window(lambda x: x % 2, lambda k, w: D.zip((D.from_tensors(k).repeat(), w)), 5),
    ]
    reducer = tf.data.experimental.Reducer(
        lambda k: (np.int64(0), 1.0),
        lambda s, x: (s[0] + x, s[1] * 2.0),
        lambda n, p: {"n": n, "p": p},
    )
    made.append(d.apply(tf.data.experimental.group_by_reducer(lambda x: 2 - x % 3, reducer)))
    return [elements(e) + known(e) for e in made]


@program
def bucketed(tf):
    d = tf.data.Dataset.from_tensor_slices([3, 1, 7, 2, 9, 4, 4, 6, 1, 8]).map(
        lambda n: tf.range(n)
    )
    pairs = d.map(lambda x: (x, tf.size(x)))
    bucket = {"bucket_boundaries": [3, 6], "bucket_batch_sizes": [2, 3, 2]}
    made = [
        d.bucket_by_sequence_length(tf.size, **bucket),
        d.bucket_by_sequence_length(tf.size, **bucket, drop_remainder=True),
        pairs.bucket_by_sequence_length(
            lambda x, n: n, **bucket, padded_shapes=([None], []), padding_values=(-1, 0)
        ),
        d.filter(lambda x: tf.size(x) < 6).bucket_by_sequence_length(
            tf.size, **bucket, pad_to_bucket_boundary=True
        ),
    ]
    return [elements(e) + known(e) for e in made]


# Holding ------------------------------------------------------------------------------------------


@program
def held(tf):
    count = tf.Variable(0)

    def counted(x):
        count.assign_add(1)
        return x

    d = tf.data.Dataset.range(4).map(counted).cache()
    first, second = elements(d), elements(d)
    path = os.path.join(tempfile.mkdtemp(), "cache")
    e = tf.data.Dataset.range(3).map(lambda x: (x, tf.strings.as_string(x))).cache(path)
    ahead = [tf.data.Dataset.range(5).prefetch(n) for n in (0, 1, 3, tf.data.AUTOTUNE)]
    return [
        first,
        second,
        count.numpy(),
        elements(e),
        elements(e),
        *map(elements, ahead),
        known(d),
        known(ahead[1]),
    ]


@program
def errors_passed_over(tf):
    d = tf.data.Dataset.from_tensor_slices([1.0, 0.0, 4.0]).map(
        lambda x: tf.debugging.check_numerics(1.0 / x, "bad")
    )
    return [elements(d.ignore_errors()), elements(d.apply(tf.data.experimental.ignore_errors()))]


@program
def counted(tf):
    d = (
        tf.data.Dataset.range(6)
        .filter(lambda x: x % 2 == 0)
        .apply(tf.data.experimental.assert_cardinality(3))
    )
    return [elements(d), len(d), known(d)]


@fails
def counted_wrongly(tf):
    d = tf.data.Dataset.range(6).filter(lambda x: x % 2 == 0)
    return elements(d.apply(tf.data.experimental.assert_cardinality(4)))


@program
def single_elements(tf):
    d = tf.data.Dataset.from_tensors(({"a": 1}, "b"))
    one = d.get_single_element()
    at = tf.data.experimental.at(tf.data.Dataset.range(5).map(lambda x: x * x), 3)
    return [
        one[0]["a"].numpy(),
        one[1].numpy(),
        at.numpy(),
        tf.data.experimental.get_single_element(d)[1].numpy(),
    ]


@fails
def single_of_many(tf):
    return tf.data.Dataset.range(2).get_single_element()


@program
def options(tf):
    options = tf.data.Options()
    options.deterministic = False
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    more = tf.data.Options()
    more.threading.private_threadpool_size = 3
    d = tf.data.Dataset.range(3).with_options(options).map(lambda x: x).with_options(more)
    found = d.options()
    return [
        elements(d), found.deterministic, found.threading.private_threadpool_size,
        found.experimental_distribute.auto_shard_policy.name, options == tf.data.Options(),
        tf.data.Options().experimental_distribute.auto_shard_policy.name, tf.data.Options().deterministic,
    ]  # fmt: skip


@fails
def options_of_another_type(tf):
    options = tf.data.Options()
    options.deterministic = 3


@fails
def options_that_are_none(tf):
    options = tf.data.Options()
    options.determinstic = True


# Iterating ----------------------------------------------------------------------------------------


@program
def iterators(tf):
    it = iter(tf.data.Dataset.range(3))
    found = [next(it).numpy(), it.get_next().numpy(), it.get_next_as_optional().get_value().numpy()]
    last = it.get_next_as_optional()
    optional = tf.experimental.Optional
    full, empty = optional.from_value((1, {"a": "b"})), optional.empty(tf.TensorSpec([], tf.int32))
    return [
        found, bool(last.has_value()), repr(it.element_spec), repr(full.element_spec),
        full.get_value()[1]["a"].numpy(), bool(full.has_value()), bool(empty.has_value()),
    ]  # fmt: skip


@fails
def iterator_at_its_end(tf):
    return iter(tf.data.Dataset.range(0)).get_next()


@fails
def empty_optional(tf):
    return tf.experimental.Optional.empty(tf.TensorSpec([], tf.int32)).get_value()


@program
def what_python_sees(tf):
    D = tf.data.Dataset
    d = D.range(3)
    made = [
        d, d.map(lambda x: x), d.batch(2), d.shuffle(3).repeat().prefetch(2), D.from_tensors(({"a": 1}, 2)),
        D.zip((d, d)), d.filter(lambda x: True), d.cache(), d.enumerate(), d.window(2), d.take(2), d.skip(1),
        d.flat_map(lambda x: D.range(x)), d.interleave(lambda x: D.range(x)), d.concatenate(d), d.unbatch
        and d.batch(2).unbatch(), d.shard(2, 0), d.scan(np.int64(0), lambda s, x: (s, x)), d.padded_batch(2),
    ]  # fmt: skip
    return [repr(e) for e in made] + [
        len(d),
        bool(d),
        bool(d.take(0)),
        isinstance(d.map(lambda x: x), D),
    ]


@fails
def length_of_what_is_unknown(tf):
    return len(tf.data.Dataset.range(3).filter(lambda x: True))


@fails
def length_of_what_is_infinite(tf):
    return len(tf.data.Dataset.range(3).repeat())


@program
def in_functions(tf):
    d = tf.data.Dataset.range(5)

    @tf.function
    def total(n):
        made = tf.data.Dataset.range(n).map(lambda x: x * 2)
        return made.reduce(np.int64(0), lambda s, x: s + x)

    @tf.function
    def following(iterator):
        return next(iterator) + 1

    @tf.function
    def of_a_dataset(dataset):
        return dataset.map(lambda x: x + 1).reduce(np.int64(0), lambda s, x: s + x)

    @tf.function
    def first():
        return iter(d).get_next()

    it = iter(d)
    return [
        total(4).numpy(),
        total(5).numpy(),
        following(it).numpy(),
        following(it).numpy(),
        of_a_dataset(d).numpy(),
        first().numpy(),
    ]


@program
def python_control_flow(tf):
    d = tf.data.Dataset.range(6)

    def halved(x):
        if x % 2 == 0:
            return x // 2
        else:
            return -x

    def collatz(x):
        n = tf.constant(0)
        while x > 1:
            x = x // 2 if x % 2 == 0 else 3 * x + 1
            n += 1
        return n

    @tf.function
    def total(dataset):
        result = tf.constant(0, tf.int64)
        for x in dataset:
            if x > 3:
                break
            result += x
        return result

    @tf.function
    def pairs(dataset):
        result = tf.constant(0, tf.int64)
        for i, x in dataset.enumerate():
            result += i * x
        return result

    @tf.function
    def of_iterator(iterator):
        result = tf.constant(0, tf.int64)
        for x in iterator:
            result += x
        return result

    it = iter(d)
    next(it)
    return [
        elements(d.map(halved)), elements(d.map(collatz)), total(d).numpy(), pairs(d).numpy(),
        of_iterator(it).numpy(), elements(d.filter(lambda x: x > 1 and x < 5)),
    ]  # fmt: skip


@program
def tables(tf):
    keys, values = tf.constant(["a", "b"]), tf.constant([1, 2], tf.int64)
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), 0)
    d = tf.data.Dataset.from_tensor_slices(["a b a", "b c", "a"])
    return elements(d.map(lambda s: table.lookup(tf.strings.split(s))).padded_batch(2))


# Files --------------------------------------------------------------------------------------------


@program
def lines(tf):
    folder = tempfile.mkdtemp()
    paths = [os.path.join(folder, name) for name in ("a.txt", "b.txt")]
    for path, text in zip(paths, (b"one\ntwo\r\n\nthree", b"x\ny\n")):
        with open(path, "wb") as file:
            file.write(text)
    D = tf.data.TextLineDataset
    files = tf.data.Dataset.list_files(os.path.join(folder, "*.txt"), shuffle=False)
    made = [
        D(paths[0]),
        D(paths),
        D(files),
        D(paths, num_parallel_reads=2),
        files.flat_map(D),
        files.interleave(D, cycle_length=2),
    ]
    found = [os.path.basename(each).decode() for each in elements(files)]
    mixed = sorted(map(os.path.basename, elements(tf.data.Dataset.list_files(paths, seed=1))))
    return [elements(e) + known(e) for e in made] + [found, mixed]


@fails
def lines_of_no_file(tf):
    return elements(tf.data.TextLineDataset("/does/not/exist"))


@fails
def files_that_are_not_there(tf):
    return elements(tf.data.Dataset.list_files("/does/not/exist*"))


@program
def fixed_records(tf):
    path = os.path.join(tempfile.mkdtemp(), "a.bin")
    with open(path, "wb") as file:
        file.write(b"HHaabbccF")
    d = tf.data.FixedLengthRecordDataset(path, 2, header_bytes=2, footer_bytes=1)
    return [elements(d), known(d)]


@program
def records(tf):
    folder = tempfile.mkdtemp()
    result = []
    for kind in ("", "GZIP", "ZLIB"):
        path = os.path.join(folder, "r" + kind)
        with tf.io.TFRecordWriter(path, kind or None) as writer:
            for i in range(3):
                writer.write(b"record" + bytes([i]) * i)
        result.append(elements(tf.data.TFRecordDataset(path, compression_type=kind)))
        result.append(elements(tf.data.TFRecordDataset([path, path], kind, num_parallel_reads=2)))
    return result


CSV = "a,b,c\n" + "".join(f"{i},{i / 2},s{i % 3}\n" for i in range(7))


def csv_file(text):
    path = os.path.join(tempfile.mkdtemp(), "a.csv")
    with open(path, "w") as file:
        file.write(text)
    return path


@program
def csv_records(tf):
    def read(text, *args, **kwargs):
        d = tf.data.experimental.CsvDataset(csv_file(text), *args, **kwargs)
        return elements(d) + known(d)

    return [
        read("1,a\n2,b\n", [tf.int32, tf.string]),
        read('h,g\n1,a\n2,"b\nc,""d"\n', [tf.int32, tf.string], header=True),
        read("1\n\n2\n", [[7]]), read("1,a\r\n2,b\r\n", [tf.int32, tf.string]),
        read("1,,3\nNA,b,4", [[9], "x", tf.float32], na_value="NA"),
        read("1,2,3\n4,5,6", [tf.int32, tf.int32], select_cols=[0, 2]),
        read("1,2,3\n4,5,6", [tf.int32, tf.int32], exclude_cols=[1]),
        read("1;2\n", [tf.int32, tf.int64], field_delim=";"),
        read('1,"2"3\n', [tf.int32, tf.string], use_quote_delim=False),
    ]  # fmt: skip


def bad_csv(name, text, *args, **kwargs):
    def f(tf):
        return elements(tf.data.experimental.CsvDataset(csv_file(text), *args, **kwargs))

    f.__name__ = f"csv_{name}"
    fails(f)


bad_csv("without_a_field", "1,,3\n", [np.int32([9]), np.zeros(0, np.int32), np.float32([1])])
bad_csv("with_too_many_fields", "1,2,3\n", [np.int32([9]), np.int32([9])])
bad_csv("with_a_word_for_a_number", "1,x\n", [np.int32([9]), np.int32([9])])
bad_csv("with_an_open_quote", '1,"2\n', [np.int32([9]), ["x"]])
bad_csv("with_a_quote_inside", '1,2"3\n', [np.int32([9]), ["x"]])
bad_csv("with_columns_in_another_order", "1,2\n", [np.int32([9]), ["x"]], select_cols=[1, 0])


@program
def csv_batches(tf):
    path = csv_file(CSV)

    def read(count=None, **kwargs):
        d = tf.data.experimental.make_csv_dataset(path, 3, **kwargs)
        return elements(d if count is None else d.take(count)) + known(d)

    return [
        read(num_epochs=1, shuffle=False),
        read(label_name="c", num_epochs=2, shuffle=True, shuffle_seed=3, shuffle_buffer_size=4),
        read(4, label_name="c", select_columns=["a", "c"], shuffle=False),
        read(column_names=["x", "y", "z"], header=False, num_epochs=1, shuffle=False),
        read(column_defaults=[tf.float32, tf.float32, tf.string], num_epochs=1, shuffle=False),
    ]


@fails
def csv_label_that_is_no_column(tf):
    return tf.data.experimental.make_csv_dataset(csv_file(CSV), 3, label_name="z")


@program
def batches_of_examples(tf):
    path = os.path.join(tempfile.mkdtemp(), "r")
    with tf.io.TFRecordWriter(path) as writer:
        for i in range(5):
            example = tf.train.Example()
            example.features.feature["x"].float_list.value.extend([i, i + 0.5])
            example.features.feature["y"].int64_list.value.append(i % 2)
            example.features.feature["n"].int64_list.value.extend(range(i))
            writer.write(example.SerializeToString())
    features = {
        "x": tf.io.FixedLenFeature([2], tf.float32),
        "y": tf.io.FixedLenFeature([], tf.int64),
        "n": tf.io.VarLenFeature(tf.int64),
    }
    make = tf.data.experimental.make_batched_features_dataset
    a = make(path, 2, features, label_key="y", num_epochs=1, shuffle=False)
    b = make(path, 2, features, num_epochs=2, shuffle_seed=1, drop_final_batch=True)
    found = [(x["x"].numpy(), tf.sparse.to_dense(x["n"]).numpy(), y.numpy()) for x, y in a]
    return [found, [x["x"].numpy() for x in b], repr(b.element_spec["x"]), repr(a.element_spec[1])]


# TF 1 ---------------------------------------------------------------------------------------------


def drain(tf, session, tensors, feed=None):
    """What runs give up to the end."""
    found = []
    while True:
        try:
            found.append(session.run(tensors, feed))
        except tf.errors.OutOfRangeError:
            return found


@graph
def one_shot(tf):
    d = tf.data.Dataset.from_tensor_slices((np.arange(5), {"a": np.float32([1, 2, 3, 4, 5])})).map(
        lambda x, d: (x + 1, d["a"])
    )
    following = d.batch(2).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        found = drain(tf, session, following)
    with tf.Session() as session:
        again = session.run(following)
    return [
        found,
        again,
        [n.name for n in tf.get_default_graph().get_operations()],
        str(following[0]),
    ]


@graph
def initializable(tf):
    count = tf.placeholder(tf.int64, [])
    v = tf.get_variable("v", initializer=np.int64(10))
    iterator = tf.data.make_initializable_iterator(
        tf.data.Dataset.range(count).map(lambda x: x + v)
    )
    following = iterator.get_next()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(iterator.initializer, {count: 2})
        a = drain(tf, session, following)
        session.run(iterator.initializer, {count: 3})
        session.run(v.assign(20))
        b = drain(tf, session, [following, following * 2])
    return [
        a,
        b,
        iterator.initializer.name,
        str(iterator.output_types),
        str(iterator.output_shapes),
    ]


@graph
def reinitializable(tf):
    train, test = tf.data.Dataset.range(3).batch(2), tf.data.Dataset.range(10, 11).batch(2)
    iterator = tf.data.Iterator.from_structure(
        tf.data.get_output_types(train), tf.data.get_output_shapes(train)
    )
    following = iterator.get_next()
    begin, other = iterator.make_initializer(train), iterator.make_initializer(test, name="other")
    found = []
    with tf.Session() as session:
        for node in (begin, other, begin):
            session.run(node)
            found.append(drain(tf, session, following))
    return [found, begin.name, other.name, following.name]


@graph
def by_string_handle(tf):
    a, b = tf.data.Dataset.range(4), tf.data.Dataset.range(10, 13)
    handle = tf.placeholder(tf.string, [])
    iterator = tf.data.Iterator.from_string_handle(
        handle, tf.data.get_output_types(a), tf.data.get_output_shapes(a)
    )
    following = iterator.get_next()
    of_a = tf.data.make_one_shot_iterator(a)
    of_b = tf.data.make_initializable_iterator(b)
    with tf.Session() as session:
        first, second = session.run([of_a.string_handle(), of_b.string_handle()])
        session.run(of_b.initializer)
        order = [first, second, first, second, first]
        found = [session.run(following, {handle: each}) for each in order]
        rest = drain(tf, session, following, {handle: second})
    return [found, rest]


@graph
def shuffled_in_a_graph(tf):
    tf.set_random_seed(3)
    d = tf.data.Dataset.range(12).shuffle(5).repeat(2).batch(5)
    e = (
        tf.data.Dataset.range(12)
        .shuffle(5, seed=4, reshuffle_each_iteration=False)
        .repeat(2)
        .batch(12)
    )
    tensors = [tf.data.make_one_shot_iterator(x).get_next() for x in (d, e)]
    with tf.Session() as session:
        return [drain(tf, session, each) for each in tensors]


@graph
def fed_arrays(tf):
    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.placeholder(tf.int32, [None])
    d = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(3, seed=1).batch(2)
    iterator = d.make_initializable_iterator()
    following = iterator.get_next()
    feed = {x: np.arange(10).reshape(5, 2), y: np.arange(5)}
    with tf.Session() as session:
        session.run(iterator.initializer, feed)
        return drain(tf, session, following)


@graph
def training(tf):
    """A loop that learns a line."""
    x = np.linspace(-1, 1, 32, dtype=np.float32).reshape(-1, 1)
    d = tf.data.Dataset.from_tensor_slices((x, 3 * x + 1)).shuffle(32, seed=0).repeat(20).batch(8)
    a, b = tf.data.make_one_shot_iterator(d).get_next()
    w = tf.get_variable("w", initializer=[[0.5]])
    c = tf.get_variable("c", initializer=[0.0])
    loss = tf.reduce_mean(tf.square(tf.matmul(a, w) + c - b))
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [value for _, value in drain(tf, session, [step, loss])]
        return [np.float32(losses), session.run([w, c])]


@graph
def optional_in_a_graph(tf):
    iterator = tf.data.make_one_shot_iterator(tf.data.Dataset.range(1))
    optional = tf.data.experimental.get_next_as_optional(iterator)
    with tf.Session() as session:
        return [
            session.run([optional.has_value(), optional.get_value()]),
            session.run(optional.has_value()),
        ]


@graph
def not_initialized(tf):
    following = tf.data.make_initializable_iterator(tf.data.Dataset.range(1)).get_next()
    with tf.Session() as session:
        try:
            session.run(following)
        except tf.errors.FailedPreconditionError as error:
            return "has not been initialized" in str(error)


@graph
def one_shot_of_a_placeholder(tf):
    try:
        tf.data.make_one_shot_iterator(tf.data.Dataset.range(tf.placeholder(tf.int64, [])))
    except ValueError as error:
        return "Cannot capture a placeholder" in str(error)


@graph
def python_in_a_graph(tf):
    def python(x):
        return x * 10, b"s"

    d = tf.data.Dataset.range(3).map(lambda x: tf.py_func(python, [x], [tf.int64, tf.string]))
    e = tf.data.Dataset.from_generator(lambda: iter([1, 2]), tf.int32, [])
    found = []
    with tf.Session() as session:
        for x in (d, e):
            iterator = tf.data.make_initializable_iterator(x)
            following = iterator.get_next()
            session.run(iterator.initializer)
            found.append(drain(tf, session, following))
    return found


@graph
def sparse_slices(tf):
    s = tf.SparseTensorValue(np.int64([[0, 1], [2, 0]]), np.float32([5, 6]), np.int64([3, 2]))
    following = (
        tf.data.Dataset.from_sparse_tensor_slices(tf.SparseTensor(*s))
        .make_one_shot_iterator()
        .get_next()
    )
    whole = (
        tf.data.Dataset.from_tensor_slices(tf.SparseTensor(*s))
        .batch(2)
        .make_one_shot_iterator()
        .get_next()
    )
    with tf.Session() as session:
        return [drain(tf, session, following), [list(v) for v in drain(tf, session, whole)]]


# A graph that is written as a GraphDef and read again: the nodes to run first, and what to fetch.
BEGIN = ["MakeIterator", "MakeIterator_1"]
FETCH = ["IteratorGetNext:0", "IteratorGetNext:1", "IteratorGetNext_1:0", "IteratorGetNext_2:0"]


def to_be_written(tf):
    D = tf.data.Dataset
    factor = tf.constant([10.0, 20.0])
    pairs = D.from_tensor_slices((np.arange(6), np.arange(6.0, dtype=np.float32)))
    d = pairs.map(lambda a, b: (a + 1, b * factor[0]), 2).filter(lambda a, b: a > 1)
    d = d.shuffle(3, seed=1).repeat(2).batch(4).prefetch(1)
    d = d.flat_map(lambda a, b: D.from_tensors((a, b)))
    e = D.range(6).group_by_window(lambda x: x % 2, lambda key, window: window.batch(3), 3)
    tf.data.make_initializable_iterator(d).get_next()
    tf.data.make_one_shot_iterator(D.range(3).map(lambda x: x * x + 1)).get_next()
    tf.data.make_initializable_iterator(e).get_next()


def run_written(tf, graph_def):
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(graph_def, name="")
        session.run(BEGIN)
        return [session.run(FETCH) for _ in range(2)]
