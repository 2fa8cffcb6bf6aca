#!/bin/sh
# Draws the figures of docs/figures.md into docs/pictures/; `make pictures` runs it. Options (--model NAME) go to every command.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
passage=src/logitscope/embedded/passage.txt
pictures=docs/pictures
mkdir -p "$pictures"
logitscope likelihood --file src/logitscope/errors.py --bos -o "$pictures/likelihood-code.png" "$@"
logitscope lens --file "$passage" --bos --window 28:46 -o "$pictures/lens.png" "$@"
logitscope lens --file "$passage" --bos --window 28:40 --value final_rank -o "$pictures/lens-ranks.png" "$@"
logitscope evolution --file "$passage" --bos --position 43 -o "$pictures/evolution.png" "$@"
logitscope histogram --file "$passage" --bos --position 43 -o "$pictures/histogram.png" "$@"
