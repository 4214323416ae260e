"""TF 1 programs with variables, run by TensorFlow (make_variables_golden.py) and by Reflow.

A program gets `tf`, TF 1's name space, within a graph of its own. It returns what is run after
`tf.global_variables_initializer()`: a list of lists, each run in turn. `errors` are functions that
must fail while they build; they run in a thread of their own, as some leave scopes open.
"""

import numpy as np

PROGRAMS = []
ERRORS = []
LEFT_OPEN = []
TF2: object = None  # the module with TF 2's initializers, set by whoever runs the programs


def program(f):
    PROGRAMS.append(f)
    return f


def error(f):
    ERRORS.append(f)
    return f


def _each(tf, make):
    """`make` with reference and with resource variables."""
    return [make(use_resource) for use_resource in (False, True)]


# Variables ----------------------------------------------------------------------------------------


@program
def plain(tf):
    v = tf.Variable(1.0, name="v")
    w = tf.Variable([1, 2])
    again = tf.Variable([True], name="v")
    text = tf.Variable("abc", name="text", trainable=False)
    return [[v, w, again, text], [v.read_value(), v.value(), tf.identity(w)]]


@program
def resource(tf):
    v = tf.Variable(1.0, name="v", use_resource=True)
    w = tf.Variable([1, 2], use_resource=True, trainable=False)
    return [[v, w], [v.read_value(), v.value(), tf.identity(w), v.is_initialized()]]


@program
def callables(tf):
    out = []
    for use_resource in (False, True):
        v = tf.Variable(lambda: tf.zeros([2, 3]), name="v", use_resource=use_resource)
        w = tf.Variable(lambda: 5, dtype=tf.int64, use_resource=use_resource)
        out += [v, w]
    return [out]


@program
def name_scopes(tf):
    out = []
    for use_resource in (False, True):
        with tf.name_scope("a"):
            out.append(tf.Variable(2.0, name="v", use_resource=use_resource))
            with tf.name_scope("b"):
                out.append(tf.Variable(3.0, use_resource=use_resource))
                out.append(tf.get_variable(f"g{use_resource}", [1], use_resource=use_resource,
                                           initializer=tf.zeros_initializer()))  # fmt: skip
    return [out]


@program
def reading_in_ops(tf):
    out = []
    for use_resource in (False, True):
        v = tf.Variable([1.0, 2.0], name="v", use_resource=use_resource)
        with tf.name_scope("layer"):
            out.append(tf.add(v, 1.0, name="sum"))
            out.append(tf.negative(v))
            out.append(tf.add(v, v))
    return [out]


@program
def assigning(tf):
    runs = []
    for use_resource in (False, True):
        v = tf.Variable([1.0, 2.0], name="v", use_resource=use_resource)
        runs.append([tf.assign(v, [3.0, 4.0])])
        runs.append([tf.assign_add(v, [1.0, 1.0])])
        runs.append([tf.assign_sub(v, [0.5, 0.0], name="less")])
        runs.append([v.assign([5.0, 6.0])])
        runs.append([v.assign_add([1.0, 2.0]), v.assign_sub([0.0, 0.0], read_value=False)])
        runs.append([v.assign([0.0, 6.0], read_value=False)])
        runs.append([v])
    return runs


@program
def assigning_after_assigning(tf):
    v = tf.Variable(1.0, name="v", use_resource=True)
    u = v.assign(2.0)
    x = u.assign_add(3.0)
    y = u + 10.0
    with tf.control_dependencies([x]):
        z = v.read_value()
    return [[y], [z], [tf.identity(x)]]


@program
def unshaped(tf):
    v = tf.Variable([1.0, 2.0], validate_shape=False, name="v", use_resource=False)
    return [[v], [tf.assign(v, [[1.0], [2.0], [3.0]], validate_shape=False)], [v]]


@program
def counting(tf):
    v = tf.Variable(1, name="v")
    r = tf.Variable(1, name="r", use_resource=True)
    return [[v.count_up_to(3), r.count_up_to(3)], [tf.count_up_to(v, 4), v], [r]]


@program
def scattering(tf):
    runs = []
    for use_resource in (False, True):
        for name in ("update", "add", "sub", "mul", "div", "min", "max"):
            v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], use_resource=use_resource)
            change = getattr(tf, f"scatter_{name}")
            runs.append([change(v, [0, 2, 0], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])])
        v = tf.Variable([1, 2, 3, 4], use_resource=use_resource)
        runs.append([tf.scatter_add(v, 1, 10)])
        runs.append([tf.scatter_nd_update(v, [[1], [3]], [9, 8])])
        runs.append([tf.scatter_nd_add(v, [[1], [1]], [9, 8])])
        runs.append([tf.scatter_nd_sub(v, [[0]], [9])])
    return runs


@program
def scatter_methods(tf):
    runs = []
    for use_resource in (False, True):
        v = tf.Variable([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], use_resource=use_resource)
        delta = tf.IndexedSlices(tf.constant([[2.0, 0.5]]), tf.constant([1]))
        for name in ("update", "add", "sub", "mul", "div", "min", "max"):
            runs.append([getattr(v, f"scatter_{name}")(delta)])
        for name in ("update", "add", "sub", "min", "max"):
            change = getattr(v, f"scatter_nd_{name}")
            runs.append([change(tf.constant([[0, 1]]), tf.constant([2.5]))])
        runs.append([tf.gather(v, [2, 0])])
        runs.append([tf.gather_nd(v, [[2, 0]])])
    return runs


@program
def initialized(tf):
    v = tf.Variable(1.0, name="v")
    r = tf.Variable(1.0, name="r", use_resource=True)
    late = tf.Variable(1.0, name="late", collections=[])
    asked = tf.is_variable_initialized(late)
    return [
        [tf.is_variable_initialized(v), tf.is_variable_initialized(r), asked],
        [v.initializer, late.initializer],
        [asked],
    ]


@program
def reporting(tf):
    v = tf.Variable(1.0, name="v")
    r = tf.Variable(1.0, name="r", use_resource=True)
    late = tf.Variable(1.0, name="late", collections=["local_variables"])
    report = tf.report_uninitialized_variables()
    tf.assert_variables_initialized()
    one = tf.report_uninitialized_variables([v], name="one")
    return [
        [report, one],
        [late.initializer],
        [tf.assert_variables_initialized([v, r, late])],
        [report],
    ]


@program
def initializers_of_lists(tf):
    v = tf.Variable(1.0, name="v")
    w = tf.get_local_variable("w", initializer=2)
    tf.variables_initializer([])
    tf.initialize_all_variables()
    return [
        [tf.local_variables_initializer()],
        [tf.variables_initializer([v], name="some")],
        [v, w],
    ]


@program
def collections(tf):
    tf.Variable(1.0, name="a", collections=["mine"])
    tf.Variable(1.0, name="b", trainable=False)
    tf.Variable(1.0, name="c", collections=["mine", "yours"], trainable=False, use_resource=True)
    tf.get_local_variable("d", [2], collections=["mine"])
    tf.get_variable("e", [2], collections=["mine"], initializer=tf.zeros_initializer())
    return [[tf.initialize_variables(tf.get_collection("mine"))]]


@program
def devices(tf):
    out = []
    for use_resource in (False, True):
        with tf.device("/cpu:0"):
            v = tf.Variable(1.0, name="v", use_resource=use_resource)
            u = tf.get_variable(f"u{use_resource}", [2], use_resource=use_resource,
                                initializer=tf.zeros_initializer())  # fmt: skip
            with tf.device("/job:localhost"):
                w = tf.Variable(lambda: 1.0, name="w", use_resource=use_resource)
        out += [v, u, w, tf.assign(v, 2.0)]
        with tf.device("/job:localhost/task:0"):
            out.append(tf.assign_add(w, 2.0))
    return [out]


@program
def caching(tf):
    out = []
    for use_resource in (False, True):
        v = tf.Variable(1.0, name="v", caching_device="/cpu:0", use_resource=use_resource)
        out += [v.value(), tf.negative(v)]
    return [out]


@program
def containers(tf):
    with tf.container("box"):
        v = tf.Variable(1.0, name="v")
        r = tf.Variable(2.0, name="r", use_resource=True)
    return [[v, r]]


# Scopes -------------------------------------------------------------------------------------------


@program
def scoped(tf):
    zeros = tf.zeros_initializer()
    with tf.variable_scope("s"):
        w = tf.get_variable("w", [2, 3], initializer=zeros)
        u = tf.get_variable("u", initializer=tf.constant([1, 2]))
        f = tf.get_variable("f", initializer=3.5)
        k = tf.get_variable("k", [3], tf.int32)
        v = tf.Variable(1.0, name="v")
        with tf.variable_scope("t"):
            x = tf.get_variable("w", [2], initializer=tf.ones_initializer())
            c = tf.constant(1.0, name="c")
    with tf.variable_scope("s", reuse=True):
        assert tf.get_variable("w") is w
        assert tf.get_variable("w", [2, 3]) is w
        d = tf.constant(1.0, name="d")
    return [[w, u, f, k, v, x, c, d]]


@program
def reuse(tf):
    zeros = tf.zeros_initializer()

    def layer():
        with tf.variable_scope("layer", reuse=tf.AUTO_REUSE):
            return tf.get_variable("w", [2], initializer=zeros)

    assert layer() is layer()
    with tf.variable_scope("outer") as outer:
        a = tf.get_variable("a", [1], initializer=zeros)
        outer.reuse_variables()
        assert tf.get_variable("a", [1]) is a
        with tf.variable_scope("inner"):
            assert tf.get_variable_scope().reuse is True
    assert tf.get_variable_scope().reuse is False
    with tf.variable_scope(outer, reuse=True) as again:
        assert again.name == "outer" and again.original_name_scope == "outer/"
        b = tf.constant(1.0, name="b")
        with tf.variable_scope(outer):
            c = tf.constant(1.0, name="c")
    with tf.variable_scope("outer", reuse=None) as other:
        d = tf.constant(1.0, name="d")
        assert other.original_name_scope == "outer_2/"
    return [[layer(), a, b, c, d]]


@program
def unique_names(tf):
    out = []
    for _ in range(3):
        with tf.variable_scope(None, "cell"):
            out.append(tf.get_variable("w", [1], initializer=tf.zeros_initializer()))
            with tf.variable_scope(None, default_name="part", values=[out[0]]):
                out.append(tf.get_variable("w", [1], initializer=tf.zeros_initializer()))
    with tf.variable_scope("cell"), tf.variable_scope(None, "part"):
        out.append(tf.get_variable("x", [1], initializer=tf.zeros_initializer()))
        out.append(tf.constant(1, name="c"))
    with tf.variable_op_scope([out[0]], None, "cell"):
        out.append(tf.get_variable("y", [1], initializer=tf.zeros_initializer()))
    return [out]


@program
def entered_twice(tf):
    scope = tf.variable_scope("twice")
    with scope:
        a = tf.constant(1, name="c")
        v = tf.get_variable("v", [1], initializer=tf.zeros_initializer())
    with scope:
        b = tf.constant(1, name="c")
        w = tf.get_variable("w", [1], initializer=tf.zeros_initializer())
    default = tf.variable_scope(None, "default")
    with default:
        c = tf.get_variable("v", [1], initializer=tf.zeros_initializer())
    with default:
        d = tf.get_variable("w", [1], initializer=tf.zeros_initializer())
    return [[a, b, c, d, v, w]]


@program
def root_and_plain(tf):
    root = tf.get_variable_scope()
    with tf.variable_scope("a"):
        with tf.variable_scope(root):
            x = tf.get_variable("x", [1], initializer=tf.zeros_initializer())
            c = tf.constant(1, name="c")
        with tf.variable_scope("b", auxiliary_name_scope=False):
            y = tf.get_variable("y", [1], initializer=tf.zeros_initializer())
            d = tf.constant(1, name="d")
        with tf.variable_scope("", reuse=None):
            z = tf.get_variable("z", [1], initializer=tf.zeros_initializer())
            e = tf.constant(1, name="e")
    with tf.variable_scope("", auxiliary_name_scope=False):
        f = tf.constant(1, name="f")
    return [[x, y, z, c, d, e, f]]


@program
def defaults(tf):
    with tf.variable_scope(
        "s", initializer=tf.constant_initializer(4.0), dtype=tf.float64, use_resource=True
    ) as scope:
        a = tf.get_variable("a", [2])
        scope.set_initializer(tf.ones_initializer())
        scope.set_dtype(tf.int32)
        b = tf.get_variable("b", [2])
        scope.set_use_resource(False)
        c = tf.get_variable("c", [2])
        with tf.variable_scope("t", caching_device="/cpu:0") as inner:
            assert inner.use_resource is False
            d = tf.get_variable("d", [2])
    return [[a, b, c, d, d.value()]]


@program
def regularizers(tf):
    with tf.variable_scope("s", regularizer=lambda v: tf.negative(v, name="loss")):
        tf.get_variable("a", [2], initializer=tf.zeros_initializer(), regularizer=tf.no_regularizer)
    return [tf.get_collection("regularization_losses")]


@program
def custom_getters(tf):
    seen = []

    def outer(getter, name, *args, **kwargs):
        seen.append("outer " + name)
        return getter(name + "_o", *args, **kwargs)

    def inner(getter, name, *args, **kwargs):
        seen.append("inner " + name)
        return tf.identity(getter(name + "_i", *args, **kwargs), name="got")

    def old(getter, name, shape=None, dtype=None, initializer=None, regularizer=None, reuse=None,
            trainable=True, collections=None, caching_device=None, partitioner=None,
            validate_shape=True, use_resource=None, synchronization=None, aggregation=None):  # fmt: skip
        seen.append(f"old {name} {shape}")
        return getter(name, shape=shape, initializer=initializer)

    zeros = tf.zeros_initializer()
    with tf.variable_scope("s", custom_getter=outer):
        with tf.variable_scope("t", custom_getter=inner):
            a = tf.get_variable("a", [1], initializer=zeros)
        with tf.variable_scope("u"):
            b = tf.get_variable("b", [1], initializer=zeros)
            c = tf.get_variable("c", [1], initializer=zeros, custom_getter=old)
    assert seen == ["inner s/t/a", "outer s/t/a_i", "outer s/u/b", "old s/u/c [1]"], seen
    return [[a, b, c]]


@program
def creators(tf):
    def creator(next_creator, **kwargs):
        kwargs["name"] = f"{kwargs['name']}_made"
        kwargs["trainable"] = False
        return next_creator(**kwargs)

    with tf.variable_creator_scope(creator):
        a = tf.Variable(1.0, name="a")
        with tf.variable_creator_scope(creator):
            b = tf.get_variable("b", initializer=2.0)
    return [[a, b]]


# Parts --------------------------------------------------------------------------------------------


@program
def partitioned(tf):
    part = tf.fixed_size_partitioner(2)
    with tf.variable_scope("s", partitioner=part):
        w = tf.get_variable("w", [5, 2], initializer=tf.zeros_initializer())
        scalar = tf.get_variable("scalar", [], initializer=tf.zeros_initializer())
        assert [v.name for v in w] == ["s/w/part_0:0", "s/w/part_1:0"]
    with tf.variable_scope("s", reuse=True):
        assert tf.get_variable("w", [5, 2]) is w
    one = tf.get_variable("one", [3], partitioner=tf.fixed_size_partitioner(1),
                          initializer=tf.ones_initializer())  # fmt: skip
    c = tf.get_variable("c", initializer=tf.constant([1, 2, 3]), partitioner=part)
    infos = [v._get_save_slice_info().spec for v in w]
    assert infos == ["5 2 0,3:0,2", "5 2 3,2:0,2"], infos
    parts = tf.create_partitioned_variables([4, 2], [1, 2], tf.zeros_initializer())
    return [[*w, scalar, *c, *parts], [tf.convert_to_tensor(w), tf.identity(one)]]


@program
def partitioners(tf):
    by_size = tf.variable_axis_size_partitioner(max_shard_bytes=16)
    bounded = tf.variable_axis_size_partitioner(16, axis=1, max_shards=2)
    smallest = tf.min_max_variable_partitioner(max_partitions=3, min_slice_size=16)
    shape = tf.TensorShape([6, 4])
    found = [p(shape=shape, dtype=tf.float32) for p in (by_size, bounded, smallest)]
    assert found == [[6, 1], [1, 2], [3, 1]], found
    w = tf.get_variable(
        "w", [4], partitioner=by_size, initializer=tf.constant_initializer([1, 2, 3, 4])
    )
    return [list(w)]


# Initial values that read others ------------------------------------------------------------------


@program
def templates(tf):
    def layer(x, scale):
        w = tf.get_variable("w", [1], initializer=tf.ones_initializer())
        return tf.add(x, w) if scale is None else tf.multiply(x, w, name="scaled")

    shared = tf.make_template("shared", layer, scale=None)
    now = tf.make_template("now", layer, create_scope_now_=True, scale=2)
    unique = tf.make_template("x", layer, unique_name_="only", scale=None)
    one = tf.constant([1.0])
    out = [shared(one), now(one), shared(one), unique(one), now(one)]
    assert shared.variable_scope.name == "shared" and len(shared.trainable_variables) == 1
    assert [v.name for v in tf.trainable_variables()] == ["shared/w:0", "now/w:0", "only/w:0"]
    return [out]


# Initializers -------------------------------------------------------------------------------------


@program
def constant_initializers(tf):
    out = []
    for i, make in enumerate((
        tf.zeros_initializer(),
        tf.ones_initializer(tf.int32),
        tf.constant_initializer(7),
        tf.constant_initializer([1, 2, 3, 4, 5, 6]),
        tf.constant_initializer(np.arange(6.0), dtype=tf.float64),
        tf.initializers.zeros,
    )):  # fmt: skip
        out.append(tf.get_variable(f"v{i}", [2, 3], initializer=make))
    return [out]


@program
def random_initializers(tf):
    tf.set_random_seed(11)
    out = []
    for i, make in enumerate((
        None,
        tf.random_uniform_initializer(-1.0, 1.0),
        tf.random_uniform_initializer(seed=3),
        tf.random_normal_initializer(1.0, 2.0),
        tf.truncated_normal_initializer(stddev=0.1, seed=5),
        tf.uniform_unit_scaling_initializer(1.5),
        tf.variance_scaling_initializer(2.0, "fan_out", "normal"),
        tf.variance_scaling_initializer(2.0, "fan_avg", "uniform"),
        tf.variance_scaling_initializer(1.0, "fan_in", "untruncated_normal"),
        tf.glorot_normal_initializer(seed=2),
        tf.initializers.he_normal(),
        tf.initializers.he_uniform(seed=1),
        tf.initializers.lecun_normal(),
        tf.initializers.lecun_uniform(),
    )):  # fmt: skip
        out.append(tf.get_variable(f"v{i}", [3, 4], initializer=make))
        out.append(tf.get_variable(f"k{i}", [2, 2, 3, 2], initializer=make))
    return [out]


@program
def random_without_seed(tf):
    a = tf.get_variable("a", [3], initializer=tf.random_normal_initializer(seed=4))
    return [[a]]


@program
def seeds_in_bodies(tf):
    tf.set_random_seed(5)
    before = tf.random_uniform([2])
    yes = tf.placeholder_with_default(True, [])
    branch = tf.cond(yes, lambda: tf.random_uniform([2]), lambda: tf.random_normal([2]))
    other = tf.cond(yes, lambda: tf.zeros([2]), lambda: tf.random_normal([2]))
    i, total = tf.while_loop(
        lambda i, x: i < 3, lambda i, x: (i + 1, x + tf.random_uniform([2])), [0, tf.zeros([2])]
    )
    after = tf.random_uniform([2])
    return [[before, branch, other, i, total, after], [branch, total, after]]


@program
def matrix_initializers(tf):
    out = []
    for i, make in enumerate((
        tf.orthogonal_initializer(seed=1),
        tf.initializers.orthogonal(gain=2.0, seed=2),
        tf.initializers.identity(gain=3.0),
    )):  # fmt: skip
        out.append(tf.get_variable(f"v{i}", [3, 4], initializer=make))
        out.append(tf.get_variable(f"w{i}", [4, 3], tf.float64, initializer=make))
        if i < 2:
            out.append(tf.get_variable(f"k{i}", [2, 3, 2], initializer=make))
    return [out]


@program
def initializers_of_tf2(tf):
    tf.set_random_seed(3)
    out = []
    for make in (
        TF2.Zeros(),
        TF2.Ones(),
        TF2.Constant([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]),
        TF2.RandomUniform(),
        TF2.RandomUniform(-1.0, 2.0, seed=3),
        TF2.RandomNormal(1.0, 2.0, seed=4),
        TF2.TruncatedNormal(seed=5),
        TF2.VarianceScaling(2.0, "fan_out", "uniform", seed=6),
        TF2.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed=7),
        TF2.VarianceScaling(seed=8),
        TF2.GlorotUniform(seed=9),
        TF2.GlorotNormal(seed=10),
        TF2.Orthogonal(seed=11),
        TF2.Identity(2.0),
        getattr(TF2, "LecunNormal", getattr(TF2, "lecun_normal", None))(seed=12),
        getattr(TF2, "HeUniform", getattr(TF2, "he_uniform", None))(seed=13),
    ):
        out.append(make([2, 3]))
    out.append(TF2.Ones()([2], tf.int32))
    out.append(TF2.RandomUniform(0, 9, seed=2)([4], tf.int32))
    out.append(TF2.Zeros()([4], partition_shape=(2,), partition_offset=(1,)))
    return [out]


# What must fail -----------------------------------------------------------------------------------


@error
def exists(tf):
    tf.get_variable("x", [1], use_resource=False)
    tf.get_variable("x", [1])


@error
def exists_resource(tf):
    tf.get_variable("x", [1], use_resource=True)
    tf.get_variable("x", [1])


@error
def does_not_exist(tf):
    with tf.variable_scope("s", reuse=True):
        tf.get_variable("x", [1])


@error
def no_initializer(tf):
    tf.get_variable("x")


@error
def other_shape(tf):
    tf.get_variable("x", [1])
    with tf.variable_scope("", reuse=True):
        tf.get_variable("x", [2])


@error
def other_dtype(tf):
    tf.get_variable("x", [1])
    with tf.variable_scope("", reuse=True):
        tf.get_variable("x", [1], tf.int32)


@error
def shape_and_constant(tf):
    tf.get_variable("x", [1], initializer=tf.constant([1.0]))


@error
def initializer_dtype(tf):
    tf.get_variable("x", dtype=tf.int32, initializer=tf.constant([1.0]))


@error
def complex_default(tf):
    tf.get_variable("x", [1], tf.complex64)


@error
def bad_initializer(tf):
    tf.get_variable("x", initializer=lambda shape: 1)


@error
def no_name(tf):
    tf.variable_scope(None)


@error
def bad_reuse(tf):
    tf.variable_scope("a", reuse="yes")


@error
def bad_scope_type(tf):
    with tf.variable_scope(3):
        pass


@error
def reuse_of_default(tf):
    with tf.variable_scope(None, "a", reuse=True):
        pass


@error
def bad_nesting(tf):
    a, b = tf.variable_scope("a"), tf.variable_scope("b")
    LEFT_OPEN.append(b)  # it would close when it is collected, in the middle of something else
    a.__enter__()
    b.__enter__()
    a.__exit__(None, None, None)


@error
def no_initial_value(tf):
    tf.Variable(use_resource=False)


@error
def unknown_shape(tf):
    tf.Variable(tf.placeholder(tf.float32), use_resource=False)


@error
def bad_collections(tf):
    tf.Variable(1.0, collections="x", use_resource=False)


@error
def bad_constraint(tf):
    tf.Variable(1.0, constraint=3, use_resource=True)


@error
def bad_synchronization(tf):
    tf.Variable(1.0, synchronization=7, use_resource=True, name="v")


@error
def assign_shape(tf):
    tf.Variable([1.0, 2.0], use_resource=True, name="v").assign([1.0])


@error
def two_partitioned_axes(tf):
    tf.get_variable("w", [4, 4], partitioner=lambda shape, dtype: [2, 2])


@error
def partitioner_rank(tf):
    tf.get_variable("w", [4, 4], partitioner=lambda shape, dtype: [2])


@error
def unpartitioned_exists(tf):
    tf.get_variable("w", [4])
    with tf.variable_scope("", reuse=True):
        tf.get_variable("w", [4], partitioner=tf.fixed_size_partitioner(2))


@error
def partitioned_exists(tf):
    tf.get_variable("w", [4], partitioner=tf.fixed_size_partitioner(2))
    tf.get_variable("w", [4])


@error
def other_partitions(tf):
    tf.get_variable("w", [4], partitioner=tf.fixed_size_partitioner(2))
    with tf.variable_scope("", reuse=True):
        tf.get_variable("w", [4], partitioner=tf.fixed_size_partitioner(4))


@error
def template_makes_more(tf):
    count = [0]

    def layer():
        count[0] += 1
        return tf.Variable(1.0, name=f"v{count[0]}")

    template = tf.make_template("t", layer)
    template()
    template()


@error
def constant_value_type(tf):
    tf.constant_initializer(tf.constant(1.0))


@error
def integer_normal(tf):
    tf.random_normal_initializer(dtype=tf.int32)


@error
def bad_mode(tf):
    tf.variance_scaling_initializer(mode="fan")


@error
def orthogonal_vector(tf):
    tf.get_variable("x", [3], initializer=tf.orthogonal_initializer())
