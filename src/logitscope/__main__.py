"""`python -m logitscope`: the same as the command `logitscope`."""

from logitscope.cli import command

if __name__ == "__main__":
    command()
