"""digitzip: a learned codec for small grayscale images, handwritten digits first.

    data = digitzip.compress(images)              # uint8 [n, 28, 28] -> bytes
    images = digitzip.decompress(data)
    codec = digitzip.load_codec("mnist-10")       # .encode(images) -> codes, .decode(codes)
    with digitzip.open("digits.dz") as dz:        # len(dz), dz[i], dz[a:b], dz.codes, dz.names
        ...
    with digitzip.create("digits.dz") as out:         # or digitzip.append, to an archive
        out.append(images)
    digitzip.join(["a.dz", "b.dz"], "both.dz")
    digitzip.extract(dz, dz.find("7", "a/*.png"), "some.dz")
    digitzip.compare(images, dz)                  # -> RMSE, label changes, worst images
    digitzip.recover("broken.dz", "saved.dz")     # -> what was lost

Names are loaded when they are first used: importing digitzip imports no other package.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from digitzip.version import __version__

if TYPE_CHECKING:
    from digitzip.archive import (
        Archive,
        ComparedImage,
        Comparison,
        CorrectionStats,
        ImageGroup,
        Info,
        Promise,
        Recovered,
        Writer,
        append,
        compare,
        compress,
        create,
        decompress,
        extract,
        join,
        open,
        recover,
    )
    from digitzip.archive.sample import (
        sample_path,
    )
    from digitzip.codec import (
        Codec,
        load_codec,
    )
    from digitzip.errors import (
        BoundError,
        ClosedError,
        DamagedError,
        DigitzipError,
        DigitzipWarning,
        ExistsError,
        InputError,
        LimitError,
        ModelError,
        OutputError,
        UnsupportedError,
    )
    from digitzip.fetch import (
        fetch_mnist,
    )
    from digitzip.fidelity import (
        Fallback,
        FidelityCounts,
    )
    from digitzip.images import (
        Fit,
        ImageSource,
        read_images,
        read_labels,
        write_images,
        write_labels,
    )
    from digitzip.images.sheet import (
        contact_sheet,
    )
    from digitzip.kernels import (
        backend,
    )
    from digitzip.model import (
        Model,
        Shape,
    )
    from digitzip.model.listing import (
        ModelInfo,
        list_models,
    )

_ROOMS = {
    "archive": (
        "Archive",
        "ComparedImage",
        "Comparison",
        "CorrectionStats",
        "ImageGroup",
        "Info",
        "Promise",
        "Recovered",
        "Writer",
        "append",
        "compare",
        "compress",
        "create",
        "decompress",
        "extract",
        "join",
        "open",
        "recover",
    ),
    "archive.sample": ("sample_path",),
    "codec": (
        "Codec",
        "load_codec",
    ),
    "errors": (
        "BoundError",
        "ClosedError",
        "DamagedError",
        "DigitzipError",
        "DigitzipWarning",
        "ExistsError",
        "InputError",
        "LimitError",
        "ModelError",
        "OutputError",
        "UnsupportedError",
    ),
    "fetch": ("fetch_mnist",),
    "fidelity": (
        "Fallback",
        "FidelityCounts",
    ),
    "images": (
        "Fit",
        "ImageSource",
        "read_images",
        "read_labels",
        "write_images",
        "write_labels",
    ),
    "images.sheet": ("contact_sheet",),
    "kernels": ("backend",),
    "model": (
        "Model",
        "Shape",
    ),
    "model.listing": (
        "ModelInfo",
        "list_models",
    ),
}
_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [  # noqa: RUF022 - by room
    "Archive",
    "ComparedImage",
    "Comparison",
    "CorrectionStats",
    "ImageGroup",
    "Info",
    "Promise",
    "Recovered",
    "Writer",
    "append",
    "compare",
    "compress",
    "create",
    "decompress",
    "extract",
    "join",
    "open",
    "recover",
    "sample_path",
    "Codec",
    "load_codec",
    "BoundError",
    "ClosedError",
    "DamagedError",
    "DigitzipError",
    "DigitzipWarning",
    "ExistsError",
    "InputError",
    "LimitError",
    "ModelError",
    "OutputError",
    "UnsupportedError",
    "fetch_mnist",
    "Fallback",
    "FidelityCounts",
    "Fit",
    "ImageSource",
    "read_images",
    "read_labels",
    "write_images",
    "write_labels",
    "contact_sheet",
    "backend",
    "Model",
    "Shape",
    "ModelInfo",
    "list_models",
    "__version__",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'digitzip' has no attribute {name!r}")
    value: object = getattr(import_module(f"digitzip.{_HOME[name]}"), name)
    if isinstance(value, type):
        value.__module__ = __name__  # where it is exported, in tracebacks and documents
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
