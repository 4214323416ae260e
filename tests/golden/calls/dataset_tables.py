"""Programs with lookup tables that are filled from data sets."""

ARRAYS = {}
CALLS = ""


def _outcome(call):
    try:
        result = call()
    except Exception as error:
        return type(error).__name__
    return repr([value.decode() if isinstance(value, bytes) else value for value in result])


def tables(tf, np):
    make = tf.data.experimental
    slices = tf.data.Dataset.from_tensor_slices
    pairs = slices((["a", "b"], [3, 4]))
    numbers = slices((["a", "b", "c"], np.array([0, 1, 2])))
    whole = slices((np.array([5, 6]), np.array([0.5, 1.5], np.float32)))
    words = slices(["a", "b", "c"])
    strong = type(make.table_from_dataset.__defaults__[4])("stronghash", [1, 2])
    unknown = tf.constant(["b", "unheard", "of", "c"])

    def looked_up(table, keys=unknown):
        return [*table.lookup(keys).numpy().tolist(), int(table.size())]

    initializer = make.DatasetInitializer(pairs)
    cases = {
        "initializer": lambda: looked_up(tf.lookup.StaticHashTable(initializer, -1)),
        "dtypes": lambda: [initializer.key_dtype.name, initializer.value_dtype.name],
        "vocabulary": lambda: looked_up(
            tf.lookup.StaticVocabularyTable(make.DatasetInitializer(numbers), 3)
        ),
        "pairs": lambda: looked_up(make.table_from_dataset(pairs)),
        "default": lambda: looked_up(make.table_from_dataset(pairs, default_value=7)),
        "integers": lambda: looked_up(
            make.table_from_dataset(whole, key_dtype=tf.int64), tf.constant([6, 7], tf.int64)
        ),
        "some": lambda: looked_up(make.table_from_dataset(numbers, vocab_size=2)),
        "buckets": lambda: looked_up(make.table_from_dataset(numbers, 4)),
        "some and buckets": lambda: looked_up(make.table_from_dataset(numbers, 4, 2)),
        "strong": lambda: looked_up(make.table_from_dataset(numbers, 9, hasher_spec=strong)),
        "no hash": lambda: looked_up(
            make.table_from_dataset(numbers, 9, hasher_spec=type(strong)("other", None))
        ),
        "no spec": lambda: looked_up(make.table_from_dataset(numbers, 9, hasher_spec="fasthash")),
        "buckets of int32": lambda: looked_up(make.table_from_dataset(pairs, 2)),
        "words": lambda: looked_up(make.index_table_from_dataset(words)),
        "words and buckets": lambda: looked_up(make.index_table_from_dataset(words, 5)),
        "some words": lambda: looked_up(make.index_table_from_dataset(words, 0, 2, 9)),
        "strings": lambda: looked_up(
            make.table_from_dataset(slices((["a"], ["b"])), default_value="x")
        ),
        "strings without": lambda: looked_up(make.table_from_dataset(slices((["a"], ["b"])))),
        "few": lambda: make.table_from_dataset(pairs, -1),
        "none": lambda: make.table_from_dataset(pairs, vocab_size=0),
        "no data": make.table_from_dataset,
        "no pairs": lambda: make.table_from_dataset(words),
        "three": lambda: make.table_from_dataset(slices(([1], [2], [3]))),
        "vectors": lambda: make.DatasetInitializer(tf.data.Dataset.from_tensors(([1], [2]))),
        "nested": lambda: make.index_table_from_dataset(pairs),
        "twice": lambda: looked_up(make.table_from_dataset(slices((["a", "a"], [1, 2])))),
        "the same twice": lambda: looked_up(make.table_from_dataset(slices((["a", "a"], [1, 1])))),
        "key dtype": lambda: make.table_from_dataset(numbers, 1, key_dtype=tf.float32),
    }
    found = ["\n".join(f"{name}: {_outcome(call)}" for name, call in cases.items())]

    with tf.Graph().as_default():
        table = make.table_from_dataset(slices((["a", "b"], [3, 4])))
        value = table.lookup(tf.constant(["b", "z"]))
        with tf.compat.v1.Session() as session:
            session.run(tf.compat.v1.tables_initializer())
            found.append(session.run(value))
    return found


PROGRAMS = [tables]
