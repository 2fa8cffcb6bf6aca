// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";

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
