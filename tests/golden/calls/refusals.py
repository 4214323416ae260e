"""Wrong programs, and ones at the edge: the class of error that each raises. See make_calls_golden.py."""

ARRAYS = {}
CALLS = ""


def _outcome(wrong):
    try:
        return repr(wrong())
    except Exception as error:
        return type(error).__name__


def _outcomes(cases):
    return ["\n".join(f"{name}: {_outcome(wrong)}" for name, wrong in cases.items())]


def branches(tf, np):
    """Of `tf.cond`, `tf.case` and `tf.switch_case` in functions, and of TF 1's `tf.cond`."""
    ragged = lambda: tf.ragged.constant([[1]])  # noqa: E731
    pairs = {
        "lengths": (lambda: [1, 2], lambda: [1]),
        "scalar and pair": (lambda: 1, lambda: (1, 2)),
        "tuple and list": (lambda: (1, 2), lambda: [1, 2]),
        "scalar and list": (lambda: 1, lambda: [1]),
        "keys": (lambda: {"a": 1}, lambda: {"b": 1}),
        "dictionary and scalar": (lambda: {"a": 1}, lambda: 2),
        "dtypes": (lambda: 1, lambda: 1.0),
        "nested": (lambda: (1, (2, 3)), lambda: (1, 2, 3)),
        "ragged": (ragged, lambda: tf.constant([[1]])),
        "None and scalar": (lambda: None, lambda: 2),
        "scalar and None": (lambda: 2, lambda: None),
    }

    def traced(build):
        tf.function(build, autograph=False).get_concrete_function(tf.TensorSpec([], tf.int32))
        return "traced"

    def in_tf1(build):
        tf1 = tf.compat.v1
        tf1.disable_control_flow_v2()
        try:
            with tf.Graph().as_default():
                build(tf1.placeholder(tf.bool, []))
        finally:
            tf1.enable_control_flow_v2()
        return "built"

    cases = {}
    for name, (a, b) in pairs.items():
        cases[f"cond, {name}"] = lambda a=a, b=b: traced(lambda x: tf.cond(x > 0, a, b))
        cases[f"switch_case, {name}"] = lambda a=a, b=b: traced(lambda x: tf.switch_case(x, [a, b]))
        cases[f"case, {name}"] = lambda a=a, b=b: traced(lambda x: tf.case([(x > 0, a)], default=b))
        cases[f"TF 1, {name}"] = lambda a=a, b=b: in_tf1(lambda x: tf.compat.v1.cond(x, a, b))
    return _outcomes(cases)


def words(tf, np):
    """Strings and dtypes that an op does not take, eagerly and in a function."""
    image, kernel = np.ones([1, 4, 4, 1], "float32"), np.ones([2, 2, 1, 1], "float32")
    calls = {
        "conv2d": lambda: tf.nn.conv2d(image, kernel, 1, "SAMEE"),
        "conv2d, small": lambda: tf.nn.conv2d(image, kernel, 1, "same"),
        "conv2d, format": lambda: tf.nn.conv2d(image, kernel, 1, "SAME", data_format="NCWH"),
        "max_pool2d": lambda: tf.nn.max_pool2d(image, 2, 1, "SAMEE"),
        "depthwise_conv2d": lambda: tf.nn.depthwise_conv2d(image, kernel, [1] * 4, "SAMEE"),
        "convolution": lambda: tf.nn.convolution(image, kernel, 1, "SAMEE"),
        "conv2d_transpose": lambda: tf.nn.conv2d_transpose(image, kernel, [1, 4, 4, 1], 1, "SAMEE"),
        "extract_patches": lambda: tf.image.extract_patches(
            image, [1, 2, 2, 1], [1] * 4, [1] * 4, "SAMEE"
        ),
        "substr": lambda: tf.strings.substr("abc", 0, 1, unit="BYTES"),
        "depth_to_space": lambda: tf.nn.depth_to_space(image, 1, "NOPE"),
        "transcode": lambda: tf.strings.unicode_transcode("a", "UTF-8", "UTF-99"),
        "roll": lambda: tf.raw_ops.Roll(input=["a"], shift="a", axis=[0]),
        "cumsum": lambda: tf.cumsum(["a"]),
    }
    cases = dict(calls)
    for name, call in calls.items():
        cases[f"{name} in a function"] = lambda call=call: tf.function(call, autograph=False)()
    return _outcomes({k: lambda v=v: v() and "accepted" for k, v in cases.items()})


def in_graphs(tf, np):
    """What is not converted: comprehensions, unpacking."""

    def unpacked(x):
        a, b = x
        return a + b

    functions = {
        "list": lambda x: [v * 2 for v in x],
        "condition": lambda x: [v for v in [1, 2] if x[0] > v],
        "generator": lambda x: sum(v * 2 for v in x),
        "dictionary": lambda x: {str(i): v for i, v in enumerate(x)},
        "range": lambda x: [i * 2 for i in tf.range(3)],
        "zip": lambda x: [a + b for a, b in zip(x, x)],
        "unpacked": unpacked,
        "star": lambda x: tf.add(*x),
        "list()": lambda x: list(x),
    }
    cases = {}
    for name, f in functions.items():
        for converted in (True, False):
            traced = tf.function(f, autograph=converted)
            cases[f"{name} {converted}"] = lambda traced=traced: traced(tf.constant([1.0, 2.0]))

        def in_graph(f=f):
            with tf.Graph().as_default():
                return f(tf.compat.v1.placeholder(tf.float32, [2]))

        cases[f"{name} in a graph"] = in_graph
    return _outcomes(cases)


def of_itself(tf, np):
    """Gradients of a target that is the source, watched or not."""
    values = {
        "float": tf.constant([1.0, 2.0]),
        "integer": tf.constant(1),
        "truth": tf.constant(True),
        "complex": tf.constant(1j),
        "string": tf.constant("a"),
        "variable": tf.Variable([1.0, 2.0]),
        "integer variable": tf.Variable(1, trainable=False),
    }
    cases = {}
    for name, value in values.items():
        for watched in (False, True):
            for method in ("gradient", "jacobian"):
                for unconnected in ("none", "zero"):
                    if name == "string" and unconnected == "zero":
                        continue  # TensorFlow gives None in one case and "" in the other

                    def found(v=value, watched=watched, method=method, unconnected=unconnected):
                        with tf.GradientTape() as tape:
                            if watched:
                                tape.watch(v)
                        return getattr(tape, method)(v, v, unconnected_gradients=unconnected)

                    traced = tf.function(found, autograph=False)
                    what = f"{name} {watched} {method} {unconnected}"
                    cases[what] = lambda found=found: _plain(found())
                    cases[f"{what} in a function"] = lambda traced=traced: _plain(traced())
    return _outcomes(cases)


def _plain(result):
    return result if result is None else result.numpy().tolist()


def recursion(tf, np):
    @tf.function(autograph=False)
    def endless(x):
        return endless(x + 1)

    @tf.function(autograph=False)
    def branching(x):
        return tf.cond(x > 0, lambda: branching(x - 1), lambda: x)

    return _outcomes(
        {"call": lambda: endless(tf.constant(1)), "branch": lambda: branching(tf.constant(1))}
    )


PROGRAMS = [branches, words, in_graphs, of_itself, recursion]
