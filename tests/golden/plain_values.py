"""Values of programs as JSON has them, for golden files."""

import numpy as np


def plain(value):
    """Arrays and scalars with their dtype and shape; bytes as text; the keys of dictionaries sorted."""
    if isinstance(value, (str, bool, int, type(None))):
        return value
    if isinstance(value, bytes):
        return {"bytes": value.decode("latin1")}
    if isinstance(value, dict):
        return {"dict": {key: plain(value[key]) for key in sorted(value)}}
    if isinstance(value, list) and value and isinstance(value[0], np.generic):
        if len({type(each) for each in value}) == 1:  # many scalars of one dtype, in short
            return {"dtype": value[0].dtype.name, "scalars": [each.item() for each in value]}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    array = np.asarray(value)
    if array.dtype == object:
        values = [each.decode("latin1") for each in array.ravel()]
    else:
        values = array.ravel().tolist()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "values": values}
