import { describe, expect, it } from "vitest";

import { findGraphics, wishOf } from "./graphics";

const offers = (adapter: object | null) => ({ gpu: { requestAdapter: () => Promise.resolve(adapter) } });
const real = { features: new Set(["shader-f16"]), info: { vendor: "amd", architecture: "rdna-3" } };
const played = { features: new Set<string>(), info: { vendor: "google", isFallbackAdapter: true } };

describe("the graphics processor", () => {
  it("is what the browser offers, with its name", async () => {
    expect(await findGraphics(null, offers(real))).toEqual({ name: "amd rdna-3", halves: true });
    expect(await findGraphics(null, offers({ features: new Set() }))).toEqual({ name: "unnamed", halves: false });
  });

  it("is none where there is none, or the browser fails", async () => {
    expect(await findGraphics(null, {})).toBeNull();
    expect(await findGraphics("webgpu", offers(null))).toBeNull();
    const broken = { gpu: { requestAdapter: () => Promise.reject(new Error("no driver")) } };
    expect(await findGraphics("webgpu", broken)).toBeNull();
  });

  it("is none where the reader wants WebAssembly", async () => {
    expect(await findGraphics("wasm", offers(real))).toBeNull();
  });

  it("is one that is played in software only where the reader wants it", async () => {
    expect(await findGraphics(null, offers(played))).toBeNull();
    expect(await findGraphics("webgpu", offers(played))).toEqual({ name: "google", halves: false });
  });

  it("is asked for in the address", () => {
    expect(wishOf("https://a/b/?program=wasm#t=x")).toBe("wasm");
    expect(wishOf("https://a/b/?program=webgpu")).toBe("webgpu");
    expect(wishOf("https://a/b/?program=fast")).toBeNull();
    expect(wishOf("https://a/b/")).toBeNull();
  });
});
