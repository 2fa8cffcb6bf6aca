"""What can be done to a text beside reading it: replace a token, go on, fill a blank, ask for a word's probability."""

from logitscope.editing.ask import Answer, ask
from logitscope.editing.blank import Blank, find_blank
from logitscope.editing.change import Change, ChangedToken
from logitscope.editing.fill import Candidate, Fill, fill
from logitscope.editing.replace import replace
from logitscope.editing.sample import Step, sample

__all__ = [
    "Answer",
    "Blank",
    "Candidate",
    "Change",
    "ChangedToken",
    "Fill",
    "Step",
    "ask",
    "fill",
    "find_blank",
    "replace",
    "sample",
]
