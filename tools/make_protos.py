"""Compiles src/reflow/formats/proto/**/*.proto into descriptors.binpb beside them.

Run it after a change to a .proto file; a test fails until the result is committed:

    python tools/make_protos.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import grpc_tools
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

SOURCE = Path(__file__).parents[1] / "src" / "reflow" / "formats" / "proto"
TARGET = SOURCE / "descriptors.binpb"


def compile_protos() -> descriptor_pb2.FileDescriptorSet:
    """The descriptors of all .proto files, each file after those it imports.

    google/protobuf/*.proto are not among them: the protobuf package brings its own.
    """
    files = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set.binpb"
        code = protoc.main(
            ["protoc", f"-I{SOURCE}", f"-I{well_known}", f"--descriptor_set_out={out}", *files]
        )
        if code:
            raise SystemExit(code)
        result = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    for file in result.file:
        for message in file.message_type:
            _drop_json_names(message)
    return result


def _drop_json_names(message: descriptor_pb2.DescriptorProto) -> None:
    # All of them are what protobuf derives from the field's name anyway.
    for field in message.field:
        field.ClearField("json_name")
    for nested in message.nested_type:
        _drop_json_names(nested)


if __name__ == "__main__":
    TARGET.write_bytes(compile_protos().SerializeToString(deterministic=True))
    print(f"wrote {TARGET} ({TARGET.stat().st_size} bytes)")
