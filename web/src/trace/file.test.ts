import { describe, expect, it } from "vitest";

import { TraceError } from "./errors";
import { readTrace } from "./file";
import { golden, goldenBytes, goldenTrace } from "./goldens";
import { DERIVED, STATISTICS } from "./statistics";
import type { Trace } from "./trace";

function nested(trace: Trace, name: string): unknown {
  const { data, shape } = trace.array(name);
  const missing = trace.array(name).data instanceof Int32Array && STATISTICS.get(name)!.unit === "rank";
  let flat: unknown[] = Array.from(data, (x) => (Number.isNaN(x) || (missing && x === 0) ? null : x));
  for (const size of shape.slice(1).reverse())
    flat = Array.from({ length: flat.length / size }, (_, i) => flat.slice(i * size, (i + 1) * size));
  return flat;
}

function close(value: unknown, expected: unknown, where: string): void {
  if (Array.isArray(expected)) {
    expect(value, where).toHaveLength(expected.length);
    expected.forEach((item, i) => close((value as unknown[])[i], item, `${where}[${i}]`));
  } else if (typeof expected === "number" && !Number.isInteger(expected))
    expect(Math.abs((value as number) - expected), where).toBeLessThanOrEqual(1e-6 * Math.max(1, Math.abs(expected)));
  else expect(value, where).toBe(expected);
}

describe.each(["prose", "code"])("the trace file of %s", (name) => {
  const trace = goldenTrace(name);
  const written = golden(`${name}.trace`);

  it("holds every number that Python wrote, stored and derived", () => {
    expect(trace.names.sort()).toEqual(Object.keys(written.values).sort());
    for (const statistic of trace.names) close(nested(trace, statistic), written.values[statistic], statistic);
  });

  it("says what was read as Python says it", () => {
    expect(trace.tokens.text).toBe(written.text);
    expect([...trace.ids]).toEqual(written.ids);
    expect(trace.tokens.texts).toEqual(written.tokens);
    expect(trace.tokens.pieces.map((piece) => Buffer.from(piece).toString("hex"))).toEqual(written.bytes);
    expect([...trace.tokens.spans]).toEqual(written.spans.flat());
    expect(trace.tokens.special).toEqual(written.special);
    expect(trace.tokens.partial).toEqual(written.partial);
    expect(trace.tokens.lossy).toBe(written.lossy);
    expect(trace.stages).toEqual(written.stages);
    expect([...trace.positions]).toEqual(written.positions);
    expect([...trace.contextLengths]).toEqual(written.context_lengths);
    expect(trace.seams).toEqual(written.seams);
    expect(trace.watched).toEqual(written.watched);
    expect(Object.fromEntries(trace.tokens.names)).toEqual(written.names);
    for (const [id, text] of Object.entries(written.vocabulary)) expect(trace.vocabulary.text(Number(id))).toBe(text);
    const { versions, ...provenance } = trace.provenance;
    expect(versions).toEqual(written.provenance.versions ?? {});
    expect(provenance).toMatchObject(
      Object.fromEntries(Object.entries(written.provenance).filter(([field]) => field !== "versions")),
    );
  });
});

describe("spans", () => {
  it("count characters in the file and code units for JavaScript", () => {
    const { tokens } = goldenTrace("prose");
    expect(tokens.text.slice(...tokens.range(6))).toBe("\u200d🔬");
    expect(tokens.slice(17, 18)).toBe("👩");
    expect(tokens.text.slice(...tokens.range(4))).toBe(" 👩");
    expect(tokens.text.slice(...tokens.range(5))).toBe("👩");
    expect(tokens.text.slice(...tokens.range(8))).toBe("\n");
  });

  it("find the token under a code unit", () => {
    const { tokens } = goldenTrace("prose");
    for (let unit = 0; unit < tokens.text.length; unit++) {
      const [start, end] = tokens.range(tokens.at(unit));
      expect(start <= unit && unit < end, `unit ${unit}`).toBe(true);
    }
    expect(tokens.at(tokens.text.length)).toBe(-1);
  });
});

describe("what is no trace", () => {
  const whole = goldenBytes("prose");

  it("is refused in one line", () => {
    const cases = [new Uint8Array(0), new Uint8Array(20), whole.subarray(0, 400), whole.subarray(0, whole.length - 1)];
    for (const bytes of cases) expect(() => readTrace(bytes)).toThrow(TraceError);
  });

  it("is refused wherever the file is cut", () => {
    for (let n = 0; n < whole.length; n += 97)
      expect(() => readTrace(whole.subarray(0, n)), `${n}`).toThrow(TraceError);
  });

  it("is refused when a newer version wrote it", () => {
    const text = new TextDecoder("latin1").decode(whole);
    const newer = Buffer.from(text.replace('\\"version\\": 1', '\\"version\\": 2'), "latin1");
    expect(() => readTrace(newer)).toThrow(/newer Logitscope/);
  });

  it("is read from any place in a buffer", () => {
    const shifted = new Uint8Array(whole.length + 3);
    shifted.set(whole, 3);
    const trace = readTrace(shifted.subarray(3));
    expect(trace.array("entropy").data).toEqual(goldenTrace("prose").array("entropy").data);
  });
});

it("derives every statistic that Python derives", () => {
  const trace = goldenTrace("prose");
  for (const { name, source } of DERIVED.values())
    if (trace.has(source)) expect(trace.array(name).data.length).toBeGreaterThan(0);
});
