// The entry of a page that lives in one file: the same views of the traces that are written into it, and no server.

import { mount } from "svelte";

import "../app/base.css";
import "../app/tokens.css";
import { embeddedTraces, SnapshotEngine } from "../engine";
import "./page.css";
import Page from "./Page.svelte";

const target = document.getElementById("logitscope")!;

/** A document that was written into another one has no address of its own, and no history. */
const framed = location.protocol === "about:";
document.documentElement.classList.toggle("framed", framed);

async function open(): Promise<void> {
  const traces = await embeddedTraces(document);
  const engine = new SnapshotEngine(traces);
  const [models, texts] = [await engine.models(), await engine.texts()];
  const held = (target.dataset["views"] ?? "").split(" ");
  const start = target.dataset["place"] ?? "";
  const watched = [...new Set(traces.flatMap((trace) => trace.watched))];
  target.replaceChildren();
  mount(Page, { target, props: { engine, models, texts, watched, held, start, framed } });
}

open().catch((error: unknown) => {
  target.textContent = error instanceof Error ? error.message : String(error);
});
