"""Programs that write summaries of TF 2, run by TensorFlow (make_summaries_golden.py) and by Reflow.

Each gets `tf` and runs with a default writer; what it wrote is described by `events`. With Reflow,
`python tests/golden/summary_programs.py DIR` writes the files that make_summaries_golden.py can check.
"""

import pathlib
import sys

import numpy as np

PROGRAMS = []


def program(f):
    PROGRAMS.append(f)
    return f


@program
def scalars(tf):
    tf.summary.scalar("loss", 1.5, step=1, description="what it *costs*")
    tf.summary.scalar("count", 7, step=tf.constant(2, tf.int64))
    tf.summary.scalar("odd name!", True, step=np.int64(3))
    tf.summary.scalar("", 0.5, step=4)
    with tf.name_scope("outer"), tf.name_scope("inner"):
        tf.summary.scalar("loss", 2.5, step=5)


@program
def histograms(tf):
    values = np.sin(np.arange(50.0)) * 3
    tf.summary.histogram("all", values, step=1)
    tf.summary.histogram("few", values.astype("float32").reshape(5, 10), step=1, buckets=4)
    tf.summary.histogram("integers", np.array([[3, 1], [4, 1]]), step=1, buckets=3)
    tf.summary.histogram("equal", [2.0, 2.0], step=2, buckets=3)
    tf.summary.histogram("empty", [], step=3, buckets=2)
    tf.summary.histogram("none", values, step=4, buckets=0)


@program
def images(tf):
    ramp = np.linspace(-0.2, 1.2, 24, dtype="float32").reshape(1, 2, 4, 3)
    tf.summary.image("colours", ramp, step=1)
    tf.summary.image("few", np.arange(24, dtype="uint8").reshape(4, 2, 3, 1), step=2, max_outputs=2)
    tf.summary.image("none", np.zeros((0, 2, 2, 1), "uint8"), step=3)


@program
def sounds(tf):
    wave = np.sin(np.arange(40, dtype="float32")).reshape(4, 5, 2)
    tf.summary.audio("stereo", wave, 8000, step=1, encoding="wav", description="noise")
    tf.summary.audio("one", wave, 8000, step=2, max_outputs=1)


@program
def texts(tf):
    tf.summary.text("note", "it *works*", step=1, description="a note")
    tf.summary.text("table", [["a", "b"], ["c", "\u00e9"]], step=2)


@program
def raw(tf):
    v1 = tf.compat.v1
    metadata = v1.SummaryMetadata(display_name="shown")
    metadata.plugin_data.plugin_name = "mine"
    metadata.plugin_data.content = b"\x01\x02"
    tf.summary.write("tensor", np.arange(3, dtype="int16"), step=1, metadata=metadata)
    tf.summary.write("lazy", lambda: tf.constant(2.0), step=2)
    tf.summary.write(
        "bytes", tf.constant([b"\xff", b""]), step=3, metadata=metadata.SerializeToString()
    )
    one = v1.Summary(value=[v1.Summary.Value(tag="old", simple_value=0.25)]).SerializeToString()
    tf.summary.experimental.write_raw_pb(one, step=4)
    tf.summary.experimental.write_raw_pb([one, one], step=5)


@program
def steps(tf):
    tf.summary.experimental.set_step(3)
    tf.summary.scalar("of_thread", 1.0)
    step = tf.Variable(10, dtype=tf.int64)
    tf.summary.experimental.set_step(step)

    @tf.function
    def next_step(x):
        step.assign_add(1)
        tf.summary.scalar("of_variable", x)
        return x

    next_step(tf.constant(1.0))
    next_step(tf.constant(2.0))
    tf.summary.experimental.set_step(None)


@program
def conditions(tf):
    for step in range(4):
        with tf.summary.record_if(step % 2 == 0):
            tf.summary.scalar("python", float(step), step=step)
    with tf.summary.record_if(lambda: tf.constant(False)):
        tf.summary.scalar("never", 1.0, step=0)

    @tf.function
    def sometimes(step):
        with tf.summary.record_if(step > 2):
            tf.summary.scalar("tensor", 2.0, step=step)
            tf.summary.histogram("tensors", tf.range(step), step=step, buckets=2)

    for step in range(1, 5):
        sometimes(tf.constant(step, tf.int64))


@program
def functions(tf):
    @tf.function
    def f(x):
        for i in tf.range(3):
            tf.summary.scalar("loop", x * tf.cast(i, tf.float32), step=tf.cast(i, tf.int64))
        with tf.name_scope("scope"):
            tf.summary.image("image", tf.fill([1, 2, 2, 1], x), step=9)
        return x

    f(tf.constant(0.5))


def events(tf, path):
    """What an event file holds, without the times: plain values, images as their pixels."""
    return [_event(tf, event) for event in tf.compat.v1.train.summary_iterator(str(path))]


def _event(tf, event):
    found = {"step": event.step, "what": event.WhichOneof("what")}
    if event.file_version:
        found["version"] = event.file_version
    found["values"] = [_value(tf, value) for value in event.summary.value]
    return found


def _value(tf, value):
    metadata = value.metadata
    found = {
        "tag": value.tag,
        "plugin": metadata.plugin_data.plugin_name,
        "content": metadata.plugin_data.content.decode("latin1"),
        "display_name": metadata.display_name,
        "description": metadata.summary_description,
        "kind": value.WhichOneof("value"),
    }
    if value.simple_value:
        found["values"] = value.simple_value
        return found
    array = tf.make_ndarray(value.tensor)
    found["raw"] = bool(value.tensor.tensor_content)
    found["dtype"], found["shape"] = array.dtype.name, list(array.shape)
    found["values"] = [_plain(tf, each) for each in array.ravel().tolist()]
    return found


def _plain(tf, value):
    if isinstance(value, bytes) and value.startswith(b"\x89PNG"):
        return np.asarray(tf.io.decode_png(value)).tolist()
    return value.decode("latin1") if isinstance(value, bytes) else value


def run(tf, f, folder):
    """Runs a program with a writer of its own; the path of its file."""
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        f(tf)
    writer.close()
    (path,) = pathlib.Path(folder).glob("events.out.tfevents.*")
    return path


if __name__ == "__main__":
    import reflow

    for each in PROGRAMS:
        run(reflow, each, pathlib.Path(sys.argv[1]) / each.__name__)
