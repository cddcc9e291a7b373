"""Plug-ins: files in which users register, by decorator, what a study can then name."""

import inspect
import logging
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, Final, TypeVar

from emc.errors import EmcError, one_line, with_kind

log = logging.getLogger(__name__)

Function = TypeVar("Function", bound=Callable[..., Any])

_NAME: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plug-in's file, relative to the working folder if it lies in it, and its content's hash."""

    file: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Registered:
    """What a decorator registered.

    `function` is the user's; its first parameters are those `given` by the program, the others
    are keys of a study. `details` are the program's, and depend on the kind.
    """

    kind: str
    name: str
    function: Callable[..., Any]
    given: tuple[str, ...]
    details: Any
    line: int
    plugin: Plugin

    @property
    def place(self) -> str:
        """Where the decorator stands."""
        return f"{self.plugin.file}, line {self.line}"

    @property
    def keys(self) -> Mapping[str, inspect.Parameter]:
        """Parameters of the function that a study gives."""
        parameters = inspect.signature(self.function, eval_str=True).parameters
        keys = dict(list(parameters.items())[len(self.given) :])
        if inspect.isclass(self.function):
            return {key: value for key, value in keys.items() if _is_scalar(value)}
        return keys


def _is_scalar(key: inspect.Parameter) -> bool:
    """Whether a study could give a parameter of a class that was not written to be a plug-in."""
    given = type(key.default) if key.annotation is key.empty else key.annotation
    return given in (int, float, bool, str)


_collected: list[Registered] = []
"""What decorators have registered: of the plug-in that is being loaded, after those of programs."""
_run: set[str] = set()
"""Files of the plug-ins that this process has run."""


def register(
    kind: str, name: str, given: tuple[str, ...], details: Any = None
) -> Callable[[Function], Function]:
    """A decorator that registers a function under a name and leaves it as it is.

    Raises:
        EmcError: the name is not one that a study can have, or the function cannot be called with
            what the program gives.
    """
    if not (isinstance(name, str) and _NAME.fullmatch(name)):
        raise EmcError(
            f"{kind}: expected a name of lower-case letters, digits and single hyphens, found"
            f" {name!r}"
        )

    def decorate(function: Function) -> Function:
        frame = traceback.extract_stack(limit=2)[0]
        here = Plugin(frame.filename, "")
        entry = Registered(kind, name, function, given, details, frame.lineno or 0, here)
        _check_signature(entry)
        _collected.append(entry)
        return function

    return decorate


def _check_signature(entry: Registered) -> None:
    what = f"{entry.kind} {entry.name!r}"
    try:
        parameters = list(inspect.signature(entry.function, eval_str=True).parameters.values())
    except (TypeError, ValueError, NameError) as error:
        raise EmcError(f"{what}: its parameters cannot be read: {error}") from None
    found = tuple(parameter.name for parameter in parameters[: len(entry.given)])
    as_written = not inspect.isclass(entry.function)
    if len(found) < len(entry.given) or (as_written and found != entry.given):
        raise EmcError(
            f"{what}: expected the first parameters ({', '.join(entry.given)}), found"
            f" ({', '.join(found)})"
        )
    for parameter in parameters:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            raise EmcError(f"{what}: each key has a parameter of its own, found {parameter}")


def plugin_at(path: Path) -> Plugin:
    """The plug-in that lies at a path, as it is now.

    Raises:
        EmcError: there is none.
    """
    whole = path.expanduser().absolute()
    here = Path.cwd()
    shown = whole.relative_to(here) if whole.is_relative_to(here) else whole
    return Plugin(str(shown), sha256(_content(shown)).hexdigest())


@cache
def load_plugin(plugin: Plugin) -> tuple[Registered, ...]:
    """Run a plug-in, once per process, and say what it registers.

    Raises:
        EmcError: it is missing, has changed, fails, or registers nothing or a name twice.
    """
    content = _content(Path(plugin.file))
    if sha256(content).hexdigest() != plugin.sha256:
        raise EmcError(
            f"{plugin.file}: it has changed since the cell was planned: start the study again"
        )
    module = ModuleType(f"emc_plugin_{plugin.sha256[:12]}")
    module.__file__ = plugin.file
    sys.modules[module.__name__] = module
    _run.add(plugin.file)
    before = len(_collected)
    try:
        with blaming(plugin.file):
            exec(compile(content, plugin.file, "exec"), module.__dict__)
        found = tuple(replace(entry, plugin=plugin) for entry in _collected[before:])
    finally:
        del _collected[before:]
    if not found:
        raise EmcError(f"{plugin.file}: expected a call such as @emc.architecture(...), found none")
    _check_unique(found)
    return found


def registered_here() -> tuple[Registered, ...]:
    """What the program that is running has registered itself, in no plug-in file."""
    return tuple(_collected)


def load_plugins(folder: Path, files: list[str]) -> tuple[Registered, ...]:
    """Run the plug-ins that a study in `folder` names, and say what they register.

    Raises:
        EmcError: one cannot be loaded, or two register the same name.
    """
    found = tuple(
        entry
        for file in files
        for entry in load_plugin(plugin_at(folder / Path(file).expanduser()))
    )
    _check_unique(found)
    return found


def of_kind(kind: str, entries: tuple[Registered, ...]) -> dict[str, Registered]:
    """What is registered of one kind, by name."""
    return {entry.name: entry for entry in entries if entry.kind == kind}


@contextmanager
def blaming(file: str, line: int | None = None) -> Iterator[None]:
    """Tell the plug-in's line for any error of the code inside.

    It is the innermost line of the plug-in that the error came through, or else `line`.

    An interruption passes, and its line is logged: nobody can tell Ctrl-C from one of the plug-in.

    Raises:
        EmcError: for every error.
    """
    otherwise = f"{file}, line {line}" if line else file
    try:
        yield
    except KeyboardInterrupt as error:
        log.warning("interrupted in %s", place_of(error) or otherwise)
        raise
    except (Exception, SystemExit) as error:
        raise EmcError(f"{place_of(error) or otherwise}: {_said(error)}") from error


def _said(error: BaseException) -> str:
    if isinstance(error, EmcError):
        return one_line(error)
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    return with_kind(error)


def place_of(error: BaseException) -> str | None:
    """The innermost line of a plug-in that an error, or else its cause, came through, or None."""
    if isinstance(error, SyntaxError) and error.filename in _run:
        return f"{error.filename}, line {error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f"{each.filename}, line {each.lineno}" for each in frames if each.filename in _run]
    if lines:
        return lines[-1]
    return place_of(error.__cause__) if error.__cause__ else None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EmcError(f"plug-in {path}: cannot be read: {error.strerror}") from None


def _check_unique(entries: tuple[Registered, ...]) -> None:
    seen: dict[tuple[str, str], Registered] = {}
    for entry in entries:
        before = seen.setdefault((entry.kind, entry.name), entry)
        if before is not entry:
            raise EmcError(
                f"{entry.place}: {entry.kind} {entry.name!r} is registered already ({before.place})"
            )
