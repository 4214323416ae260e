"""Tensors as messages, against TensorFlow's own encoder and decoders."""

import base64
import json
import random
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from reflow.formats import protos, tensor_codec
from reflow.formats.tensor_codec import make_ndarray, make_tensor_proto, shape_to_proto
from reflow.lang import dtypes
from reflow.lang.dtypes import as_dtype
from reflow.lang.shapes import TensorShape

GOLDEN = Path(__file__).parent / "golden" / "protos"
ENCODE = json.loads((GOLDEN / "encode.json").read_text())
DECODE = json.loads((GOLDEN / "decode.json").read_text())

# Calls that TensorFlow refuses and Reflow takes: it encodes what TensorFlow's run time decodes.
MORE_THAN_TENSORFLOW = {
    *(
        call
        for call in ENCODE
        if any(d in call for d in ("float8_e4m3fnuz", "float8_e4m3b11fnuz", "float8_e5m2fnuz"))
        and "error" in ENCODE[call]
    ),
    "[b'\\xff', 'é']",  # bytes and text in one list
}


def encode(call):
    # The calls are those of tests/golden/make_protos_golden.py.
    return eval(f"make({call})", {"np": np, "ml_dtypes": ml_dtypes, "make": make_tensor_proto})


@pytest.mark.parametrize("call", ENCODE)
@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_encodes_as_tensorflow(call):
    expected = ENCODE[call]
    if call in MORE_THAN_TENSORFLOW:
        assert expected.keys() == {"error"}
        assert make_ndarray(encode(call)) is not None
    elif "error" in expected:
        # AttributeError is TensorFlow's slip on dtype 0, which is no type.
        with pytest.raises(TypeError if call == "1, 0" else _error(expected["error"])):
            encode(call)
    else:
        golden = protos.TensorProto.FromString(base64.b64decode(expected["proto"]))
        proto = encode(call)
        assert str(proto) == str(golden)  # what differs is easier to see in text
        assert proto.SerializeToString() == golden.SerializeToString()


def _error(name):
    return {"TypeError": TypeError, "ValueError": ValueError, "OverflowError": OverflowError}[name]


@pytest.mark.parametrize("name", DECODE)
def test_decodes_as_tensorflow(name):
    row = DECODE[name]
    proto = protos.TensorProto.FromString(base64.b64decode(row["proto"]))
    python, runtime = row["python"], row.get("runtime", {})
    if name == "complex64 odd":  # TensorFlow drops the half value; a malformed message is an error
        with pytest.raises(ValueError, match="3 numbers"):
            make_ndarray(proto)
        return
    if name.endswith(" surplus"):  # the run time drops them, tf.make_ndarray raises
        with pytest.raises(ValueError, match=r"shape \(1,\) has 1 elements"):
            make_ndarray(proto)
        return
    expected = runtime if python.get("error") in ("TypeError", "OverflowError") else python
    if "strings" in runtime:
        expected = runtime
    if not expected or "error" in expected:
        with pytest.raises(ValueError if python["error"] == "ValueError" else TypeError):
            make_ndarray(proto)
        return
    array = make_ndarray(proto)
    assert list(array.shape) == expected["shape"]
    assert array.flags.writeable
    if "strings" in expected:
        assert array.dtype == object
        assert [*array.ravel()] == [base64.b64decode(s) for s in expected["strings"]]
    else:
        names = array.dtype.names
        assert (names[0] if names else array.dtype.name) == expected["dtype"]
        assert array.tobytes() == base64.b64decode(expected["raw"])


@pytest.mark.parametrize("dtype", sorted(dtypes.PLAIN, key=int), ids=lambda d: d.name)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (0, 4)], ids=str)
def test_round_trip_of_every_dtype(dtype, shape):
    rng = np.random.default_rng(7)
    numbers = rng.integers(0, 2 if dtype.is_bool or dtype.name == "int2" else 4, shape)
    if dtype is dtypes.string:
        array = np.array([b"\x00s%d\xff" % n for n in numbers.ravel()], object).reshape(shape)
    else:
        array = numbers.astype(dtype.as_numpy_dtype)
    proto = make_tensor_proto(array, dtype)
    assert proto.dtype == dtype.as_datatype_enum
    again = make_ndarray(protos.TensorProto.FromString(proto.SerializeToString()))
    assert again.dtype == array.dtype and again.shape == shape
    assert again.tolist() == array.tolist()


@pytest.mark.parametrize("name", ["float16", "bfloat16", "float32", "float64", "float8_e5m2"])
@pytest.mark.parametrize("count", [1, 3])
def test_special_values_keep_their_bits(name, count):
    bits = np.array([np.nan, -0.0, np.inf][:count], as_dtype(name).as_numpy_dtype)
    assert make_ndarray(make_tensor_proto(bits)).tobytes() == bits.tobytes()


def test_what_tensorflow_refuses():
    big_endian = np.array([1, 2], ">i4")  # TensorFlow writes these bytes as they are
    assert make_ndarray(make_tensor_proto(big_endian)).tolist() == [1, 2]
    assert make_ndarray(make_tensor_proto(range(3))).tolist() == [0, 1, 2]
    rows = [np.array([1, 2], np.int32), np.array([3, 4], np.int32)]
    assert make_ndarray(make_tensor_proto(rows)).tolist() == [[1, 2], [3, 4]]
    words = [np.array(["a", "b"]), np.array(["c", "d"])]
    assert make_ndarray(make_tensor_proto(words, "string")).tolist() == [[b"a", b"b"], [b"c", b"d"]]
    one = ml_dtypes.bfloat16(1)
    assert make_tensor_proto([one], "bfloat16").half_val == [0x3F80]
    assert make_ndarray(make_tensor_proto([ml_dtypes.float8_e5m2(2)], "float32")).tolist() == [2.0]
    with pytest.raises(TypeError, match="Expected bool"):
        make_tensor_proto([ml_dtypes.int4(1)], "bool")
    with pytest.raises(TypeError, match="Expected int32"):
        make_tensor_proto([one], "int32")
    assert make_ndarray(make_tensor_proto(1.0, "float8_e4m3fnuz")) == 1


def test_one_value_broadcast_to_no_elements():
    for value in (np.float32(3), np.array(["a"]), 3):
        proto = make_tensor_proto(value, shape=[0, 2], allow_broadcast=True)
        assert make_ndarray(proto).shape == (0, 2)


def test_array_likes():
    class Like:
        def __array__(self, dtype=None, copy=None):
            return np.array([1.5, 2.5])

    assert make_tensor_proto(Like()).dtype == protos.DT_DOUBLE
    assert make_tensor_proto(Like(), "float32").dtype == protos.DT_FLOAT


def test_messages_name_what_is_wrong():
    with pytest.raises(TypeError, match="Expected int32, but got 1.5 of type 'float'"):
        make_tensor_proto([1, 1.5], "int32")
    with pytest.raises(TypeError, match="convert None of type 'NoneType'"):
        make_tensor_proto([1, "a", None])
    with pytest.raises(TypeError, match="one type, of all elements of a tensor: 1, 'a'"):
        make_tensor_proto([1, "a"])
    with pytest.raises(TypeError, match="one type, of all elements of a tensor: 1180"):
        make_tensor_proto(2**70)
    with pytest.raises(ValueError, match="None values not supported"):
        make_tensor_proto(None)
    with pytest.raises(ValueError, match="Takes at most 1, but got 2"):
        make_tensor_proto([1, 2], shape=[1])
    with pytest.raises(TypeError, match=r"Expected Tensor's shape: \(3,\), but got \(2,\)"):
        make_tensor_proto([1, 2], shape=[3], verify_shape=True)
    with pytest.raises(TypeError, match="int32 cannot be a tensor of type resource"):
        make_tensor_proto(np.int32(1), "resource")
    with pytest.raises(ValueError, match="dense"):
        make_tensor_proto([[1, 2], [3]])
    with pytest.raises(TypeError, match="resource has no NumPy array"):
        make_ndarray(protos.TensorProto(dtype=protos.DT_RESOURCE))
    with pytest.raises(AttributeError):
        make_ndarray(5)


def test_symbolic_tensors_are_no_values():
    from reflow.lang.tensor import SymbolicTensor

    class Node:
        name = "n"

    symbolic = SymbolicTensor(Node(), 0, dtypes.float32, TensorShape([2]))
    for values, dtype in ((symbolic, None), ([1.0, symbolic], None), ([symbolic], "float32")):
        with pytest.raises(TypeError, match="n:0"):
            make_tensor_proto(values, dtype)
    with pytest.raises(TypeError, match="n:0"):
        make_tensor_proto(["a", symbolic])


def test_a_tensor_proto_is_returned_as_it_is():
    proto = make_tensor_proto([1, 2])
    assert make_tensor_proto(proto, "float32", shape=[7]) is proto


def tensor(dtype, dims, **fields):
    proto = protos.TensorProto(dtype=dtype, **fields)
    for size in dims:
        proto.tensor_shape.dim.add(size=size)
    return proto


def test_decoding_takes_no_memory_that_the_message_does_not_account_for():
    # In a process that may hold 1 GiB more than it has: what took more would end with MemoryError.
    script = """
import resource
from reflow.formats import protos
from reflow.formats.tensor_codec import make_ndarray
protos.TensorProto()
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30), used + (1 << 30)))
def tensor(dtype, dims, **fields):
    proto = protos.TensorProto(dtype=dtype, **fields)
    for size in dims:
        proto.tensor_shape.dim.add(size=size)
    return proto
bad = [
    tensor(1, [1 << 40], float_val=[1.0]),
    tensor(1, [1 << 62, 1 << 62, 1 << 62]),
    tensor(1, [1 << 31], tensor_content=b"abcd"),
    tensor(1, [(1 << 29) + 1], float_val=[1.0]),
    tensor(7, [1 << 40], string_val=[b"a"]),
    tensor(7, [1 << 28], tensor_content=b"abcd"),
    tensor(7, [1], tensor_content=bytes([255, 255, 255, 255, 15])),
    tensor(7, [1], tensor_content=bytes([255] * 9)),
    tensor(10, [-1]), tensor(10, [2, -5]), tensor(3, [1] * 100),
    tensor(25, [1 << 50], float8_val=b"a"),
    tensor(8, [1 << 50], scomplex_val=[1, 2]),
    tensor(11, [1 << 50], int_val=[1]),
]
for proto in bad:
    try:
        make_ndarray(proto)
    except ValueError as error:
        assert str(error)
    else:
        raise AssertionError(proto)
print("done", len(bad))
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert run.stdout == "done 14\n", run.stderr


def test_the_limit_is_two_gibibytes(monkeypatch):
    assert tensor_codec.MAX_BYTES == 1 << 31
    monkeypatch.setattr(tensor_codec, "MAX_BYTES", 64)
    assert make_ndarray(tensor(1, [16], float_val=[1.0])).sum() == 16
    with pytest.raises(ValueError, match="68 bytes"):
        make_ndarray(tensor(1, [17], float_val=[1.0]))
    make_tensor_proto(np.zeros(15, np.float32))
    with pytest.raises(ValueError, match="larger than 2GB"):
        make_tensor_proto(np.zeros(16, np.float32))


def test_encoding_a_splat_takes_no_memory():
    proto = make_tensor_proto(0.5, shape=[1 << 40])
    assert proto.float_val == [0.5] and proto.tensor_shape.dim[0].size == 1 << 40


def test_bytes_that_are_no_value_of_the_type_are_made_one():
    flags = make_ndarray(tensor(protos.DT_BOOL, [2], tensor_content=b"\x02\x00"))
    assert flags.view(np.uint8).tolist() == [1, 0]
    small = make_ndarray(tensor(protos.DT_INT4, [2], tensor_content=b"\x7f\x08"))
    assert small.astype(int).tolist() == [-1, -8]
    small = make_ndarray(tensor(protos.DT_UINT4, [2], int_val=[255, 16]))
    assert small.astype(int).tolist() == [15, 0]


def test_corrupted_messages_only_raise():
    from google.protobuf.message import DecodeError

    rng = random.Random(3)
    seeds = [base64.b64decode(row["proto"]) for row in DECODE.values()]
    outcomes = set()
    for _ in range(4000):
        data = bytearray(rng.choice(seeds))
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            proto = protos.TensorProto.FromString(bytes(data))
        except DecodeError:
            continue
        # A splat of up to 2 GiB is legal, but this test need not fill one.
        count = np.prod([float(d.size) for d in proto.tensor_shape.dim])
        if 1e6 < abs(count) < 1e10:
            continue
        try:
            make_ndarray(proto)
            outcomes.add("decoded")
        except (ValueError, TypeError) as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"decoded", "ValueError", "TypeError"}


def test_shapes():
    proto = shape_to_proto(TensorShape([2, None, 0]))
    assert [d.size for d in proto.dim] == [2, -1, 0] and not proto.unknown_rank
    assert TensorShape(proto).as_list() == [2, None, 0]
    assert shape_to_proto(None).unknown_rank
    assert TensorShape(shape_to_proto(None)).rank is None
    assert TensorShape([]).as_proto() == protos.TensorShapeProto()
