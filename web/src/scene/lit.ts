// Frames around cells that are lit up, never thinner than can be seen; and the lines around sections.

import {
  BackSide,
  BufferAttribute,
  BufferGeometry,
  DynamicDrawUsage,
  GLSL3,
  InstancedBufferAttribute,
  InstancedBufferGeometry,
  LineSegments,
  Mesh,
  RawShaderMaterial,
} from "three";

import { cubes, type Ink } from "./cells";
import type { Box } from "./geometry";
import type { SectionBox } from "./sections";
import type { Colour } from "./theme";

const VERTEX = /* glsl */ `
precision highp float;
uniform mat4 eye;
uniform vec3 picture;  // cells that a pixel covers at a distance of one cell; width by height; height in pixels
in vec3 position;
in vec4 place;   // least corner; how far it stands out
in vec4 extent;  // size; how solid its surface is
in vec4 tone;    // colour and solidity of its edges
out vec3 local;
flat out vec3 size;
flat out vec4 shade;
flat out float surface;

void main() {
  vec3 middle = place.xyz + 0.5 * extent.xyz;
  vec4 there = eye * vec4(middle.x, -middle.y, middle.z, 1.0);
  float least = 3.0 * max(0.0, there.w) * picture.x;
  size = max(extent.xyz + 2.0 * place.w, vec3(2.0 * least));
  local = position * size;
  shade = tone;
  surface = extent.w;
  vec3 at = middle + local - 0.5 * size;
  gl_Position = eye * vec4(at.x, -at.y, at.z, 1.0);
}
`;

const FRAGMENT = /* glsl */ `
precision highp float;
uniform float ratio;
in vec3 local;
flat in vec3 size;
flat in vec4 shade;
flat in float surface;
out vec4 colour;

void main() {
  vec3 covered = max(fwidth(local), vec3(1e-6));
  vec3 rim = min(local, size - local) / covered / ratio;
  // Of the two sides that lie in this face; the third is 0 everywhere.
  float low = min(rim.x, min(rim.y, rim.z));
  float high = max(rim.x, max(rim.y, rim.z));
  float middle = rim.x + rim.y + rim.z - low - high;
  float line = 1.0 - smoothstep(1.3, 2.1, middle);
  float solid = max(line, surface) * shade.a;
  if (solid < 0.01) discard;
  colour = vec4(shade.rgb, solid);
}
`;

/** Boxes with drawn edges; as many as are set, room is made as needed. */
export class Lit {
  readonly mesh: Mesh;
  readonly #material: RawShaderMaterial;
  #geometry: InstancedBufferGeometry;
  #capacity = 0;
  #count = 0;
  #place!: InstancedBufferAttribute;
  #extent!: InstancedBufferAttribute;
  #tone!: InstancedBufferAttribute;

  constructor(ink: Ink) {
    this.#material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: ink.uniforms,
      side: BackSide,
      transparent: true,
      depthWrite: false,
    });
    this.#geometry = new InstancedBufferGeometry();
    this.mesh = new Mesh(this.#geometry, this.#material);
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = 4;
    this.#grow(64);
  }

  clear(): void {
    this.#count = 0;
    this.#geometry.instanceCount = 0;
    this.mesh.visible = false;
  }

  add(box: Box, colour: Colour, solid: number, surface: number, out: number): void {
    if (this.#count === this.#capacity) this.#grow(2 * this.#capacity);
    const i = this.#count++;
    const { origin, size } = box;
    this.#place.setXYZW(i, origin.x, origin.y, origin.z, out);
    this.#extent.setXYZW(i, size.x, size.y, size.z, surface);
    this.#tone.setXYZW(i, colour[0], colour[1], colour[2], solid);
    for (const field of [this.#place, this.#extent, this.#tone]) field.needsUpdate = true;
    this.#geometry.instanceCount = this.#count;
    this.mesh.visible = true;
  }

  dispose(): void {
    this.#geometry.dispose();
    this.#material.dispose();
  }

  #grow(capacity: number): void {
    const before = this.#geometry;
    const cube = cubes();
    const geometry = new InstancedBufferGeometry();
    geometry.index = cube.index;
    geometry.setAttribute("position", cube.getAttribute("position"));
    const made = (old: InstancedBufferAttribute | undefined, name: string) => {
      const attribute = new InstancedBufferAttribute(new Float32Array(4 * capacity), 4);
      attribute.setUsage(DynamicDrawUsage);
      if (old) (attribute.array as Float32Array).set(old.array as Float32Array);
      geometry.setAttribute(name, attribute);
      return attribute;
    };
    this.#place = made(this.#place, "place");
    this.#extent = made(this.#extent, "extent");
    this.#tone = made(this.#tone, "tone");
    this.#capacity = capacity;
    this.#geometry = geometry;
    this.mesh.geometry = geometry;
    before.dispose();
  }
}

const LINE_VERTEX = /* glsl */ `
precision highp float;
uniform mat4 eye;
in vec3 position;
in float solid;
out float seen;
void main() {
  seen = solid;
  gl_Position = eye * vec4(position.x, -position.y, position.z, 1.0);
}
`;

const LINE_FRAGMENT = /* glsl */ `
precision highp float;
uniform vec3 ink;
in float seen;
out vec4 colour;
void main() {
  if (seen < 0.01) discard;
  colour = vec4(ink, seen);
}
`;

/** Corners of the twelve edges of a box: 0 or 1 along each side. */
const EDGES = [0, 1, 2].flatMap((side) =>
  [0, 1, 2, 3].flatMap((n) =>
    [0, 1].map((at) => {
      const corner = [0, 0, 0];
      corner[side] = at;
      corner[(side + 1) % 3] = n & 1;
      corner[(side + 2) % 3] = n >> 1;
      return corner as [number, number, number];
    }),
  ),
);

/** The edges of boxes as thin lines. */
export class Outlines {
  readonly lines: LineSegments;
  readonly #geometry = new BufferGeometry();
  readonly #solid: BufferAttribute;

  constructor(
    readonly boxes: readonly (Box | SectionBox)[],
    ink: Ink,
    offset = { x: 0, y: 0 },
  ) {
    const corners = boxes.flatMap(({ origin, size }) =>
      EDGES.flatMap(([x, y, z]) => [
        origin.x + offset.x + x * size.x,
        origin.y + offset.y + y * size.y,
        origin.z + z * size.z,
      ]),
    );
    this.#geometry.setAttribute("position", new BufferAttribute(new Float32Array(corners), 3));
    this.#solid = new BufferAttribute(new Float32Array(corners.length / 3), 1);
    this.#geometry.setAttribute("solid", this.#solid);
    const material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: LINE_VERTEX,
      fragmentShader: LINE_FRAGMENT,
      uniforms: ink.uniforms,
      transparent: true,
      depthWrite: false,
    });
    this.lines = new LineSegments(this.#geometry, material);
    this.lines.frustumCulled = false;
    this.lines.renderOrder = 1;
  }

  /** How solid the edges of one box are. */
  solid(box: number, value: number): void {
    const { array } = this.#solid;
    if (array[box * EDGES.length] === value) return;
    array.fill(value, box * EDGES.length, (box + 1) * EDGES.length);
    this.#solid.needsUpdate = true;
  }

  dispose(): void {
    this.#geometry.dispose();
    (this.lines.material as RawShaderMaterial).dispose();
  }
}
