"""What every page is made of besides its numbers: the script and the sheet that the build put into the package.

Both are written into the page, so nothing in them may end the element that they stand in. Knows no trace.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from logitscope.errors import ResourceError

__all__ = ["BUILT", "Parts", "digest", "inline_script", "inline_sheet", "read_parts"]

BUILT = Path(__file__).parents[2] / "web_build"
"""Where the build hook puts the pages."""

_ENDINGS = re.compile("<(?=/script|!--)", re.IGNORECASE)


@dataclass(frozen=True)
class Parts:
    """The script and the sheet as they may stand between their tags, and the icon as an address that holds it."""

    script: str
    sheet: str
    icon: str


def read_parts() -> Parts:
    """The parts that were built into this installation.

    Raises:
        ResourceError: it was built without them.
    """
    return _read(BUILT, _age(BUILT))


def digest(content: str) -> str:
    """How a content-security policy names an inline script or sheet: by its SHA-256."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def inline_script(script: str) -> str:
    r"""A script that no HTML parser takes for the end of its element, and that does the same.

    `</script` and `<!--` occur in its strings, templates and patterns; in all of these `\x3C` is the same character.

    >>> inline_script("say('</script><!--')")
    "say('\\x3C/script>\\x3C!--')"
    """
    return _normal(_ENDINGS.sub(r"\\x3C", script))


def inline_sheet(sheet: str) -> str:
    r"""The same for a sheet: in strings of CSS, `\/` is a slash.

    >>> inline_sheet("q::after { content: '</style>' }")
    "q::after { content: '<\\/style>' }"
    """
    return _normal(sheet.replace("</", "<\\/"))


def _normal(content: str) -> str:
    """With the line ends that an HTML parser makes of all others, or the digest would be that of another text."""
    return content.replace("\r\n", "\n").replace("\r", "\n").strip()


@cache
def _read(folder: Path, age: float) -> Parts:
    """Read once; again where it was built anew meanwhile."""
    try:
        script = (folder / "snapshot" / "snapshot.js").read_text("utf-8")
        sheet = (folder / "snapshot" / "snapshot.css").read_text("utf-8")
    except OSError as error:
        raise ResourceError(
            "this installation of logitscope was built without its pages, which HTML is made of; in a checkout run "
            "`make web`, elsewhere `pip install --force-reinstall logitscope` without LOGITSCOPE_NO_WEB."
        ) from error
    icon = folder / "app" / "icon.svg"
    drawn = base64.b64encode(icon.read_bytes()).decode() if icon.is_file() else ""
    return Parts(
        inline_script(script), inline_sheet(sheet), f"data:image/svg+xml;base64,{drawn}" if drawn else "data:,"
    )


def _age(folder: Path) -> float:
    try:
        return (folder / "snapshot" / "snapshot.js").stat().st_mtime
    except OSError:
        return 0.0
