"""Step 1 of 3 for `tales`: train the tokenizer and turn the corpus into ids (about three minutes on two cores).

    python -m training.prepare --corpus DIR --work DIR

Step 2 is tales.py, step 3 is release.py.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from training.corpus import books, encode_stream, source_files, train_tokenizer

VOCAB_SIZE = 6144


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with books-*.jsonl.xz")
    parser.add_argument("--work", type=Path, required=True, help="folder for tokenizer.json and the id streams")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)

    prose = list(books(args.corpus, "train"))
    code = list(source_files(held_out=False))
    # Every third book is plenty for merges; all the code, so that indentation gets tokens of its own.
    sample = [d.text for d in prose[::3]] + [d.text for d in code]
    tokenizer = train_tokenizer([line for text in sample for line in text.splitlines(keepends=True)], VOCAB_SIZE)
    tokenizer.save(str(args.work / "tokenizer.json"))

    sources = {}
    for name, documents in {
        "prose": prose,
        "code": code,
        "prose_heldout": list(books(args.corpus, "heldout")),
        "code_heldout": list(source_files(held_out=True)),
    }.items():
        ids = encode_stream(tokenizer, documents)
        np.save(args.work / f"{name}.npy", ids)
        size = sum(len(d.text.encode()) for d in documents)
        print(f"{name}: {len(documents)} documents, {size:,} bytes, {len(ids):,} tokens of {size / len(ids):.2f} bytes")
        sources[name] = [{"name": d.name, "sha256": d.sha256, "bytes": len(d.text.encode())} for d in documents]
    (args.work / "sources.json").write_text(json.dumps(sources, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
