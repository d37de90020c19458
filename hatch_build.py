"""Build hook: compile the native kernels where a C compiler is found, else install without them.

`DIGITZIP_BUILD=native` makes a failed compilation an error, as wheels that are published need it;
`DIGITZIP_BUILD=pure` compiles nothing.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent
SOURCE = ROOT / "digitzip" / "kernels" / "native.c"
LIBRARY = "_native.dll" if sys.platform == "win32" else "_native.so"
FLAGS = ("-O3", "-std=c11", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden")


def compile_library(folder: Path) -> str | None:
    """Compile the library into a folder; return why that failed, None where it did not."""
    named = os.environ.get("CC")
    compiler = (
        shutil.which(named)
        if named
        else next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    )
    if compiler is None:
        return "no C compiler was found"
    target = folder / LIBRARY
    architecture = shlex.split(os.environ.get("ARCHFLAGS", ""))  # of wheels for macOS
    command = [compiler, *FLAGS, *architecture, "-o", str(target), str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode or not target.is_file():
        return f"{' '.join(command)} failed: {done.stderr.strip()[:500]}"
    return None


class NativeBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the library to a wheel, or to the source tree of an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        wanted = os.environ.get("DIGITZIP_BUILD", "")
        if wanted not in ("", "native", "pure"):
            raise ValueError(f"DIGITZIP_BUILD is {wanted!r}, expected native or pure")
        if wanted == "pure" or self.target_name != "wheel":
            return
        editable = version == "editable"
        self._folder = Path(tempfile.mkdtemp())
        failure = compile_library(self._folder)
        if failure is not None:
            if wanted == "native":
                raise RuntimeError(failure)
            self.app.display_warning(f"installing without native kernels: {failure}")
            return
        if editable:
            shutil.copy(self._folder / LIBRARY, SOURCE.with_name(LIBRARY))
            return
        build_data["force_include"][str(self._folder / LIBRARY)] = f"digitzip/kernels/{LIBRARY}"
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if (folder := getattr(self, "_folder", None)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
