import { describe, expect, it } from "vitest";

import {
  bounded,
  directions,
  during,
  eyeOf,
  flight,
  onPlane,
  panned,
  poseFrom,
  poseText,
  rayAt,
  rotated,
  samePose,
  zoomed,
} from "./camera";
import { Eye } from "./eye";
import type { Pose } from "./frame";
import type { Point } from "./geometry";
import { View } from "./survey";

const POSE: Pose = { centre: { x: 3, y: 40, z: -2 }, yaw: -25, pitch: 12, span: 60 };
const PICTURE = { width: 900, height: 600 };
const BOUNDS = { origin: { x: -100, y: -100, z: -100 }, size: { x: 200, y: 300, z: 200 } };

function near(a: Point, b: Point, digits = 6): void {
  for (const side of ["x", "y", "z"] as const) expect(a[side]).toBeCloseTo(b[side], digits);
}

describe("the eye", () => {
  it("sees right and up where they are, and stands in front", () => {
    const { back, right, up } = directions({ yaw: 0, pitch: 0 });
    near(back, { x: 0, y: 0, z: 1 });
    near(right, { x: 1, y: 0, z: 0 });
    near(up, { x: 0, y: -1, z: 0 });
    expect(eyeOf({ ...POSE, yaw: 90, pitch: 0 }).x).toBeGreaterThan(POSE.centre.x);
    expect(eyeOf({ ...POSE, yaw: 0, pitch: 45 }).y).toBeLessThan(POSE.centre.y);
  });

  it("sees its middle in the middle, and as many cells along the shorter side as it says", () => {
    for (const picture of [PICTURE, { width: 390, height: 800 }]) {
      const view = new View({ ...POSE, yaw: 0, pitch: 0 }, picture);
      const middle = view.project(POSE.centre)!;
      expect([middle.x, middle.y]).toEqual([picture.width / 2, picture.height / 2]);
      const edge = view.project({ ...POSE.centre, x: POSE.centre.x + POSE.span / 2 })!;
      expect(edge.x - middle.x).toBeCloseTo(Math.min(picture.width, picture.height) / 2);
    }
  });

  it("projects a point to where the ray through it begins", () => {
    const view = new View(POSE, PICTURE);
    for (const [x, y] of [
      [0, 0],
      [450, 300],
      [880, 20],
    ] as const) {
      const point = onPlane(POSE, rayAt(POSE, PICTURE, x, y));
      const seen = view.project(point)!;
      expect(seen.x).toBeCloseTo(x, 4);
      expect(seen.y).toBeCloseTo(y, 4);
    }
    expect(view.project({ ...eyeOf(POSE), z: eyeOf(POSE).z + 5 })).toBeNull();
  });

  it("knows how many cells of a slanted sheet a pixel covers", () => {
    const pose = { ...POSE, yaw: 50, pitch: 20 };
    const view = new View(pose, PICTURE);
    const onSheet = (x: number, y: number) => {
      const { origin, direction } = rayAt(pose, PICTURE, x, y);
      const by = (POSE.centre.z - origin.z) / direction.z;
      return { x: origin.x + direction.x * by, y: origin.y + direction.y * by, z: POSE.centre.z };
    };
    for (const [x, y] of [
      [450, 300],
      [120, 500],
      [800, 40],
    ] as const) {
      const [at, right, down] = [onSheet(x, y), onSheet(x + 0.01, y), onSheet(x, y + 0.01)];
      const along = (side: "x" | "y") => Math.hypot(right[side] - at[side], down[side] - at[side]) / 0.01;
      const most = Math.max(along("x"), along("y"));
      expect(view.cellsPerPixel(at) / most).toBeCloseTo(1, 3);
    }
  });
});

describe("hands", () => {
  it("keep what they drag under them", () => {
    const point = onPlane(POSE, rayAt(POSE, PICTURE, 200, 100));
    const moved = new View(panned(POSE, PICTURE, 80, -35), PICTURE).project(point)!;
    expect(moved.x).toBeCloseTo(280, 4);
    expect(moved.y).toBeCloseTo(65, 4);
  });

  it("zoom towards a point that stays where it is", () => {
    const point = onPlane(POSE, rayAt(POSE, PICTURE, 700, 450));
    const closer = zoomed(POSE, BOUNDS, 2, point);
    expect(closer.span).toBe(30);
    const seen = new View(closer, PICTURE).project(point)!;
    expect(seen.x).toBeCloseTo(700, 4);
    expect(seen.y).toBeCloseTo(450, 4);
  });

  it("neither lose the model nor turn it over", () => {
    const lost = bounded({ ...POSE, centre: { x: 1e6, y: -1e6, z: 0 }, span: 1e9, pitch: 200 }, BOUNDS);
    expect(lost.centre).toEqual({ x: 100, y: -100, z: 0 });
    expect(lost.span).toBeLessThanOrEqual(1200);
    expect(lost.pitch).toBe(87);
    expect(zoomed(POSE, BOUNDS, 1e9).span).toBe(3);
    expect(rotated(POSE, 0, 1000).pitch).toBe(87);
    expect(rotated({ ...POSE, yaw: 170 }, 30, 0).yaw).toBeCloseTo(-160);
  });
});

describe("a flight", () => {
  const to: Pose = { centre: { x: 50, y: 90, z: 0 }, yaw: 20, pitch: -5, span: 8 };

  it("begins and ends exactly, is never long, and shrinks all the way", () => {
    const way = flight(POSE, to);
    expect(way.seconds).toBeLessThanOrEqual(1.2);
    expect(samePose(during(way, 0), POSE)).toBe(true);
    expect(during(way, way.seconds)).toBe(to);
    const spans = [0, 0.2, 0.4, 0.6, 0.8, 1].map((t) => during(way, t * way.seconds).span);
    expect([...spans].sort((a, b) => b - a)).toEqual(spans);
  });

  it("is a jump where motion is not wanted", () => {
    const eye = new Eye(POSE, BOUNDS);
    eye.still = true;
    eye.fly(to);
    expect([eye.flying, eye.pose]).toEqual([false, to]);
    eye.still = false;
    eye.fly(POSE);
    expect(eye.step(1000)).toBe(true);
    expect(eye.flying).toBe(true);
    eye.step(5000);
    expect([eye.flying, eye.pose]).toEqual([false, POSE]);
    expect(eye.step(6000)).toBe(false);
  });
});

describe("a pose in an address", () => {
  it("is read back", () => {
    const pose = { ...POSE, centre: { x: -1.25, y: 1e5, z: 0 } };
    expect(poseFrom(poseText(pose))).toEqual(pose);
  });

  it("is refused where it is none", () => {
    for (const text of ["", "1,2,3", "1,2,3,4,5,0", "1,2,3,4,5,x", "1,,3,4,5,6", "1,2,3,4,5,NaN"])
      expect(poseFrom(text), text).toBeNull();
  });
});
