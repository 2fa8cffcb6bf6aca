// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { addressOf } from "./address";
import { Session } from "./session.svelte";

let session: Session;

const settled = () => new Promise((resolve) => setTimeout(resolve, 30));

beforeEach(async () => {
  history.replaceState(null, "", "#t=before");
  session = new Session();
  await session.open();
});
afterEach(() => session.close());

it("begins where the address says", () => {
  expect(session.place.text).toBe("before");
  expect(session.ready).toBe(true);
});

it("writes steps into the history and letters into the address", async () => {
  const steps = vi.spyOn(history, "pushState");
  session.adjust({ text: "typed" });
  session.go({ view: "lens" });
  await settled();
  expect(steps).toHaveBeenCalledTimes(1);
  expect(location.hash).toBe("#v=lens&t=typed");
  session.go({ view: "lens" });
  await settled();
  expect(steps).toHaveBeenCalledTimes(1);
});

it("goes back where the address goes back", async () => {
  session.go({ position: 3, pinned: true });
  await settled();
  history.replaceState(null, "", "#t=before");
  dispatchEvent(new PopStateEvent("popstate"));
  await settled();
  expect(session.place).toMatchObject({ text: "before", position: null, pinned: false });
});

it("gives a link to what is seen now, also before the address was written", async () => {
  session.adjust({ text: "just now" });
  expect(await session.link()).toMatch(/#t=just\+now$/);
});

it("keeps only settings that are not as they come", async () => {
  session.set({ by: "word" });
  await settled();
  expect(location.hash).toBe("#t=before&by=word");
  session.set({ by: "token" });
  await settled();
  expect(location.hash).toBe("#t=before");
});

it("writes quick steps in their order, also where one takes longer to be written than the next", async () => {
  const written: string[] = [];
  const note = (how: string) => (_: unknown, __: string, url?: string | URL | null) =>
    void written.push(`${how} ${String(url).slice(0, 8)}`);
  vi.spyOn(history, "pushState").mockImplementation(note("push"));
  vi.spyOn(history, "replaceState").mockImplementation(note("replace"));
  session.go({ text: "a long text that is packed ".repeat(2000) });
  const { place } = session;
  session.go({ text: "short" });
  await vi.waitFor(() => expect(written).toHaveLength(4), { timeout: 60_000 });
  vi.restoreAllMocks();
  const packed = `#${await addressOf(place)}`.slice(0, 8);
  expect(written).toEqual(["replace #t=befor", `push ${packed}`, `replace ${packed}`, "push #t=short"]);
});
