"""Editing over HTTP says what Python says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from logitscope.scope import Scope
from logitscope.server import Settings, create_app
from tests.server.asking import PATIENCE, asked, frames_of

pytestmark = pytest.mark.anyio

TALES = "embedded:tales"


async def post(client: httpx2.AsyncClient, path: str, **body: Any) -> Any:
    response = await client.post(f"/api/{path}", json=body, headers={"X-Logitscope-Page": "editing"})
    assert response.status_code == 200, response.content[:300]
    return response.json()


async def test_tokens_are_those_of_a_trace(client: httpx2.AsyncClient, tales: Scope) -> None:
    text = "Tea ☕, \U0001f468‍\U0001f469‍\U0001f467 & <b>\r\n\tمرحبا"
    found = await post(client, "tokenise", model=TALES, text=text, bos=True)
    tokens = tales.trace(text, bos=True, stages=["7.mlp"]).tokens
    assert found["ids"] == tokens.ids.tolist()
    assert found["tokens"] == list(tokens.texts)
    assert b"".join(bytes.fromhex(piece) for piece in found["bytes"]) == text.encode()
    assert found["spans"] == tokens.spans.tolist()
    assert found["special"] == tokens.special.tolist()
    assert (found["bos"], found["lossy"], found["retokenises"]) == ("added", False, True)


async def test_ids_say_whether_their_text_would_be_read_as_they_are(client: httpx2.AsyncClient, tales: Scope) -> None:
    ids = (await post(client, "tokenise", model=TALES, text="The old man"))["ids"]
    assert (await post(client, "tokenise", model=TALES, ids=ids))["retokenises"]
    letters = [tales.model.tokeniser.token_id(c) for c in "The"]
    split = await post(client, "tokenise", model=TALES, ids=letters)
    assert split["text"] == "The"
    assert not split["retokenises"]


async def test_a_continuation_is_streamed_step_by_step(client: httpx2.AsyncClient, tales: Scope) -> None:
    options: dict[str, Any] = {"n": 6, "method": "sample", "temperature": 0.8, "top_k": 50, "top_p": 0.9, "seed": 7}
    response = await client.post("/api/sample", json={"model": TALES, "text": "The old", "first": " man", **options})
    pieces, steps, failed, ended = frames_of(response.content)
    assert (pieces, failed, ended) == ([], None, True)
    assert steps == [step.to_dict() for step in tales.sample("The old", first=" man", **options)]
    assert steps[0]["named"]
    assert steps[-1]["ended"] == "length"


async def test_a_continuation_stops_when_nobody_reads(tales: Scope, no_page: Path) -> None:
    app = create_app([tales], Settings(app=no_page, buffered=1))
    one = asked(app, "sample", {"model": TALES, "text": "The old", "n": 400, "stop_at_eos": False})
    await one.until(lambda talk: len(talk.parts) == 2)
    worker = app.state.desk.find(TALES).worker
    await one.leave()
    app.state.desk.stop()
    assert app.state.desk.join(PATIENCE)
    assert not worker.busy
    assert len(one.parts) < 400


async def test_a_replaced_token_says_what_it_did_to_the_rest(client: httpx2.AsyncClient, tales: Scope) -> None:
    text = "The old man looked at the sea."
    for token in (" woman", 12, [12, 13], ""):
        found = await post(client, "replace", model=TALES, text=text, position=2, token=token)
        wanted = json.loads(json.dumps(tales.replace(text, 2, token).to_dict()))
        assert found.keys() == wanted.keys()
        assert found["ids"] == wanted["ids"]
        assert found["retokenised"] == wanted["retokenised"]
        assert found["total_bits_after"] == pytest.approx(wanted["total_bits_after"], rel=1e-5)
        for mine, its in zip(found["tokens"], wanted["tokens"], strict=True):
            assert (mine["part"], mine["id"]) == (its["part"], its["id"])
            # None in both where nothing stands before a token, or it is gone.
            assert mine["bits_after"] == (its["bits_after"] and pytest.approx(its["bits_after"], rel=1e-4))


async def test_a_blank_is_filled_as_python_fills_it(client: httpx2.AsyncClient, tales: Scope) -> None:
    found = await post(client, "fill", model=TALES, text="The old ____ looked at the sea.", n=30, max_tokens=1, shown=5)
    wanted = tales.fill("The old ____ looked at the sea.", n=30, max_tokens=1).to_dict(5)
    assert found == wanted
    assert len(found["candidates"]) == 5


async def test_any_word_has_its_probability_and_a_token_its_rank(client: httpx2.AsyncClient, tales: Scope) -> None:
    names: list[Any] = [" man", 12, " antidisestablishment", [12, 13]]
    found = await post(client, "ask", model=TALES, text="The old man looked", position=1, tokens=names)
    assert found == [answer.to_dict() for answer in tales.ask("The old man looked", 1, names)]
    assert found[0]["rank"] >= 1
    assert found[2]["rank"] is None


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("fill", {"text": "no blank"}, "the text has no blank"),
        ("fill", {"text": "a ____ b ____"}, "2 blanks"),
        ("sample", {"text": "a", "temperature": 0.5}, "greedy does not use"),
        ("sample", {"text": "a", "method": "sample", "temperature": 0}, "temperature"),
        ("sample", {"text": "a", "method": "beam"}, "method"),
        ("replace", {"text": "a b", "position": 5, "token": "c"}, "position 5"),
        ("replace", {"text": "a", "position": 0, "token": ""}, "nothing would be left"),
        ("ask", {"text": "a", "tokens": []}, "tokens"),
        ("ask", {"text": "a", "tokens": [99_999]}, "99999"),
    ],
)
async def test_what_does_not_fit_is_said_in_one_line(
    client: httpx2.AsyncClient, path: str, body: dict[str, Any], said: str
) -> None:
    response = await client.post(f"/api/{path}", json={"model": TALES, **body})
    assert response.status_code == 422, response.content[:300]
    assert said in response.json()["error"]


async def test_the_cards_tell_what_there_is(client: httpx2.AsyncClient, tales: Scope) -> None:
    cards = (await client.get("/api/models")).json()
    assert [card["name"] for card in cards] == [TALES, "embedded:sort"]
    card = cards[0]
    assert tuple(card["stages"]) == tales.stages(subblocks=True)
    assert card["content_hash"] == tales.model.content_hash
    assert card["self_check"] == tales.model.check.figure
    assert card["n_parameters"] == tales.model.n_parameters
    assert card["bos_token"] == "<|endoftext|>"
    assert cards[1]["bos_token"] is None
    for lens in card["lenses"]:
        tales.trace("a", lens=lens, stages=["embed"], statistics=["entropy"])
    assert not set(card["can"]) & set(card["cannot"])


async def test_the_gallery_is_the_package_s(client: httpx2.AsyncClient) -> None:
    from logitscope.samples import NAMES, sample

    texts = (await client.get("/api/texts")).json()
    assert [text["name"] for text in texts] == list(NAMES)
    assert all(text["text"] == sample(text["name"]).text for text in texts)
