"""The English text that comes with Python, what ``help("topics")`` shows, as bytes to predict.

It differs between Python versions: compare runs only if the digests of their texts agree.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError, check_at_least
from tamiyo.tasks.data import Split, count_batches
from tamiyo.tasks.objectives import NEXT_BYTE

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TextConfig", "TextData", "load_text"]

_MODULE = "pydoc_data.topics"
_HELD_OUT_FRACTION = 0.1


@dataclass(frozen=True, kw_only=True)
class TextConfig:
    """How a text is cut into windows.

    Attributes:
        context: Bytes a host sees at once, at least 1.
        windows_per_epoch: Random windows of an epoch of training, at least 1.
        held_out_windows: Fixed windows of the control and of the test split, at least 1.
    """

    context: int
    windows_per_epoch: int
    held_out_windows: int

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If a number is below 1.
        """
        check_at_least(self, {"context": 1, "windows_per_epoch": 1, "held_out_windows": 1})


class TextData:
    """Windows of a text and, for each of their bytes, the byte that follows.

    The first 80 % of the text are trained on, the next 10 % are the control part, the rest is the
    test part; no window reaches from one part into another. Held-out windows do not overlap and
    are spread evenly over their part.
    """

    objective = NEXT_BYTE

    def __init__(
        self,
        text: bytes,
        config: TextConfig,
        *,
        batch_size: int,
        device: torch.device | None = None,
    ) -> None:
        """Cut the text into its parts and the held-out parts into windows.

        Args:
            text: The text.
            config: Sizes and numbers of windows.
            batch_size: Windows of a full batch, at least 1.
            device: Where the bytes are kept; the CPU if not given.

        Raises:
            ConfigError: If ``batch_size`` is below 1, or a part of the text is too short.
        """
        self._text = text
        self._config = config
        self.digest = hashlib.sha256(text).hexdigest()
        self.batch_size = batch_size
        self.train_size = config.windows_per_epoch
        self.batches_per_epoch = count_batches(self.train_size, batch_size)
        symbols = torch.tensor(list(text), dtype=torch.uint8, device=device)
        held_out = int(_HELD_OUT_FRACTION * len(text))
        lengths = [len(text) - 2 * held_out, held_out, held_out]
        self._train, control, test = symbols.split(lengths)
        self.control = _cut_evenly(control, config)
        self.test = _cut_evenly(test, config)
        self.example = self.control.inputs[:batch_size]

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one epoch of random windows: bytes [B, T] and next bytes [B, T], both int64.

        Args:
            generator: An owned CPU generator; it advances by one integer per window before this
                returns.
        """
        highest = len(self._train) - self._config.context
        starts = torch.randint(highest, (self.train_size,), generator=generator)
        return _cut_batches(self._train, starts, self._config.context, self.batch_size)

    def to(self, device: torch.device) -> TextData:
        """Return the same data on another device."""
        return TextData(self._text, self._config, batch_size=self.batch_size, device=device)


def load_text() -> bytes:
    """Join the help topics of the running Python, sorted by name, as UTF-8.

    Returns:
        About 466,000 bytes with Python 3.11, nearly all of them ASCII.

    Raises:
        ConfigError: If this Python comes without its help topics.
    """
    try:
        topics: dict[str, str] = importlib.import_module(_MODULE).topics
    except ImportError as error:
        message = (
            f"module {_MODULE} must be importable to train on its text, got {error}: "
            "use a Python with its whole standard library"
        )
        raise ConfigError(message) from None
    return "\n".join(topics[name] for name in sorted(topics)).encode()


def _cut_evenly(part: Tensor, config: TextConfig) -> Split:
    """Cut as many windows as asked for out of a part of the text, evenly spread.

    Raises:
        ConfigError: If the part is too short for windows that do not overlap.
    """
    stride = (len(part) - 1) // config.held_out_windows
    if stride < config.context:
        needed = config.held_out_windows * config.context + 1
        message = f"control and test part of the text must have {needed} bytes, got {len(part)}"
        raise ConfigError(message)
    starts = stride * torch.arange(config.held_out_windows)
    inputs, targets = _cut(part, starts.to(part.device), config.context)
    return Split(inputs=inputs, targets=targets)


def _cut_batches(
    part: Tensor, starts: Tensor, context: int, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    for some in starts.to(part.device).split(batch_size):
        yield _cut(part, some, context)


def _cut(part: Tensor, starts: Tensor, context: int) -> tuple[Tensor, Tensor]:
    """Return the windows that begin at ``starts``, [N, context], and the same one byte later."""
    offsets = torch.arange(context + 1, device=part.device)
    windows = part[starts[:, None] + offsets].long()
    return windows[:, :-1], windows[:, 1:]
