"""How many pixels a picture may have, told to Pillow itself: its limit is one for the whole process.

Pillow looks at it before it makes room for anything: when a file is opened, and when a later frame of a GIF
is larger than those before. What is larger raises `DecompressionBombError`.
Source: Pillow's handbook, `Image.open` and `Image.MAX_IMAGE_PIXELS`.
"""

import warnings

from PIL import Image

LIMIT_PIXELS = 40_000_000
"""Of one picture: 160 MB, several times over while it is decoded. A phone's camera makes 12 to 50 million."""

Image.MAX_IMAGE_PIXELS = LIMIT_PIXELS // 2  # beyond this it warns, beyond twice as much it refuses
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
