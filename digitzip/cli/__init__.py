"""The command line: arguments, progress, exit codes and text around the public API.

This room imports from digitzip only what it exports. Commands, and whatever they need, are
imported when they run: `--version` and `--help` load neither NumPy nor Pillow.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

import click

from digitzip.cli import console
from digitzip.version import __version__

_COMMANDS: Final = {
    "compress": "compress.compress",
    "decompress": "decompress.decompress",
    "append": "append.append",
    "cat": "cat.cat",
    "extract": "extract.extract",
    "recover": "recover.recover",
    "info": "inspect.info",
    "test": "inspect.test",
    "list": "inspect.list_names",
    "compare": "compare.compare",
    "models": "models.models",
    "demo": "demo.demo",
    "train": "train.train",
    "fetch": "fetch.fetch",
}


class LazyGroup(click.Group):
    """Import commands when they are called, and turn their errors into exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name].partition(".")
        command: click.Command = getattr(import_module(f"{__name__}.{module}"), attribute)
        return command

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run; return the exit code, or exit with it in `standalone_mode`."""

        def run() -> Any:
            with console.at("standard output"):  # commands tell their own errors; this is for help
                return super(LazyGroup, self).main(args, prog_name, complete_var, False, **extra)

        code = console.run(run)
        if standalone_mode:
            sys.exit(code)
        return code

    def invoke(self, ctx: click.Context) -> Any:
        ctx.exit(console.run(lambda: super(LazyGroup, self).invoke(ctx)))


@click.group(
    cls=LazyGroup,
    invoke_without_command=True,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 100,
        "show_default": True,
    },
    epilog="Exit codes: 0 ok, 1 bad input or output, 2 wrong usage, 3 damaged file, "
    "4 unknown model or version, 5 a bound that could not be kept.",
)
@click.option("--version", is_flag=True, help="Print the version.")
@click.option("-v", "--verbose", is_flag=True, help="With --version: print the backend, too.")
@click.pass_context
def digitzip(ctx: click.Context, version: bool, verbose: bool) -> None:
    """Compress small grayscale images, handwritten digits first, to a few bytes each.

    The file name - stands for standard input or output.
    """
    if version:
        print(f"digitzip {__version__}")
        if verbose:
            from digitzip import backend

            print(f"backend: {backend()}")
        ctx.exit()
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
        ctx.exit(2)
