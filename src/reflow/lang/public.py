"""The public names of what the language defines: see `export`."""

from reflow.lang.export import export_value

_L = "reflow.lang."

# The dtypes ---------------------------------------------------------------------------------------

for _name in [
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "float16",
    "half",
    "double",
    "bfloat16",
    "complex64",
    "complex128",
    "bool",
    "string",
    "resource",
    "variant",
    "qint8",
    "qint16",
    "qint32",
    "quint8",
    "quint16",
]:
    export_value(_L + "dtypes", _name, _name, f"dtypes.{_name}")
for _name in [
    "float8_e4m3fn",
    "float8_e5m2",
    "float8_e4m3fnuz",
    "float8_e4m3b11fnuz",
    "float8_e5m2fnuz",
]:
    export_value(_L + "dtypes", _name, f"dtypes.experimental.{_name}", v2=[f"experimental.{_name}"])
for _name in ["int4", "uint4", "int2", "uint2"]:
    export_value(_L + "dtypes", _name, f"dtypes.experimental.{_name}", v2=[f"experimental.{_name}"])
export_value(_L + "dtypes", "QUANTIZED_DTYPES", "dtypes.QUANTIZED_DTYPES", v1=["QUANTIZED_DTYPES"])
export_value(_L + "dtypes", "DType", "DType", "dtypes.DType")
export_value(_L + "dtypes", "as_dtype", "as_dtype", "dtypes.as_dtype")

# Shapes, tensors, graphs --------------------------------------------------------------------------

export_value(_L + "shapes", "TensorShape", "TensorShape")
export_value(_L + "shapes", "Dimension", v1=["Dimension"])
export_value(_L + "shapes", "dimension_value", "compat.dimension_value", v1=["dimension_value"])
export_value(
    _L + "shapes", "dimension_at_index", "compat.dimension_at_index", v1=["dimension_at_index"]
)
export_value(_L + "tensor", "Tensor", "Tensor")
export_value(_L + "tensor", "is_symbolic", "is_symbolic_tensor")
export_value(_L + "scopes", "get_name_scope", v2=["get_current_name_scope"])
export_value(_L + "tensor", "CoreTensor", "__internal__.types.Tensor")
export_value(
    _L + "type_spec", "is_tensor_or_composite", "is_tensor", v1=["contrib.framework.is_tensor"]
)
export_value(_L + "graph", "Graph", "Graph")
export_value(_L + "graph", "Operation", "Operation")
export_value(_L + "devices", "DeviceSpec", "DeviceSpec")
export_value(_L + "convert", "convert_to_tensor", v1=["convert_to_tensor"])
export_value(_L + "convert", "convert_to_tensor_v2", v2=["convert_to_tensor"])
export_value(
    _L + "convert",
    "register_tensor_conversion_function",
    "register_tensor_conversion_function",
)
export_value(_L + "program_value", "constant_value", "get_static_value")

# Contexts and scopes ------------------------------------------------------------------------------

for _name in [
    "executing_eagerly",
    "init_scope",
    "inside_function",
    "get_default_graph",
    "reset_default_graph",
    "enable_eager_execution",
    "disable_eager_execution",
    "executing_eagerly_outside_functions",
]:
    _v2 = _name in ("executing_eagerly", "init_scope", "inside_function")
    if _v2:
        export_value(_L + "context", _name, _name)
    else:
        export_value(_L + "context", _name, v1=[_name])
export_value(_L + "scopes", "name_scope", v1=["name_scope", "keras.backend.name_scope"])
export_value(_L + "scopes", "name_scope_v2", v2=["name_scope"])
export_value(_L + "scopes", "op_scope", v1=["op_scope"])
_name_of_scope = ["__internal__.get_name_scope"]
export_value(_L + "scopes", "get_name_scope", v1=_name_of_scope, v2=_name_of_scope)
export_value(_L + "scopes", "device", v1=["device"])
export_value(_L + "scopes", "device_v2", v2=["device"])
export_value(_L + "scopes", "control_dependencies", "control_dependencies")
for _name in [
    "colocate_with",
    "container",
    "add_to_collection",
    "add_to_collections",
    "get_collection",
    "get_collection_ref",
    "GraphKeys",
]:
    export_value(_L + "scopes", _name, v1=[_name])
export_value(
    _L + "func_graph", "FuncGraph", v1=["__internal__.FuncGraph"], v2=["__internal__.FuncGraph"]
)

# Errors -------------------------------------------------------------------------------------------

for _name in [
    "OpError",
    "CancelledError",
    "UnknownError",
    "InvalidArgumentError",
    "DeadlineExceededError",
    "NotFoundError",
    "AlreadyExistsError",
    "PermissionDeniedError",
    "ResourceExhaustedError",
    "FailedPreconditionError",
    "AbortedError",
    "OutOfRangeError",
    "UnimplementedError",
    "InternalError",
    "UnavailableError",
    "DataLossError",
    "UnauthenticatedError",
    "OperatorNotAllowedInGraphError",
    "InaccessibleTensorError",
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
]:
    export_value(_L + "errors", _name, f"errors.{_name}")
export_value(_L + "errors", "OpError", v1=["OpError"])
for _name in ["exception_type_from_error_code", "error_code_from_exception_type"]:
    export_value(_L + "errors", _name, v1=[f"errors.{_name}"])
