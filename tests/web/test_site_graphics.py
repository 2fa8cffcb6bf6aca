"""A site whose models a graphics processor computes, in a Chromium that plays one: its numbers are the library's.

Where it is none, is wrong, fails or is lost, WebAssembly computes, and the page says so. What is wrong is brought about
by a script of the site that stands between the engine and the runtime.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from logitscope.export import export_site, forward
from logitscope.export.site import seal
from logitscope.scope import Scope
from tests.export.exporting import build
from tests.web.conftest import OPTIONS, Visit, await_tokens, kept_offline, launched, says, start, visitor
from tests.web.hosting import Host, hosting, own_copy, replace
from tests.web.test_site_parity import IDS, RANKS, array, asked, engine, open_engine

__all__ = ["engine"]

PLAYED = ("--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan")
"""Options by which Chromium plays a graphics processor."""

TEXT = "The old man and the sea"
TEXTS = (TEXT, "a", "x = f(1)\n\n émigré 🙂 мир")


@pytest.fixture(scope="module")
def player(chromium: str) -> Iterator[Browser]:
    """A browser with a graphics processor."""
    with launched(chromium, [*OPTIONS, *PLAYED]) as running:
        yield running


@pytest.fixture(scope="module")
def models() -> tuple[Scope, Scope]:
    return build("llama"), build("gpt2-untied")


@pytest.fixture(scope="module")
def written(page_is_built: None, models: tuple[Scope, Scope], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of tiny models that are taken for large ones."""
    folder = tmp_path_factory.mktemp("graphics") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forward, "_SMALL", 0)
        export_site(models, folder)
    return folder


@pytest.fixture
def host(written: Path, tmp_path: Path) -> Iterator[Host]:
    own_copy(written, tmp_path)
    with hosting(tmp_path) as running:
        yield running


@pytest.fixture
def visit(player: Browser) -> Iterator[Visit]:
    with visitor(player, viewport={"width": 1280, "height": 860}) as context:
        comes = Visit(context)
        yield comes
    assert comes.complaints == []
    assert comes.strays == []


def played(visit: Visit, url: str, *, begin: bool = True) -> Page:
    """The page where the reader wants the processor, though it is only played."""
    page = visit(url.replace("#", "?program=webgpu#"), begin=False)
    if not page.evaluate("navigator.gpu && navigator.gpu.requestAdapter().then(Boolean)"):
        pytest.skip("this chromium plays no graphics processor")
    if begin:
        start(page)
    return page


def tells(page: Page, *parts: str) -> str:
    """Waits until the page says this of how it computes; all that it says."""
    page.get_by_role("button", name="Help").click()
    help_ = page.get_by_role("dialog")
    says(help_, "How to read this", *parts)
    words = help_.inner_text()
    page.keyboard.press("Escape")
    return words


def holds_numbers(page: Page, scope: Scope) -> None:
    await_tokens(page, TEXT)
    bits = f"{scope.trace(TEXT).summary().total_bits:.1f}"
    expect(page.get_by_label("Totals of the text")).to_contain_text(bits)


def stand_between(host: Host, change: str) -> None:
    """Has `change(session)` say what the graphics processor's runtime does, which computes without one."""
    (chunk,) = (path for path in (host.site / "assets").glob("webgpu-*.js") if "glue" not in path.name)
    chunk.rename(chunk.with_name("webgpu-itself.js"))
    chunk.write_text(
        f"""import {{ start as begin }} from "./webgpu-itself.js";
        const change = {change};
        export async function start(...given) {{
            const {{ ort, versions }} = await begin(...given);
            const create = async (graph, options) =>
                change(await ort.InferenceSession.create(graph, {{ ...options, executionProviders: ["wasm"] }}));
            return {{ versions, ort: {{ Tensor: ort.Tensor, InferenceSession: {{ create }} }} }};
        }}""",
        encoding="utf-8",
    )
    for name in ("site.json", "sw.js"):  # links, until they are replaced
        replace(host.site / name, (host.site / name).read_bytes())
    seal(host.site)


def program(host: Host, name: str) -> str:
    (path,) = (host.site / "ort").glob(f"{name}-*")
    return f"ort/{path.name}"


def programs(host: Host) -> list[str]:
    """What was fetched that computes, in order."""
    return [path for path in host.asked if path.startswith("ort/")]


def test_every_statistic_is_pythons(host: Host, visit: Visit, engine: Path, models: tuple[Scope, Scope]) -> None:
    shutil.copytree(engine, host.site / "testing")
    page = played(visit, f"{host.url}#", begin=False)
    open_engine(page, host)
    apart: dict[str, float] = {}
    for scope in models:
        for text in TEXTS:
            want, said = scope.trace(text, subblocks=True), asked(page, scope.model.name, text)
            assert said["ids"] == want.ids.tolist()
            for name in want.arrays:
                ours, theirs = np.asarray(want[name]), array(said, name)
                if name in RANKS or name in IDS:
                    assert np.array_equal(ours, theirs), (name, text)
                    continue
                assert (np.isnan(ours) == np.isnan(theirs)).all(), (name, text)
                found = float(np.nanmax(np.abs(ours.astype(np.float64) - theirs), initial=0.0))
                apart[name] = max(apart.get(name, 0.0), found)
    print(apart)
    assert max(apart.values()) < 1e-4
    assert programs(host) == [program(host, "webgpu")]


def test_the_page_says_what_computes_and_that_it_was_checked(
    host: Host, visit: Visit, models: tuple[Scope, Scope]
) -> None:
    page = played(visit, f"{host.url}#t={quote(TEXT)}", begin=False)
    page.wait_for_selector("[data-phase=waiting]")
    size = (host.site / program(host, "webgpu")).stat().st_size
    expect(page.locator("main")).to_contain_text(f"{size / 1e6:.1f} MB for the program")
    expect(page.locator("main")).to_contain_text("graphics processor (google swiftshader) will compute it")
    start(page)
    holds_numbers(page, models[0])
    tells(
        page,
        "is computed by this device's graphics processor (WebGPU, google swiftshader)",
        "of Python's on the check text",
    )
    notes = re.compile(re.escape("graphics processor (WebGPU, google swiftshader)"))
    expect(page.locator(".facts")).to_have_attribute("title", notes)
    assert programs(host) == [program(host, "webgpu")]
    # What it needs is there without a network: the program by its hash, the scripts with the page.
    kept_offline(page)
    kept = page.evaluate(
        """async () => {
            const open = await Promise.all((await caches.keys()).map(name => caches.open(name)));
            return (await Promise.all(open.map(one => one.keys()))).flat().map(({ url }) => url);
        }"""
    )
    listed = json.loads((host.site / "site.json").read_text(encoding="utf-8"))["files"]
    needed = [one for one in listed if "webgpu-" in one["path"]]
    assert len(needed) == 3
    for one in needed:
        assert any(url.endswith((one["path"], one["sha256"])) for url in kept), one["path"]


def test_where_it_is_wrong_webassembly_computes_and_the_page_says_so(
    host: Host, visit: Visit, models: tuple[Scope, Scope]
) -> None:
    stand_between(
        host,
        """session => ({
            outputNames: session.outputNames,
            release: () => session.release(),
            run: async (...given) => {
                const found = await session.run(...given);
                found.entropy?.data.forEach((one, i, all) => { all[i] = one + 0.01; });
                return found;
            },
        })""",
    )
    page = played(visit, f"{host.url}#t={quote(TEXT)}")
    holds_numbers(page, models[0])
    tells(
        page,
        "is computed by WebAssembly",
        "The graphics processor was left: its numbers differ from Python's by 0.010 (at most 0.0001 is allowed)",
    )
    assert set(programs(host)) == {program(host, "webgpu"), program(host, "ort")}


def test_one_that_is_lost_is_left_when_the_reader_asks_again(
    host: Host, visit: Visit, models: tuple[Scope, Scope]
) -> None:
    visit.expected = ["the device was lost"]
    stand_between(
        host,
        """session => ({
            outputNames: session.outputNames,
            release: () => session.release(),
            run: (feeds, ...rest) => {
                if (feeds.ids?.dims[0] > 12) throw new Error("the device was lost");
                return session.run(feeds, ...rest);
            },
        })""",
    )
    page = played(visit, f"{host.url}#t={quote(TEXT)}", begin=False)
    page.get_by_role("button", name="Download and begin").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("The graphics processor gave up")
    expect(alert).to_contain_text("the device was lost")
    alert.get_by_role("button", name="Try again").click()
    holds_numbers(page, models[0])
    tells(page, "is computed by WebAssembly", "the device was lost")


def test_one_that_is_only_played_is_not_used(host: Host, visit: Visit, models: tuple[Scope, Scope]) -> None:
    page = visit(f"{host.url}#t={quote(TEXT)}", begin=False)
    page.wait_for_selector("[data-phase=waiting]")
    assert "graphics processor" not in page.locator("main").inner_text()
    start(page)
    holds_numbers(page, models[0])
    assert "graphics processor" not in tells(page)
    assert programs(host) == [program(host, "ort")]


def test_the_reader_can_say_webassembly_only(host: Host, visit: Visit, models: tuple[Scope, Scope]) -> None:
    page = played(visit, f"{host.url}#t={quote(TEXT)}", begin=False)
    page.wait_for_selector("[data-phase=waiting]")
    page.get_by_role("link", name="Use WebAssembly only").click()
    page.wait_for_url("**/?program=wasm#*")
    page.wait_for_selector("[data-phase=waiting]")
    start(page)
    holds_numbers(page, models[0])
    assert programs(host) == [program(host, "ort")]


def test_the_default_site_has_nothing_for_graphics_processors(site: Path) -> None:
    assert [path.name for path in site.rglob("*webgpu*")] == []
    assert len(list((site / "ort").iterdir())) == 1
