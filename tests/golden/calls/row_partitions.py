"""Programs with tf.experimental.RowPartition."""

ARRAYS: dict = {}
CALLS = ""


def _said(call):
    try:
        return str(call())
    except Exception as error:
        return type(error).__name__


def _all(tf):
    make = tf.experimental.RowPartition
    return [
        make.from_row_splits([0, 2, 3]), make.from_uniform_row_length(2, 6),
        make.from_row_starts([0, 2], 3), make.from_row_limits([2, 3]),
        make.from_value_rowids([0, 0, 1], 3), make.from_row_lengths([2, 0, 1]),
        make.from_row_starts([], 0), make.from_uniform_row_length(2, nrows=3),
        make.from_uniform_row_length(0, nvals=0, nrows=3), make.from_row_limits([], dtype=tf.int32),
    ]  # fmt: skip


def what_they_say(tf, np):
    found = []
    for each in _all(tf):
        found += [each.row_splits(), each.nvals(), each.nrows(), each.offsets_in_rows()]
        found += [str(each), str(each.static_nrows), str(each.static_nvals), int(each.is_uniform())]
        found += [str(each.static_uniform_row_length), str(each._type_spec)]
    return found


def in_functions(tf, np):
    make = tf.experimental.RowPartition

    @tf.function
    def twice(partition):
        return make.from_row_lengths(partition.row_lengths() * 2), partition.value_rowids()

    found = []
    for each in _all(tf):
        doubled, rows = twice(each)
        found += [doubled.row_splits(), rows, *tf.nest.flatten(each, expand_composites=True)]
    loop = tf.while_loop(
        lambda i, p: i < 2,
        lambda i, p: (i + 1, make.from_row_lengths(p.row_lengths() + 1)),
        (0, make.from_row_lengths([1, 2])),
    )
    return [*found, loop[1].row_splits()]


def specs_and_errors(tf, np):
    make = tf.experimental.RowPartition
    spec = type(make.from_row_splits([0])._type_spec)
    return [
        _said(lambda: spec(nrows=3, nvals=5)), _said(lambda: spec(uniform_row_length=2)),
        _said(lambda: spec(nrows=3, uniform_row_length=2)), _said(lambda: spec(dtype=tf.int32)),
        _said(lambda: spec(nrows=3, nvals=5, uniform_row_length=2)), _said(lambda: spec(dtype=tf.float32)),
        _said(lambda: spec(3, 5).with_dtype(tf.int32)), _said(lambda: spec(3, 5) == spec(3, 5)),
        _said(lambda: spec(3, 5) == spec(3, 6)), _said(lambda: spec(3, 5)._component_specs),
        _said(lambda: spec(3, 5).most_specific_common_supertype([spec(2, 5)])),
        _said(lambda: make.from_row_starts([1, 2], 3)), _said(lambda: make.from_row_limits([2, 1])),
        _said(lambda: make.from_row_starts([0, 5], 3)), _said(lambda: make.from_uniform_row_length(2)),
    ]  # fmt: skip


PROGRAMS = [what_they_say, in_functions, specs_and_errors]
