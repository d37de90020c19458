"""Hyper-parameters by path: list them, compare them, change any of them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final, TypeVar, get_args, get_origin, get_type_hints

from digitzip.errors import InputError

Config = TypeVar("Config")

_NUMBERS: Final[dict[Any, Callable[[str], Any]]] = {int: int, float: float}


def values_of(config: object, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every hyper-parameter of a configuration by its path, such as `decoder.width`."""
    for item in fields(config):  # type: ignore[arg-type]
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from values_of(value, f"{prefix}{item.name}.")
        else:
            yield f"{prefix}{item.name}", value


def to_json(config: object) -> str:
    """Return the hyper-parameters of a configuration as one flat JSON object."""
    return json.dumps(dict(values_of(config)))


def differences(config: object, stored: str) -> str:
    """Return which values of another configuration, from `to_json`, differ; empty if none does."""
    mine, theirs = json.loads(to_json(config)), json.loads(stored)
    return ", ".join(
        f"{path} {theirs.get(path)}"
        for path in {**mine, **theirs}
        if mine.get(path) != theirs.get(path)
    )


def changed(config: Config, changes: Mapping[str, Any]) -> Config:
    """Return a configuration with other values by path: `{"decoder.width": 640}`.

    A string given for a value of another type is parsed: `"640"`, `"15,5"`, `"no"`. Raises
    `InputError` for a path that does not exist and for a value that does not fit.
    """
    hints = get_type_hints(type(config))
    nested: dict[str, dict[str, Any]] = {}
    values: dict[str, Any] = {}
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        kinds = get_args(hints.get(name)) or (hints.get(name),)
        kind = next((each for each in kinds if is_dataclass(each)), None)
        if name not in hints or (bool(rest) and kind is None):
            raise InputError(f"there is no hyper-parameter {path!r}; found {', '.join(hints)}")
        if not rest:
            values[name] = _parsed(hints[name], path, value)
            continue
        nested.setdefault(name, {})[rest] = value
        if getattr(config, name) is None and name not in values:
            assert isinstance(kind, type)
            values[name] = kind()
    for name, inner in nested.items():
        values[name] = changed(values.get(name, getattr(config, name)), inner)
    return replace(config, **values)  # type: ignore[type-var]


def _parsed(kind: Any, path: str, value: Any) -> Any:
    """Return `value`, or what it says as text in place of another type."""
    if not isinstance(value, str) or kind is str:
        return value
    try:
        if kind is bool:
            return {"yes": True, "true": True, "no": False, "false": False}[value.lower()]
        if get_origin(kind) is tuple:
            number = _NUMBERS[get_args(kind)[0]]
            return tuple(number(part) for part in value.split(",") if part)
        if type(None) in get_args(kind) and value == "none":
            return None
        return _NUMBERS[kind](value)
    except (KeyError, TypeError, ValueError) as error:
        name = getattr(kind, "__name__", str(kind))
        raise InputError(f"{path} is {value!r}, expected {name}") from error
