"""What the commands ask a scope for, and what they print or write."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from logitscope.errors import ModelError
from logitscope.trace import open_trace
from tests.cli.conftest import FakeScope, assert_one_line

TEXT = "The tide came in.\n"


def test_likelihood_prints_the_text_and_its_bits(scope: FakeScope, run) -> None:
    result = run("likelihood", TEXT)
    assert (result.status, result.err) == (0, "")
    assert "bits" in result.out
    assert "per byte" in result.out


def test_likelihood_asks_for_the_last_stage_and_nothing_that_it_does_not_show(scope: FakeScope, run) -> None:
    run("likelihood", TEXT)
    asked = scope.calls[1]
    assert asked["stages"] == ["1.mlp"]
    assert set(asked["statistics"]) >= {"next_logprob", "next_rank", "entropy", "top_ids", "top_logprobs"}
    assert not any("kl" in name or "final" in name for name in asked["statistics"])


def test_the_default_model_is_the_embedded_one(scope: FakeScope, run) -> None:
    run("likelihood", TEXT)
    assert scope.calls[0] == {"model": "embedded:tales"}


def test_options_about_the_model_are_handed_on(scope: FakeScope, run) -> None:
    run("lens", TEXT, "--model", "x/y", "--revision", "abc", "--dtype", "bfloat16", "--device", "cuda",
        "--device-map", "auto", "--trust-remote-code", "--tokenizer", "x/z")  # fmt: skip
    assert scope.calls[0] == {
        "model": "x/y", "revision": "abc", "dtype": "bfloat16", "device": "cuda", "device_map": "auto",
        "trust_remote_code": True, "tokenizer": "x/z",
    }  # fmt: skip


def test_options_about_reading_are_handed_on(scope: FakeScope, run) -> None:
    run("lens", TEXT, "--bos", "--window-size", "16", "--stride", "4", "--lens", "tail:1", "--norm", "plain",
        "--subblocks", "--no-embed", "--watch", " a", "--watch", " the", "--top-k", "3")  # fmt: skip
    asked = scope.calls[1]
    assert {name: asked[name] for name in ("bos", "window", "stride", "lens", "norm", "subblocks", "embed")} == {
        "bos": True, "window": 16, "stride": 4, "lens": "tail:1", "norm": "plain", "subblocks": True, "embed": False,
    }  # fmt: skip
    assert (asked["watch"], asked["top_k"]) == ([" a", " the"], 3)


def test_top_lists_surprises(scope: FakeScope, run) -> None:
    assert "Most surprising" not in run("likelihood", TEXT).out
    assert run("likelihood", TEXT, "--top", "2").out.count("all others") == 2


def test_by_line_and_relative(scope: FakeScope, run) -> None:
    assert "mean bits per token" in run("likelihood", TEXT, "--by", "line").out
    assert run("likelihood", TEXT, "--scale", "relative").status == 0


def test_the_text_is_coloured_by_other_readings_and_at_other_stages(
    scope: FakeScope, run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "3")
    assert "never" in run("likelihood", TEXT, "--value", "settled_stage").out
    assert scope.calls[-1]["stages"] is None
    assert "mean bits per token of a sentence" in run("likelihood", TEXT, "--stage", "0.mlp", "--by", "sentence").out
    assert scope.calls[-1]["stages"] == ["0.mlp"]


def test_lens_prints_every_block_output_and_the_input(scope: FakeScope, run) -> None:
    out = run("lens", TEXT).out
    assert "1.mlp" in out
    assert "embed" in out
    assert "attn" not in out
    assert "coloured by top_prob" in out
    assert "0.attn" in run("lens", TEXT, "--subblocks").out
    assert "embed" not in run("lens", TEXT, "--no-embed").out
    assert "0.mlp" not in run("lens", TEXT, "--every", "2").out


def test_lens_asks_for_what_it_colours(scope: FakeScope, run) -> None:
    run("lens", TEXT, "--value", "kl_from_input")
    assert scope.calls[1]["statistics"] == ["top_ids", "final_rank", "kl_from_input"]


def test_files_and_json_get_every_statistic(scope: FakeScope, run, tmp_path: Path) -> None:
    run("lens", TEXT, "--json")
    assert "statistics" not in scope.calls[1]


def test_lens_shows_a_window(scope: FakeScope, run) -> None:
    out = run("lens", TEXT, "--window", "1:3").out
    ordinals = next(line for line in out.split("\n") if line.split() and line.split()[0] == "1")
    assert ordinals.split() == ["1", "2"]
    assert run("lens", TEXT, "--window=-2:").status == 0


def test_a_window_that_ends_beyond_the_text_ends_with_it(scope: FakeScope, run) -> None:
    assert run("lens", TEXT, "--window", "2:100").out == run("lens", TEXT, "--window", "2:").out


def test_numbers_are_those_of_the_picture(scope: FakeScope, run, tmp_path: Path) -> None:
    saved = str(tmp_path / "t.safetensors")
    run("trace", TEXT, "-o", saved, "--subblocks")
    for source in ([TEXT], ["--trace", saved]):
        numbers = json.loads(run("lens", *source, "--window", "1:3", "--every", "2", "--no-embed", "--json").out)
        assert (numbers["stages"], numbers["positions"]) == (["1.mlp"], [1, 2])
        cut = tmp_path / "cut.safetensors"
        assert run("lens", *source, "--window=-2:", "-o", str(cut)).status == 0
        assert open_trace(cut).stages == ("embed", "0.mlp", "1.mlp")
        assert open_trace(cut).positions.tolist() == [3, 4]


def test_a_trace_of_stages_after_attention_alone_says_how_to_see_them(scope: FakeScope, run, tmp_path: Path) -> None:
    whole, piece = str(tmp_path / "t.safetensors"), str(tmp_path / "p.safetensors")
    run("trace", TEXT, "-o", whole, "--subblocks")
    open_trace(whole).select(stages=["0.attn", "1.attn"]).save(piece)
    assert_one_line(run("lens", "--trace", piece), "stages after attention alone; add --subblocks")
    assert "1.attn" in run("lens", "--trace", piece, "--subblocks").out


def test_a_text_may_begin_with_a_dash(scope: FakeScope, run) -> None:
    assert run("likelihood", "--", "-5 degrees").status == 0
    assert scope.calls[1]["text"] == "-5 degrees"


def test_each_followed_token_has_a_grid(scope: FakeScope, run) -> None:
    out = run("lens", TEXT, "--watch", " a", "--watch", " the", "--value", "watch_rank").out
    assert out.count("coloured by watch_rank of ") == 2
    assert "watch_rank of ␣the" in out
    assert "coloured by watch_rank of ␣a" in run("lens", TEXT, "--watch", " a").out


def test_numbers_are_written_into_cells_when_asked_for(scope: FakeScope, run, monkeypatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "3")
    with_numbers, without = run("lens", TEXT, "--numbers").out, run("lens", TEXT).out
    assert len(with_numbers) > len(without)


def test_columns_and_colours_of_the_environment_are_honoured(scope: FakeScope, run, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert max(len(line) for line in run("lens", TEXT).out.split("\n")) <= 40
    monkeypatch.setenv("FORCE_COLOR", "3")
    assert "\x1b[" in run("likelihood", TEXT).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run("likelihood", TEXT).out


@pytest.mark.parametrize("command", ["likelihood", "lens", "trace"])
def test_json_is_one_object_with_the_names_of_the_contract(scope: FakeScope, run, command: str) -> None:
    result = run(command, TEXT, "--json")
    assert (result.status, result.err) == (0, "")
    numbers = json.loads(result.out)
    assert numbers["text"] == TEXT
    assert len(numbers["values"]["next_logprob"][0]) == len(numbers["ids"])
    assert numbers["values"]["next_logprob"][0][-1] is None
    assert numbers["summary"]["tokens"] == len(numbers["ids"])


@pytest.mark.parametrize("suffix", [".trace.safetensors", ".json", ".csv"])
def test_out_writes_the_format_that_the_suffix_names(scope: FakeScope, run, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"tide{suffix}"
    out.write_bytes(b"old")
    result = run("trace", TEXT, "-o", str(out))
    assert (result.status, result.out) == (0, "")
    assert result.err == f"logitscope: wrote {out}\n"
    assert out.read_bytes() != b"old"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("command", ["likelihood", "lens", "trace"])
def test_a_saved_trace_shows_the_same_without_a_model(scope: FakeScope, run, tmp_path: Path, command: str) -> None:
    out = tmp_path / "t.safetensors"
    run("trace", TEXT, "-o", str(out), "--subblocks")
    scope.calls.clear()
    again = [command, "--trace", str(out), *(["--json"] if command == "trace" else [])]
    result = run(*again)
    assert (result.status, result.err) == (0, "")
    assert scope.calls == []
    if command == "lens":
        assert "attn" not in result.out
        assert run("lens", "--trace", str(out), "--subblocks").out == run("lens", TEXT, "--subblocks").out


def test_a_saved_trace_can_be_converted(scope: FakeScope, run, tmp_path: Path) -> None:
    saved, table = tmp_path / "t.safetensors", tmp_path / "t.csv"
    run("trace", TEXT, "-o", str(saved))
    assert run("trace", "--trace", str(saved), "-o", str(table)).status == 0
    assert table.read_text().startswith("stage,")


def test_tokens_followed_in_a_saved_trace_are_found_by_text(scope: FakeScope, run, tmp_path: Path) -> None:
    saved = str(tmp_path / "t.safetensors")
    run("trace", TEXT, "-o", saved, "--watch", " a", "--watch", " the")
    assert len(open_trace(saved).watched) == 2
    out = run("lens", "--trace", saved, "--watch", " the").out
    assert "of ␣the" in out
    assert "of ␣a" not in out
    first, second = open_trace(saved).watched
    assert run("lens", "--trace", saved, "--watch", f"#{second}").out == out
    for absent in (" zebra", "the", "#99999", f"#{first}0"):
        assert_one_line(run("lens", "--trace", saved, "--watch", absent), f"{absent!r} is not followed", "' the' (#")


@pytest.mark.parametrize("options", [[], ["--value", "final_rank"], ["--json"]])
def test_as_many_tokens_as_are_followed_are_still_compared_by_name(scope: FakeScope, run, tmp_path, options) -> None:
    saved = str(tmp_path / "t.safetensors")
    run("trace", TEXT, "-o", saved, "--watch", " a")
    assert_one_line(run("lens", "--trace", saved, "--watch", " the", *options), "' the' is not followed", "' a' (#")


def test_a_token_can_be_followed_by_its_id(scope: FakeScope, run) -> None:
    assert run("lens", TEXT, "--watch", "#2", "--watch", " a").status == 0
    assert scope.calls[1]["watch"] == [2, " a"]
    assert run("trace", TEXT, "--watch", "#2", "--json").status == 0
    assert scope.calls[3]["watch"] == [2]


def test_models_lists_and_describes(monkeypatch, run) -> None:
    import logitscope
    from logitscope.model import listing

    monkeypatch.setattr(listing, "overview", lambda: ["embedded", "  embedded:sort"])
    monkeypatch.setattr(listing, "describe", lambda model: [f"anatomy of {model}"])

    class Loaded:
        model = "a model"

    asked = []
    monkeypatch.setitem(vars(logitscope), "load", lambda name, **options: asked.append((name, options)) or Loaded())
    assert run("models").out == "embedded\n  embedded:sort\n"
    assert run("models", "x/y", "--dtype", "auto").out == "anatomy of a model\n"
    assert asked == [("x/y", {"dtype": "auto"})]


def test_a_model_cannot_control_the_terminal_by_its_name(monkeypatch, run) -> None:
    from logitscope.model import listing

    monkeypatch.setattr(listing, "overview", lambda: ["  a/b    1 MB  \x1b[2JForCausalLM", "└─ mlp · 3"])
    assert run("models").out == "  a/b    1 MB  \\x1B[2JForCausalLM\n└─ mlp · 3\n"


def test_version(run) -> None:
    import logitscope

    assert run("--version").out == f"logitscope {logitscope.__version__}\n"


@pytest.mark.parametrize("command", [(), ("likelihood",), ("lens",), ("trace",), ("models",)])
def test_help_names_every_option_in_words(run, command: tuple[str, ...]) -> None:
    result = run(*command, "--help")
    assert result.status == 0
    assert "Usage: logitscope" in result.out


def test_an_error_of_the_scope_is_one_line(scope: FakeScope, run) -> None:
    scope.failure = ModelError("x/y has pickled weights only.\nConvert them.")
    result = run("likelihood", TEXT)
    assert (result.status, result.err) == (2, "logitscope: x/y has pickled weights only. Convert them.\n")


def test_ctrl_c_says_so_and_leaves_nothing_behind(scope: FakeScope, run, tmp_path: Path) -> None:
    scope.failure = KeyboardInterrupt()
    result = run("trace", TEXT, "-o", str(tmp_path / "t.json"))
    assert (result.status, result.out) == (130, "")
    assert result.err == "logitscope: interrupted; nothing was left half-written.\n"
    assert list(tmp_path.iterdir()) == []


def test_memory_that_runs_out_is_one_line(scope: FakeScope, run) -> None:
    class OutOfMemoryError(RuntimeError):
        """As torch calls it."""

    for failure in (MemoryError(), OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\nmore")):
        scope.failure = failure
        result = run("likelihood", TEXT)
        assert result.status == 2
        assert "memory ran out" in result.err
        assert result.err.count("\n") == 1


def test_a_defect_of_ours_is_not_hidden(scope: FakeScope, run) -> None:
    scope.failure = ZeroDivisionError("ours")
    with pytest.raises(ZeroDivisionError):
        run("likelihood", TEXT)


def test_a_reader_who_has_had_enough_is_no_error(scope: FakeScope, run, monkeypatch) -> None:
    class Closed:
        encoding = "utf-8"

        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> int:
            raise BrokenPipeError

        def flush(self) -> None:
            raise BrokenPipeError

        def fileno(self) -> int:
            raise OSError

    monkeypatch.setattr(sys, "stdout", Closed())
    result = run("likelihood", TEXT, "--json")
    assert (result.status, result.err) == (0, "")
