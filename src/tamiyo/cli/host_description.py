"""``tamiyo describe host``: where in a module of the user's own seeds could grow."""

from __future__ import annotations

import importlib
import math
import sys
import traceback
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from sysconfig import get_path
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor, nn

    from tamiyo.model import ModuleReport

__all__ = ["HostSource", "build_example", "describe_modules", "read_shape", "running_foreign"]

_FORM: Final = "PACKAGE.MODULE:FACTORY, for example my_models:build_cnn"
_PAIR: Final = 2
_MOST_NUMBERS: Final = 1 << 28
"""Numbers of a drawn example: a gigabyte."""

_MOST_DIGITS: Final = 12
_LIBRARIES: Final = (
    Path(__file__).parents[1],
    Path(get_path("stdlib")),
    Path(get_path("purelib")),
)
"""Where code is that users did not write."""


@dataclass(frozen=True, kw_only=True)
class HostSource:
    """Where a host and a batch for it come from.

    Attributes:
        factory: ``PACKAGE.MODULE:FACTORY``; the factory takes no arguments and returns the host, or
            the host and an example batch.
        shape: Shape of the batch, with the batch axis first; that of the factory if not given.
        high: Numbers of the batch are integers from 0 to below this one; floats if not given.
    """

    factory: str
    shape: tuple[int, ...] | None
    high: int | None

    def __post_init__(self) -> None:
        """Check what can be checked without running anything.

        Raises:
            ConfigError: If a value breaks its rule.
        """
        module, colon, name = self.factory.partition(":")
        if not module or not colon or not name:
            message = f"module must be written {_FORM}, got {self.factory!r}"
            raise ConfigError(message)
        if self.high is not None and self.shape is None:
            message = f"input_high must come with a shape, --input 2,64, got {self.high} alone"
            raise ConfigError(message)
        if self.high is not None and self.high < 1:
            message = f"input_high must be at least 1, got {self.high}"
            raise ConfigError(message)


def read_shape(text: str) -> tuple[int, ...]:
    """Read the shape of a batch, ``2,1,8,8``.

    Raises:
        ConfigError: If it is none.
    """
    sizes = [size.strip() for size in text.split(",")]
    are_sizes = all(size.isdecimal() and len(size) <= _MOST_DIGITS for size in sizes)
    shape = tuple(int(size) for size in sizes) if are_sizes else ()
    if not 0 < math.prod(shape) <= _MOST_NUMBERS or not are_sizes:
        message = (
            "input must be sizes of at least 1 with commas between, the batch first, for example "
            f"2,1,8,8, got {text!r}, or more than {_MOST_NUMBERS} numbers in all"
        )
        raise ConfigError(message)
    return shape


def describe_modules(source: HostSource) -> list[dict[str, object]]:
    """Build the host and describe its modules as places for slots, one row per module.

    Args:
        source: Where the host and a batch come from.

    Raises:
        ConfigError: If there is no such factory, it fails or returns something else, there is no
            example, or the host cannot be grown.
    """
    from tamiyo.model import describe_host

    with running_foreign():
        host, example = build_example(source)
        reports = describe_host(host, example)
        if not reports:
            message = f"host must hold modules that can be slots, got {type(host).__name__} alone"
            raise ConfigError(message)
    return [_describe_module(report) for report in reports]


@contextmanager
def running_foreign() -> Iterator[None]:
    """Let code of the user's own run: found from here, heard on stderr, with draws of its own."""
    import torch

    from tamiyo.model import drawing_from

    # What foreign code prints is no part of the answer.
    with redirect_stdout(sys.stderr), _importing_from_here(), drawing_from(torch.Generator()):
        yield


def build_example(source: HostSource) -> tuple[nn.Module, object]:
    """Build the host and a batch that it takes; it is left in evaluation mode.

    Args:
        source: Where they come from.

    Raises:
        ConfigError: If there is no such factory, it fails or returns something else, or there is no
            example.
    """
    from tamiyo.model import call_host

    host, example = _build_host(source.factory)
    if source.shape is not None:
        example = _draw_example(source.shape, source.high)
    if example is None:
        message = (
            "an example batch must be given to see what each module puts out, got none: add "
            "--input 2,1,8,8 or return (host, example) from the factory"
        )
        raise ConfigError(message)
    host.eval()
    _run_foreign(f"host of {source.factory}", "take the example", call_host, host, example)
    return host, example


def _describe_module(report: ModuleReport) -> dict[str, object]:
    return {
        "path": report.path,
        "type": report.type_name,
        "parameters": report.parameters,
        "output": report.output_shape,
        "topology": None if report.topology is None else str(report.topology),
        "slot": report.proposed_slot,
        "refusal": report.refusal,
    }


def _build_host(spec: str) -> tuple[nn.Module, object]:
    """Import and call a factory.

    Raises:
        ConfigError: If it cannot be found, fails or returns something else.
    """
    from torch import nn

    module_name, _, name = spec.partition(":")
    module = _run_foreign(
        f"module {module_name}", "be importable", importlib.import_module, module_name
    )
    try:
        factory = attrgetter(name)(module)
    except AttributeError as error:
        message = f"factory must be a name in module {module_name}, got {name!r}"
        raise ConfigError(message) from error
    if not callable(factory):
        message = f"factory {spec} must be callable, got {type(factory).__name__}"
        raise ConfigError(message)
    built = _run_foreign(f"factory {spec}", "build a host without arguments", factory)
    host, example = built if isinstance(built, tuple) and len(built) == _PAIR else (built, None)
    if not isinstance(host, nn.Module):
        message = (
            f"factory {spec} must return an nn.Module, or one and an example batch, "
            f"got {type(host).__name__}"
        )
        raise ConfigError(message)
    return host, example


def _run_foreign(subject: str, rule: str, call: Callable[..., object], *args: object) -> object:
    """Run code that is not ours; whatever it raises becomes a refusal that says where.

    Raises:
        ConfigError: If it raises anything, or leaves the process.
    """
    try:
        return call(*args)
    except (Exception, SystemExit) as error:
        message = f"{subject} must {rule}, got {type(error).__name__}: {error}{_locate(error)}"
        raise ConfigError(message) from error


def _locate(error: BaseException) -> str:
    """Name the innermost line that is the user's own, if any of it ran."""
    frames = [(Path(f.filename), f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    foreign = [
        (path, line)
        for path, line in frames
        if path.exists() and not any(path.is_relative_to(root) for root in _LIBRARIES)
    ]
    return f" ({foreign[-1][0].name} line {foreign[-1][1]})" if foreign else ""


def _draw_example(shape: tuple[int, ...], high: int | None) -> Tensor:
    import torch

    generator = torch.Generator().manual_seed(0)
    if high is None:
        return torch.randn(shape, generator=generator)
    return torch.randint(high, shape, generator=generator)


@contextmanager
def _importing_from_here() -> Iterator[None]:
    """Let imports find modules in the current directory first, as ``python -m`` does."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        yield
    finally:
        sys.path.remove(here)
