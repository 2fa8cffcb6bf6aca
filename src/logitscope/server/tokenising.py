"""The tokens of a text without running its model: a page that asks while somebody types never waits for computing.

Knows a model's tokenizer, of which it keeps a copy: a library's tokenizer changes while it is used, and the original
belongs to the model's thread.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import replace

from logitscope.errors import InputError
from logitscope.model.model import Model
from logitscope.model.tokenise import Tokeniser
from logitscope.scope.plan import Plan, plan_trace
from logitscope.server.contract import Tokenised, TokeniseRequest

__all__ = ["Tokenising"]


class Tokenising:
    """Tokenises for one model, one text at a time, in whatever thread asks."""

    def __init__(self, model: Model) -> None:
        self._model = replace(model, tokeniser=Tokeniser(copy.deepcopy(model.tokeniser.hf)))
        self._lock = threading.Lock()

    def __call__(self, asked: TokeniseRequest) -> Tokenised:
        """The tokens of a text or of ids.

        Raises:
            InputError: no tokens, or ids that the model does not know.
        """
        with self._lock:
            plan = plan_trace(self._model, asked.text, asked.ids, bos=asked.bos)
            again = asked.ids is None or self._again(plan)
        tokens = plan.tokens
        return Tokenised(
            ids=tokens.ids.tolist(),
            tokens=list(tokens.texts),
            bytes=[piece.hex() for piece in tokens.pieces],
            spans=[(start, end) for start, end in tokens.spans.tolist()],
            special=tokens.special.tolist(),
            text=tokens.text,
            bos=plan.bos,  # type: ignore[arg-type]
            lossy=tokens.lossy,
            retokenises=again,
        )

    def _again(self, plan: Plan) -> bool:
        tokens = plan.tokens
        try:
            found, _ = self._model.tokeniser.encode(tokens.text, bos=bool(tokens.special[0]))
        except InputError:  # no text, or no BOS token to put before it
            return False
        return bool(found.ids.tolist() == tokens.ids.tolist())
