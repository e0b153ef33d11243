"""A terminal to print on, and what it then shows."""

import io

from rich.console import Console, RenderableType


def console(width: int = 80, colours: str | None = None, encoding: str = "utf-8") -> Console:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="\n")
    return Console(
        file=file,
        width=width,
        color_system=colours,
        force_terminal=True,
        legacy_windows=False,  # type: ignore[arg-type]
    )


def printed(renderable: RenderableType, on: Console) -> str:
    """Print on the console and return all that it has received, in its own encoding."""
    on.print(renderable)
    assert isinstance(on.file, io.TextIOWrapper)
    on.file.flush()
    buffer = on.file.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode(on.file.encoding)
