"""What is said over HTTP: every request and every answer, with its limits and units.

The names are those of the numeric contract. `make contract` turns these types into OpenAPI and TypeScript, so that no
page writes them again. Knows no model, no HTTP and no other room.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

__all__ = [
    "MAX_CHARACTERS",
    "MAX_IDS",
    "MAX_NEW_TOKENS",
    "MAX_TOP_K",
    "MAX_TRIED",
    "MAX_WATCHED",
    "Ability",
    "Answer",
    "AskRequest",
    "Candidate",
    "Change",
    "ChangedToken",
    "Failure",
    "Fill",
    "FillRequest",
    "FirstRequest",
    "Limits",
    "ModelCard",
    "Progress",
    "Reading",
    "ReplaceRequest",
    "Said",
    "SampleRequest",
    "SaveRequest",
    "StartingText",
    "Step",
    "TokeniseRequest",
    "Tokenised",
    "TraceRequest",
]

MAX_CHARACTERS = 100_000
"""Of one text."""

MAX_IDS = 65_536
"""Token ids of one text, given or made of it."""

MAX_TOP_K = 100
MAX_WATCHED = 64
MAX_NEW_TOKENS = 1_024
MAX_TRIED = 1_000
MAX_NAMED = 32
MAX_LISTED = 4_096

TokenId = Annotated[int, Field(ge=0, lt=2**31)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Wanted = Annotated[str, StringConstraints(max_length=1_000)] | TokenId | Annotated[list[TokenId], Field(max_length=256)]
"""A token or word: its text, which may be several tokens, or its id or ids."""
First = Annotated[list[Annotated[int, Field(ge=-MAX_IDS, lt=MAX_IDS)]], Field(max_length=MAX_IDS)]
Nats = Annotated[float | None, Field(description="Natural-log probability in nats; null where it is not finite.")]


class Said(BaseModel):
    """Nothing but the fields that are named, each of exactly its type."""

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=(), use_attribute_docstrings=True)


class Reading(Said):
    """What is read, with which model: a text or token ids, one of the two."""

    model: Name
    """One of the names that `/api/models` lists."""
    text: Annotated[str | None, StringConstraints(min_length=1, max_length=MAX_CHARACTERS)] = None
    """Read exactly as it is, nothing stripped."""
    ids: Annotated[list[TokenId] | None, Field(min_length=1, max_length=MAX_IDS)] = None
    """Token ids instead of a text: they are not tokenised again, so that one can be replaced and the rest kept."""
    bos: bool = False
    """Put the tokenizer's BOS token first if its own convention does not, so that the first token is scored."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.text is None) == (self.ids is None):
            raise ValueError("give either a text or ids, one of the two")
        return self


class TokeniseRequest(Reading):
    """Asks for the tokens of a text, without running the model."""


class Tokenised(Said):
    """A text cut into tokens."""

    ids: list[int]
    """`[position]`, a BOS token included."""
    tokens: list[str]
    """`[position]`: what to show; bytes that are no whole character as `\\xF0\\x9F`."""
    bytes: list[str]
    """`[position]`: the exact bytes in hexadecimal; empty for tokens that stand for no text."""
    spans: list[tuple[int, int]]
    """`[position]`: the characters (code points) `text[start:end]` that a token touches."""
    special: list[bool]
    """`[position]`: tokens such as BOS that stand for no text."""
    text: str
    """What was read; of given ids, their joined bytes decoded."""
    bos: Literal["none", "tokenizer", "added"]
    """Which prefix stands before the text: none, by the tokenizer's own convention, or because it was asked for."""
    lossy: bool
    """The tokenizer changed or dropped something: the joined bytes are not the text."""
    retokenises: bool
    """Whether tokenising `text` gives these ids again; false for some edits of ids."""


class TraceRequest(Reading):
    """Asks for the readouts of a text."""

    lens: Name = "logit"
    """`logit`, or `tail:N` or `tail:N.mlp`: the last blocks from N on are run on every earlier stage."""
    norm: Literal["final", "plain", "none"] = "final"
    """Before the head: the final norm, the same without its learned scale and shift, or none."""
    subblocks: bool = False
    """Also the stages after attention, where the model has them."""
    embed: bool = True
    """Also what enters block 0."""
    stages: Annotated[list[Name] | None, Field(min_length=1, max_length=MAX_LISTED)] = None
    """Exactly these stages instead; one that does not exist is an error."""
    positions: Annotated[
        list[Annotated[int, Field(ge=-MAX_IDS, lt=MAX_IDS)]] | None, Field(min_length=1, max_length=MAX_IDS)
    ] = None
    """Only these positions of the text, negative ones from its end; null for all."""
    top_k: Annotated[int | None, Field(ge=1, le=MAX_TOP_K)] = None
    """How many of the likeliest tokens; null for 10, fewer if the vocabulary is smaller."""
    watch: Annotated[list[TokenId | Word], Field(max_length=MAX_WATCHED)] = []
    """Tokens to follow everywhere, by exact text (such as " Paris") or id."""
    histogram: bool = False
    """Also the histogram of all logits."""
    statistics: Annotated[list[Name] | None, Field(min_length=1, max_length=100)] = None
    """Only these names of the numeric contract; null for all."""
    window: Annotated[int | None, Field(ge=1, le=MAX_IDS)] = None
    """Tokens that the model reads at once; null for its context."""
    stride: Annotated[int | None, Field(ge=1, le=MAX_IDS)] = None
    """New tokens per further window of a longer text; null for half a window."""
    first: First | None = None
    """Positions that are wanted before all others, in this order, negative ones from the end: after the last stage at
    all positions, all stages are read there and then around there. Null for stage after stage at all positions. It
    changes the order of the pieces alone; those that are not read are passed over, and a file is made all at once."""


class FirstRequest(Said):
    """Says which positions are wanted first now, of the trace that the same page is being sent."""

    first: First


class SaveRequest(TraceRequest):
    """Asks for a trace as a file."""

    format: Literal["safetensors", "html", "json", "csv", "parquet"] = "safetensors"
    """`safetensors` is the trace file, which opens again; `html` a page of it; the others are for other programs."""


class Limits(Said):
    """What one request may ask of a model here."""

    characters: int
    """Of a text."""
    tokens: int
    """Of a text, given as ids or made of it."""
    top_k: int
    watch: int
    new_tokens: int
    """Of one continuation."""
    tried: int
    """Tokens for one blank."""
    trace_bytes: int
    """Of all numbers of one trace."""
    upload_bytes: int
    """Of a saved trace that is sent."""


Ability = Literal["trace", "tokenise", "sample", "fill", "ask", "replace", "save", "graph", "tile", "explain"]


class ModelCard(Said):
    """A model that can be looked into, and what can be asked of it."""

    name: str
    """What requests call it."""
    model_class: str
    """The transformers class, such as `GPT2LMHeadModel`."""
    n_blocks: int
    n_parameters: int
    """Weights, shared ones counted once."""
    d_model: int
    """Width of the residual stream."""
    n_vocab: int
    """Tokens that the tokenizer knows and the head scores."""
    context_window: int
    """Tokens that it reads at once; 0 where nothing limits it. Longer texts are read in overlapping windows."""
    stages: list[str]
    """All stages that exist, in the model's order, those after attention included."""
    has_subblocks: bool
    """Whether it has stages after attention at all."""
    last_stage: str
    """The model's own output."""
    lenses: list[str]
    """What `lens` may say: `logit`, then each `tail:N` and `tail:N.mlp`."""
    norms: list[str]
    dtype: str
    """Of the weights while computing."""
    device: str
    revision: str | None
    """The hub commit, if it came from there."""
    content_hash: str
    """Of the weights, as in every trace."""
    self_check: float
    """The largest relative disagreement found on load between what is read and the model's own logits."""
    bos_token: str | None
    """What its BOS token is called; null where it has none, so that `bos` cannot be asked for."""
    length_dependent: bool
    """Rotary scaling depends on the length of a text, so that appending changes earlier numbers."""
    tied: bool
    """The head is the embedding matrix."""
    notes: list[str]
    """What else a reader of its numbers should know, one sentence each."""
    can: list[Ability]
    """What this server can do with it."""
    cannot: dict[str, str]
    """What an Engine can do elsewhere and this one cannot, each with the reason in one sentence; kinds of files that it
    does not write as `save.html`."""
    limits: Limits


class StartingText(Said):
    """One text of the gallery."""

    name: str
    title: str
    """What a button says."""
    text: str
    focus: int
    """The character (code point) that the text is about."""


class SampleRequest(Reading):
    """Asks how a text goes on."""

    n: Annotated[int, Field(ge=1, le=MAX_NEW_TOKENS)] = 32
    """New tokens; fewer where the model ends the text."""
    method: Literal["greedy", "sample"] = "greedy"
    """The likeliest token each time, or drawn at random."""
    temperature: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = 1.0
    """Logits are divided by it before drawing. This and the next two are for `sample` only."""
    top_k: Annotated[int | None, Field(ge=1, lt=2**31)] = None
    """Draw from this many of the likeliest only."""
    top_p: Annotated[float | None, Field(gt=0, le=1, allow_inf_nan=False)] = None
    """Draw from the fewest likeliest tokens that have this probability together."""
    seed: Annotated[int, Field(ge=0, lt=2**53)] = 0
    """The same seed draws the same tokens."""
    first: Wanted | None = None
    """Taken as if it had been drawn first: an alternative from which to go on."""
    stop_at_eos: bool = True
    """End where the model ends the text."""


class Step(Said):
    """One new token of a continuation: the payload of a frame of kind 1 of `/api/sample`."""

    position: int
    """Where it stands."""
    id: int
    bytes: str
    """In hexadecimal; those of a special token are its name."""
    text: str
    """The characters that it completed; joined, the texts of all steps are the continuation."""
    logprob: Nats
    bits: float | None
    """Its surprisal."""
    prob: float
    """With which it was drawn: after temperature, top-k and top-p. 1 where the likeliest is taken."""
    rank: int
    """Among all tokens, from 1."""
    entropy: float | None
    """Of what the model predicted, in nats."""
    special: bool
    """It stands for no text."""
    named: bool
    """It was not drawn but asked for, as `first`."""
    ended: Literal["length", "eos", "window"] | None
    """Why no token follows: as many as asked for, the model ended the text, or its window is full; else null."""


class ReplaceRequest(Reading):
    """Asks what becomes of a text when some of its tokens are replaced and all others kept as ids."""

    position: Annotated[int, Field(ge=-MAX_IDS, lt=MAX_IDS)]
    """The first token to be replaced; negative ones count from the end."""
    token: Wanted
    """What stands there instead; an empty text or list removes."""
    remove: Annotated[int, Field(ge=0, le=MAX_IDS)] = 1
    """How many tokens it replaces; 0 inserts."""


class ChangedToken(Said):
    """One token that an edit touched, or that comes after it."""

    part: Literal["removed", "inserted", "later"]
    token: str
    id: int
    position_before: int | None
    position_after: int | None
    bits_before: float | None
    """Its surprisal in the text as it was; null where it does not stand there or nothing is before it."""
    bits_after: float | None
    change: float | None
    """Bits after less bits before."""


class Change(Said):
    """A text before and after some of its tokens were replaced."""

    text_before: str
    text: str
    ids_before: list[int]
    ids: list[int]
    """Of the edited text; a TraceRequest with these ids reads it as it is."""
    position: int
    removed: int
    inserted: int
    total_bits_before: float | None
    total_bits_after: float | None
    later_bits_before: float | None
    """Of the tokens after the edit."""
    later_bits_after: float | None
    retokenised: list[int] | None
    """The ids that the edited text has when it is read as text; null where they are these."""
    windowed: bool
    """A later token was read with another number of tokens before it than the edit explains."""
    tokens: list[ChangedToken]


class FillRequest(Said):
    """Asks what could stand in a blank."""

    model: Name
    """One of the names that `/api/models` lists."""
    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CHARACTERS)]
    """Holds the blank once; a backslash before the mark makes it a part of the text."""
    blank: Annotated[str, StringConstraints(min_length=1, max_length=32)] = "____"
    """What marks the place."""
    n: Annotated[int, Field(ge=1, le=MAX_TRIED)] = 200
    """How many single tokens to try: the likeliest after what stands before the blank."""
    max_tokens: Annotated[int, Field(ge=1, le=8)] = 3
    """1 tries single tokens alone; more also tries words of up to so many."""
    shown: Annotated[int, Field(ge=1, le=MAX_TRIED)] = 20
    """How many of the best candidates to answer with."""
    bos: bool = False
    """Put the tokenizer's BOS token first if its own convention does not."""


class Candidate(Said):
    """One word in the blank."""

    text: str
    ids: list[int]
    """The tokens that hold it, in the filled text."""
    logprob: Nats
    """Of these tokens, given what stands before."""
    prob: float
    """The same."""
    suffix_logprob: Nats
    """Of the tokens after them; 0 where nothing follows."""
    total_logprob: Nats
    """Of the whole text."""
    total_bits: float | None
    """The same, as surprisal."""
    share: float | None
    """Its part of the probability of all candidates that were tried; nothing beyond them counts."""
    joined: bool
    """The first or the last of its tokens holds characters around the blank too."""


class Fill(Said):
    """A blank, what was tried in it, and what came of it."""

    before: str
    """The text before the blank."""
    after: str
    tried: int
    """Single tokens that were tried: the likeliest after what stands before the blank."""
    tried_words: int
    """Words of several tokens that were tried besides."""
    n_tokens: int
    """How many tokens the model has."""
    mass: float
    """The probability of those that were tried, given what stands before."""
    bos: Literal["none", "tokenizer", "added"]
    candidates: list[Candidate]
    """Words, the likeliest whole text first."""


class AskRequest(Reading):
    """Asks how likely named tokens or words are right after a position."""

    position: Annotated[int, Field(ge=-MAX_IDS, lt=MAX_IDS)] = -1
    """Of the token that they would follow; negative ones count from the end, -1 is what follows the text."""
    tokens: Annotated[list[Wanted], Field(min_length=1, max_length=MAX_NAMED)]
    """Texts, each taken exactly (a leading space counts), or ids."""


class Answer(Said):
    """How likely one token or word is."""

    text: str
    """What was asked for, as its tokens write it."""
    ids: list[int]
    token_logprobs: list[float | None]
    """Natural-log probability of each of its tokens, after those before it, in nats."""
    logprob: Nats
    prob: float
    bits: float | None
    """Its surprisal."""
    rank: int | None
    """Of a single token, from 1; null for several, which no list ranks."""
    position: int
    """Of the token that it would follow."""


class Progress(Said):
    """How far a request is: the payload of a frame of kind 1 of `/api/trace`."""

    done: int
    """Cells that were read out: positions times stages; 0 says that the model has begun."""
    total: int


class Failure(Said):
    """What went wrong, in one line: the body of every 4xx and 5xx answer, and the payload of a frame of kind 2."""

    error: str
    status: int
    """What the HTTP status is, or would have been had the answer not begun."""
    retry_after: int | None = None
    """Seconds after which to ask again, where that helps."""
