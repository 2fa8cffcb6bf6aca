"""How fast, how large, how exact: Logitscope measured beside the bare matrix products and beside other tools.

    make bench                      everything; one table at the end
    make bench QUICK=1              the same in a few minutes, with fewer shapes and rounds
    make bench SECTIONS=peers-128   some sections only; what was measured before stays in the file
    make bench-peers                install the other tools, each in an environment of its own

Sections write into one file of `benchmarks/results`, from which the tables of docs/speed.md are made. No time stands
anywhere without its memory and its error.
"""
