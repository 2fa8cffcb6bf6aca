"""One trace, or several, as the text of one HTML file. Knows traces and the built parts, and no model.

Texts, names and numbers are data that nothing runs: escaped where they are shown, packed as base64 where the script
reads them. A content-security policy lets the browser run this script, use this sheet, and fetch nothing.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping, Sequence
from html import escape
from typing import Literal
from urllib.parse import urlencode

import numpy as np

from logitscope.errors import InputError
from logitscope.render.page.parts import digest, read_parts
from logitscope.trace.file import to_bytes
from logitscope.trace.trace import Provenance, Trace
from logitscope.trace.units import graphemes
from logitscope.view.labels import visible
from logitscope.view.source import source_of
from logitscope.view.words import caption_words

__all__ = ["EMBEDDED", "LARGE_BYTES", "View", "large_words", "render_page", "views_of"]

View = Literal["text", "lens", "evolution"]

EMBEDDED = "application/vnd.logitscope.trace"
"""The type of elements that hold a trace: base64 of its zlib-compressed file. `web/src/engine/snapshot.ts` reads it."""

LARGE_BYTES = 25_000_000
"""Of pages above this one line says so: browsers open them slowly, and mail does not take them."""

_TITLE_CHARACTERS = 72

_NEEDS: Mapping[View, tuple[str, ...]] = {
    "text": ("next_logprob",),
    "lens": ("top_ids", "top_logprobs"),
    "evolution": ("watch_logit", "watch_logprob", "watch_rank"),
}

_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="{generator}">
<title>{title} · Logitscope</title>
<link rel="icon" href="{icon}">
<style>{sheet}</style>
</head>
<body>
<header class="snapshot">
<h1 dir="auto">{title}</h1>
<p>{provenance}</p>
</header>
<div id="logitscope" data-views="{views}" data-place="{place}">
<noscript>This page draws its numbers with JavaScript, which it carries itself; allow it and open the page \
again.</noscript>
</div>
{traces}
<script>{script}</script>
</body>
</html>
"""


def views_of(traces: Sequence[Trace]) -> tuple[View, ...]:
    """The views for which these traces hold enough.

    A lens of one place of a longer text is none, nor is a text of which one token was read: that is what an evolution
    is made of.
    """

    def wide(trace: Trace) -> bool:
        return len(trace.positions) > 1 or len(trace.ids) < 2

    fits: Mapping[View, bool] = {
        "text": any(wide(t) for t in traces if _holds(t, "text")),
        "lens": any(wide(t) and len(t.stages) > 1 for t in traces if _holds(t, "lens")),
        "evolution": any(len(t.stages) > 1 for t in traces if _holds(t, "evolution")),
    }
    found = tuple(view for view, fit in fits.items() if fit)
    # Whatever there is of a text is better than nothing of it.
    return found or tuple(view for view in fits if any(_holds(trace, view) for trace in traces))[:1]


def render_page(
    traces: Sequence[Trace],
    *,
    title: str | None = None,
    view: View | None = None,
    place: Mapping[str, str] | None = None,
) -> str:
    """One HTML file that shows traces and needs nothing else.

    Args:
        traces: what it holds; of several of one text, each view shows the one that holds most for it.
        title: the beginning of the text by default.
        view: what is shown first; the first that there is by default.
        place: where the reader begins, by the names that stand in the page's address (`web/src/app/address.ts`).

    Raises:
        InputError: no traces, traces that hold nothing that can be drawn, or not what `view` needs.
        ResourceError: this installation was built without its pages.
    """
    parts = read_parts()
    if not traces:
        raise InputError("no traces were given; a page shows at least one.")
    views = views_of(traces)
    if not views:
        wanted = ", ".join(dict.fromkeys(name for names in _NEEDS.values() for name in names))
        raise InputError(f"these traces hold {_held(traces)}, and a page draws none of it; it takes some of {wanted}.")
    if view is not None and view not in views:
        raise InputError(f'the view "{view}" was asked for, but these traces hold enough for {", ".join(views)} alone.')
    start = {**({} if view in (None, views[0]) else {"v": str(view)}), **(place or {})}
    shown = escape(_title(traces) if title is None else visible(title, spaces=True))
    return _PAGE.format(
        policy=_policy(parts.script, parts.sheet),
        generator=escape(f"logitscope {_version(traces[0])}".strip()),
        title=shown,
        icon=parts.icon,
        sheet=parts.sheet,
        provenance=escape(_provenance(traces)),
        views=" ".join(views),
        place=escape(urlencode(start)),
        traces="\n".join(f'<script type="{EMBEDDED}">{_packed(trace)}</script>' for trace in traces),
        script=parts.script,
    )


def large_words(page: str) -> str | None:
    """What to say of a page that browsers will open slowly; nothing of others."""
    if len(page) <= LARGE_BYTES:
        return None
    return (
        f"this page has {len(page) / 1e6:.0f} MB, which browsers open slowly; trace fewer stages, positions or "
        "statistics, or cut the trace with select."
    )


def _policy(script: str, sheet: str) -> str:
    allowed = (
        "default-src 'none'",
        f"script-src {digest(script)}",
        f"style-src {digest(sheet)}",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(allowed)


def _packed(trace: Trace) -> str:
    return base64.b64encode(zlib.compress(to_bytes(trace))).decode("ascii")


def _title(traces: Sequence[Trace]) -> str:
    """The beginning of the text; of several, how many more there are."""
    texts = list(dict.fromkeys(trace.tokens.text for trace in traces))
    more = f" and {len(texts) - 1} more text{'' if len(texts) == 2 else 's'}" if len(texts) > 1 else ""
    return _beginning(texts[0]) + more


def _beginning(text: str) -> str:
    """The beginning of a text on one line, cut between words or, where there are none, between characters."""
    line = " ".join(text[: 4 * _TITLE_CHARACTERS].split())
    if not line:
        return visible(text[:8])
    if len(line) <= _TITLE_CHARACTERS and len(text) <= 4 * _TITLE_CHARACTERS:
        return visible(line, spaces=True)
    ends = [span.end for span in graphemes(line, np.zeros((0, 2), np.int32)) if span.end <= _TITLE_CHARACTERS]
    whole = line[: ends[-1] if ends else _TITLE_CHARACTERS]
    cut = whole if line[len(whole) :].startswith(" ") else whole.rpartition(" ")[0]
    # A word as long as the line is cut all the same.
    return visible(cut if 2 * len(cut) > len(whole) else whole, spaces=True) + " …"


def _provenance(traces: Sequence[Trace]) -> str:
    """Where the numbers come from, in one line; of several traces, what they have in common."""
    made = [trace.provenance for trace in traces]
    parts = list(caption_words(source_of(traces[0]))) if len(traces) == 1 else _common(traces)
    for names in ({one.model_class for one in made}, {_weights(one) for one in made if one.content_hash}):
        if len(names) == 1:
            parts.append(visible(names.pop(), spaces=True))
    created = max(one.created[:10] for one in made)
    version = _version(traces[0])
    parts.append(" ".join(word for word in (created, f"logitscope {version}" if version else "") if word))
    return " · ".join(visible(part, spaces=True) for part in parts if part)


def _common(traces: Sequence[Trace]) -> list[str]:
    sources = [source_of(trace) for trace in traces]
    texts = len({trace.tokens.text for trace in traces})
    return [
        ", ".join(dict.fromkeys(source.model for source in sources)),
        ", ".join(dict.fromkeys(source.dtype for source in sources)),
        f"{texts} texts" if texts > 1 else f"{sources[0].n_tokens:,} token{'' if sources[0].n_tokens == 1 else 's'}",
    ]


def _weights(made: Provenance) -> str:
    return f"weights {(made.content_hash or '').removeprefix('sha256:')[:12]}"


def _version(trace: Trace) -> str:
    return str(trace.provenance.versions.get("logitscope", ""))


def _holds(trace: Trace, view: View) -> bool:
    return bool(trace.stages) and all(name in trace.arrays for name in _NEEDS[view])


def _held(traces: Sequence[Trace]) -> str:
    return ", ".join(dict.fromkeys(name for trace in traces for name in trace.arrays)) or "no numbers"
