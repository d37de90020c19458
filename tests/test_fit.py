"""Photographs of digits on paper become digits as MNIST's are."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from digitzip.images import fit_picture
from digitzip.images.ink import find_ink
from digitzip.images.strokes import connected

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

DIGITS = {
    "0": [[(0.5, 0), (0.1, 0.3), (0.1, 0.7), (0.5, 1), (0.9, 0.7), (0.9, 0.3), (0.5, 0)]],
    "2": [[(0.1, 0.2), (0.4, 0), (0.8, 0.1), (0.8, 0.4), (0.1, 1), (0.95, 0.95)]],
    "4": [[(0.3, 0), (0.1, 0.55), (0.95, 0.5)], [(0.75, 0.05), (0.65, 1)]],
    "5": [
        [(0.25, 0.05), (0.2, 0.45), (0.6, 0.4), (0.9, 0.7), (0.1, 0.95)],
        [(0.3, 0.03), (0.9, 0)],
    ],
    "7": [[(0.05, 0.05), (0.95, 0.02), (0.4, 1)]],
}


@dataclass(frozen=True)
class Photo:
    """How a digit was photographed; light falls off to one side, a shadow lies across it."""

    pen: int = 12
    size: int = 330
    paper: Colour = (235, 230, 215)
    ink: Colour = (30, 35, 90)
    falloff: float = 0.4
    shadow: float = 0.35
    penumbra: float = 3.0
    noise: float = 5.0
    turn: float = 6.0

    def take(self, digit: str, height: int = 540, width: int = 720) -> Image.Image:
        drawn = np.asarray(self.draw(digit, height, width), np.float64)[..., np.newaxis] / 255
        scene = np.array(self.paper) * (1 - drawn) + np.array(self.ink) * drawn
        y, x = np.mgrid[:height, :width]
        light = 1 - self.falloff * (0.7 * x / width + 0.3 * y / height)
        across = 0.8 * (x - 0.45 * width) + 0.6 * (y - 0.5 * height)
        light *= 1 - self.shadow / (1 + np.exp(-np.clip(across / self.penumbra, -50, 50)))
        scene = scene * light[..., np.newaxis]
        scene += np.random.default_rng(7).normal(0, self.noise, scene.shape)
        return Image.fromarray(scene.clip(0, 255).astype(np.uint8))

    def draw(self, digit: str, height: int = 540, width: int = 720) -> Image.Image:
        """Draw the ink alone, white on black."""
        image = Image.new("L", (width, height))
        pen = ImageDraw.Draw(image)
        for stroke in DIGITS[digit]:
            left, top = (width - 0.6 * self.size) / 2, (height - self.size) / 2
            points = [(left + 0.6 * self.size * x, top + self.size * y) for x, y in stroke]
            pen.line(points, fill=255, width=self.pen, joint="curve")
            for x, y in points:
                reach = self.pen / 2
                pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
        turned = image.rotate(self.turn, Image.Resampling.BICUBIC)
        return turned.filter(ImageFilter.GaussianBlur(1))


PHOTOS = {
    "plain paper": Photo(),
    "a thin pen": Photo(pen=4),
    "a bold marker": Photo(pen=60),
    "a small digit": Photo(size=90, pen=5),
    "yellow paper in hard light": Photo(paper=(250, 220, 60), falloff=0.7, shadow=0.5),
    "red ink on pink": Photo(paper=(240, 170, 170), ink=(200, 20, 30)),
    "red ink as bright as green paper": Photo(paper=(60, 120, 60), ink=(210, 45, 50), shadow=0.2),
    "pencil": Photo(ink=(140, 140, 140), pen=8, shadow=0.25),
    "chalk on a board": Photo(paper=(35, 60, 45), ink=(230, 230, 220)),
    "noise": Photo(noise=20.0),
    "a hard shadow": Photo(shadow=0.5, penumbra=0.5),
}


@cache
def fitted(photo: Photo, digit: str) -> Pixels:
    return make_mnist(photo.take(digit))


@cache
def drawn(pen: int, size: int, turn: float, digit: str) -> Pixels:
    return make_mnist(Photo(pen=pen, size=size, turn=turn).draw(digit))


def make_mnist(picture: Image.Image) -> Pixels:
    digit = fit_picture.mnist(picture, 28, 28)
    assert digit is not None
    return digit


def extent(image: Pixels, above: int = 40) -> tuple[int, int]:
    rows = np.flatnonzero((image > above).any(axis=1))
    columns = np.flatnonzero((image > above).any(axis=0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def likeness(first: Pixels, second: Pixels) -> float:
    """Correlate two digits, one of them shifted by up to a pixel to match."""
    shifts = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return max(
        float(np.corrcoef(np.roll(first, shift, (0, 1)).ravel(), second.ravel())[0, 1])
        for shift in shifts
    )


@pytest.mark.parametrize("photo", PHOTOS.values(), ids=PHOTOS.keys())
def test_a_photograph_gives_the_digit_that_was_drawn(photo: Photo) -> None:
    wanted = {digit: drawn(photo.pen, photo.size, photo.turn, digit) for digit in DIGITS}
    for digit in DIGITS:
        found = fitted(photo, digit)
        likenesses = {other: likeness(found, wanted[other]) for other in DIGITS}
        assert likenesses[digit] > 0.9, digit
        assert max(likenesses, key=lambda other: likenesses[other]) == digit


@pytest.mark.parametrize("photo", PHOTOS.values(), ids=PHOTOS.keys())
def test_a_digit_is_white_on_black_in_a_box_of_20_with_its_mass_in_the_middle(photo: Photo) -> None:
    found = fitted(photo, "4")
    assert found.shape == (28, 28)
    assert found.dtype == np.uint8
    assert found.max() > 220
    assert np.median(found) == 0
    assert max(extent(found)) in (19, 20)
    for axis in (0, 1):
        mass = found.sum(axis=axis, dtype=np.float64)
        assert mass @ np.arange(28) / mass.sum() == pytest.approx(14, abs=0.51)


@pytest.mark.parametrize("pen", [3, 6, 12, 24, 48])
def test_every_pen_gives_strokes_as_wide_as_handwriting_in_mnist(pen: int) -> None:
    found = make_mnist(Photo(pen=pen, size=400).take("2")) / 255
    length = 45  # pixels that the strokes of a 2 of height 20 run
    assert 1.2 < found.sum() / length < 3.5


def test_the_aspect_of_the_ink_is_kept() -> None:
    one = Image.new("L", (300, 300), 255)
    ImageDraw.Draw(one).rectangle((120, 50, 159, 249), fill=0)
    assert extent(make_mnist(one)) == (20, 4)
    assert extent(make_mnist(one.rotate(90))) == (4, 20)


def test_a_speck_of_dust_and_the_edge_of_the_table_are_not_ink() -> None:
    clean = Photo().take("5")
    dirty = clean.copy()
    pen = ImageDraw.Draw(dirty)
    pen.ellipse((600, 60, 612, 72), fill=(40, 40, 40))
    pen.rectangle((0, 0, 40, 540), fill=(60, 40, 30))
    assert likeness(make_mnist(dirty), make_mnist(clean)) > 0.97


def draw_in_pieces(bars: list[tuple[int, int, int, int]]) -> Image.Image:
    picture = Image.new("L", (500, 500), 240)
    for bar in bars:
        ImageDraw.Draw(picture).rectangle(bar, fill=20)
    return picture


BOWL = (180, 250, 340, 410)
STEM = (168, 100, 192, 240)
BAR = (215, 78, 350, 100)
"""Near the stem, but farther from the bowl than a stroke of its size may be."""


def test_a_stroke_near_a_stroke_of_the_digit_belongs_to_it_too() -> None:
    picture = draw_in_pieces([STEM, BAR])
    ImageDraw.Draw(picture).arc(BOWL, -120, 130, fill=20, width=24)
    ink = find_ink(picture)
    assert ink is not None
    assert ink[78:101, 215:351].mean() > 0.8


def test_a_large_speck_far_from_all_strokes_is_dropped() -> None:
    clean = draw_in_pieces([STEM, BAR, BOWL])
    dirty = draw_in_pieces([STEM, BAR, BOWL, (440, 440, 485, 485)])
    assert (make_mnist(dirty) == make_mnist(clean)).all()


def mnist_like(digit: str) -> Pixels:
    """Draw a digit as MNIST has them: a box of 20 within 28x28, centred by its mass."""
    return make_mnist(Photo(pen=30, turn=0).draw(digit))


@pytest.mark.parametrize("digit", DIGITS)
def test_a_digit_like_those_of_mnist_keeps_its_pixels(digit: str) -> None:
    image = mnist_like(digit)
    assert np.abs(make_mnist(Image.fromarray(image)).astype(int) - image).max() <= 8
    assert np.abs(make_mnist(Image.fromarray(255 - image)).astype(int) - image).max() <= 8


@pytest.mark.parametrize(("height", "width"), [(8, 8), (64, 64), (40, 20)])
def test_other_frames_have_their_box_in_proportion(height: int, width: int) -> None:
    found = fit_picture.mnist(Photo().take("0"), height, width)
    assert found is not None
    assert found.shape == (height, width)
    assert max(extent(found)) == pytest.approx(min(height, width) * 20 / 28, abs=1.5)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_paper_shows_no_ink(level: int) -> None:
    assert fit_picture.mnist(Image.new("L", (28, 28), level), 28, 28) is None
    assert fit_picture.mnist(Image.new("RGB", (300, 200), (level,) * 3), 28, 28) is None


def test_paper_under_light_shadow_and_noise_shows_no_ink() -> None:
    assert fit_picture.mnist(Photo(ink=(235, 230, 215)).take("0"), 28, 28) is None


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)))
def test_any_picture_gives_a_digit_or_none(pixels: Pixels) -> None:
    found = fit_picture.mnist(Image.fromarray(pixels), 28, 28)
    assert found is None or (found.shape == (28, 28) and found.max() > 0)


@given(
    arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40)),
    st.integers(1, 64),
    st.integers(1, 64),
)
def test_any_picture_is_resized_to_the_frame(pixels: Pixels, height: int, width: int) -> None:
    assert fit_picture.resize(Image.fromarray(pixels), height, width).shape == (height, width)


def test_resize_keeps_a_picture_that_has_the_size() -> None:
    image = mnist_like("2")
    assert (fit_picture.resize(Image.fromarray(image), 28, 28) == image).all()


def test_resize_averages_what_it_makes_smaller() -> None:
    board = (np.indices((280, 280)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert np.abs(fit_picture.resize(Image.fromarray(board), 28, 28).astype(int) - 127).max() <= 3


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=9)))
def test_connected_regions_are_those_that_a_flood_would_fill(mask: NDArray[np.bool_]) -> None:
    labels = connected(mask)
    assert ((labels > 0) == mask).all()
    todo = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    floods = 0
    while todo:
        flood, edge = set(), [todo.pop()]
        while edge:
            y, x = edge.pop()
            flood.add((y, x))
            nearby = {(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)} & todo
            edge.extend(nearby)
            todo -= nearby
        assert len({int(labels[pixel]) for pixel in flood}) == 1
        floods += 1
    assert len(np.unique(labels[mask])) == floods
