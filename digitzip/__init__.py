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

from digitzip.version import __version__ as __version__

if TYPE_CHECKING:  # for type checkers, which do not see what __getattr__ finds
    from digitzip.archive.appending import append as append
    from digitzip.archive.archive import Archive as Archive
    from digitzip.archive.comparing import compare as compare
    from digitzip.archive.comparison import (
        ComparedImage as ComparedImage,
        Comparison as Comparison,
        ImageGroup as ImageGroup,
    )
    from digitzip.archive.creating import compress as compress, create as create
    from digitzip.archive.extracting import extract as extract
    from digitzip.archive.info import (
        CorrectionStats as CorrectionStats,
        Info as Info,
        Promise as Promise,
    )
    from digitzip.archive.joining import join as join
    from digitzip.archive.reading import decompress as decompress, open as open
    from digitzip.archive.recovery import Recovered as Recovered, recover as recover
    from digitzip.archive.sample import sample_path as sample_path
    from digitzip.archive.writer import Writer as Writer
    from digitzip.codec import Codec as Codec, load_codec as load_codec
    from digitzip.errors import (
        BoundError as BoundError,
        ClosedError as ClosedError,
        DamagedError as DamagedError,
        DigitzipError as DigitzipError,
        DigitzipWarning as DigitzipWarning,
        ExistsError as ExistsError,
        InputError as InputError,
        LimitError as LimitError,
        ModelError as ModelError,
        OutputError as OutputError,
        UnsupportedError as UnsupportedError,
    )
    from digitzip.fetch import fetch_mnist as fetch_mnist
    from digitzip.fidelity import Fallback as Fallback, FidelityCounts as FidelityCounts
    from digitzip.images import (
        Fit as Fit,
        ImageSource as ImageSource,
        read_images as read_images,
        read_labels as read_labels,
        read_sidecar as read_sidecar,
        write_images as write_images,
        write_labels as write_labels,
        write_sidecar as write_sidecar,
    )
    from digitzip.images.sheet import contact_sheet as contact_sheet
    from digitzip.kernels import backend as backend
    from digitzip.model import Model as Model, Shape as Shape
    from digitzip.model.listing import ModelInfo as ModelInfo, list_models as list_models
else:
    _ROOMS = {
        "archive.appending": "append",
        "archive.archive": "Archive",
        "archive.comparing": "compare",
        "archive.comparison": "ComparedImage Comparison ImageGroup",
        "archive.creating": "compress create",
        "archive.extracting": "extract",
        "archive.info": "CorrectionStats Info Promise",
        "archive.joining": "join",
        "archive.reading": "decompress open",
        "archive.recovery": "Recovered recover",
        "archive.sample": "sample_path",
        "archive.writer": "Writer",
        "codec": "Codec load_codec",
        "errors": (
            "BoundError ClosedError DamagedError DigitzipError DigitzipWarning ExistsError "
            "InputError LimitError ModelError OutputError UnsupportedError"
        ),
        "fetch": "fetch_mnist",
        "fidelity": "Fallback FidelityCounts",
        "images": (
            "Fit ImageSource read_images read_labels read_sidecar write_images write_labels "
            "write_sidecar"
        ),
        "images.sheet": "contact_sheet",
        "kernels": "backend",
        "model": "Model Shape",
        "model.listing": "ModelInfo list_models",
    }
    _HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}
    __all__ = [*_HOME, "__version__"]

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module 'digitzip' has no attribute {name!r}")
        value = getattr(import_module(f"digitzip.{_HOME[name]}"), name)
        if isinstance(value, type):
            value.__module__ = __name__  # where it is exported, in tracebacks and documents
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
