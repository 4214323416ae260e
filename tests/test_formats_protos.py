"""The wire schema against TensorFlow's own, and what the message classes can do."""

import base64
import copy
import json
import pickle
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, text_format
from google.protobuf.unknown_fields import UnknownFieldSet

from reflow.formats import protos

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "protos"
SCHEMA = json.loads((GOLDEN / "schema.json").read_text())
MESSAGES = json.loads((GOLDEN / "messages.json").read_text())


def described(file):
    """A file's messages and enums in the form of the golden schema."""
    messages, enums = {}, {}

    def add(message):
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
            add(nested)

    for message in file.message_types_by_name.values():
        add(message)
    for enum in file.enum_types_by_name.values():
        enums[enum.full_name] = {v.name: v.number for v in enum.values}
    return {
        "package": file.package,
        "imports": sorted(d.name for d in file.dependencies),
        "public_imports": sorted(d.name for d in file.public_dependencies),
        "messages": messages,
        "enums": enums,
    }


def message_class(full_name):
    found = protos
    for part in full_name.removeprefix("tensorflow.").split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("name", SCHEMA)
def test_schema_is_tensorflows(name):
    assert described(protos.descriptor_pool().FindFileByName(name)) == SCHEMA[name]


def test_golden_schema_covers_every_file():
    folder = ROOT / "src" / "reflow" / "formats" / "proto"
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*.proto")} == set(SCHEMA)


def test_compiled_schema_is_not_stale(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import make_protos

    committed = descriptor_pb2.FileDescriptorSet.FromString(make_protos.TARGET.read_bytes())
    assert committed == make_protos.compile_protos(), "run python tools/make_protos.py"


def unknown_fields(message):
    found = [(message.DESCRIPTOR.full_name, f.field_number) for f in UnknownFieldSet(message)]
    for field, value in message.ListFields():
        if field.type == field.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                leaf = field.message_type.fields_by_name["value"].type != field.TYPE_MESSAGE
                values = [] if leaf else list(value.values())
            else:
                values = [value] if hasattr(value, "ListFields") else value
            for each in values:
                found += unknown_fields(each)
    return found


@pytest.mark.parametrize("name", MESSAGES)
def test_tensorflows_messages_round_trip(name):
    data = zlib.decompress(base64.b64decode(MESSAGES[name]["zlib"]))
    message = message_class(MESSAGES[name]["message"]).FromString(data)
    assert unknown_fields(message) == []
    assert message.SerializeToString(deterministic=True) == data
    text = text_format.MessageToString(message, descriptor_pool=protos.descriptor_pool())
    parsed = text_format.Parse(text, type(message)(), descriptor_pool=protos.descriptor_pool())
    assert parsed.SerializeToString(deterministic=True) == data
    restored = pickle.loads(pickle.dumps(message))
    assert type(restored) is type(message)
    assert restored.SerializeToString(deterministic=True) == data


def test_unknown_fields_are_found_where_there_are_some():
    # Field 2000 of a node two levels down, which no version of the schema has.
    node = protos.NodeDef.FromString(b"\x80\x7d\x01")
    graph = protos.GraphDef(node=[node])
    assert unknown_fields(graph) == [("tensorflow.NodeDef", 2000)]


def test_maps_oneofs_and_presence():
    node = protos.NodeDef(name="n", op="Const")
    node.attr["dtype"].type = protos.DT_FLOAT
    node.attr["value"].tensor.float_val.append(1.5)
    node.attr["value"].tensor.tensor_shape.dim.add(size=1)
    assert set(node.attr) == {"dtype", "value"}
    assert node.attr["value"].WhichOneof("value") == "tensor"
    assert node.attr["dtype"].HasField("type") and not node.attr["dtype"].HasField("i")
    node.attr["dtype"].i = 3
    assert node.attr["dtype"].WhichOneof("value") == "i"
    assert protos.AttrValue().WhichOneof("value") is None
    assert not protos.GraphDef().HasField("versions")
    with pytest.raises(ValueError):
        protos.NodeDef().HasField("name")  # no presence: proto3, as in TensorFlow
    assert protos.GraphDebugInfo.FileLineCol(line=0).HasField("line")  # this file is proto2
    config = protos.ConfigProto(device_count={"GPU": 0})
    config.gpu_options.allow_growth = True
    config.experimental.CopyFrom(protos.ConfigProto.Experimental(use_tfrt=True))
    assert config.device_count["GPU"] == 0 and config.experimental.use_tfrt
    with pytest.raises(TypeError):
        config.allow_soft_placement = "yes"
    with pytest.raises(ValueError):
        protos.ConfigProto(no_such_field=1)


def test_enums():
    assert protos.DataType.DT_FLOAT == protos.DT_FLOAT == 1
    assert protos.DataType.Name(9) == "DT_INT64" and protos.DataType.Value("DT_HALF_REF") == 119
    assert protos.RunOptions.FULL_TRACE == protos.RunOptions.TraceLevel.Value("FULL_TRACE") == 3
    assert protos.OptimizerOptions.L0 == -1 and protos.OptimizerOptions.ON_1 == 1
    assert protos.Code.OUT_OF_RANGE == 11
    assert protos.SaverDef.V2 == 2


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickle_of_nested_messages(protocol):
    attr = protos.AttrValue(list=protos.AttrValue.ListValue(i=[1, 2]))
    for message in (attr, attr.list, protos.GPUOptions.Experimental.VirtualDevices(priority=[1])):
        again = pickle.loads(pickle.dumps(message, protocol))
        assert type(again) is type(message) and again == message
    assert pickle.loads(pickle.dumps(protos.GPUOptions.Experimental, protocol)) is (
        protos.GPUOptions.Experimental
    )


def test_copies_are_independent():
    graph = protos.GraphDef(node=[protos.NodeDef(name="a")])
    for duplicate in (copy.deepcopy(graph), copy.copy(graph)):
        assert duplicate == graph and type(duplicate) is protos.GraphDef
    deep = copy.deepcopy(graph)
    deep.node[0].name = "b"
    assert graph.node[0].name == "a"
    nested = protos.TensorShapeProto.Dim(size=3)
    assert copy.deepcopy(nested) == nested


def test_text_and_json():
    text = 'node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }'
    graph = text_format.Parse(text, protos.GraphDef())
    assert graph.node[0].attr["dtype"].type == protos.DT_FLOAT
    assert text_format.MessageToString(graph, as_one_line=True) == text
    assert json_format.Parse(json_format.MessageToJson(graph), protos.GraphDef()) == graph
    state = text_format.Parse('model_checkpoint_path: "m-1"', protos.CheckpointState())
    assert state.model_checkpoint_path == "m-1"


def test_any_and_wrappers_have_their_methods():
    saver = protos.SaverDef(max_to_keep=5)
    collection = protos.CollectionDef()
    collection.any_list.value.add().Pack(saver)
    unpacked = protos.SaverDef()
    assert collection.any_list.value[0].Is(protos.SaverDef.DESCRIPTOR)
    assert collection.any_list.value[0].Unpack(unpacked) and unpacked == saver
    entry = protos.TrackableObjectGraph.TrackableObject()
    entry.has_checkpoint_values.value = True
    assert entry.has_checkpoint_values.value


def test_pb2_module():
    graph_pb2 = protos.pb2_module("tensorflow.core.framework.graph_pb2")
    assert graph_pb2.__name__ == "tensorflow.core.framework.graph_pb2"
    assert graph_pb2.GraphDef is protos.GraphDef
    assert graph_pb2.DESCRIPTOR.name == "tensorflow/core/framework/graph.proto"
    assert not hasattr(graph_pb2, "NodeDef")
    assert protos.pb2_module("tensorflow.core.framework.graph_pb2") is graph_pb2
    types_pb2 = protos.pb2_module("tensorflow.core.framework.types_pb2")
    assert types_pb2.DT_FLOAT == 1 and types_pb2.DataType.Name(1) == "DT_FLOAT"
    summary_pb2 = protos.pb2_module("tensorflow.core.framework.summary_pb2")
    assert summary_pb2.HistogramProto is protos.HistogramProto  # imported publicly
    for name in (
        "tensorflow.core.protobuf.error_codes_pb2",
        "tensorflow.core.lib.core.error_codes_pb2",
        "tensorflow.compiler.xla.tsl.protobuf.error_codes_pb2",
    ):
        assert protos.pb2_module(name).ABORTED == protos.pb2_module(name).Code.ABORTED == 10
    for name in ("tensorflow.core.framework.nothing_pb2", "tensorflow.core.framework.graph"):
        with pytest.raises(ModuleNotFoundError, match=name):
            protos.pb2_module(name)


def test_names():
    assert protos.GraphDef.__module__ == "reflow.formats.protos"
    assert protos.AttrValue.ListValue.__qualname__ == "AttrValue.ListValue"
    assert "GraphDef" in dir(protos) and "DT_FLOAT" in dir(protos)
    with pytest.raises(AttributeError, match="NoSuchProto"):
        protos.NoSuchProto  # noqa: B018


def test_the_default_pool_is_left_alone():
    # As TensorFlow would: the same message name, in the default pool, with another field.
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow/core/framework/graph.proto", package="tensorflow", syntax="proto3"
    )
    file.message_type.add(name="GraphDef").field.add(name="other", number=1, type=3, label=1)
    script = f"""
from google.protobuf import descriptor_pool, message_factory
from reflow.formats import protos
node = protos.GraphDef(node=[protos.NodeDef(name="n")])
pool = descriptor_pool.Default()
pool.AddSerializedFile({file.SerializeToString()!r})
other = message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.GraphDef"))
assert other(other=3).other == 3 and other is not protos.GraphDef
assert protos.GraphDef.FromString(node.SerializeToString()) == node
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
    with pytest.raises(KeyError):
        descriptor_pool.Default().FindMessageTypeByName("tensorflow.GraphDef")


def test_import_is_light():
    script = """
import sys
from reflow.formats import protos
assert not {"google.protobuf", "jax"} & set(sys.modules)
protos.GraphDef
assert "google.protobuf" in sys.modules and "jax" not in sys.modules
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)


def test_first_use_by_many_threads_makes_one_class():
    script = """
import sys, threading
sys.setswitchinterval(1e-6)
from reflow.formats import protos
found, barrier = [], threading.Barrier(8)
def use():
    barrier.wait()
    found.append((protos.GraphDef, protos.pb2_module("tensorflow.core.framework.graph_pb2")))
threads = [threading.Thread(target=use) for _ in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
assert len(found) == 8 and len(set(found)) == 1, found
"""
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True, timeout=60)


def test_malformed_bytes_raise():
    from google.protobuf.message import DecodeError

    for name in ("graph", "meta_graph", "run_metadata"):
        data = zlib.decompress(base64.b64decode(MESSAGES[name]["zlib"]))
        cls = message_class(MESSAGES[name]["message"])
        with pytest.raises(DecodeError):
            cls.FromString(data[:-1])
    with pytest.raises(DecodeError):
        protos.GraphDef.FromString(b"\xff" * 20)
    deep = b""  # a FullTypeDef in a FullTypeDef in a ...
    for _ in range(2000):
        deep = b"\x12" + _varint(len(deep)) + deep
    with pytest.raises(DecodeError):
        protos.FullTypeDef.FromString(deep)


def _varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])
