// The entry of a page that lives in one file: the same views of the traces that are written into it, and no server.

import { mount } from "svelte";

import App from "../app/App.svelte";
import "../app/base.css";
import "../app/tokens.css";
import { embeddedTraces, SnapshotEngine } from "../engine";

const target = document.getElementById("logitscope")!;

embeddedTraces(document).then(
  (traces) => {
    target.replaceChildren();
    mount(App, { target, props: { engine: new SnapshotEngine(traces) } });
  },
  (error: unknown) => {
    target.textContent = error instanceof Error ? error.message : String(error);
  },
);
