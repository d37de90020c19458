"""Light affine warps: the augmentation that lets a small decoder generalise."""

import torch
import torch.nn.functional as F
from torch import Tensor

ROTATE, SHEAR, SCALE = 0.08, 0.08, 0.05  # standard deviations: radians, slope, factor
SHIFT = 0.7  # pixels, at most


def warp(x: Tensor, height: int, width: int, random: torch.Generator) -> Tensor:
    """Rotate, shear, scale and shift each image of x [n, h*w] a little."""
    n = len(x)
    normal = torch.randn(n, 4, generator=random)
    shift = (torch.rand(n, 2, generator=random) * 2 - 1) * SHIFT
    angle, shear = normal[:, 0] * ROTATE, normal[:, 1] * SHEAR
    scale_x, scale_y = 1 + normal[:, 2] * SCALE, 1 + normal[:, 3] * SCALE
    cos, sin = torch.cos(angle), torch.sin(angle)
    # affine_grid counts in half widths and half heights, hence the ratios off the diagonal
    across = torch.stack(
        [cos * scale_x, (shear - sin) * scale_y * height / width, shift[:, 0] * 2 / width], 1
    )
    down = torch.stack([sin * scale_x * width / height, cos * scale_y, shift[:, 1] * 2 / height], 1)
    affine = torch.stack([across, down], 1).to(x.device)  # [n, 2, 3]
    grid = F.affine_grid(affine, [n, 1, height, width], align_corners=False)
    images = x.view(n, 1, height, width)
    warped = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return warped.view(n, height * width)
