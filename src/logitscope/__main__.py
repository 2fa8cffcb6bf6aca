"""`python -m logitscope`: the same as the command `logitscope`."""

import sys

from logitscope.cli import main

if __name__ == "__main__":
    sys.exit(main())
