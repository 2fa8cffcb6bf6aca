# For newcomers: `make demo` and `make test`. Both make .venv if it is missing and install into it
# what constraints.txt pins; they need Python 3.11 or newer, make, and nothing else.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PASSAGE := src/logitscope/embedded/passage.txt
MODEL := embedded:tales
# Where the passage comes back to a name; another tokenizer cuts it elsewhere, and is shown its beginning.
WINDOW := $(if $(filter embedded:tales,$(MODEL)),28:46,0:18)
CORPUS := $(or $(LOGITSCOPE_SHARED),../shared)/corpus
# One thread for each test process: the models are tiny, and processes are what is run side by side.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --maxprocesses 8
# The Node that pip brought; LOGITSCOPE_NO_WEB=1 leaves out the pages and what checks them.
NPM := $(if $(filter-out 0,$(LOGITSCOPE_NO_WEB)),@echo "LOGITSCOPE_NO_WEB is set: NOT DONE: npm",PATH="$(CURDIR)/$(BIN):$$PATH" npm --prefix web --silent)

.PHONY: help demo test web contract gallery serve site format lint bench bench-peers bench-report bench-gpu docs embedded-sort embedded-report pictures clean
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' Makefile

# The interpreter is asked, not only looked for: a version manager's stand-in may be on the path and still not run.
$(BIN)/python:
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if "$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    echo "$$python -m venv $(VENV)"; exec "$$python" -m venv $(VENV); \
	  fi; \
	done; \
	echo "Logitscope needs Python 3.11 or newer with its venv module; none of python3, python3.14, python3.13," >&2; \
	echo "python3.12, python3.11 is one. Install it, or name yours: make PYTHON=/path/to/python demo" >&2; exit 1

# A finished install leaves a stamp; it is repeated when what it depends on has changed.
$(VENV)/installed-demo: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[data,figures]'
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/installed-demo

demo: $(VENV)/installed-demo ## the embedded model reads a short passage, in the terminal and into files
	@mkdir -p demo
	$(BIN)/logitscope trace --model $(MODEL) --bos --subblocks --file $(PASSAGE) -o demo/passage.trace.safetensors
	$(BIN)/logitscope likelihood --trace demo/passage.trace.safetensors --top 5
	$(BIN)/logitscope lens --trace demo/passage.trace.safetensors --window $(WINDOW)
	$(BIN)/logitscope trace --trace demo/passage.trace.safetensors -o demo/passage.json
	@echo
	@echo "demo/passage.trace.safetensors holds every number of this run and opens without torch; demo/passage.json is the"
	@echo "same for other programs. Next, try:"
	@echo "  $(BIN)/logitscope lens --trace demo/passage.trace.safetensors --value final_rank --subblocks"
	@echo "  $(BIN)/logitscope likelihood 'Any text of your own.'"
	@echo "  $(BIN)/logitscope likelihood --file training/optim.py --by line"
	@echo "  $(BIN)/logitscope lens --model embedded:sort CBABBCABBBC --value next_logprob"
	@echo "  $(BIN)/logitscope lens --model openai-community/gpt2 'The Eiffel Tower is in the city of'"

test: $(VENV)/installed-dev lint ## everything CI runs: lint, types, import direction, tests, pages of docs/
	$(NPM) test
	@sh tests/web/chromium.sh
	$(BIN)/python web/build.py
	$(PYTEST)

lint: $(VENV)/installed-dev ## style, types (mypy strict), import direction
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python web/build.py install
	$(NPM) run lint

format: $(VENV)/installed-dev ## rewrite the sources in the house style
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format
	$(BIN)/python web/build.py install
	$(NPM) run format

web: $(VENV)/installed-dev ## build the web app into the package (only when its sources changed)
	$(BIN)/python web/build.py

contract: $(VENV)/installed-dev ## write web/src/contract again: what the server and the pages say to each other
	$(BIN)/python -m logitscope.server.publish web/src/contract
	$(BIN)/python web/build.py install
	$(NPM) run contract

docs: $(VENV)/installed-dev ## run every example of the pages, write the reference, build the site into site/
	$(PYTEST) tests/docs
	$(BIN)/python docs/make_reference.py
	$(BIN)/zensical build
	@echo "site/index.html is its first page; any static host serves the folder."

embedded-sort: $(VENV)/installed-dev ## train embedded:sort again (about two minutes on one core)
	OMP_NUM_THREADS=1 $(BIN)/python -m training.sort

embedded-report: $(VENV)/installed-dev ## measure the embedded models; held-out books are looked for in $(CORPUS)
	$(BIN)/python -m training.report --corpus $(CORPUS)

pictures: $(VENV)/installed-dev ## draw the pictures of README.md and docs/ again
	$(BIN)/python docs/make_pictures.py
	sh docs/make_pictures.sh
	@sh tests/web/chromium.sh
	$(BIN)/python web/build.py
	$(BIN)/python docs/make_page_pictures.py
	$(BIN)/python docs/make_walkthrough.py

gallery: $(VENV)/installed-demo ## draw docs/gallery again; MODEL=openai-community/gpt2-xl draws another into gallery/
	$(BIN)/python docs/make_gallery.py --model $(MODEL)

bench: $(VENV)/installed-dev ## time, memory and error beside other tools; QUICK=1, SECTIONS="tales-128 growth", RESUME=1
	$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(if $(RESUME),--resume) --sections "$(SECTIONS)"

bench-peers: $(VENV)/installed-dev ## install the tools that are compared with, each in an environment of its own
	$(BIN)/python -m benchmarks.environments

bench-report: $(VENV)/installed-dev ## put what was measured last, and its curves, into docs/speed.md
	$(BIN)/python -m benchmarks.report --docs

bench-gpu: $(VENV)/installed-dev ## the readout on a CUDA device beside the products alone and the eager recipe
	$(BIN)/python -m benchmarks.gpu

serve: $(VENV)/installed-demo ## the web app on http://127.0.0.1:8642, with the embedded models
	@$(BIN)/python web/build.py || echo "The page could not be built; the server will say so." >&2
	@exec $(BIN)/logitscope serve

site: $(VENV)/installed-dev ## the web app with the embedded models as a folder for any static host: build/site
	$(BIN)/python web/build.py
	@mkdir -p build
	$(BIN)/logitscope export site -o build/site
	@echo "Look at it with any static server: $(BIN)/python -m http.server --directory build/site, http://localhost:8000"

clean: ## remove what tools left behind; .venv stays
	rm -rf build dist demo site .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
