"""Draws the gallery: the texts that these pictures became known by, read by one model, with captions of what is seen.

    python docs/make_gallery.py [--model openai-community/gpt2-xl] [--out FOLDER]

Every number of a caption is read from the trace, and so is every claim: what the founding pictures showed of GPT-2 is
told as theirs, and compared with what this model does.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import logitscope as ls
from logitscope.samples import Sample, sample
from logitscope.trace.summary import token_bits
from logitscope.view.labels import id_label, token_label

GALLERY = Path(__file__).parent / "gallery"


@dataclass(frozen=True)
class Reading:
    """A sample as one model read it.

    Attributes:
        sample: the text.
        scope: the model.
        trace: every stage at every position.
        beginning: the BOS token was put before the text.
    """

    sample: Sample
    scope: ls.Scope
    trace: ls.Trace

    @property
    def last(self) -> str:
        return self.trace.stages[-1]

    def token_at(self, character: int) -> int:
        """The position whose token holds a character of the text."""
        spans = np.asarray(self.trace.tokens.spans)
        return int(np.flatnonzero((spans[:, 0] <= character) & (character < spans[:, 1]))[-1])

    def name(self, token: int) -> str:
        return f"“{id_label(self.scope.model.tokeniser.vocabulary([token]), token)}”"

    def settled(self) -> np.ndarray:
        """int `[position]`: the first stage from which the guess is the final one and stays so."""
        final = self.trace["final_rank"] == 1
        first: np.ndarray = final.shape[0] - np.cumprod(final[::-1], axis=0).sum(0)
        return first


@dataclass(frozen=True)
class Exhibit:
    """One text of the gallery.

    Attributes:
        name: of the sample.
        title: of its section.
        seen: what the picture is about, before the model was asked.
        pictures: name and how to draw it.
        command: the same from the command line.
        said: sentences about this model, from its numbers.
    """

    name: str
    title: str
    seen: str
    pictures: dict[str, Callable[[Reading], Figure]]
    command: str
    said: Callable[[Reading], Iterator[str]]


def at_depth(reading: Reading, stage: int) -> str:
    """A stage with how deep it lies, such as `7.mlp (the last of 8 blocks)`."""
    name = reading.trace.stages[stage]
    blocks = sum(s.endswith(".mlp") for s in reading.trace.stages)
    if stage == len(reading.trace.stages) - 1:
        return f"`{name}` (the last of {blocks} blocks)"
    return f"`{name}` (of {blocks} blocks)"


def overall(reading: Reading) -> str:
    right = reading.trace["next_rank"][-1][:-1]
    scored = right[right > 0]
    return (
        f"{(scored == 1).mean():.0%} of its {len(scored)} predictions are right, and half of them are what they will "
        f"be from `{reading.trace.stages[int(np.median(reading.settled()))]}` on."
    )


def top_guess(reading: Reading, position: int) -> tuple[int, float]:
    trace = reading.trace
    return int(trace["top_ids"][-1, position, 0]), float(np.exp(trace["top_logprobs"][-1, position, 0]))


def window_from(reading: Reading, character: int, tokens: int) -> tuple[int, int]:
    first = reading.token_at(character)
    return first, min(first + tokens, len(reading.trace.ids))


def lens(reading: Reading, value: str, window: tuple[int, int] | None, columns: int = 10) -> Figure:
    every = max(1, sum(stage.endswith(".mlp") for stage in reading.trace.stages) // 12)
    return ls.plot.lens(reading.trace, value, window=window, columns=columns, every=every)


def followed(reading: Reading, position: int) -> ls.Trace:
    bos = reading.trace.provenance.bos == "added"
    return reading.scope.follow(reading.sample.text, position, bos=bos, histogram=True)


def eiffel(reading: Reading) -> Iterator[str]:
    last = len(reading.trace.ids) - 1
    guess, probability = top_guess(reading, last)
    paris = reading.scope.model.tokeniser.hf.encode(" Paris", add_special_tokens=False)[0]
    yield f"Asked how the sentence goes on, this model says {reading.name(guess)} first ({probability:.0%})."
    asked = reading.scope.trace(ids=reading.trace.ids.tolist(), positions=[last], watch=[paris], top_k=1)
    rank, nats = int(asked["watch_rank"][-1, 0, 0]), float(asked["watch_logprob"][-1, 0, 0])
    if rank == 1:
        yield f"It knows the fact: “ Paris” is the first guess from {at_depth(reading, int(reading.settled()[last]))}."
    else:
        yield (
            f"{reading.name(paris)}, with which “ Paris” begins, has rank {rank:,} ({-nats / np.log(2):.1f} bits): "
            "this model does not know the fact."
        )


def abstract(reading: Reading) -> Iterator[str]:
    yield f"Over the whole abstract, {overall(reading)}"
    final = reading.trace["final_rank"]
    half = len(reading.trace.stages) // 2
    yield (
        f"Half-way up, at `{reading.trace.stages[half]}`, the guess is already the final one at "
        f"{(final[half] == 1).mean():.0%} of positions, and the final guess is among the first hundred at "
        f"{(final[half] <= 100).mean():.0%}."
    )
    here = comma_positions(reading)[:3]
    if len(here) == 3:
        ranks = [int(rank) for rank in reading.trace["input_rank"][half, here]]
        yield (
            "The post found the first three commas kept differently; there, this model ranks the input itself at "
            f"{ranks[0]:,}, {ranks[1]:,} and {ranks[2]:,}."
        )


def second_plasma(reading: Reading) -> int:
    """The position that predicts the last “ plasma”."""
    text = reading.sample.text
    return reading.token_at(text.rindex("plasma") - 1) - 1


def plasma(reading: Reading) -> Iterator[str]:
    here = second_plasma(reading)
    ranks, trace = reading.trace["next_rank"][:, here], reading.trace
    guess, probability = top_guess(reading, here)
    bits = -float(trace["next_logprob"][-1, here]) / np.log(2)
    piece = reading.name(int(trace.ids[here + 1]))
    if ranks[-1] == 1:
        first = int(reading.settled()[here])
        yield (
            f"This model copies the word as well: {piece} is its first guess ({bits:.1f} bits), from "
            f"{at_depth(reading, first)} on; at `{trace.stages[first // 2]}` it still had rank {ranks[first // 2]:,}."
        )
    else:
        yield (
            f"This model does not copy the word here: {piece} comes out at rank {ranks[-1]:,} ({bits:.1f} bits), after "
            f"{reading.name(guess)} ({probability:.0%})."
        )


def repetition(reading: Reading) -> Iterator[str]:
    text, bits = reading.sample.text, token_bits(reading.trace)
    spans = np.asarray(reading.trace.tokens.spans)
    starts = [i for i in range(len(text)) if text.startswith("The tide", i)]
    means = []
    for start, stop in zip(starts, [*starts[1:], len(text)], strict=True):
        inside = (spans[:, 0] >= start) & (spans[:, 1] <= stop) & np.isfinite(bits)
        means.append(float(bits[inside].mean()))
    yield "Bits per token, sentence by sentence: " + ", ".join(f"{mean:.2f}" for mean in means) + "."
    if means[1] < 0.6 * means[0]:
        yield "One repetition is enough for it to be noticed."
    elif means[-1] < 0.6 * means[0]:
        yield "It takes more than one repetition to be noticed."
    else:
        yield "This model does not take much notice."
    final = reading.trace["next_rank"][:, reading.token_at(starts[-1]) : -1] == 1
    shares = [
        f"`{reading.trace.stages[s]}` {final[s].mean():.0%}" for s in range(0, len(final), max(1, len(final) // 5))
    ]
    yield "In the last sentence the right token is the first guess at " + ", ".join(shares) + " of positions."


def kraemer(reading: Reading) -> Iterator[str]:
    here = reading.token_at(reading.sample.focus)
    guess, probability = top_guess(reading, here)
    actual, rank = int(reading.trace.ids[here + 1]), int(reading.trace["next_rank"][-1, here])
    yield (
        f"After {token_of(reading, here)}, at token {here} of this tokenizer, the model says {reading.name(guess)} "
        f"({probability:.0%}) from {at_depth(reading, int(reading.settled()[here]))} on."
    )
    yield f"What really follows is {reading.name(actual)}, rank {rank:,}: the name stood three times before."


def token_of(reading: Reading, position: int) -> str:
    return f"“{token_label(reading.trace.tokens, position)}”"


def code(reading: Reading) -> Iterator[str]:
    summary = reading.trace.summary()
    kinds = [row for row in summary.kinds if row.tokens]
    yield f"{summary.bits_per_byte:.2f} bits per byte over {summary.scored} tokens. {overall(reading)}"
    cheap = min(kinds, key=lambda row: row.mean_bits)
    dear = max(kinds, key=lambda row: row.mean_bits)
    yield (
        f"By kind of token, “{cheap.kind}” is cheapest ({cheap.mean_bits:.2f} bits each) and “{dear.kind}” dearest "
        f"({dear.mean_bits:.2f})."
    )


def emoji(reading: Reading) -> Iterator[str]:
    spans = np.asarray(reading.trace.tokens.spans)
    cut = int(np.sum(np.asarray(reading.trace.tokens.partial)))
    letters = len(reading.sample.text)
    yield (
        f"{letters} characters became {len(spans)} tokens; {cut} of them hold only a part of a character, and cost "
        f"{np.nansum(token_bits(reading.trace)[np.asarray(reading.trace.tokens.partial, bool)]):.0f} of the text's "
        f"{reading.trace.summary().total_bits:.0f} bits."
    )


def whole_lens(value: str) -> Callable[[Reading], Figure]:
    return lambda reading: lens(reading, value, None)


def abstract_lens(value: str) -> Callable[[Reading], Figure]:
    def draw(reading: Reading) -> Figure:
        begin = reading.sample.text.index("Specifically, we train GPT-3")
        return lens(reading, value, window_from(reading, begin, 20))

    return draw


def last_words(value: str, before: int) -> Callable[[Reading], Figure]:
    """The end of a text, up to the prediction of its last token."""

    def draw(reading: Reading) -> Figure:
        stop = len(reading.trace.ids)
        return lens(reading, value, (max(0, stop - before), stop))

    return draw


def evolution(position: Callable[[Reading], int], value: str) -> Callable[[Reading], Figure]:
    return lambda reading: ls.plot.evolution(followed(reading, position(reading)), position(reading), value)  # type: ignore[arg-type]


def histogram(position: Callable[[Reading], int]) -> Callable[[Reading], Figure]:
    return lambda reading: ls.plot.histogram(followed(reading, position(reading)), position(reading))


def likelihood(reading: Reading) -> Figure:
    return ls.plot.likelihood(reading.trace)


def commas(reading: Reading) -> Figure:
    return ls.plot.inputs(reading.trace, comma_positions(reading)[:3])


def comma_positions(reading: Reading) -> list[int]:
    return [i for i, text in enumerate(reading.trace.tokens.texts) if text == ","]


def increments(position: Callable[[Reading], int]) -> Callable[[Reading], Figure]:
    def draw(reading: Reading) -> Figure:
        bos = reading.trace.provenance.bos == "added"
        found = reading.scope.increments(reading.sample.text, position(reading), bos=bos, top_k=4)
        return ls.plot.increments(found)

    return draw


def at_focus(reading: Reading) -> int:
    return reading.token_at(reading.sample.focus)


EXHIBITS = (
    Exhibit(
        "eiffel-tower",
        "The Eiffel Tower",
        "The prompt with which the logit lens is taught: every layer is asked how the sentence goes on.",
        {"lens": whole_lens("top_prob"), "evolution": evolution(lambda r: len(r.trace.ids) - 1, "logit")},
        "logitscope lens --sample eiffel-tower --bos",
        eiffel,
    ),
    Exhibit(
        "gpt3-abstract",
        "An abstract",
        "The passage that the logit lens was first shown on. GPT-2's guesses looked sensible from the middle on, and "
        "the final guess rose through the ranks smoothly.",
        {
            "lens": abstract_lens("final_logit"),
            "ranks": abstract_lens("final_rank"),
            "kl": abstract_lens("kl_from_final"),
            "commas": commas,
            "depth": lambda reading: ls.plot.depth(reading.trace),
        },
        "logitscope lens --sample gpt3-abstract --bos --value final_rank --columns 10",
        abstract,
    ),
    Exhibit(
        "plasma",
        "A rare word, twice",
        "“… when people say plasma … when people say plasma”: GPT-2 copies the word, and finds it in its very last "
        "layers although it stood there all the time.",
        {"ranks": last_words("next_rank", 12), "evolution": evolution(second_plasma, "rank")},
        "logitscope lens --sample plasma --bos --value next_rank",
        plasma,
    ),
    Exhibit(
        "repetition",
        "Extreme repetition",
        "One sentence again and again. In GPT-2 the upper half notices, and the lower half never does.",
        {"likelihood": likelihood, "lens": last_words("next_rank", 20)},
        "logitscope likelihood --sample repetition --bos",
        repetition,
    ),
    Exhibit(
        "kraemer",
        "Kraemer",
        "A paragraph in which one name comes back, pinned at its fourth “ Kra…”: ten candidates for what follows, "
        "through the model.",
        {
            "evolution": evolution(at_focus, "logit"),
            "ranks": evolution(at_focus, "rank"),
            "increments": increments(at_focus),
            "histogram": histogram(at_focus),
        },
        "logitscope evolution --sample kraemer --bos",
        kraemer,
    ),
    Exhibit(
        "median",
        "A Python function",
        "Source code is where a likelihood is most legible: indentation and names that stood before are nearly free.",
        {"likelihood": likelihood},
        "logitscope likelihood --sample median --bos --by line",
        code,
    ),
    Exhibit(
        "emoji",
        "Emoji and Chinese",
        "Characters that a tokenizer cuts into pieces stay whole in the picture; each piece keeps its own bits.",
        {"likelihood": likelihood},
        "logitscope likelihood --sample emoji --bos",
        emoji,
    ),
)


def draw(reading: Reading, exhibit: Exhibit, folder: Path) -> str:
    """One section of the page, its pictures written beside it."""
    said = " ".join(exhibit.said(reading))
    lines = [f"## {exhibit.title}", "", exhibit.seen, ""]
    for name, picture in exhibit.pictures.items():
        file = f"{exhibit.name}-{name}.png"
        ls.plot.save(picture(reading), folder / file)
        print(folder / file)
        lines += [f"![{exhibit.title}: {name}]({file})", ""]
    return "\n".join([*lines, f"*{said}*", "", f"```sh\n{exhibit.command}{_model(reading)}\n```", ""])


def _model(reading: Reading) -> str:
    name = reading.trace.provenance.model
    return "" if name == "embedded:tales" else f" --model {name}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the gallery with one model.")
    parser.add_argument("--model", default="embedded:tales", help="embedded, hub id or folder")
    parser.add_argument("--out", type=Path, help="folder; docs/gallery for the embedded model, gallery/ for others")
    arguments = parser.parse_args()
    folder = arguments.out or (GALLERY if arguments.model == "embedded:tales" else Path("gallery"))
    folder.mkdir(parents=True, exist_ok=True)
    scope = ls.load(arguments.model)
    bos = scope.model.tokeniser.hf.bos_token_id is not None
    sections = []
    for exhibit in EXHIBITS:
        chosen = sample(exhibit.name)
        trace = scope.trace(chosen.text, bos=bos)
        sections.append(draw(Reading(chosen, scope, trace), exhibit, folder))
    head = (
        "# Gallery\n\nThe texts that these pictures became known by, and two of our own, read by "
        f"`{scope.model.name}`. What stands in italics was written by the numbers of this model; another gets other "
        "sentences:\n\n```sh\nmake gallery MODEL=openai-community/gpt2-xl\n```\n\nWhere each text is from stands with "
        "the texts, in `src/logitscope/samples/README.md`.\n"
    )
    (folder / "index.md").write_text("\n".join([head, *sections]), encoding="utf-8")
    print(folder / "index.md")


if __name__ == "__main__":
    main()
