"""Records of comma-separated values: RFC 4180, https://tools.ietf.org/html/rfc4180"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.ops.define import no_gradient, op

_INTEGER = re.compile(rb"\s*[+-]?[0-9]+\s*")


def split_record(record: bytes, delimiter: bytes, quotes: bool) -> list[bytes]:
    """The fields of a record.

    Args:
      record: a line without its end.
      delimiter: what stands between fields.
      quotes: whether a field may be quoted, so that it may contain the delimiter, line ends, and quotes
        as pairs of quotes.

    Raises:
      InvalidArgumentError: for a quote or a line end where none may be.
    """
    if not record:
        return []
    if not quotes or b'"' not in record:
        if b"\n" in record or b"\r" in record:
            raise invalid("Unquoted fields cannot have quotes/CRLFs inside")
        return record.split(delimiter)
    fields, at = [], 0
    while at <= len(record):
        if record[at : at + 1] == b'"':
            field, at = _quoted(record, at + 1)
            if at < len(record) and record[at : at + 1] != delimiter:
                raise invalid("Quote inside a string has to be escaped by another quote")
        else:
            end = record.find(delimiter, at)
            end = len(record) if end < 0 else end
            field, at = record[at:end], end
            if re.search(rb'["\r\n]', field):
                raise invalid("Unquoted fields cannot have quotes/CRLFs inside")
        fields.append(field)
        at += 1
    return fields


def _quoted(record: bytes, start: int) -> tuple[bytes, int]:
    """The field whose first character is at `start`, and the place after its closing quote."""
    at = start
    while True:
        at = record.find(b'"', at)
        if at < 0:
            raise invalid("Quoted field has to end with quote followed by delim or end")
        if record[at + 1 : at + 2] != b'"':
            return record[start:at].replace(b'""', b'"'), at + 1
        at += 2


def converted(field: bytes, dtype: Any, column: int, record: int | None = None) -> Any:
    """The number in a field."""
    try:
        if dtype.is_integer:
            value = int(field) if _INTEGER.fullmatch(field) else None
            if value is not None and dtype.min <= value <= dtype.max:
                return value
        elif b"_" not in field:
            return float(field)
    except ValueError:
        pass
    shown = {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)
    raise invalid(
        f"Field {column} in record {'' if record is None else f'{record} '}is not a valid {shown}: "
        f"{field.decode(errors='replace')}"
    )


@op(
    "DecodeCSV(records: string, record_defaults: OUT_TYPE, *,"
    " OUT_TYPE: list({float,double,int32,int64,string}), field_delim: string = ',',"
    " use_quote_delim: bool = True, na_value: string = '', select_cols: list(int) = [])"
    " -> output: OUT_TYPE",
    compile=False,
    grad=no_gradient,
)
def decode_csv_op(
    xp, records, record_defaults, *, OUT_TYPE, field_delim, use_quote_delim, na_value, select_cols
):
    """The columns of records of comma-separated values, each with the shape of the records."""
    delimiter = field_delim.encode() if isinstance(field_delim, str) else field_delim
    missing = na_value.encode() if isinstance(na_value, str) else na_value
    if len(delimiter) != 1:
        raise invalid("field_delim should be only 1 char")
    for default in record_defaults:
        if np.ndim(default) > 1:
            raise invalid("Each record default should be at most rank 1")
        if np.size(default) > 1:
            raise invalid("There should only be 1 default per field")
    lines = np.asarray(records, object)
    columns: list[list[Any]] = [[] for _ in OUT_TYPE]
    for i, line in enumerate(lines.ravel().tolist()):
        fields = split_record(line, delimiter, use_quote_delim)
        if select_cols:
            if select_cols[-1] >= len(fields):
                raise invalid(
                    f"Expect at least {select_cols[-1] + 1} fields but have {len(fields)} in record {i}"
                )
            fields = [fields[k] for k in select_cols]
        if len(fields) != len(columns):
            raise invalid(f"Expect {len(columns)} fields but have {len(fields)} in record {i}")
        for k, (field, dtype) in enumerate(zip(fields, OUT_TYPE)):
            if not field or field == missing:
                if not np.size(record_defaults[k]):
                    raise invalid(f"Field {k} is required but missing in record {i}!")
                columns[k].append(np.asarray(record_defaults[k]).ravel()[0])
            elif dtype.name == "string":
                columns[k].append(field)
            else:
                columns[k].append(converted(field, dtype, k, i))
    result = []
    for dtype, column in zip(OUT_TYPE, columns):
        values = np.empty(len(column), dtype.np)
        values[:] = column
        result.append(values.reshape(lines.shape))
    return result


@decode_csv_op.shape_rule
def _decode_csv_shape(records, record_defaults):
    for default in record_defaults:
        if default.shape.rank is not None and default.shape.rank > 1:
            raise ValueError(f"Shape must be at most rank 1 but is rank {default.shape.rank}")
        if default.shape.rank == 1 and (default.shape.as_list()[0] or 0) > 1:
            raise ValueError(
                "Shape of a default must be a length-0 or length-1 vector, or a scalar."
            )
    return [records.shape] * len(record_defaults)


@export(v2=("io.decode_csv",))
def decode_csv(
    records: Any,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    name: str | None = None,
) -> list[Any]:
    """The columns of records of comma-separated values.

    Args:
      records: strings, a record each.
      record_defaults: for each column a default, whose dtype the column has: float32, float64, int32,
        int64 or string. An empty vector says that the column must not be empty.
      field_delim: what stands between fields, one character.
      use_quote_delim: whether fields may be quoted.
      na_value: what also counts as empty.
      select_cols: the columns to give, in ascending order; by default all.

    Returns:
      A list of tensors with the shape of the records.

    Raises:
      ValueError: if `select_cols` does not fit.
      InvalidArgumentError: if a record has another number of fields, or a field is no number.

    >>> import reflow as tf
    >>> numbers, names = tf.io.decode_csv(["1,a", ',"b,c"'], [[0], [""]])
    >>> print(numbers.numpy(), names.numpy())
    [1 0] [b'a' b'b,c']
    """
    if select_cols is not None:
        chosen = list(select_cols)
        if any(a >= b for a, b in zip(chosen, chosen[1:])):
            raise ValueError("select_cols is not strictly increasing.")
        if chosen and chosen[0] < 0:
            raise ValueError("select_cols contains negative values.")
        if len(chosen) != len(record_defaults):
            raise ValueError("Length of select_cols and record_defaults do not match.")
    return decode_csv_op(
        records,
        record_defaults,
        field_delim=field_delim,
        use_quote_delim=use_quote_delim,
        na_value=na_value,
        select_cols=select_cols or [],
        name=name,
    )


@export(v1=("io.decode_csv", "decode_csv"))
def decode_csv_v1(
    records: Any,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    name: str | None = None,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
) -> list[Any]:
    """`tf.io.decode_csv` with its TF 1 parameters."""
    return decode_csv(
        records, record_defaults, field_delim, use_quote_delim, na_value, select_cols, name
    )
