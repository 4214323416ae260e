"""Data sets of comma-separated values: `CsvDataset`, `make_csv_dataset`."""

from __future__ import annotations

import collections
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.data.dataset import Dataset
from reflow.data.dataset_v1 import DatasetV1, as_v1
from reflow.data.define import dataset_op
from reflow.data.element_function import scalar
from reflow.data.files import _names, _text, open_file
from reflow.data.pipeline import Element, Pipeline, Run, scalar_object
from reflow.data.structure import Structure
from reflow.lang import dtypes, errors
from reflow.lang.convert import convert_to_tensor
from reflow.lang.dtypes import DType, as_dtype
from reflow.lang.errors import invalid
from reflow.lang.export import export
from reflow.lang.tensor import Tensor
from reflow.lang.type_spec import TensorSpec
from reflow.ops.io.csv import converted, split_record
from reflow.platform import file_io

_TYPES = (dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64, dtypes.string)


# The op -------------------------------------------------------------------------------------------


class Table(Pipeline):
    """The records of CSV files: one component for each column.

    Args:
      names: of the files.
      open_: from a name to a binary file.
      defaults: for each column an array with the value of empty fields, or an empty array.
      header: whether the first line of each file is left out.
      delimiter, quotes, missing: how fields are separated, whether they may be quoted, and what
        counts as an empty field.
      keep: from the number of fields to the numbers of those that are used.
    """

    def __init__(
        self,
        names: Sequence[str],
        open_: Callable[[str], io.BufferedIOBase],
        defaults: Sequence[np.ndarray],
        header: bool,
        delimiter: bytes,
        quotes: bool,
        missing: bytes,
        keep: Callable[[int], Sequence[int]],
        types: Any,
        shapes: Any,
    ):
        super().__init__(types, shapes)
        self.names, self.open = list(names), open_
        self.defaults = [each.ravel() for each in defaults]
        self.header, self.delimiter, self.quotes = header, delimiter, quotes
        self.missing, self.keep = missing, keep

    def iterate(self, run: Run) -> Iterator[Element]:
        return map(self._element, _Records(self))

    def _element(self, record: bytes) -> Element:
        fields = split_record(record, self.delimiter, self.quotes) or [b""]
        kept = self.keep(len(fields))
        if len(kept) != len(self.types):
            more = "more" if len(kept) > len(self.types) else str(len(kept))
            raise invalid(f"Expect {len(self.types)} fields but have {more} in record")
        return tuple(
            [
                self._value(fields[at], column) if at < len(fields) else self._too_few(fields)
                for column, at in enumerate(kept)
            ]
        )

    def _too_few(self, fields: list[bytes]) -> Any:
        raise invalid(f"Expect more than {len(fields)} fields in record")

    def _value(self, field: bytes, column: int) -> Any:
        dtype: DType = self.types[column]
        if not field or field == self.missing:
            default = self.defaults[column]
            if not default.size:
                raise invalid(f"Field {column} is required but missing in record!")
            return scalar_object(default[0]) if dtype is dtypes.string else default[0]
        if dtype is dtypes.string:
            return scalar_object(field)
        return dtype.np.type(converted(field, dtype, column))


class _Records:
    """The records of the files; a quoted field may go on in the next line."""

    def __init__(self, table: Table):
        self._table = table
        self._names = iter(table.names)
        self._file: Any = None

    def __iter__(self) -> _Records:
        return self

    def __next__(self) -> bytes:
        while True:
            if self._file is None:
                self._file = self._table.open(next(self._names))
                if self._table.header:
                    self._record()
            record = self._record()
            if record is not None:
                return record
            self._file.close()
            self._file = None

    def _record(self) -> bytes | None:
        line = self._file.readline()
        if not line:
            return None
        if self._table.quotes:
            while line.count(b'"') % 2:
                more = self._file.readline()
                if not more:
                    raise invalid("Reached end of file without closing quoted field in record")
                line += more
        if line.endswith(b"\n"):
            line = line[:-1].removesuffix(b"\r")
        return line


@dataset_op(
    "CSVDatasetV2(filenames: string, compression_type: string, buffer_size: int64, header: bool,"
    " field_delim: string, use_quote_delim: bool, na_value: string, select_cols: int64,"
    " record_defaults: output_types, exclude_cols: int64, *,"
    " output_types: list({float,double,int32,int64,string}), output_shapes: list(shape))"
    " -> handle: variant"
)
def csv_dataset_v2(
    ctx,
    filenames,
    compression_type,
    buffer_size,
    header,
    field_delim,
    use_quote_delim,
    na_value,
    select_cols,
    record_defaults,
    exclude_cols,
    *,
    output_types,
    output_shapes,
):
    """The records of CSV files."""
    compression, size, delimiter = _text(compression_type), int(buffer_size), _text(field_delim)
    if len(delimiter) != 1:
        raise invalid("field_delim should be only 1 char")
    selected, excluded = select_cols.tolist(), exclude_cols.tolist()
    if selected and excluded:
        raise invalid("Either select_cols or exclude_cols should be empty")
    for name, columns in (("select_cols", selected), ("exclude_cols", excluded)):
        if any(a >= b for a, b in zip(columns, columns[1:])):
            raise invalid(f"{name} should be strictly increasing indices")
        if columns and columns[0] < 0:
            raise invalid(f"{name} should be non-negative indices")
    for default in record_defaults:
        if np.size(default) > 1 or np.ndim(default) > 1:
            raise invalid("There should only be 1 default per field")

    def keep(count: int) -> Sequence[int]:
        if selected:
            return selected
        return [i for i in range(count) if i not in excluded] if excluded else range(count)

    return Table(
        _names(filenames),
        lambda name: open_file(name, compression, size),
        [np.asarray(each) for each in record_defaults],
        bool(header),
        delimiter.encode(),
        bool(use_quote_delim),
        _text(na_value).encode(),
        keep,
        output_types,
        output_shapes,
    )


# Classes ------------------------------------------------------------------------------------------


class _Csv:
    def __init__(
        self,
        filenames: Any,
        record_defaults: Any,
        compression_type: Any = None,
        buffer_size: Any = None,
        header: Any = False,
        field_delim: Any = ",",
        use_quote_delim: Any = True,
        na_value: Any = "",
        select_cols: Any = None,
        exclude_cols: Any = None,
    ):
        defaults = [_default(each) for each in record_defaults]
        spec = tuple(TensorSpec([], each.dtype) for each in defaults)
        variant = csv_dataset_v2(
            convert_to_tensor(filenames, dtypes.string, name="filenames"),
            scalar(compression_type or "", dtypes.string, "compression_type"),
            scalar(1 << 22 if buffer_size is None else buffer_size, dtypes.int64, "buffer_size"),
            scalar(header, dtypes.bool, "header"),
            scalar(field_delim, dtypes.string, "field_delim"),
            scalar(use_quote_delim, dtypes.bool, "use_quote_delim"),
            scalar(na_value, dtypes.string, "na_value"),
            _columns(select_cols, "select_cols"),
            defaults,
            _columns(exclude_cols, "exclude_cols"),
            **Structure(spec).attrs,
        )
        Dataset.__init__(self, variant, spec, "CsvDatasetV2")  # type: ignore[arg-type]


def _default(given: Any) -> Tensor:
    """The value of an empty field; an empty tensor for a field that is required."""
    if not isinstance(given, (Tensor, str, list, int, float, np.ndarray)):
        try:
            return convert_to_tensor(np.zeros(0, as_dtype(given).np), as_dtype(given))
        except TypeError:
            pass
    result = convert_to_tensor(given)
    if result.dtype not in _TYPES:
        raise TypeError(
            f"{errors.user_site()}: a column of a CSV file can be float32, float64, int32, int64 or string, "
            f"not {result.dtype.name}"
        )
    return result


def _columns(given: Any, name: str) -> Tensor:
    return convert_to_tensor(
        np.zeros(0, np.int64) if given is None else given, dtypes.int64, name=name
    )


@export(v2=("data.experimental.CsvDataset",))
class CsvDataset(_Csv, Dataset):
    """The records of CSV files: tuples with one scalar for each column.

    Args:
      filenames: a name, or a list or tensor of names.
      record_defaults: for each column a dtype, when it is required; or the value of empty fields.
      compression_type: "", "ZLIB" or "GZIP".
      buffer_size: bytes that are read at a time.
      header: whether the first line of each file is left out.
      field_delim: what stands between fields.
      use_quote_delim: whether fields may be quoted.
      na_value: what counts as an empty field, beside the empty one.
      select_cols, exclude_cols: sorted numbers of the columns to use, or not to use.

    Raises:
      tf.errors.InvalidArgumentError: while iterating, for a record that does not fit.

    >>> import pathlib, tempfile, reflow as tf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "a.csv")
    >>> _ = path.write_text("1,a\\n,b\\n")
    >>> dataset = tf.data.experimental.CsvDataset(str(path), [0, tf.string])
    >>> for number, text in dataset.as_numpy_iterator():
    ...     print(number, text)
    1 b'a'
    0 b'b'
    """


@export(v1=("data.experimental.CsvDataset",))
class CsvDatasetV1(_Csv, DatasetV1):
    """The records of CSV files: see `tf.data.experimental.CsvDataset`."""


# Batches of columns -------------------------------------------------------------------------------


@export(v2=("data.experimental.make_csv_dataset",))
def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: str | None = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of the records of CSV files, as dictionaries of columns.

    Args:
      file_pattern: a pattern, or a list of them.
      batch_size: how many records make a batch.
      column_names: the columns; those of the first line if not given.
      column_defaults: as for `CsvDataset`; found out from the first records if not given.
      label_name: the column that is the label: elements are then pairs.
      select_columns: names or numbers of the columns to use.
      field_delim, use_quote_delim, na_value, header, compression_type: as for `CsvDataset`.
      num_epochs: how often the files are gone through; without an end if not given.
      shuffle, shuffle_buffer_size, shuffle_seed: whether and how records are shuffled.
      prefetch_buffer_size: how many batches are held.
      num_parallel_reads: from how many files at a time.
      num_rows_for_inference: how many records are looked at; all if None.
      ignore_errors: whether records that do not fit are left out.
      encoding: of the files, when names and defaults are found out.

    Raises:
      ValueError: if names are not unique, or the label is no column.
    """
    names = _matching(file_pattern)
    files = Dataset.from_tensor_slices(names)
    if shuffle:
        files = files.shuffle(len(names), shuffle_seed)

    def rows(name: str) -> Iterator[list[str]]:
        with open_file(name, compression_type or "") as binary:
            quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
            text = io.TextIOWrapper(binary, encoding, newline="")  # type: ignore[type-var]
            yield from csv.reader(text, delimiter=field_delim, quoting=quoting)  # type: ignore

    if column_names is None:
        if not header:
            raise ValueError(
                f"{errors.user_site()}: Expected `column_names` or `header` arguments. Neither is provided."
            )
        column_names = _names_of_columns(names, rows)
    if len(set(column_names)) != len(column_names):
        double = sorted({name for name in column_names if list(column_names).count(name) > 1})
        raise ValueError(
            f"{errors.user_site()}: Either `column_names` argument or CSV header row contains duplicate column "
            f"names: {double}."
        )
    chosen = None if select_columns is None else _numbers_of(select_columns, column_names)
    if column_defaults is None:
        used = range(len(column_names)) if chosen is None else chosen
        defaults: list[Any] = _defaults_of_columns(
            names, rows, header, len(column_names), used, na_value, num_rows_for_inference
        )
    else:
        defaults = list(column_defaults)
    if chosen is not None:
        if len(defaults) != len(chosen):
            raise ValueError(
                f"{errors.user_site()}: If specified, `column_defaults` and `select_columns` must have the "
                f"same length: `column_defaults` has length {len(defaults)}, `select_columns` has "
                f"length {len(chosen)}."
            )
        column_names = [column_names[i] for i in chosen]
    if label_name is not None and label_name not in column_names:
        raise ValueError(
            f"{errors.user_site()}: `label_name` provided must be one of the columns: {list(column_names)}. "
            f"Received: {label_name}."
        )

    def read(name: Any) -> Dataset:
        table: Dataset = CsvDataset(
            name,
            defaults,
            field_delim=field_delim,
            use_quote_delim=use_quote_delim,
            na_value=na_value,
            select_cols=chosen,
            header=header,
            compression_type=compression_type,
        )
        return table.ignore_errors() if ignore_errors else table

    def by_name(*columns: Any) -> Any:
        features = collections.OrderedDict(zip(column_names, columns))
        if label_name is None:
            return features
        label = features.pop(label_name)
        return features, label

    dataset = files.interleave(read, cycle_length=num_parallel_reads or 1, block_length=1)
    dataset = shuffled_and_repeated(dataset, num_epochs, shuffle, shuffle_buffer_size, shuffle_seed)
    dataset = dataset.batch(batch_size, drop_remainder=num_epochs is None).map(by_name)
    return dataset.prefetch(-1 if prefetch_buffer_size is None else prefetch_buffer_size)


@export(v1=("data.experimental.make_csv_dataset",))
def make_csv_dataset_v1(*args: Any, **kwargs: Any) -> Dataset:
    """See `tf.data.experimental.make_csv_dataset`."""
    return as_v1(make_csv_dataset(*args, **kwargs))


def shuffled_and_repeated(
    dataset: Dataset, epochs: int | None, shuffle: bool, size: int, seed: int | None
) -> Dataset:
    """`dataset` shuffled, if so asked, and repeated."""
    if shuffle:
        dataset = dataset.shuffle(size, seed)
    return dataset if epochs == 1 else dataset.repeat(epochs)


def _matching(file_pattern: Any) -> list[str]:
    patterns = file_pattern if isinstance(file_pattern, (list, tuple)) else [file_pattern]
    names = sorted(name for each in patterns for name in file_io.get_matching_files(each))
    if not names:
        raise ValueError(f"{errors.user_site()}: No files match `file_pattern` {file_pattern}.")
    return names


def _names_of_columns(names: Sequence[str], rows: Callable) -> list[str]:
    first: list[str] | None = None
    for name in names:
        found = next(rows(name), None)
        if found is None:
            raise ValueError(
                f"{errors.user_site()}: Failed when reading the header line of {name}. Is it an empty file?"
            )
        if first is not None and found != first:
            raise ValueError(
                f"{errors.user_site()}: All input CSV files should have the same column names in the header "
                f"row. File {name} has different column names."
            )
        first = found
    return first or []


def _numbers_of(chosen: Sequence[Any], names: Sequence[str]) -> list[int]:
    numbers = {name: i for i, name in enumerate(names)}
    found = []
    for each in chosen:
        number = each if isinstance(each, int) else numbers.get(each)
        if number is None or not 0 <= number < len(names):
            raise ValueError(
                f"{errors.user_site()}: Column {each} specified in `select_columns` must be one of the columns: "
                f"{list(names)}."
            )
        found.append(number)
    if len(set(found)) != len(found):
        raise ValueError(
            f"{errors.user_site()}: The `select_columns` argument contains duplicate columns."
        )
    return sorted(found)


def _defaults_of_columns(
    names: Sequence[str],
    rows: Callable,
    header: bool,
    count: int,
    used: Sequence[int],
    missing: str,
    limit: int | None,
) -> list[Any]:
    """For each used column zero, or the empty string, of the narrowest dtype that holds its values."""
    widest = [-1] * len(used)
    seen = 0
    for name in names:
        for i, row in enumerate(rows(name)):
            if header and not i:
                continue
            if limit is not None and seen >= limit:
                break
            seen += 1
            if len(row) != count:
                raise ValueError(
                    f"{errors.user_site()}: Problem inferring types: CSV row {i + 1} of {name} has {len(row)} "
                    f"number of fields. Expected: {count}."
                )
            for k, at in enumerate(used):
                if row[at] not in ("", missing):
                    widest[k] = max(widest[k], _narrowest(row[at]))
    kinds = [_BY_WIDTH[width] for width in widest]
    return [np.array([b""], object) if k is dtypes.string else np.zeros(1, k.np) for k in kinds]


_BY_WIDTH = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64, dtypes.string)


def _narrowest(text: str) -> int:
    """The position in `_BY_WIDTH` of the first dtype that holds a value."""
    for width, dtype in enumerate(_BY_WIDTH[:-1]):
        try:
            with np.errstate(over="ignore"):
                if dtype.is_integer:
                    if dtype.min <= int(text) <= dtype.max:
                        return width
                elif dtype.np.type(text) < np.inf:
                    return width
        except ValueError:
            continue
    return len(_BY_WIDTH) - 1
