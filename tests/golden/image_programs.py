"""Calls of the functions of tf.image whose nodes, values and gradients are compared with TensorFlow's.

Each line is an expression of `tf` (the TF 1 name space), `tf2` (TF 2's), and of the arrays: `x` stands for a
constant node "x" with the value ARRAYS["x"], and `fed(x)` for a placeholder of unknown sizes with that value.
"""

import numpy as np

_rng = np.random.default_rng(21)


def _uniform(*shape):
    return _rng.random(shape).astype(np.float32)


_corner = _rng.uniform(0, 0.6, (2, 9, 2))

ARRAYS = {
    "x": _uniform(2, 6, 5, 3),
    "x3": _uniform(6, 5, 3),
    "odd": _uniform(7, 4, 3),
    "b": _rng.integers(0, 256, (2, 6, 5, 3)).astype(np.uint8),
    "b3": _rng.integers(0, 256, (6, 5, 3)).astype(np.uint8),
    "w": _rng.integers(0, 65536, (6, 5, 3)).astype(np.uint16),
    "i": _rng.integers(0, 2**31 - 1, (4, 5, 1)).astype(np.int32),
    "h": _uniform(6, 5, 3).astype(np.float16),
    "grey": _uniform(6, 5, 1),
    "big": _uniform(2, 24, 26, 3),
    "big2": _uniform(2, 24, 26, 3),
    "odd_big": _uniform(13, 10, 2),
    "d": _uniform(2, 6, 5, 3).astype(np.float64),
    "boxes": np.concatenate([_corner, _corner + _rng.uniform(0.1, 0.4, (2, 9, 2))], 2).astype(
        np.float32
    ),
    "scores": _rng.random((2, 9)).astype(np.float32),
    "overlaps": _rng.random((9, 9)).astype(np.float32),
    "objects": np.array([[[0.1, 0.2, 0.6, 0.9]]], np.float32),
    "crops": np.array([[0.1, 0.1, 0.85, 0.7], [0.85, 0.3, 0.35, 0.9]], np.float32),
    "colors": _uniform(2, 3),
}

# Node names and types are TensorFlow's exactly.
SAME_NODES = """
tf2.image.resize(x, [9, 7])
tf2.image.resize(x3, [3, 4], name="rr")
tf2.image.resize(x, [9, 7], "nearest")
tf2.image.resize(x, [9, 7], "bicubic")
tf2.image.resize(x, [3, 2], "area")
tf2.image.resize(x, [9, 7], "lanczos3")
tf2.image.resize(x, [3, 2], antialias=True)
tf2.image.resize(x, [3, 2], "bicubic", antialias=True)
tf2.image.resize(x, [3, 2], "gaussian", antialias=True)
tf2.image.resize(x, [3, 2], "mitchellcubic")
tf2.image.resize(x, [3, 2], "lanczos5", antialias=True)
tf2.image.resize(x, [8, 30], preserve_aspect_ratio=True)
tf2.image.resize(x, [6, 5])
tf2.image.resize(b, [9, 7], "nearest")
tf2.image.resize(b, [9, 7])
tf2.image.resize(fed(x), [9, 7])
tf2.image.resize(fed(x3), [8, 30], preserve_aspect_ratio=True)
tf.image.resize_images(x, [9, 7])
tf.image.resize_images(x3, [9, 7], tf.image.ResizeMethod.NEAREST_NEIGHBOR)
tf.image.resize_images(x, [9, 7], tf.image.ResizeMethod.BICUBIC, align_corners=True)
tf.image.resize_images(x, [3, 2], tf.image.ResizeMethod.AREA)
tf.image.resize_images(b, [6, 5])
tf.image.resize_bilinear(x, [9, 7], align_corners=True)
tf.image.resize_bilinear(x, [9, 7], half_pixel_centers=True, name="rb")
tf.image.resize_nearest_neighbor(x, [9, 7])
tf.image.resize_bicubic(x, [9, 7])
tf.image.resize_area(x, [3, 2])
tf2.image.resize_with_pad(x, 9, 12)
tf2.image.resize_with_pad(x3, 4, 12, "nearest")
tf.image.resize_image_with_pad(x, 9, 12, align_corners=True)
tf2.image.resize_with_crop_or_pad(x, 4, 8)
tf2.image.resize_with_crop_or_pad(x3, 9, 3)
tf.image.resize_image_with_crop_or_pad(odd, 4, 9)
tf2.image.central_crop(x3, 0.5)
tf2.image.central_crop(x, 0.7)
tf2.image.central_crop(x3, 1.0)
tf2.image.crop_to_bounding_box(x, 1, 2, 3, 2)
tf2.image.crop_to_bounding_box(x3, 0, 0, 6, 5)
tf2.image.pad_to_bounding_box(x, 1, 2, 9, 8)
tf2.image.pad_to_bounding_box(x3, 0, 0, 6, 5)
tf2.image.flip_left_right(x)
tf2.image.flip_up_down(x3)
tf2.image.transpose(x)
tf.image.transpose_image(x3)
tf2.image.transpose(x3, name="tt")
tf2.image.random_flip_left_right(x, seed=3)
tf2.image.random_flip_up_down(x, seed=4)
tf2.image.stateless_random_flip_left_right(x, [1, 2])
tf2.image.stateless_random_flip_up_down(x, [1, 3])
tf2.image.convert_image_dtype(b, tf.float32)
tf2.image.convert_image_dtype(b, tf.uint16)
tf2.image.convert_image_dtype(w, tf.uint8)
tf2.image.convert_image_dtype(i, tf.uint8, saturate=True)
tf2.image.convert_image_dtype(x, tf.uint8, saturate=True)
tf2.image.convert_image_dtype(x, tf.int16, name="cc")
tf2.image.convert_image_dtype(h, tf.float32)
tf2.image.convert_image_dtype(x, tf.float32)
tf2.image.adjust_brightness(x, 0.2)
tf2.image.adjust_brightness(b, 0.2)
tf2.image.adjust_contrast(x, 1.7)
tf2.image.adjust_contrast(b, 1.7)
tf2.image.adjust_gamma(x, 1.7, 0.9)
tf2.image.adjust_gamma(b, 0.7)
tf2.image.adjust_hue(x, 0.3)
tf2.image.adjust_hue(b3, -0.2, name="ah")
tf2.image.adjust_saturation(x, 0.3)
tf2.image.adjust_saturation(b3, 1.5)
tf2.image.random_brightness(x, 0.2, seed=5)
tf2.image.random_contrast(x, 0.2, 1.8, seed=5)
tf2.image.random_hue(x, 0.2, seed=5)
tf2.image.random_saturation(x, 0.2, 1.8, seed=5)
tf2.image.stateless_random_brightness(x, 0.2, [5, 6])
tf2.image.stateless_random_contrast(x, 0.2, 1.8, [5, 6])
tf2.image.stateless_random_hue(x, 0.2, [5, 6])
tf2.image.stateless_random_saturation(x, 0.2, 1.8, [5, 6])
tf2.image.rgb_to_grayscale(x)
tf2.image.rgb_to_grayscale(b)
tf2.image.grayscale_to_rgb(grey)
tf2.image.rgb_to_hsv(x)
tf2.image.hsv_to_rgb(x)
tf2.image.rgb_to_yiq(x)
tf2.image.yiq_to_rgb(x)
tf2.image.rgb_to_yuv(x)
tf2.image.yuv_to_rgb(d)
tf2.image.per_image_standardization(x)
tf2.image.per_image_standardization(b3)
tf2.image.total_variation(x)
tf2.image.total_variation(x3, name="tv")
tf2.image.image_gradients(x)
tf2.image.sobel_edges(x)
tf2.image.psnr(x, x3, 1.0)
tf2.image.psnr(b, b3, 255)
tf2.image.crop_and_resize(x, crops, [0, 1], [3, 4])
tf.image.crop_and_resize(x, crops, box_ind=[0, 1], crop_size=[3, 4], method="nearest", name="cr")
tf2.image.draw_bounding_boxes(x, boxes, None)
tf2.image.draw_bounding_boxes(x, boxes, colors, name="dd")
tf.image.draw_bounding_boxes(x, boxes)
tf2.image.sample_distorted_bounding_box([60, 80, 3], objects, seed=3)
tf.image.sample_distorted_bounding_box([60, 80, 3], objects, seed=3, seed2=5, min_object_covered=0.5)
tf2.image.stateless_sample_distorted_bounding_box([60, 80, 3], objects, [4, 5], area_range=[0.2, 0.6])
tf2.image.non_max_suppression(boxes[0], scores[0], 5)
tf2.image.non_max_suppression(boxes[1], scores[1], 5, 0.2, 0.3, name="nn")
tf2.image.non_max_suppression_with_scores(boxes[0], scores[0], 5, soft_nms_sigma=0.4)
tf2.image.non_max_suppression_overlaps(overlaps, scores[0], 5, 0.7)
list(tf2.image.combined_non_max_suppression(boxes[:, :, None], tf.stack([scores, 1 - scores], 2), 3, 4))
tf2.image.extract_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID")
"""

# Functions whose nodes are made by branches, loops, functions or assertions: values alone.
SAME_VALUES = """
tf2.image.resize_with_crop_or_pad(fed(x3), 9, 3)
tf2.image.central_crop(fed(x), 0.7)
tf2.image.crop_to_bounding_box(fed(x3), tf.constant(1), 2, 3, tf.constant(2))
tf2.image.flip_up_down(fed(x3))
tf2.image.rot90(x3)
tf2.image.rot90(x, 2)
tf2.image.rot90(fed(x3), tf.constant(3))
tf2.image.rot90(x, -7)
tf2.image.random_flip_left_right(x3, seed=3)
tf2.image.random_flip_up_down(x3, seed=9)
tf2.image.stateless_random_flip_left_right(x3, [1, 2])
tf2.image.stateless_random_flip_up_down(x3, [1, 3])
tf2.image.flip_left_right(tf.placeholder_with_default(x, None))
tf2.image.ssim(big, big2, 1.0)
tf2.image.ssim(big, big2, 1.0, filter_size=4, filter_sigma=1.0, k1=0.02, k2=0.05)
tf2.image.ssim(b[:1], b, 255, filter_size=3, return_index_map=True)
tf2.image.ssim_multiscale(odd_big, odd_big * 0.9, 1.0, power_factors=[0.4, 0.6], filter_size=3)
tf2.image.non_max_suppression_padded(boxes[0], scores[0], 6, 0.3)
tf2.image.non_max_suppression_padded(boxes, scores, 6, 0.3, 0.2, pad_to_max_output_size=True)
tf2.image.non_max_suppression_padded(boxes, scores, 12, pad_to_max_output_size=True, tile_size=4)
tf2.image.non_max_suppression_padded(1 - boxes, scores, 6, pad_to_max_output_size=True)
tf2.image.non_max_suppression_padded(boxes, scores, 6, pad_to_max_output_size=True, sorted_input=True, canonicalized_coordinates=True)
tf2.image.random_crop(x3, [4, 3, 3], seed=2)
tf2.image.stateless_random_crop(x3, [4, 3, 3], seed=[2, 5])
tf2.image.extract_glimpse(x, [3, 4], [[0.1, 0.2], [-0.9, 0.8]], noise="zero")
tf2.image.extract_glimpse(x[:, 2:4, 2:4], [2, 2], [[0.0, 0.0], [0.0, 0.0]])
tf.image.extract_glimpse(x[:, 1:5], [3, 4], [[0.1, 0.2], [-0.1, 0.1]])
tf2.image.resize(tf2.image.resize(x, [11, 3]) ** 2, [4, 4])
"""


def lines(text):
    return [line for line in text.splitlines() if line]


class Names(dict):
    """The names that an expression uses: an array is made a constant when it is first asked for."""

    def __init__(self, tf, tf2):
        super().__init__(tf=tf, tf2=tf2)
        self.made, self.feeds = {}, {}
        self["fed"] = self.fed

    def __missing__(self, name):
        if name not in ARRAYS:
            raise KeyError(name)
        self[name] = self.made[name] = self["tf"].constant(ARRAYS[name], name=name)
        return self[name]

    def fed(self, constant):
        [name] = [key for key, made in self.made.items() if made is constant]
        value = ARRAYS[name]
        shape = [None] * (value.ndim - 1) + [value.shape[-1]]
        tensor = self["tf"].placeholder(constant.dtype, shape, name=f"fed_{name}")
        self.feeds[tensor] = value
        return tensor


def outputs(result):
    """The tensors of a result in a flat list."""
    if isinstance(result, (list, tuple)):
        return [t for each in result for t in outputs(each)]
    return [result]
