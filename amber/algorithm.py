"""How an algorithm is declared: a typed, versioned, pure function from inputs to one result."""

import dataclasses
import functools
import inspect
import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    ParamSpec,
    TypeVar,
    Union,
    Unpack,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
    overload,
)

from amber.errors import (
    DeclarationError,
    InvalidResultTypeError,
    SettingError,
    SettingWithoutDefaultError,
    SourceLostError,
    UntypedParameterError,
)
from amber.resources import Taking, check_gpus_when, is_installed
from amber.weights import Weights

T = TypeVar("T")
P = ParamSpec("P")
R = TypeVar("R")

#: A setting's value after parsing.
SettingValue = bool | int | float | str | None
#: How an input is found for the assets of an ask: of the same assets, of each one, or of one pair of them.
Arity = Literal["one", "each", "pair"]

_SCALARS = (bool, int, float, str)


@dataclasses.dataclass(frozen=True)
class File:
    """A file that a result names by its digest, such as an encode.

    An algorithm makes one with `File.at(path)`; after it is stored, `path` is a local, read-only copy.
    """

    #: Where the bytes can be read on this machine.
    path: Path
    #: Hex SHA-256 of the bytes; empty until the file is stored.
    sha256: str = ""
    size_bytes: int = 0

    @classmethod
    def at(cls, path: Path) -> "File":
        """A file that an algorithm wrote and hands over; the store moves it away."""
        return cls(path=path)


class Each(Mapping[str, T]):
    """The input of each asset of the ask: asset hash → result, in the order of the hashes."""

    def __init__(self, items: Mapping[str, T]) -> None:
        self._items = dict(items)

    def __getitem__(self, asset: str) -> T:
        return self._items[asset]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


@dataclasses.dataclass(frozen=True)
class Pair(Generic[T]):
    """The input of two assets, or of one asset with itself; `assets` are in the order of their hashes."""

    assets: tuple[str, str]
    first: T
    second: T

    @property
    def is_self(self) -> bool:
        """Whether both sides are the same asset."""
        return self.assets[0] == self.assets[1]


@dataclasses.dataclass(frozen=True)
class Source:
    """The asset itself, as the input of an algorithm that reads media: its hash and where it was seen."""

    #: The asset hash.
    asset: str
    #: Files that held the asset when they were last looked at, best first; what lies elsewhere is fetched when it is taken.
    paths: Sequence[Path]
    #: Called with a path that turned out to hold something else.
    mark_changed: Callable[[Path], None] = dataclasses.field(default=lambda path: None, repr=False)
    #: When its frames are shown, as recorded when it was first seen (docs/format.md); None if a rate says so.
    frame_times: bytes | None = dataclasses.field(default=None, repr=False)

    def lost(self, tried: Mapping[Path, str]) -> SourceLostError:
        """The error to raise when no path could be read; `tried` says why, path by path."""
        reasons = "; ".join(f"{path}: {why}" for path, why in tried.items()) or "no location is recorded"
        return SourceLostError(
            f"asset {self.asset[:12]} cannot be read any more ({reasons}); "
            "features that are stored are still served; `amber ingest PATH` names a new location"
        )


@dataclass_transform(frozen_default=True, eq_default=False)
def result(cls: type[T]) -> type[T]:
    """Declare a result type: a frozen dataclass that is stored as one Arrow table.

    Fields are either all columns, which share their first axis, or all scalars, which make a table of one row.
    A column is a jaxtyping array (`Int32[np.ndarray, " shot"]`), `list[str]` or `list[File]`;
    a scalar is `bool`, `int`, `float`, `str` or `File`.
    A subclass is a type of its own, stored with all its fields, once it is declared with `@result` too.

    Raises:
        InvalidResultTypeError: The class has no fields, or cannot be a frozen dataclass.
    """
    try:
        made = dataclasses.dataclass(frozen=True, eq=False)(cls)
    except (TypeError, ValueError) as error:
        raise InvalidResultTypeError(f"result type {cls.__name__} cannot be a dataclass: {error}") from error
    if not dataclasses.fields(made):  # type: ignore[arg-type]
        raise InvalidResultTypeError(f"result type {cls.__name__} has no fields")
    made.__amber_result__ = True  # type: ignore[attr-defined]
    return made


def is_result(candidate: object) -> bool:
    """Whether `candidate` is a class declared with `@result`."""
    return isinstance(candidate, type) and "__amber_result__" in vars(candidate)


@dataclasses.dataclass(frozen=True)
class Input:
    """A positional parameter: another algorithm's result, or the `Source`."""

    name: str
    type: type
    arity: Arity


@dataclasses.dataclass(frozen=True)
class WeightsInput:
    """A positional parameter that is a model, opened once per worker by `opener.open(path)`.

    None where the settings do not want it (`Weights(..., when=…)`).
    """

    name: str
    opener: type
    weights: Weights


@dataclasses.dataclass(frozen=True)
class Setting:
    """A keyword-only parameter: part of the key, with a default."""

    name: str
    annotation: Any
    default: SettingValue

    def parse(self, value: object) -> SettingValue:
        """`value`, from a command line or from Python, as the annotation says.

        Raises:
            SettingError: It is not of that type, or not a finite number.
        """
        return parse_setting(self.name, value, self.annotation)


@dataclasses.dataclass(frozen=True, eq=False)
class Algorithm(Generic[P, R]):
    """A declared algorithm; calling it calls the plain function."""

    function: Callable[P, R]
    name: str
    version: str
    inputs: tuple[Input, ...]
    weights: tuple[WeightsInput, ...]
    settings: tuple[Setting, ...]
    result: type
    merge: Callable[..., Any] | None = None
    cpus: float = 1.0
    gpus: float = 0.0
    gpus_when: Mapping[str, object] = dataclasses.field(default_factory=dict)
    gpus_need: str = ""
    memory_bytes: int = 0
    memory_bytes_a_pixel: int = 0
    memory_bytes_a_frame: int = 0
    libraries: tuple[str, ...] = ()

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """What the plain function returns."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<algorithm {self.name}@{self.version}>"

    def gpus_with(self, settings: Mapping[str, SettingValue]) -> float:
        """The accelerators that one call uses with these settings, and with what is installed here."""
        wanted = all(settings.get(name) == value for name, value in self.gpus_when.items())
        return self.gpus if wanted and is_installed(self.gpus_need) else 0.0

    @functools.cached_property
    def is_paired(self) -> bool:
        """Whether it is called once per pair of titles."""
        return any(i.arity == "pair" for i in self.inputs)

    @property
    def merge_settings(self) -> tuple[str, ...]:
        """The settings that the merge function names: its parameters behind the blocks."""
        return tuple(inspect.signature(self.merge).parameters)[1:] if self.merge else ()


@overload
def algorithm(
    *,
    version: str,
    name: str | None = None,
    merge: None = None,
    libraries: tuple[str, ...] = (),
    **taking: Unpack[Taking],
) -> Callable[[Callable[P, R]], Algorithm[P, R]]: ...


@overload
def algorithm(
    *,
    version: str,
    name: str | None = None,
    merge: Callable[..., R],
    libraries: tuple[str, ...] = (),
    **taking: Unpack[Taking],
) -> Callable[[Callable[P, R]], Algorithm[P, R]]: ...


def algorithm(
    *,
    version: str,
    name: str | None = None,
    merge: Callable[..., Any] | None = None,
    libraries: tuple[str, ...] = (),
    **taking: Unpack[Taking],
) -> Callable[[Callable[P, R]], Algorithm[P, R]]:
    """Declare a function as an algorithm.

    Positional parameters are inputs, found by exact type; keyword-only parameters are settings;
    the return type is what it produces.

    Args:
        version: Raised by the author whenever the function may return something else.
        name: The algorithm's name; the function's, unless said.
        merge: For `Pair` inputs: called with the list of blocks of several titles, and the settings it names.
        libraries: Distributions whose versions can change the result; they are recorded in `algorithms.lock`.
        taking: What one call takes of the machine; see `Taking`.

    Raises:
        DeclarationError: A parameter without a type, a setting without a default, a type that cannot be used.
    """

    def declare(function: Callable[P, R]) -> Algorithm[P, R]:
        made = _declare(function, name or function.__name__, version)
        made = dataclasses.replace(made, merge=merge, libraries=_names(libraries), **taking)
        _check_merge(made)
        check_gpus_when(made.name, made.gpus_when, [setting.name for setting in made.settings])
        for attribute in functools.WRAPPER_ASSIGNMENTS:
            object.__setattr__(made, attribute, getattr(function, attribute))
        object.__setattr__(made, "__wrapped__", function)
        return made

    return declare


def _declare(function: Callable[P, R], name: str, version: str) -> Algorithm[P, R]:
    if not name.isidentifier():
        raise DeclarationError(f"algorithm {name!r} needs a name of letters, digits and underscores")
    if not isinstance(version, str) or not version:
        raise DeclarationError(f"algorithm {name} needs a version, a non-empty string; found {version!r}")
    hints = _hints(function, name)
    inputs: list[Input] = []
    weights: list[WeightsInput] = []
    settings: list[Setting] = []
    parameters = inspect.signature(function).parameters
    for parameter in parameters.values():
        _check_parameter(name, parameter, hints)
        hint = hints[parameter.name]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            settings.append(_setting(name, parameter, hint))
            continue
        made = _input(name, parameter.name, hint)
        if isinstance(made, Input):
            inputs.append(made)
        else:
            weights.append(made)
    for one in weights:
        if unknown := set(one.weights.when) - {setting.name for setting in settings}:
            raise DeclarationError(
                f"weights {one.name!r} of algorithm {name} depend on what is no setting: {', '.join(unknown)}"
            )
    produced = hints.get("return")
    if produced is None or not is_result(produced):
        raise InvalidResultTypeError(
            f"algorithm {name} must return a type declared with @result; it says {_described(produced)}"
        )
    return Algorithm(
        function=function,
        name=name,
        version=version,
        inputs=tuple(inputs),
        weights=tuple(weights),
        settings=tuple(settings),
        result=produced,
    )


def _names(libraries: object) -> tuple[str, ...]:
    if isinstance(libraries, tuple | list) and all(isinstance(name, str) for name in libraries):
        return tuple(libraries)
    raise DeclarationError(f"libraries are a tuple of names, such as ('numpy',); found {libraries!r}")


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError) as error:
        raise DeclarationError(
            f"the types of algorithm {name} cannot be found: {error}; "
            "they must be names of its module, not of a function or of `if TYPE_CHECKING`"
        ) from error


def _check_parameter(name: str, parameter: inspect.Parameter, hints: Mapping[str, Any]) -> None:
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        raise DeclarationError(
            f"algorithm {name} takes {parameter}; inputs and settings are named one by one"
        )
    if parameter.name not in hints:
        raise UntypedParameterError(f"parameter {parameter.name!r} of algorithm {name} has no type")
    if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
        raise DeclarationError(
            f"parameter {parameter.name!r} of algorithm {name} stands before a `/`; inputs are passed by name"
        )


def _check_merge(made: Algorithm[..., Any]) -> None:
    """See that the merge function can be called with the blocks and the settings that it names."""
    if made.merge is None:
        return
    if not made.is_paired:
        raise DeclarationError(f"algorithm {made.name} has a merge function but no Pair input")
    named = {setting.name for setting in made.settings}
    unknown = [name for name in made.merge_settings if name not in named]
    if unknown or not inspect.signature(made.merge).parameters:
        raise DeclarationError(
            f"the merge function of algorithm {made.name} takes the list of blocks, then settings of the algorithm "
            f"by name ({', '.join(sorted(named)) or 'it has none'}); found {inspect.signature(made.merge)}"
        )


def _described(hint: Any) -> str:
    """How a type that is no result type reads in a message."""
    if hint is None or hint is types.NoneType:
        return "nothing"
    if not isinstance(hint, type):
        return str(hint)
    base = next((base for base in hint.__mro__ if is_result(base)), None)
    inherited = (
        f", which inherits from {base.__name__} but is not declared with @result itself" if base else ""
    )
    return f"{hint.__name__}{inherited}"


def _input(algorithm_name: str, name: str, hint: Any) -> Input | WeightsInput:
    if get_origin(hint) is Annotated:
        opener, *extras = get_args(hint)
        pinned = [extra for extra in extras if isinstance(extra, Weights)]
        if len(pinned) == 1:
            return _weights_input(algorithm_name, name, opener, pinned[0])
        hint = opener
    arity: Arity = "one"
    if get_origin(hint) in (Each, Pair):
        arity = "each" if get_origin(hint) is Each else "pair"
        (hint,) = get_args(hint)
    if not is_result(hint) and (hint is not Source or arity != "one"):
        raise DeclarationError(
            f"input {name!r} of algorithm {algorithm_name} is {_described(hint)}; "
            "an input is a type declared with @result, Each or Pair of one, Source, or "
            "Annotated[..., Weights(...)]; settings are keyword-only (after *)"
        )
    return Input(name, hint, arity)


def _weights_input(algorithm_name: str, name: str, opener: Any, weights: Weights) -> WeightsInput:
    if weights.when:  # then the parameter may be None
        opener = next((one for one in get_args(opener) if one is not types.NoneType), opener)
    if not weights.sha256 or not callable(getattr(opener, "open", None)):
        raise DeclarationError(
            f"weights {name!r} of algorithm {algorithm_name} are opened by {_described(opener)}, "
            "which has no classmethod `open(path)`"
        )
    return WeightsInput(name, opener, weights)


def _setting(algorithm_name: str, parameter: inspect.Parameter, hint: Any) -> Setting:
    if parameter.default is inspect.Parameter.empty:
        raise SettingWithoutDefaultError(
            f"setting {parameter.name!r} of algorithm {algorithm_name} has no default"
        )
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    for option in _options(hint):
        allowed = {type(choice) for choice in get_args(option)} if get_origin(option) is Literal else {option}
        if not allowed <= {*_SCALARS, types.NoneType}:
            raise DeclarationError(
                f"setting {parameter.name!r} of algorithm {algorithm_name} is {_described(hint)}; "
                "a setting is a bool, int, float, str, Literal, or one of them or None"
            )
    try:
        default = parse_setting(parameter.name, parameter.default, hint)
    except SettingError as error:
        raise DeclarationError(f"default of a setting of algorithm {algorithm_name}: {error}") from error
    return Setting(parameter.name, hint, default)


def _options(hint: Any) -> tuple[Any, ...]:
    """The types that a hint allows; None is one of its own, even if a Literal names it."""
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    literals = [option for option in options if get_origin(option) is Literal]
    return (*options, types.NoneType) if any(None in get_args(option) for option in literals) else options


def parse_setting(name: str, value: object, annotation: Any) -> SettingValue:
    """`value` as `annotation` says: `"0.90"` and `0.9` are the same float; `"none"` is None where None is allowed.

    Raises:
        SettingError: It does not fit, or is NaN or infinite.
    """
    options = _options(annotation)
    if types.NoneType in options and (value is None or value == "none"):
        return None
    for option in options:
        parsed = _parse_one(value, option)
        if parsed is not None:
            return parsed
    expected = " or ".join(dict.fromkeys(_expected(option) for option in options))
    raise SettingError(f"setting {name!r} must be {expected}; found {value!r}")


def _expected(option: Any) -> str:
    if get_origin(option) is Literal:
        return " or ".join(repr(choice) for choice in get_args(option) if choice is not None)
    names = {
        bool: "true or false",
        int: "an int",
        float: "a finite float",
        str: "a text",
        types.NoneType: "none",
    }
    return names.get(option, str(option))


def _parse_one(value: object, option: Any) -> SettingValue:
    """`value` as one type; None if it does not fit."""
    if get_origin(option) is Literal:
        return next((choice for choice in get_args(option) if str(choice) == str(value)), None)
    if option is bool:
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).lower())
    if option is str:
        return str.__str__(value) if isinstance(value, str) and _is_unicode(value) else None
    if option not in (int, float) or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = option(value)
    except (ValueError, OverflowError):
        return None
    if (option is float and not math.isfinite(number)) or (not isinstance(value, str) and number != value):
        return None
    return int(number) if option is int else float(number) + 0.0  # -0.0 is 0.0


def _is_unicode(text: str) -> bool:
    """Whether it can be written as UTF-8, as keys are."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
