// Starts the page of all marks with the tests' traces; `?trace=URL` adds one more, such as a real model's.

import { mount } from "svelte";

import "../app/tokens.css";
import { readTrace, type Trace } from "../trace";
import Gallery from "./Gallery.svelte";

const GOLDENS = import.meta.glob<string>("../../../tests/view/goldens/*.trace.safetensors", {
  query: "?url",
  import: "default",
  eager: true,
});

async function fetched(url: string): Promise<Trace> {
  return readTrace(new Uint8Array(await (await fetch(url)).arrayBuffer()));
}

function nameOf(path: string): string {
  return path.split("/").at(-1)!.replace(".trace.safetensors", "");
}

async function start(): Promise<void> {
  const texts: Record<string, Trace> = {};
  for (const [path, url] of Object.entries(GOLDENS)) texts[nameOf(path)] = await fetched(url);
  const further = new URLSearchParams(location.search).getAll("trace");
  for (const url of further) texts[nameOf(url)] = await fetched(url);
  const own = Object.values(texts).findLast((trace) => trace.watched.length > 0 && trace.has("histogram"))!;
  const props = { texts, before: texts["prose"]!, after: texts["retold"]!, followed: own };
  mount(Gallery, { target: document.body, props });
}

void start();
