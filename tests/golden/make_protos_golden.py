"""Makes the golden files of tests/test_formats_*.py. Run it with a Python that has TensorFlow:

    python tests/golden/make_protos_golden.py

It writes, below `protos/` beside this file,
  schema.json    the fields of TensorFlow's messages, for each .proto file that Reflow has
  messages.json  messages that TensorFlow made, serialized
  encode.json    calls of tf.make_tensor_proto, with their result or error
  decode.json    tensor messages, with the array that TensorFlow decodes from each, or its error
"""

from __future__ import annotations

import base64
import importlib
import json
import os
import tempfile
import warnings
import zlib
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import ml_dtypes
import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool
from tensorflow.core.framework import resource_handle_pb2, tensor_pb2
from tensorflow.core.protobuf import (
    cluster_pb2,
    config_pb2,
    control_flow_pb2,
    fingerprint_pb2,
    saved_model_pb2,
    tensor_bundle_pb2,
    tensorflow_server_pb2,
)
from tensorflow.core.util import event_pb2
from tensorflow.python.training import checkpoint_state_pb2

tf1 = tf.compat.v1
HERE = Path(__file__).parent
OUT = HERE / "protos"
PROTOS = HERE.parents[1] / "src" / "reflow" / "formats" / "proto"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def write(name: str, content: dict) -> None:
    """Writes JSON with one line for each item, so that a change shows in a diff."""
    OUT.mkdir(exist_ok=True)
    rows = (f"{json.dumps(k)}: {json.dumps(v, sort_keys=True)}" for k, v in content.items())
    (OUT / name).write_text("{\n" + ",\n".join(rows) + "\n}\n")
    print(name, (OUT / name).stat().st_size)


# ---- schema


# The files of which Reflow has what these messages need; it has all others as they are.
PARTS = {"xla/xla_data.proto": "OpSharding"}


def schema() -> dict:
    pool = descriptor_pool.Default()
    files = {}
    for path in sorted(PROTOS.rglob("*.proto")):
        name = path.relative_to(PROTOS).as_posix()
        module = name.removesuffix(".proto").replace("/", ".") + "_pb2"
        module = module if name.startswith("tensorflow/") else "tensorflow.compiler." + module
        importlib.import_module(module)
        file = pool.FindFileByName(name)
        messages, enums = {}, {}
        wanted = needed(file.message_types_by_name[PARTS[name]]) if name in PARTS else None
        for message in file.message_types_by_name.values():
            if wanted is None or message.full_name in wanted:
                add_message(message, messages, enums)
        for enum in file.enum_types_by_name.values():
            if wanted is None or enum.full_name in wanted:
                enums[enum.full_name] = {v.name: v.number for v in enum.values}
        files[name] = {
            "package": file.package,
            "imports": sorted(d.name for d in file.dependencies),
            "public_imports": sorted(d.name for d in file.public_dependencies),
            "messages": messages,
            "enums": enums,
        }
    return files


def needed(message) -> set[str]:
    """The names of a message and of all messages and enums that its fields are made of."""
    names, left = set(), [message]
    while left:
        each = left.pop()
        if each.full_name in names:
            continue
        names.add(each.full_name)
        for field in getattr(each, "fields", ()):
            left += [kind for kind in (field.message_type, field.enum_type) if kind is not None]
    return names


def add_message(message, messages: dict, enums: dict) -> None:
    """As the test describes Reflow's messages: a field's number, type, label, and so on."""
    proto = descriptor_pb2.DescriptorProto()
    message.CopyToProto(proto)
    messages[message.full_name] = {
        f.name: [
            f.number,
            f.type,
            f.label,
            f.type_name,
            proto.oneof_decl[f.oneof_index].name if f.HasField("oneof_index") else None,
            f.options.packed if f.options.HasField("packed") else None,
        ]
        for f in proto.field
    }
    for enum in message.enum_types:
        enums[enum.full_name] = {v.name: v.number for v in enum.values}
    for nested in message.nested_types:
        add_message(nested, messages, enums)


# ---- messages


def small_graph() -> tuple:
    """A TF 1 graph with both kinds of variable, control flow, a queue and a function."""
    graph = tf.Graph()
    with graph.as_default():
        x = tf1.placeholder(tf.float32, [None, 3], name="x")
        with tf1.variable_scope("dense", use_resource=False):
            w = tf1.get_variable("kernel", initializer=np.ones((3, 2), np.float32))
            b = tf1.get_variable("bias", [2], initializer=tf1.zeros_initializer())
        r = tf1.get_variable("resource", [2], use_resource=True, trainable=False)
        parts = tf1.get_variable(
            "parts", [4, 2], partitioner=tf1.fixed_size_partitioner(2), use_resource=False
        )
        y = tf.nn.relu(tf.matmul(x, w) + b + r, name="y")
        loss = tf.reduce_mean(tf.square(y)) + tf.reduce_sum(tf.convert_to_tensor(parts))
        step = tf1.train.get_or_create_global_step()
        train = tf1.train.AdamOptimizer(0.1).minimize(loss, global_step=step)
        tf1.disable_control_flow_v2()
        loop = tf1.while_loop(lambda i: i < 3, lambda i: i + 1, [tf.constant(0)], name="loop")
        branch = tf1.cond(loop > 2, lambda: tf.constant(1.0), lambda: loss, name="branch")
        tf1.enable_control_flow_v2()
        queue = tf1.train.input_producer([1, 2, 3], num_epochs=2, shuffle=False)
        tf1.summary.scalar("loss", loss)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
        def double(v):
            return tf.cond(tf.size(v) > 0, lambda: v * 2.0, lambda: v)

        doubled = tf.identity(double(tf.constant([1.0, 2.0])), name="doubled")
        saver = tf1.train.Saver(max_to_keep=3)
        init = tf.group(tf1.global_variables_initializer(), tf1.local_variables_initializer())
    names = ("x", "y", "train", "branch", "queue", "doubled", "saver", "init")
    return graph, dict(zip(names, (x, y, train, branch, queue, doubled, saver, init)))


def messages() -> dict:
    found = {}
    graph, parts = small_graph()
    with graph.as_default():
        signature = tf1.saved_model.predict_signature_def({"x": parts["x"]}, {"y": parts["y"]})
        signature.defaults["x"].CopyFrom(tf.make_tensor_proto([[1.0, 2.0, 3.0]]))
        meta = tf1.train.export_meta_graph(
            graph=graph, saver_def=parts["saver"].as_saver_def(), clear_devices=False
        )
        meta.signature_def["serving_default"].CopyFrom(signature)
        meta.collection_def["any"].any_list.value.add().Pack(parts["saver"].as_saver_def())
        meta.collection_def["numbers"].int64_list.value.extend([1, -2, 1 << 40])
        meta.collection_def["floats"].float_list.value.extend([0.5, 2.0])
    found["graph"] = graph.as_graph_def(add_shapes=True)
    found["meta_graph"] = meta
    metadata = tf1.RunMetadata()
    options = tf1.RunOptions(
        trace_level=tf1.RunOptions.FULL_TRACE, output_partition_graphs=True, timeout_in_ms=5000
    )
    options.experimental.collective_graph_key = 7
    config = tf1.ConfigProto(device_count={"CPU": 1}, inter_op_parallelism_threads=1)
    with tf1.Session(graph=graph, config=config) as session:
        session.run(parts["init"])
        session.run(
            [parts["train"], parts["doubled"]],
            {parts["x"]: np.ones((2, 3), np.float32)},
            options=options,
            run_metadata=metadata,
        )
    found["run_metadata"] = metadata
    found["run_options"] = options
    found["config"] = full_config()
    found["callable_options"] = callable_options()
    found["server"] = tensorflow_server_pb2.ServerDef(
        cluster=tf.train.ClusterSpec({"ps": ["h:1"], "worker": {3: "i:2"}}).as_cluster_def(),
        job_name="worker",
        task_index=3,
        protocol="grpc",
        port=2222,
        default_session_config=full_config(),
    )
    found["while_context"] = while_context(meta)
    found["example"] = example()
    found["sequence_example"] = sequence_example()
    found.update(events(meta, metadata))
    found.update(saved_model())
    found["checkpoint_state"] = checkpoint_state_pb2.CheckpointState(
        model_checkpoint_path="m-2",
        all_model_checkpoint_paths=["m-1", "m-2"],
        all_model_checkpoint_timestamps=[1.5, 2.5],
        last_preserved_timestamp=1.0,
    )
    found["bundle_entry"] = bundle_entry()
    found["resource_tensor"] = resource_tensor()
    return {
        name: {
            "message": m.DESCRIPTOR.full_name,
            "zlib": b64(zlib.compress(m.SerializeToString(deterministic=True), 9)),
        }
        for name, m in found.items()
    }


def full_config():
    config = tf1.ConfigProto(
        device_count={"CPU": 2, "GPU": 0},
        intra_op_parallelism_threads=3,
        inter_op_parallelism_threads=-1,
        device_filters=["/job:ps", "/job:worker/task:0"],
        allow_soft_placement=True,
        log_device_placement=True,
        operation_timeout_in_ms=60000,
        isolate_session_state=True,
        cluster_def=cluster_pb2.ClusterDef(
            job=[cluster_pb2.JobDef(name="ps", tasks={0: "a:1", 1: "b:2"})]
        ),
    )
    gpu = config.gpu_options
    gpu.per_process_gpu_memory_fraction = 0.4
    gpu.allow_growth = True
    gpu.visible_device_list = "1,0"
    gpu.experimental.virtual_devices.add(memory_limit_mb=[100, 200], priority=[0, -1])
    gpu.experimental.stream_merge_options.merge_host_to_device_stream = True
    optimizer = config.graph_options.optimizer_options
    optimizer.opt_level = tf1.OptimizerOptions.L0
    optimizer.global_jit_level = tf1.OptimizerOptions.ON_2
    rewrite = config.graph_options.rewrite_options
    rewrite.memory_optimization = rewrite.RECOMPUTATION_HEURISTICS
    rewrite.constant_folding = rewrite.OFF
    rewrite.optimizers.append("constfold")
    rewrite.custom_optimizers.add(name="c").parameter_map["p"].list.i.extend([1, 2])
    rewrite.inter_optimizer_verifier_config.structure_verifier = 1
    config.session_inter_op_thread_pool.add(num_threads=2, global_name="pool")
    config.rpc_options.compression_algorithm = "gzip"
    config.experimental.collective_group_leader = "/job:worker/replica:0/task:0"
    config.experimental.session_metadata.name = "s"
    config.experimental.mlir_bridge_rollout = 2
    config.experimental.coordination_config.service_type = "standalone"
    config.experimental.coordination_config.coordinated_job_list.add(name="w", num_tasks=2)
    return config


def callable_options():
    options = config_pb2.CallableOptions(feed=["x:0"], fetch=["y:0"], target=["t"])
    options.tensor_connection.add(from_tensor="a:0", to_tensor="b:0")
    options.feed_devices["x:0"] = "/device:CPU:0"
    options.run_options.trace_level = 3
    return options


def while_context(meta):
    data = meta.collection_def["while_context"].bytes_list.value[0]
    return control_flow_pb2.WhileContextDef.FromString(data)


def example():
    feature = tf.train.Feature
    return tf.train.Example(
        features=tf.train.Features(
            feature={
                "b": feature(bytes_list=tf.train.BytesList(value=[b"\x00\xff", b""])),
                "f": feature(float_list=tf.train.FloatList(value=[1.5, -2.0])),
                "i": feature(int64_list=tf.train.Int64List(value=[-1, 1 << 62])),
                "none": feature(),
            }
        )
    )


def sequence_example():
    result = tf.train.SequenceExample()
    result.context.feature["id"].int64_list.value.append(4)
    for i in range(3):
        result.feature_lists.feature_list["tokens"].feature.add().int64_list.value.append(i)
    return result


def events(meta, metadata) -> dict:
    summary = tf1.Summary()
    summary.value.add(tag="s", simple_value=1.5)
    value = summary.value.add(tag="h")
    value.histo.min, value.histo.max, value.histo.num = -1.0, 2.0, 3.0
    value.histo.bucket_limit.extend([0.0, 1.0, 3.0])
    value.histo.bucket.extend([1.0, 1.0, 1.0])
    value = summary.value.add(tag="i")
    value.image.height, value.image.colorspace, value.image.encoded_image_string = 2, 3, b"png"
    value = summary.value.add(tag="a")
    value.audio.sample_rate, value.audio.content_type = 8000.0, "audio/wav"
    value = summary.value.add(tag="t", tensor=tf.make_tensor_proto([1.0, 2.0]))
    value.metadata.plugin_data.plugin_name = "scalars"
    value.metadata.plugin_data.content = b"\x01"
    value.metadata.display_name = "T"
    value.metadata.data_class = 2
    result = {"summary": summary}
    result["event_version"] = event_pb2.Event(
        wall_time=1.25,
        file_version="brain.Event:2",
        source_metadata=event_pb2.SourceMetadata(writer="w"),
    )
    result["event_summary"] = event_pb2.Event(wall_time=1.5, step=7, summary=summary)
    result["event_session"] = event_pb2.Event(
        step=1, session_log=event_pb2.SessionLog(status=3, checkpoint_path="m-1")
    )
    result["event_log"] = event_pb2.Event(log_message=event_pb2.LogMessage(level=40, message="m"))
    result["event_graph"] = event_pb2.Event(graph_def=b"abc")
    result["event_run"] = event_pb2.Event(
        tagged_run_metadata=event_pb2.TaggedRunMetadata(tag="t", run_metadata=b"abc")
    )
    result["heartbeat"] = event_pb2.WorkerHeartbeatRequest(
        shutdown_mode=3, watchdog_config=event_pb2.WatchdogConfig(timeout_ms=9)
    )
    return result


class Model(tf.Module):
    def __init__(self):
        self.scale = tf.Variable([1.0, 2.0], name="scale")
        self.table = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(["a"], tf.constant([1], tf.int64)), -1
        )

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, name="v")])
    def __call__(self, v):
        return {"out": (v * self.scale, [self.table.lookup(tf.constant("a"))])}


def saved_model() -> dict:
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(Model(), folder)
        saved = saved_model_pb2.SavedModel.FromString(Path(folder, "saved_model.pb").read_bytes())
        fingerprint = fingerprint_pb2.FingerprintDef.FromString(
            Path(folder, "fingerprint.pb").read_bytes()
        )
    for meta_graph in saved.meta_graphs:  # these name files on this machine
        meta_graph.graph_def.ClearField("debug_info")
    return {"saved_model": saved, "fingerprint": fingerprint}


def bundle_entry():
    entry = tensor_bundle_pb2.BundleEntryProto(
        dtype=1, shard_id=1, offset=64, size=24, crc32c=0xDEADBEEF
    )
    entry.shape.dim.add(size=2)
    part = entry.slices.add()
    part.extent.add(start=1, length=1)
    part.extent.add()
    return entry


def resource_tensor():
    proto = tensor_pb2.TensorProto(dtype=tf.resource.as_datatype_enum)
    handle = resource_handle_pb2.ResourceHandleProto(
        device="/device:CPU:0", container="c", name="n", hash_code=1 << 63, maybe_type_name="V"
    )
    handle.dtypes_and_shapes.add(dtype=1).shape.unknown_rank = True
    proto.resource_handle_val.append(handle)
    variant = proto.variant_val.add(type_name="t", metadata=b"\x00")
    variant.tensors.add().CopyFrom(tf.make_tensor_proto([1, 2]))
    return proto


# ---- tensors

NUMBERS = [
    "float16", "bfloat16", "float32", "float64", "int8", "int16", "int32", "int64",
    "uint8", "uint16", "uint32", "uint64", "complex64", "complex128",
    "float8_e5m2", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2fnuz",
    "int4", "uint4", "int2", "uint2",
]  # fmt: skip
QUANTIZED = ["qint8", "quint8", "qint16", "quint16", "qint32"]

ENCODE = [
    *(f"[[1, 0, 1], [0, 1, 0]], '{d}'" for d in NUMBERS),
    *(f"1, '{d}'" for d in NUMBERS),
    *(f"[1, 0], '{d}', [2, 3]" for d in NUMBERS),
    *(f"[], '{d}'" for d in NUMBERS),
    *(f"[(1,), (2,)], '{d}'" for d in QUANTIZED),
    *(f"(1,), '{d}'" for d in QUANTIZED),
    *(f"[(1,)], '{d}', [3]" for d in QUANTIZED),
    *(f"np.array([1, 2], np.int8), '{d}'" for d in QUANTIZED),
    "1", "-1", "True", "1.5", "1j", "'a'", "b'a'", "''", "float('nan')", "float('inf')",
    "[1, 2]", "(1, 2)", "[(1, 2), (3, 4)]", "[1.5, 2]", "[True, 2]", "[True, False]", "[1j, 2]",
    "[]", "[[], []]", "[[[1]]]", "2**31", "-2**31", "2**40", "2**63", "2**64", "2**70",
    "[2**31, 1]",
    "300, 'uint8'", "-1, 'uint8'", "[300, 1], 'uint8'", "2**40, 'int32'", "2**70, 'int32'",
    "2**70, 'float32'", "[1, -2, 3], 'int2'", "17, 'int4'", "3, 'float64'", "0.1, 'bfloat16'",
    "['a', 'bc']", "[['a', 'b'], ['c', 'd']]", "['a\\0', 'b']", "[b'\\xff', 'é']",
    "['a'], 'string'",
    "['a', 'b'], None, [2, 2]", "[b'a'], 'string', [2]", "[], 'string'", "'abc', None, [2]",
    "np.array('a\\0b')", "np.array(['a', 'b'])", "np.array([b'a', b'b'])",
    "np.array([b'a', 'b'], object)", "np.array(['a', 'b']), 'string'", "np.str_('x')",
    "np.float64(1.5)", "np.array([1.5])", "np.array([1, 2])", "np.array([[1, 2], [3, 4]]).T",
    "np.array([])", "np.zeros((0, 3), np.int16)", "np.arange(4, dtype=np.uint16)",
    "np.bool_([1, 0])",
    "np.array([1.7]), 'int32'", "np.array([1, 2], '>i4'), 'int32'", "np.float32([1, 2]), 'float16'",
    "np.complex64([1 + 2j])", "np.array(7)", "np.array([1, 2]), 'string'",
    "ml_dtypes.bfloat16(1.5)", "np.array([1.5, 2], ml_dtypes.float8_e4m3fn)",
    "np.array([1, -2], ml_dtypes.int4)", "[ml_dtypes.bfloat16(1)]", "[np.float16(1)]",
    "[np.int8(1), np.int8(2)]", "[np.float32(1), 2]",
    "bytearray(b'ab')", "memoryview(b'ab')", "1, 101",
    "1, None, [2, 3]", "0, None, [0]", "[1, 2], None, [0]", "['a'], None, [0]",
    "0, 'int32', [0, 3]",
    "[1, 2], None, [3]", "[1, 2, 3, 4], None, [2, 2]", "[[1, 2], [3, 4]], None, [4]", "1, None, []",
    "[1], None, []", "[[1]], None, []", "1, None, [2**40]", "[1, 2], None, (2,)",
    "[1, 2], None, np.array([2])", "1.5, None, [2], False, True", "[1], None, [3], False, True",
    "[[1]], None, [3], False, True", "[1, 2], None, [3], False, True", "[1, 2], None, [2, 1], True",
    "[1, 2], None, [2], True", "1, None, [1], True", "1, None, None, True, True",
    "[1, 2], None, [1]", "np.array([1, 2]), None, [0]", "[1, 2], None, [-1, 2]", "1, None, [-1]",
    "1, None, [None]", "1, None, 5", "None", "[None]", "object()", "{'a': 1}", "{'a': 1}, 'int32'",
    "[1, 'a']", "[[1, 2], [3]]", "[['a'], ['b', 'c']]", "[[1], 2]", "['a', ['b']]", "iter([1])",
    "[1.5], 'int32'", "True, 'int32'", "[True], 'float32'", "1, 'bool'", "[1j], 'float32'",
    "'a', 'int32'", "1.0, 'string'", "[np.bool_(True)], 'int32'", "[np.bool_(True)]", "1, 'qint8'",
    "[1], 'qint8'", "[(1.5,)], 'qint8'", "1, 'foo'", "1, 'resource'", "1, 'variant'", "1, 0",
    "np.array([1]), 'resource'", "np.longdouble(1)", "np.datetime64('2020-01-01')",
    "np.array([b'a', None], object)", "np.array([1]), 'int32', [1, 1]",
]  # fmt: skip


def encode() -> dict:
    rows = {}
    for call in ENCODE:
        names = {"np": np, "ml_dtypes": ml_dtypes, "make": tf.make_tensor_proto}
        try:
            proto = eval(f"make({call})", names)
            rows[call] = {"proto": b64(proto.SerializeToString(deterministic=True))}
        except Exception as error:
            rows[call] = {"error": type(error).__name__}
    return rows


def proto_of(dtype: str, dims, **fields):
    proto = tensor_pb2.TensorProto(dtype=tf.as_dtype(dtype).as_datatype_enum)
    for size in dims:
        proto.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        if isinstance(value, bytes):
            setattr(proto, name, value)
        else:
            getattr(proto, name).extend(value)
    return proto


FIELDS = {
    "float16": "half_val", "bfloat16": "half_val", "float32": "float_val", "float64": "double_val",
    "complex64": "scomplex_val", "complex128": "dcomplex_val", "int64": "int64_val",
    "uint32": "uint32_val", "uint64": "uint64_val", "bool": "bool_val", "string": "string_val",
}  # fmt: skip


def decode_inputs() -> dict:
    found = {}
    for name in [*NUMBERS, *QUANTIZED, "bool"]:
        field = "float8_val" if name.startswith("float8") else FIELDS.get(name, "int_val")
        values = b"\x3c\x40\x02" if field == "float8_val" else [1, 0, 1, 1]
        size = len(values) // (2 if name.startswith("complex") else 1)
        short = values[: len(values) // 2 or 1]
        found[f"{name} list"] = proto_of(name, [1, size], **{field: values})
        found[f"{name} continued"] = proto_of(name, [2, 3], **{field: short})
        found[f"{name} absent"] = proto_of(name, [2])
        found[f"{name} empty"] = proto_of(name, [0, 3])
        found[f"{name} surplus"] = proto_of(name, [1], **{field: values})
        width = tf.as_dtype(name).size
        content = bytes((i * 7) % 4 for i in range(3 * width))
        if name == "bool":
            content = b"\x01\x00\x01"
        found[f"{name} content"] = proto_of(name, [3, 1], tensor_content=content)
        found[f"{name} content short"] = proto_of(name, [3], tensor_content=content[:-1])
        found[f"{name} content long"] = proto_of(name, [2], tensor_content=content)
    found["string list"] = proto_of("string", [2], string_val=[b"a\x00", b""])
    found["string continued"] = proto_of("string", [3], string_val=[b"a", b"b"])
    found["string absent"] = proto_of("string", [2])
    found["string empty"] = proto_of("string", [0])
    found["string content"] = proto_of("string", [2], tensor_content=b"\x03\x01abcd")
    found["string content long length"] = proto_of(
        "string", [1], tensor_content=b"\xac\x02" + bytes(range(150)) * 2
    )
    found["string content short"] = proto_of("string", [2], tensor_content=b"\x03\x02abcd")
    found["complex64 odd"] = proto_of("complex64", [2], scomplex_val=[1.0, 2.0, 3.0])
    found["int8 wraps"] = proto_of("int8", [3], int_val=[127, 128, -129])
    found["int32 negative dim"] = proto_of("int32", [-1], int_val=[1])
    found["int32 overflow"] = proto_of("int32", [1 << 40, 1 << 40], int_val=[1])
    found["resource"] = proto_of("resource", [])
    found["variant"] = proto_of("variant", [])
    for code in (0, 101, 999):
        found[f"dtype {code}"] = proto_of("int32", [1], int_val=[1])
        found[f"dtype {code}"].dtype = code
    return found


def decode() -> dict:
    """What tf.make_ndarray gives ("python"), and what the C++ run time reads ("runtime")."""
    rows = {}
    for name, proto in decode_inputs().items():
        data = proto.SerializeToString(deterministic=True)
        rows[name] = {"proto": b64(data), "python": described(lambda p=proto: tf.make_ndarray(p))}
        try:
            out_type = tf.as_dtype(proto.dtype)
        except TypeError:
            continue
        if out_type not in (tf.resource, tf.variant) and not out_type.name.endswith("_ref"):
            rows[name]["runtime"] = described(
                lambda d=data, t=out_type: tf.io.parse_tensor(d, t).numpy()
            )
    return rows


def described(make) -> dict:
    try:
        array = np.asarray(make())
    except Exception as error:
        return {"error": type(error).__name__}
    if array.dtype == object:
        strings = [b64(x if isinstance(x, bytes) else x.encode()) for x in array.ravel()]
        return {"shape": array.shape, "strings": strings}
    dtype = array.dtype.name if array.dtype.names is None else array.dtype.names[0]
    return {"shape": array.shape, "dtype": dtype, "raw": b64(array.tobytes())}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    write("schema.json", schema())
    write("messages.json", messages())
    write("encode.json", encode())
    write("decode.json", decode())
