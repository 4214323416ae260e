"""Programs on lists of tensors, run eagerly by TensorFlow (make_tensor_list_golden.py) and by Reflow.

Each gets `R`, the raw ops, and `t`, which makes a tensor of a value (Reflow may feed it instead).
"""

import numpy as np

PROGRAMS = []
f32 = np.float32
X = np.arange(6, dtype=f32).reshape(3, 2) + 1


def program(f):
    PROGRAMS.append(f)
    return f


def reserve(R, t, count, shape=-1):
    return R.TensorListReserve(
        element_shape=np.array(shape, np.int32),
        num_elements=np.int32(count),
        element_dtype="float32",
    )


def rows(R, t, value=X):
    shape = np.array(value.shape[1:], np.int32)
    return R.TensorListFromTensor(tensor=t(value), element_shape=shape)


def get(R, t, items, index, shape=-1):
    return R.TensorListGetItem(
        input_handle=items,
        index=t(np.int32(index)),
        element_shape=np.array(shape, np.int32),
        element_dtype="float32",
    )


def put(R, t, items, index, value, **more):
    return R.TensorListSetItem(
        input_handle=items, index=t(np.int32(index)), item=t(f32(value)), **more
    )


def stack(R, items, shape=-1, **more):
    return R.TensorListStack(
        input_handle=items, element_shape=np.array(shape, np.int32), element_dtype="float32", **more
    )


def gather(R, t, items, indices, shape=-1):
    return R.TensorListGather(
        input_handle=items,
        indices=t(np.array(indices, np.int32)),
        element_shape=np.array(shape, np.int32),
        element_dtype="float32",
    )


def concat(R, items, shape=-1, leading=()):
    return R.TensorListConcatV2(
        input_handle=items,
        element_shape=np.array(shape, np.int32),
        leading_dims=np.array(leading, np.int64),
        element_dtype="float32",
    )


def empty(R, t, shape=-1, limit=-1):
    return R.EmptyTensorList(
        element_shape=np.array(shape, np.int32),
        max_num_elements=np.int32(limit),
        element_dtype="float32",
    )


def push(R, t, items, value):
    return R.TensorListPushBack(input_handle=items, tensor=t(f32(value)))


def pop(R, items, shape=-1):
    return R.TensorListPopBack(
        input_handle=items, element_shape=np.array(shape, np.int32), element_dtype="float32"
    )


def length(R, items):
    return R.TensorListLength(input_handle=items)


@program
def items_and_length(R, t):
    items = rows(R, t)
    return [get(R, t, items, 2), get(R, t, items, 0, [2]), length(R, items), stack(R, items)]


@program
def setting_items(R, t):
    items = put(R, t, reserve(R, t, 3), 1, [7.0, 8.0])
    again = put(R, t, items, 1, [9.0, 9.0])
    return [
        stack(R, items),
        stack(R, again),
        get(R, t, items, 0),
        get(R, t, again, 1),
        length(R, items),
    ]


@program
def unset_items_are_zeros(R, t):
    items = reserve(R, t, 3, [2])
    return [
        get(R, t, items, 1),
        stack(R, items),
        gather(R, t, items, [0, 2]),
        get(R, t, reserve(R, t, 1), 0, [4]),
    ]


@program
def growing_by_setting(R, t):
    items = put(R, t, rows(R, t), 4, [7.0, 8.0], resize_if_index_out_of_bounds=True)
    inside = put(R, t, rows(R, t), 1, [7.0, 8.0], resize_if_index_out_of_bounds=True)
    return [stack(R, items), length(R, items), stack(R, inside)]


@program
def pushing_and_popping(R, t):
    items = push(R, t, push(R, t, empty(R, t), [1.0]), [2.0])
    rest, last = pop(R, items)
    other = push(R, t, rest, [5.0])
    return [
        stack(R, items),
        last,
        length(R, rest),
        stack(R, rest),
        stack(R, other),
        stack(R, items),
    ]


@program
def gathering(R, t):
    return [gather(R, t, rows(R, t), [2, 2, 0]), gather(R, t, rows(R, t), [], [2])]


@program
def scattering(R, t):
    def scatter(count):
        return R.TensorListScatterV2(
            tensor=t(X[:2]),
            indices=t(np.array([2, 0], np.int32)),
            element_shape=np.array([2], np.int32),
            num_elements=np.int32(count),
        )

    into = R.TensorListScatterIntoExistingList(
        input_handle=rows(R, t), tensor=t(X[:2] * 10), indices=t(np.array([2, 0], np.int32))
    )
    old = R.TensorListScatter(
        tensor=t(X[:2]),
        indices=t(np.array([2, 0], np.int32)),
        element_shape=np.array([2], np.int32),
    )
    return [stack(R, scatter(-1)), stack(R, scatter(5)), stack(R, into), stack(R, old)]


@program
def splitting_and_joining(R, t):
    def split(lengths):
        return R.TensorListSplit(
            tensor=t(X),
            element_shape=np.array([-1, 2], np.int32),
            lengths=np.array(lengths, np.int64),
        )

    parts = split([1, 0, 2])
    joined = concat(R, parts)
    same = concat(R, split([1, 1, 1]), [-1, 2])
    nothing = concat(R, reserve(R, t, 0), [-1, 3])
    zeros = concat(R, reserve(R, t, 2, [2, 3]))
    led = concat(R, reserve(R, t, 2, [-1, 3]), [-1, 3], [1, 2])
    return [get(R, t, parts, 2), *joined, *same, *nothing, *zeros, *led]


@program
def resizing(R, t):
    def resized(size):
        return stack(R, R.TensorListResize(input_handle=rows(R, t), size=np.int32(size)))

    return [resized(2), resized(5), resized(3)]


@program
def shapes_of_elements(R, t):
    def shape(items, kind="int32"):
        return R.TensorListElementShape(input_handle=items, shape_type=kind)

    return [
        shape(reserve(R, t, 1, [2, 3])),
        shape(reserve(R, t, 1), "int64"),
        shape(reserve(R, t, 1, [-1, 3])),
    ]


@program
def sums_and_zeros(R, t):
    items = rows(R, t)
    return [
        stack(R, R.AddN(inputs=[items, items])),
        stack(R, R.AddN(inputs=[items, reserve(R, t, 3, [2])])),
        stack(R, R.AddN(inputs=[put(R, t, reserve(R, t, 3, [2]), 1, [1.0, 1.0]), items])),
        stack(R, R.ZerosLike(x=items)),
        stack(R, R.TensorListConcatLists(input_a=items, input_b=items, element_dtype="float32")),
    ]


# What must fail -----------------------------------------------------------------------------------


def error(f):
    f.fails = True
    PROGRAMS.append(f)
    return f


@error
def get_beyond_the_end(R, t):
    return [get(R, t, rows(R, t), 5)]


@error
def get_a_negative_index(R, t):
    return [get(R, t, rows(R, t), -1)]


@error
def get_an_unset_item_without_shape(R, t):
    return [get(R, t, reserve(R, t, 3), 1)]


@error
def set_beyond_the_end(R, t):
    return [stack(R, put(R, t, rows(R, t), 5, [1.0, 2.0]))]


@error
def set_another_shape(R, t):
    return [stack(R, put(R, t, reserve(R, t, 2, [2]), 0, [1.0]))]


@error
def stack_unset_items_without_shape(R, t):
    return [stack(R, reserve(R, t, 3))]


@error
def stack_nothing_without_shape(R, t):
    return [stack(R, reserve(R, t, 0))]


@error
def stack_another_number(R, t):
    return [stack(R, rows(R, t), num_elements=4)]


@error
def stack_several_shapes(R, t):
    return [stack(R, push(R, t, push(R, t, empty(R, t), [1.0]), [1.0, 2.0]))]


@error
def pop_from_nothing(R, t):
    return [pop(R, empty(R, t), [2])[1]]


@error
def push_into_a_full_list(R, t):
    return [stack(R, push(R, t, push(R, t, empty(R, t, -1, 1), [1.0]), [1.0]))]


@error
def gather_beyond_the_end(R, t):
    return [gather(R, t, rows(R, t), [0, 3])]


@error
def scatter_to_a_negative_index(R, t):
    items = R.TensorListScatterV2(
        tensor=t(X[:1]),
        indices=t(np.array([-1], np.int32)),
        element_shape=np.array([2], np.int32),
        num_elements=np.int32(3),
    )
    return [stack(R, items)]


@error
def split_of_other_lengths(R, t):
    return [
        stack(
            R,
            R.TensorListSplit(
                tensor=t(X),
                element_shape=np.array([-1, 2], np.int32),
                lengths=np.array([1, 1], np.int64),
            ),
        )
    ]


@error
def join_scalars(R, t):
    return [concat(R, push(R, t, empty(R, t), 1.0))[0]]


@error
def from_a_scalar(R, t):
    return [
        stack(R, R.TensorListFromTensor(tensor=t(f32(1)), element_shape=np.array(-1, np.int32)))
    ]


@error
def resize_to_a_negative_size(R, t):
    return [stack(R, R.TensorListResize(input_handle=rows(R, t), size=np.int32(-2)))]


@error
def reserve_a_negative_number(R, t):
    return [length(R, reserve(R, t, -1))]
