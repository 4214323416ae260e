"""Building a graph: the seconds that one operation takes."""

from workloads import common

METRICS = {"op": ("graph construction, per op", "us")}
TARGETS = {"op": "20 us, a tenth of TensorFlow"}
ROUNDS = 200


def in_tensorflow():
    tf = common.get_tf()

    def build(graph):
        with graph.as_default():
            x = tf.placeholder(tf.float32, [None, 16])
            w = tf.placeholder(tf.float32, [16, 16])
            for _ in range(ROUNDS):
                with tf.name_scope("layer"):
                    y = tf.nn.relu(tf.matmul(x, w))
                    x = tf.tanh(tf.add(x, y)) * tf.sigmoid(y)

    def repeat():
        graph = tf.Graph()
        seconds = common.timed(lambda: build(graph))
        return {"op": seconds / len(graph.get_operations())}

    repeat()
    return repeat
