"""Makes the image files that tests decode, with Pillow: python tests/golden/make_images.py"""

import pathlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent / "images"


def main():
    rng = np.random.default_rng(0)
    HERE.mkdir(exist_ok=True)
    y, x = np.mgrid[0:13, 0:18]
    planes = [x * 12 + 20, y * 15 + 10, (x + y) * 7 + 5]
    smooth = np.stack(planes, -1).clip(0, 255).astype(np.uint8)

    def noise(*shape):
        return rng.integers(0, 256, shape, dtype=np.uint8)

    rgb = noise(7, 9, 3)
    photo, plain = Image.fromarray(smooth), Image.fromarray(rgb)
    photo.save(HERE / "color.jpg", quality=90)
    photo.save(HERE / "progressive.jpg", quality=90, progressive=True, subsampling=0)
    Image.fromarray(smooth[..., 0]).save(HERE / "grey.jpg", quality=90)
    photo.convert("CMYK").save(HERE / "inks.jpg", quality=95)
    plain.save(HERE / "color.png")
    Image.fromarray(rgb[..., 0]).save(HERE / "grey.png")
    Image.fromarray(noise(7, 5, 4)).save(HERE / "alpha.png")
    Image.fromarray(noise(7, 5, 2)).save(HERE / "grey_alpha.png")
    plain.quantize(16).save(HERE / "palette.png")
    plain.quantize(16).save(HERE / "palette_alpha.png", transparency=3)
    Image.fromarray(noise(7, 5) // 128 * 255).convert("1").save(HERE / "bits.png")
    wide = rng.integers(0, 65536, (7, 5), dtype=np.uint16)
    Image.fromarray(wide).save(HERE / "grey16.png")
    plain.save(HERE / "color.bmp")
    Image.fromarray(rgb[..., 0]).save(HERE / "grey.bmp")
    Image.fromarray(noise(7, 5, 4)).save(HERE / "alpha.bmp")
    frames = [plain.quantize(32), photo.resize((9, 7)).quantize(32)]
    frames[0].save(HERE / "moving.gif", save_all=True, append_images=frames[1:])
    frames[0].save(HERE / "still.gif")
    plain.save(HERE / "color.webp", lossless=True)
    Image.fromarray(noise(7, 5, 4)).save(HERE / "alpha.webp", lossless=True, exact=True)


if __name__ == "__main__":
    main()
