import { describe, expect, it } from "vitest";

import {
  between,
  betweenPoses,
  eased,
  frameOf,
  lookedAt,
  opacityOf,
  poseOf,
  rangeWithin,
  revealOf,
  WHOLE,
  type Pose,
} from "./frame";
import { centre, type Box, type Point } from "./geometry";
import { goldenGraph } from "./goldens";
import { layoutOf } from "./layout";
import { View } from "./survey";

const layout = layoutOf(goldenGraph("sort"), 6);
const ASPECT = 1.5;

function corners({ origin, size }: Box): Point[] {
  return Array.from({ length: 8 }, (_, n) => ({
    x: origin.x + (n & 1) * size.x,
    y: origin.y + ((n >> 1) & 1) * size.y,
    z: origin.z + (n >> 2) * size.z,
  }));
}

describe("a look", () => {
  it("is at the middle of what it names, and as near as it fits", () => {
    const whole = poseOf(WHOLE.camera, layout, ASPECT);
    expect(whole.span).toBeGreaterThan(layout.core.size.y);
    const near = poseOf({ look: ["0.attn.pattern"], yaw: 0, pitch: 0, zoom: 1 }, layout, ASPECT);
    const box = layout.byId.get("0.attn.pattern")!;
    expect(near.centre.x).toBeCloseTo(centre(box).x);
    // A little more room above it, where its name stands, than below.
    expect(near.centre.y).toBeLessThan(centre(box).y);
    expect(near.span).toBeGreaterThan(box.size.y);
    expect(poseOf({ look: ["0.attn.pattern"], yaw: 0, pitch: 0, zoom: 0.5 }, layout, ASPECT).span).toBeCloseTo(
      2 * near.span,
    );
  });

  it("fits what is wide into a narrow picture", () => {
    const { span } = poseOf({ look: ["0.mlp.up.weight"], yaw: 0, pitch: 0, zoom: 1 }, layout, 0.5);
    const { size } = layout.byId.get("0.mlp.up.weight")!;
    expect(span).toBeGreaterThan(size.x);
    expect(span).toBeLessThan(1.2 * size.x);
  });

  it("takes sections by their keys, and everything where it knows nothing", () => {
    const head = poseOf({ look: ["block 1/attention/head 2"], yaw: 0, pitch: 0, zoom: 1 }, layout, ASPECT);
    const attention = poseOf({ look: ["block 1/attention"], yaw: 0, pitch: 0, zoom: 1 }, layout, ASPECT);
    expect(head.centre.z).toBeLessThan(attention.centre.z);
    const nothing = { look: ["nothing"], yaw: 0, pitch: 0, zoom: 1 };
    expect(poseOf(nothing, layout, ASPECT)).toEqual(poseOf({ ...nothing, look: [] }, layout, ASPECT));
  });

  it("has every corner of what it names in the picture, near ones too, and something of it at two edges", () => {
    const looks = [
      [],
      ["block 1/attention"],
      ["0.attn.scores"],
      ["embed"],
      ["0.mlp.up.weight"],
      ["0.attn.q", "0.attn.k"],
    ];
    for (const look of looks)
      for (const [yaw, pitch] of [
        [0, 0],
        [-24, 8],
        [60, 30],
        [-50, 20],
      ] as const)
        for (const aspect of [0.4, 0.75, 1, 1.9]) {
          const pose = poseOf({ look, yaw, pitch, zoom: 1 }, layout, aspect);
          const [width, height] = [400 * aspect, 400];
          const view = new View(pose, { width, height });
          const box = lookedAt(layout, look);
          const seen = corners(box).map((corner) => view.project(corner)!);
          const at = { x: seen.map(({ x }) => x), y: seen.map(({ y }) => y) };
          const [left, right] = [Math.min(...at.x), width - Math.max(...at.x)];
          const [top, bottom] = [Math.min(...at.y), height - Math.max(...at.y)];
          expect(Math.min(left, right) / width).toBeGreaterThan(0.039);
          expect(Math.min(top - 0.079 * height, bottom - 0.039 * height)).toBeGreaterThan(0);
          // As near as that allows: both sides, or top and bottom, are reached.
          const sides = Math.max(left, right) / width < 0.041;
          const heights = top / height < 0.081 && bottom / height < 0.041;
          expect(sides || heights || pose.span === 4, `${look.join()} ${yaw} ${pitch} ${aspect}`).toBe(true);
        }
  });
});

describe("what a frame says of a block", () => {
  const frame = frameOf({
    opacity: { "block 0": 0.1, "block 0/attention": 0.4, "0.attn.q": 0.9 },
    reveal: { embed: 0.5 },
  });

  it("is what its own name says, else the nearest section", () => {
    expect(opacityOf(frame, "0.attn.q", ["block 0", "attention", "queries"])).toBe(0.9);
    expect(opacityOf(frame, "0.attn.k", ["block 0", "attention", "keys"])).toBe(0.4);
    expect(opacityOf(frame, "0.mlp.up", ["block 0", "mlp"])).toBe(0.1);
    expect(opacityOf(frame, "1.mlp.up", ["block 1", "mlp"])).toBe(1);
    expect([revealOf(frame, "embed"), revealOf(frame, "0.mlp.up")]).toEqual([0.5, 1]);
  });
});

describe("between two frames", () => {
  const from = frameOf({ opacity: { "block 0": 0 }, cells: [{ block: "embed", index: [0, 0], tone: "focus" }] });
  const to = frameOf({
    camera: { look: ["0.attn.scores"], yaw: 170, pitch: 0, zoom: 1 },
    opacity: { "block 0/mlp": 0.5 },
    reveal: { "0.attn.scores": 0.2 },
  });

  it("the ends are the frames themselves", () => {
    expect(between(from, to, 0, layout, ASPECT)).toBe(from);
    expect(between(from, to, 1, layout, ASPECT)).toBe(to);
    expect(between(from, to, 7, layout, ASPECT)).toBe(to);
  });

  it("every block goes over gradually, whatever names the frames have for it", () => {
    const half = between(from, to, 0.5, layout, ASPECT);
    const of = (id: string) => opacityOf(half, id, layout.byId.get(id)!.block.section);
    expect([of("0.attn.q"), of("0.mlp.up"), of("1.mlp.up")]).toEqual([0.5, 0.25, 1]);
    expect(revealOf(half, "0.attn.scores")).toBeCloseTo(0.6);
    expect(half.cells).toEqual(from.cells);
  });

  it("says nothing of the way by which it was reached", () => {
    for (const t of [0.1, 0.5, 0.9]) {
      const there = between(from, to, t, layout, ASPECT);
      between(from, to, 0.3, layout, ASPECT);
      expect(between(from, to, t, layout, ASPECT)).toEqual(there);
    }
  });
});

describe("between two poses", () => {
  const far: Pose = { centre: { x: 0, y: 0, z: 0 }, yaw: 170, pitch: 0, span: 1000 };
  const near: Pose = { centre: { x: 300, y: -40, z: 8 }, yaw: -170, pitch: 20, span: 10 };

  it("the picture keeps its pace, and what is flown to stays in it", () => {
    for (const t of [0.1, 0.25, 0.5, 0.75, 0.9]) {
      const pose = betweenPoses(far, near, t);
      expect(pose.span).toBeCloseTo(1000 * 0.01 ** t);
      // Where the goal is in the picture, in parts of its size: never further off than at the start.
      expect(Math.abs(300 - pose.centre.x) / pose.span).toBeLessThanOrEqual(0.3 + 1e-9);
    }
  });

  it("turns the short way round", () => {
    expect(betweenPoses(far, near, 0.5).yaw).toBeCloseTo(180);
  });

  it("goes straight where nothing changes in size", () => {
    expect(betweenPoses(far, { ...far, centre: { x: 8, y: 4, z: 2 } }, 0.25).centre).toEqual({ x: 2, y: 1, z: 0.5 });
    const rounded = { ...far, span: far.span + 2e-13, centre: { x: 8, y: 4, z: 2 } };
    expect(betweenPoses(far, rounded, 0.25).centre.x).toBeCloseTo(2, 6);
  });
});

it("starts and ends gently, and never leaves its ends", () => {
  expect([-1, 0, 0.5, 1, 2].map(eased)).toEqual([0, 0, 0.5, 1, 1]);
});

it("keeps ranges within a block of any size", () => {
  const range = { block: "x", from: [-1, 2], to: [99], tone: "focus" } as const;
  expect(rangeWithin(range, [4, 6])).toEqual({ from: [0, 2], to: [4, 6] });
});
