"""From the bytes of an image file to what the model gets: one way for training data and for requests.

Files come from strangers, so that nothing is believed: only PNG and JPEG are read, the size in the header is looked at
before anything is unpacked, and a file that is cut off is refused.
"""

import io
import threading
import warnings

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

Pixels = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG")
MODES = {1: "L", 3: "RGB"}
# A photo of a phone has 12 to 24 million pixels. A file of some kilobytes can declare a billion (a decompression bomb).
MOST_PIXELS = 25_000_000
# One image at a time is unpacked, so that many large ones at once need no more memory than one.
unpacking = threading.Lock()


class ImageError(ValueError):
    """The file is no image that can be read; the message says why."""


def read_image(content: bytes, size: int, channels: int) -> Pixels:
    """Decode an image file and scale it.

    Transparent parts become black, and a photo is turned upright if its file says so. The longer side is scaled to
    `size`, the rest is filled with black, so that nothing is distorted or cut off.

    Args:
        content: The bytes of a PNG or JPEG file.
        size: Height and width of the result.
        channels: 1 for grey, 3 for colour.

    Returns:
        Shape (size, size, channels), uint8.

    Raises:
        ImageError: If it is no such file, too large, or broken.
    """
    try:
        with unpacking, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata; broken pixels are errors
            return scaled(opened(content, channels, 2 * size), size, channels)
    except ImageError:
        raise
    except UnidentifiedImageError:
        raise ImageError("this is no PNG or JPEG image") from None
    except Image.DecompressionBombError:
        raise ImageError(f"the image has far more than the {MOST_PIXELS:,} pixels that are read at most") from None
    except Exception as error:  # Pillow raises dozens of kinds for a broken file: all mean the same to who sent it
        raise ImageError(f"the image is broken: {error}") from None


def opened(content: bytes, channels: int, enough: int) -> Image.Image:
    """Read the header, refuse what is too large, and unpack.

    Args:
        content: The bytes of the file.
        channels: 1 for grey, 3 for colour.
        enough: A JPEG may be unpacked at an eighth, a quarter or a half of its size, if so many pixels a side are left.

    Raises:
        ImageError: If it is too large.
    """
    image: Image.Image = Image.open(io.BytesIO(content), formats=FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ImageError(f"the image has {width} x {height} pixels; at most {MOST_PIXELS:,} are read")
    image.draft(MODES[channels], (enough, enough))
    image.load()
    return image


def scaled(image: Image.Image, size: int, channels: int) -> Pixels:
    """Make an unpacked image upright, opaque, square and small."""
    if image.mode.startswith("I"):  # 16 bits: Pillow would cut off instead of dividing
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
    elif image.mode not in {"L", "RGB"}:
        image = image.convert("RGB")
    image.thumbnail((4 * size, 4 * size), Image.Resampling.BOX)  # what follows is quicker on a small image
    image = ImageOps.exif_transpose(image)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image)
    small = ImageOps.pad(image.convert(MODES[channels]), (size, size), Image.Resampling.BICUBIC)
    return np.asarray(small, dtype=np.uint8).reshape(size, size, channels)
