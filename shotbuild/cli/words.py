"""A command that takes text, paths, numbers and flags as typer's parser has them. Whatever else there is, and all that is
wrong, is typer's: it converts with pydantic, which takes longer to load than a small project takes to read."""

from collections.abc import Callable
from inspect import Parameter, signature, unwrap
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from typer.core import TyperCommand

UNFIT = object()


class Command(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        said, rest, _ = self.make_parser(ctx).parse_args(args=list(args))
        taken = None if rest or self.callback is None else _taken(unwrap(self.callback), said)
        if taken is None:
            return super().parse_args(ctx, args)
        ctx.params |= taken
        return []


def _taken(function: Callable[..., Any], said: dict[str, Any]) -> dict[str, Any] | None:
    """What a command's function is called with, None when typer has to look. said: parameter → words, parsed."""
    parameters = signature(function).parameters
    if any(value for name, value in said.items() if name not in parameters):
        return None  # --help
    taken = {name: _value(each, said.get(name)) for name, each in parameters.items()}
    return None if any(value is UNFIT for value in taken.values()) else taken


def _value(parameter: Parameter, said: Any) -> Any:
    if said is None or said in ((), []):
        return UNFIT if parameter.default is Parameter.empty else parameter.default
    kind, option = parameter.annotation, None
    if get_origin(kind) is Annotated:
        kind, option, *_ = get_args(kind)
    if type(None) in get_args(kind):
        kind = next(each for each in get_args(kind) if each is not type(None))
    match said:
        case bool() if kind is bool:
            return said
        case str() if kind is str:
            return said
        case str() if kind is Path:
            return Path(said)
        case str() if kind is int and said.isascii() and said.isdecimal() and len(said) < 10:
            number = int(said)
            return number if _within(number, option) else UNFIT
        case list() | tuple() if kind == list[str] and all(isinstance(each, str) for each in said):
            return list(said)
    return UNFIT


def _within(number: int, option: Any) -> bool:
    least, most = getattr(option, "min", None), getattr(option, "max", None)
    return (least is None or least <= number) and (most is None or number <= most)
