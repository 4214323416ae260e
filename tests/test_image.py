"""tf.image: its functions against TensorFlow's; images and sounds in files; bad input."""

import importlib.util
import json
import pathlib
import struct
import sys
import zlib

import numpy as np
import pytest

import reflow as tf2
from reflow.autodiff.gradients import gradients
from reflow.compat import v1 as tf
from reflow.compiler import policy
from reflow.lang.convert import convert_to_tensor
from reflow.lang.graph import Graph
from reflow.lang.verifier import verify
from reflow.runtime.eager import reset_generators
from reflow.runtime.session import Session

GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"
_spec = importlib.util.spec_from_file_location("image_programs", GOLDEN / "image_programs.py")
programs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(programs)
with np.load(GOLDEN / "image.npz") as _file:
    VALUES = {name: _file[name] for name in _file.files}
WANTED = json.loads(VALUES.pop("index").tobytes())
SAME_NODES = programs.lines(programs.SAME_NODES)
CALLS = [*SAME_NODES, *programs.lines(programs.SAME_VALUES)]


@pytest.fixture(params=["interpret", "compile"])
def tier(request):
    previous, policy.forced[0] = policy.forced[0], request.param
    yield request.param
    policy.forced[0] = previous


def build(call):
    names = programs.Names(tf, tf2)
    return programs.outputs(eval(call, {}, names)), names


def close(what, got, want):
    got = np.asarray(got)
    assert got.shape == want.shape, what
    assert got.dtype == want.dtype, what
    if want.dtype.kind in "biu":
        assert np.array_equal(got, want), what
        return
    room = {2: 2e-3, 4: 2e-5, 8: 1e-6}[want.dtype.itemsize]
    largest = max(1.0, np.abs(want).max(initial=0.0))
    np.testing.assert_allclose(
        got.astype(np.float64), want.astype(np.float64), room, room * largest, err_msg=what
    )


def test_all_calls_have_golden_values():
    assert set(WANTED) == set(CALLS)


@pytest.mark.parametrize("call", SAME_NODES)
def test_nodes_are_tensorflows(call):
    with Graph().as_default() as graph:
        tensors, _ = build(call)
    nodes = [[op.name, op.type] for op in graph.get_operations() if op.type != "Const"]
    assert sorted(nodes) == sorted(WANTED[call]["nodes"])
    assert [t.name for t in tensors] == WANTED[call]["outputs"]


def test_values_and_gradients_are_tensorflows(tier):
    """All calls in one graph, and so in few compilations."""
    fetches, feeds, wanted = [], {}, []
    with Graph().as_default() as graph:
        for call in CALLS:
            with tf.name_scope(None):  # node names do not matter here
                tensors, names = build(call)
            row = WANTED[call]
            for tensor, sizes in zip(tensors, row["shapes"], strict=True):
                assert tensor.shape.is_compatible_with(sizes), f"{call}: {tensor}, not {sizes}"
                if call in SAME_NODES:
                    assert tensor.shape.merge_with(sizes) == tensor.shape, f"{call}: not {sizes}"
            floating = [t for t in tensors if t.dtype.is_floating]
            keys = row["gradients"]
            made = gradients(floating, [names[key] for key in keys]) if keys else []
            fetches += [*tensors, *(convert_to_tensor(g) for g in made)]
            feeds.update(names.feeds)
            wanted += [f"{row['number']}/output/{i}" for i in range(len(tensors))]
            wanted += [f"{row['number']}/gradient/{key}" for key in keys]
    verify(graph)
    numbers = {row["number"]: call for call, row in WANTED.items()}
    for key, value in zip(wanted, Session(graph=graph).run(fetches, feeds), strict=True):
        close(f"{numbers[int(key.split('/')[0])]}: {key}", value, VALUES[key])


@pytest.mark.parametrize("call", CALLS)
def test_eager_values_are_tensorflows(call):
    if "placeholder" in call or "fed(" in call:
        pytest.skip("for graphs")
    reset_generators()  # an eager op goes on where an earlier one with the same seed stopped
    tensors, _ = build(call)
    for i, tensor in enumerate(tensors):
        close(f"output {i}", tensor.numpy(), VALUES[f"{WANTED[call]['number']}/output/{i}"])


# Files --------------------------------------------------------------------------------------------

SMOOTH = np.stack(np.meshgrid(np.arange(24) * 9, np.arange(16) * 12), -1).astype(np.uint8)
PHOTO = np.concatenate([SMOOTH, SMOOTH[..., :1] // 2], -1)  # [16, 24, 3]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_keeps_everything(dtype, channels):
    high = np.iinfo(dtype).max
    image = np.random.default_rng(channels).integers(0, high, (5, 7, channels), dtype, True)
    contents = tf2.io.encode_png(image)
    assert np.array_equal(tf2.io.decode_png(contents, dtype=dtype).numpy(), image)
    assert contents.numpy()[24] == 8 * image.itemsize


def test_png_of_a_batch():
    images = np.random.default_rng(0).integers(0, 255, (2, 3, 4, 5, 1), np.uint8)
    contents = tf2.io.encode_png(images, compression=0)
    assert contents.shape == (2, 3)
    assert np.array_equal(tf2.io.decode_png(contents[1, 2]).numpy(), images[1, 2])
    small = tf2.io.encode_png(np.zeros((64, 64, 1), np.uint8), compression=9)
    large = tf2.io.encode_png(np.zeros((64, 64, 1), np.uint8), compression=0)
    assert len(small.numpy()) < len(large.numpy())


def test_encoders_in_a_graph():
    with Graph().as_default():
        nodes = [tf2.io.encode_jpeg(PHOTO), tf2.io.encode_png(PHOTO)]
        assert [each.op.type for each in nodes] == ["EncodeJpeg", "EncodePng"]
        jpeg, png = Session().run([*map(tf2.io.decode_image, nodes)])
    assert np.abs(jpeg.astype(int) - PHOTO).mean() < 3 and np.array_equal(png, PHOTO)


def test_jpeg_keeps_the_picture():
    contents = tf2.io.encode_jpeg(PHOTO, quality=95)
    assert tf2.io.is_jpeg(contents).numpy()
    assert tf2.io.extract_jpeg_shape(contents).numpy().tolist() == [16, 24, 3]
    image = tf2.io.decode_jpeg(contents).numpy().astype(int)
    assert np.abs(image - PHOTO).mean() < 3
    part = tf2.io.decode_and_crop_jpeg(contents, [2, 3, 5, 6]).numpy()
    assert np.array_equal(part, image[2:7, 3:9])
    grey = tf2.io.encode_jpeg(PHOTO[..., :1], "grayscale")
    assert tf2.io.decode_image(grey).shape == (16, 24, 1)


def test_jpeg_options_matter():
    def size(**options):
        return len(tf2.io.encode_jpeg(PHOTO, **options).numpy())

    assert size(quality=10) < size(quality=95)
    assert size(chroma_downsampling=False) > size()
    assert size(optimize_size=True) < size()
    progressive = tf2.io.encode_jpeg(PHOTO, progressive=True).numpy()
    assert b"\xff\xc2" in progressive  # the marker of progressive frames
    header = tf2.io.encode_jpeg(PHOTO, density_unit="cm", x_density=7, y_density=9).numpy()
    assert header[:20] == b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x02\x00\x07\x00\x09\x00\x00"
    described = tf2.io.encode_jpeg(PHOTO, xmp_metadata="<x/>").numpy()
    assert b"http://ns.adobe.com/xap/1.0/\x00<x/>\x00\xff" in described
    varied = tf.raw_ops.EncodeJpegVariableQuality(images=PHOTO, quality=10)
    assert len(varied.numpy()) == size(quality=10)


def test_jpeg_quality_in_a_graph():
    with Graph().as_default() as graph:
        quality = tf.placeholder(tf.int32, [])
        made = tf2.image.adjust_jpeg_quality(PHOTO / np.float32(255), quality)
        drawn = tf2.image.stateless_random_jpeg_quality(PHOTO, 20, 90, [1, 2])
        assert (made.dtype, made.shape.as_list()) == (tf.float32, [None, None, 3])
        session = Session(graph=graph)
        fine, coarse = (session.run(made, {quality: q}) for q in (95, 5))
        assert session.run(drawn).dtype == np.uint8
    near, far = (np.abs(x - PHOTO / 255).mean() for x in (fine, coarse))
    assert near < 0.02 < far


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tf2.io.encode_jpeg(np.zeros((4, 4, 2), np.uint8)), "1 or 3 channels"),
        (lambda: tf2.io.encode_jpeg(PHOTO, "grayscale"), "format grayscale expects 1"),
        (lambda: tf2.io.encode_jpeg(PHOTO, quality=101), r"quality must be in \[0,100\]"),
        (lambda: tf2.io.encode_jpeg(np.zeros((4, 4), np.uint8)), "3-dimensional"),
        (lambda: tf2.io.encode_png(np.zeros((4, 4, 5), np.uint8)), "1, 2, 3, or 4 channels"),
        (lambda: tf2.io.encode_png(PHOTO, compression=12), r"compression should be in \[-1,9\]"),
        (lambda: tf2.io.encode_png(np.zeros((0, 4, 1), np.uint8)), "empty image"),
    ],
)
def test_what_cannot_be_encoded(make, message):
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        make()


def test_options_that_pillow_lacks_are_errors():
    contents = tf2.io.encode_jpeg(PHOTO)
    with pytest.raises(tf.errors.UnimplementedError, match="fancy_upscaling"):
        tf2.io.decode_jpeg(contents, fancy_upscaling=False)
    with pytest.raises(tf.errors.UnimplementedError, match="try_recover_truncated"):
        tf2.io.decode_jpeg(contents.numpy()[:-200], try_recover_truncated=True)


def test_without_pillow_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(Exception, match=r"pip install 'reflow\[images\]'"):
        tf2.io.decode_jpeg(b"\xff\xd8\xff\xe0 and so on")


def test_damaged_png_with_16_bits():
    whole = tf2.io.encode_png(np.arange(60, dtype=np.uint16).reshape(4, 5, 3)).numpy()
    assert tf2.io.decode_png(whole, dtype=tf.uint16).shape == (4, 5, 3)
    header = struct.pack(">IIBBBBB", 1 << 30, 1 << 30, 16, 2, 0, 0, 0)
    huge = whole[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + whole[33:]
    for damaged in (whole[:50], whole[:60] + b"?" + whole[61:], huge):
        with pytest.raises(tf.errors.InvalidArgumentError, match="PNG"):
            tf2.io.decode_png(damaged, dtype=tf.uint16)


# Bad input ----------------------------------------------------------------------------------------

IMAGE = np.zeros((4, 5, 3), np.float32)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: tf2.image.resize(IMAGE[0], [2, 2]), "either 3 or 4 dimensions"),
        (lambda: tf2.image.resize(IMAGE, 2), "1-D Tensor of 2 elements"),
        (lambda: tf2.image.resize(IMAGE, "large"), "1-D int32 Tensor"),
        (lambda: tf2.image.resize(IMAGE, [2, 2], "cubist"), "not implemented: cubist"),
        (lambda: tf.image.resize(IMAGE, [2, 2], 7), "not implemented: 7"),
        (lambda: tf2.image.central_crop(IMAGE, 1.5), r"within \(0, 1\]"),
        (lambda: tf2.image.central_crop(IMAGE[None, None], 0.5), "rank = 3 or rank = 4"),
        (lambda: tf2.image.crop_to_bounding_box(IMAGE, 0, 0, 5, 5), "height must be >= target"),
        (lambda: tf2.image.crop_to_bounding_box(IMAGE, -1, 0, 2, 2), "offset_height must be >= 0"),
        (lambda: tf2.image.pad_to_bounding_box(IMAGE, 0, 0, 4, 4), "width must be <= target"),
        (lambda: tf2.image.resize_with_crop_or_pad(IMAGE, 0, 4), "target_height must be > 0"),
        (lambda: tf2.image.flip_up_down(IMAGE[0]), "at least three-dimensional"),
        (lambda: tf2.image.rot90(IMAGE[None, None]), "either 3 or 4 dimensions"),
        (lambda: tf2.image.random_brightness(IMAGE, -1), "non-negative"),
        (lambda: tf2.image.random_contrast(IMAGE, 2, 1), "upper must be > lower"),
        (lambda: tf2.image.random_hue(IMAGE, 0.7), "max_delta must be <= 0.5"),
        (lambda: tf2.image.random_jpeg_quality(IMAGE, 50, 20), "must be less than"),
        (lambda: tf2.image.adjust_hue(IMAGE, 3.0), r"interval \[-1, 1\]"),
        (lambda: tf2.image.adjust_gamma(IMAGE, -1), "non-negative"),
        (lambda: tf2.image.grayscale_to_rgb(IMAGE), "size 1"),
        (lambda: tf2.image.image_gradients(tf.constant(IMAGE)), "4D tensor"),
        (lambda: tf2.image.total_variation(tf.constant(IMAGE[0])), "3 or 4-dimensional"),
        (lambda: tf2.image.ssim(IMAGE, IMAGE[1:], 1.0), "compatible"),
        (lambda: tf2.image.per_image_standardization(IMAGE[0]), "three-dimensional"),
        (
            lambda: tf2.image.non_max_suppression_padded(np.zeros((2, 3, 4)), np.zeros((2, 3)), 2),
            "batched input",
        ),
    ],
)
def test_misuse_is_a_value_error(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_dtypes_that_are_no_images():
    with pytest.raises(AttributeError, match="floating point or integer"):
        tf2.image.convert_image_dtype(np.zeros(2, bool), tf.float32)


def test_small_images_for_ssim():
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf2.image.ssim(IMAGE, IMAGE, 1.0)


def test_assertions_run_with_the_graph():
    with Graph().as_default() as graph:
        x, height = tf.placeholder(tf.float32, [None, None, 3]), tf.placeholder(tf.int32, [])
        cropped = tf2.image.crop_to_bounding_box(x, 0, 0, height, 2)
        session = Session(graph=graph)
        assert session.run(cropped, {x: IMAGE, height: 3}).shape == (3, 2, 3)
        with pytest.raises(tf.errors.InvalidArgumentError, match="height must be >= target"):
            session.run(cropped, {x: IMAGE, height: 9})


@pytest.mark.parametrize("method", ["bilinear", "nearest", "bicubic", "lanczos3"])
def test_second_derivatives_of_resizing(method):
    """Resizing is linear: with s(x) the sum of the squares of the result, Hv is the gradient of s at v."""
    rng = np.random.default_rng(3)
    x, v = rng.standard_normal((2, 1, 4, 4, 1)).astype(np.float32)
    with Graph().as_default() as graph:
        points = [tf.constant(x), tf.constant(v)]
        firsts = []
        for point in points:
            squares = tf.reduce_sum(tf2.image.resize(point, [7, 3], method) ** 2)
            firsts += gradients([squares], [point])
        [product] = gradients([tf.reduce_sum(firsts[0] * points[1])], [points[0]])
        got, want = Session(graph=graph).run([product, firsts[1]])
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)
