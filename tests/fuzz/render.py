"""Put the figures of the recorded run into docs/RELIABILITY.md: `python -m tests.fuzz.render`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
RESULT: Final = ROOT / "tests" / "fuzz_result.json"
PAGE: Final = ROOT / "docs" / "RELIABILITY.md"
_BLOCK: Final = re.compile(r"(?<=<!-- fuzz -->\n).*?(?=<!-- /fuzz -->)", re.DOTALL)


def figures(result: dict[str, Any]) -> str:
    """Return the recorded run as text and a table."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    rows = "".join(
        f"| {each['target']} | {each['executions']:,} | {each['refused']:,} "
        f"| {each['peak_mb']} MB | {each['crashes']} |\n"
        for each in result["targets"]
    )
    return (
        f"`{result['command']}`, {result['date']}: {result['executions']:,} executions, "
        f"{result['crashes']} crashes,\n{result['peak_mb']} MB at most "
        f"({versions};\n[figures](../tests/fuzz_result.json)).\n\n"
        "| target | executions | refused | memory at most | crashes |\n|---|---|---|---|---|\n"
        f"{rows}"
    )


def rendered(page: str, result: dict[str, Any]) -> str:
    """Return the page with the figures of `result` in their place."""
    return _BLOCK.sub(lambda _: figures(result), page)


if __name__ == "__main__":
    recorded = json.loads(RESULT.read_text("utf-8"))
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), recorded), "utf-8")
