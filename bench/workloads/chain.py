"""A long thin graph: 10,000 nodes that each wait for the one before."""

from workloads import common

FRESH = True
METRICS = {
    "first": ("10,000-node chain, first run", "s"),
    "later": ("10,000-node chain, later runs", "ms"),
}
TARGETS = dict.fromkeys(METRICS, "no worse than TensorFlow")
NODES = 10_000


def in_tensorflow():
    tf = common.get_tf()
    x = tf.placeholder(tf.float32, [])
    y = x
    # No constants: TensorFlow would fold a chain of additions to constants into one node.
    for _ in range(NODES):
        y = tf.tanh(y)
    session = tf.Session()

    def run():
        return session.run(y, {x: 1.0})

    def repeat():
        first = common.timed(run)
        # Reflow compiles in the background, which a second of warming up does not wait for.
        return {"first": first, "later": common.per_call(run, warm_up=5.0)()}

    return repeat
