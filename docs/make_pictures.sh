#!/bin/sh
# Draws the figures of docs/figures.md into docs/pictures/, by the lines that the page itself shows; `make pictures` runs it.
# Options (--model NAME) go to every command.
set -eu
cd "$(dirname "$0")/.."
PATH="$PWD/.venv/bin:$PATH"
mkdir -p docs/pictures
awk '/^# make pictures$/ { on = 1; next } /^```$/ { on = 0 } on' docs/figures.md | while IFS= read -r command; do
  eval "$command \"\$@\""
done
