"""Warps: each image as another hand might have written it, so that a decoder generalises.

An affine map and a smooth random field bend the strokes; then centre of mass and size become those
of the original again: data sets of digits are centred and scaled, and a codec must not spend bits
on shifts that never occur.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

ROTATE, SHEAR, ASPECT = 0.10, 0.12, 0.05  # standard deviations: radians, slope, factor
BEND = 0.6 / 28  # of the field, in sides of the image
CELLS = 5  # of the grid that carries the field, a side
INK = 0.2  # pixels above this count when the size is measured


def warp(x: Tensor, height: int, width: int, random: torch.Generator, bend: float = BEND) -> Tensor:
    """Bend each image of x [n, h*w], pixels in [0, 1], a little."""
    n = len(x)
    ink = x.view(n, height, width)
    down, across = torch.meshgrid(
        torch.arange(height, dtype=x.dtype), torch.arange(width, dtype=x.dtype), indexing="ij"
    )
    mass = ink.sum((1, 2)).clamp(min=1e-3)
    centre_x, centre_y = _mean(ink, across, mass), _mean(ink, down, mass)
    dx, dy = across - centre_x, down - centre_y  # [n, h, w]
    normal = torch.randn(n, 3, 1, 1, generator=random)
    angle, shear, aspect = normal[:, 0] * ROTATE, normal[:, 1] * SHEAR, normal[:, 2] * ASPECT
    cos, sin = torch.cos(angle), torch.sin(angle)
    coarse = torch.randn(n, 2, CELLS, CELLS, generator=random) * (bend * max(height, width))
    field = F.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)

    def source(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return where the pixel at x, y of the result comes from, relative to the centre."""
        from_x = cos * x * (1 + aspect) + (shear - sin) * y + field[:, 0]
        from_y = sin * x + cos * y * (1 - aspect) + field[:, 1]
        return from_x, from_y

    from_x, from_y = source(dx, dy)
    to_x, to_y = 2 * dx - from_x, 2 * dy - from_y  # where strokes go, to first order
    seen = ink > INK
    before = torch.maximum(_extent(dx, seen), _extent(dy, seen)).clamp(min=4)
    after = torch.maximum(_extent(to_x, seen), _extent(to_y, seen)).clamp(min=4)
    scale = (after / before).clamp(0.8, 1.25)
    from_x, from_y = source(
        dx * scale + _mean(ink, to_x, mass), dy * scale + _mean(ink, to_y, mass)
    )
    grid = torch.stack(
        [(from_x + centre_x) * 2 / (width - 1) - 1, (from_y + centre_y) * 2 / (height - 1) - 1], -1
    )
    warped = F.grid_sample(ink.unsqueeze(1), grid, mode="bicubic", align_corners=True)
    return warped.clamp(0, 1).view(n, height * width)


def _mean(ink: Tensor, position: Tensor, mass: Tensor) -> Tensor:
    """Return the mean position [n, 1, 1] of the ink of each image."""
    return ((ink * position).sum((1, 2)) / mass)[:, None, None]


def _extent(position: Tensor, seen: Tensor) -> Tensor:
    """Return the distance [n, 1, 1] between the outermost positions that are seen."""
    far = torch.full_like(position, 1e4)
    greatest = torch.where(seen, position, -far).amax((1, 2), keepdim=True)
    return greatest - torch.where(seen, position, far).amin((1, 2), keepdim=True)
