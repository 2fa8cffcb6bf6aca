// Arrows from cells to cells: bowed ribbons of constant width on the screen, drawn over everything; and straight lines.

import {
  BufferAttribute,
  DoubleSide,
  DynamicDrawUsage,
  GLSL3,
  InstancedBufferAttribute,
  InstancedBufferGeometry,
  Mesh,
  RawShaderMaterial,
} from "three";

import type { Ink } from "./cells";
import type { Point } from "./geometry";
import type { Colour } from "./theme";

const STEPS = 24;
/** More arrows than this say nothing. */
const MOST = 64;

const VERTEX = /* glsl */ `
precision highp float;
uniform mat4 eye;
uniform vec3 picture;
in vec2 along;   // how far along, and which side
in vec3 from;
in vec3 to;
in vec4 tone;
in float straight;
out float across;
flat out vec4 shade;

vec4 at(float t) {
  vec3 middle = 0.5 * (from + to);
  float bow = (1.0 - straight) * 0.18 * distance(from, to);
  middle += vec3(0.0, -0.4 * bow, bow);
  vec3 p = mix(mix(from, middle, t), mix(middle, to, t), t);
  return eye * vec4(p.x, -p.y, p.z, 1.0);
}

void main() {
  // Pixels of the picture for one unit of the screen's own.
  vec2 half_ = 0.5 * picture.z * vec2(picture.y, 1.0);
  vec4 a = at(0.0), b = at(1.0);
  vec2 chord = (b.xy / max(b.w, 1e-3) - a.xy / max(a.w, 1e-3)) * half_;
  // What begins behind the eye is long.
  float far = min(a.w, b.w) < 0.01 ? 1e4 : length(chord);
  float head = (1.0 - straight) * clamp(11.0 / max(far, 1.0), 0.0, 0.5);
  // The last three rows are the head.
  float t = along.x;
  float width = 1.1 - 0.3 * straight;
  if (straight > 0.5) t = min(t, 1.0);
  else if (t > 1.5) { t = 1.0; width = 0.0; }
  else if (t > 1.2) { t = 1.0 - head; width = 5.0; }
  else t *= 1.0 - head;
  vec4 here = at(t);
  vec4 next = at(min(t + 0.01, 1.0));
  vec4 before = at(max(t - 0.01, 0.0));
  vec2 way = (next.xy / next.w - before.xy / before.w) * half_;
  vec2 normal = normalize(vec2(-way.y, way.x) + vec2(1e-6, 0.0));
  here.xy += normal * along.y * width / half_ * here.w;
  across = along.y;
  shade = tone;
  gl_Position = here;
}
`;

const FRAGMENT = /* glsl */ `
precision highp float;
in float across;
flat in vec4 shade;
out vec4 colour;
void main() { colour = shade; }
`;

export class Ribbons {
  readonly mesh: Mesh;
  readonly #geometry = new InstancedBufferGeometry();
  readonly #from = new InstancedBufferAttribute(new Float32Array(3 * MOST), 3);
  readonly #to = new InstancedBufferAttribute(new Float32Array(3 * MOST), 3);
  readonly #tone = new InstancedBufferAttribute(new Float32Array(4 * MOST), 4);
  readonly #straight = new InstancedBufferAttribute(new Float32Array(MOST), 1);
  #count = 0;

  /** @param order above what is drawn with less. */
  constructor(ink: Ink, order = 6) {
    const rows = [...Array.from({ length: STEPS + 1 }, (_, i) => i / STEPS), 1.3, 2];
    const along = rows.flatMap((t) => [t, -1, t, 1]);
    const faces = rows.slice(1).flatMap((_, i) => [2 * i, 2 * i + 1, 2 * i + 2, 2 * i + 1, 2 * i + 3, 2 * i + 2]);
    this.#geometry.setAttribute("along", new BufferAttribute(new Float32Array(along), 2));
    this.#geometry.setIndex(faces);
    const fields = { from: this.#from, to: this.#to, tone: this.#tone, straight: this.#straight };
    for (const [name, field] of Object.entries(fields)) {
      field.setUsage(DynamicDrawUsage);
      this.#geometry.setAttribute(name, field);
    }
    const material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: ink.uniforms,
      side: DoubleSide,
      transparent: true,
      depthTest: false,
      depthWrite: false,
    });
    this.mesh = new Mesh(this.#geometry, material);
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = order;
    this.clear();
  }

  clear(): void {
    this.#count = 0;
    this.#geometry.instanceCount = 0;
    this.mesh.visible = false;
  }

  /** An arrow, or a straight line without a head. */
  add(from: Point, to: Point, colour: Colour, solid: number, straight = false): void {
    if (this.#count === MOST) return;
    const i = this.#count++;
    this.#from.setXYZ(i, from.x, from.y, from.z);
    this.#to.setXYZ(i, to.x, to.y, to.z);
    this.#tone.setXYZW(i, colour[0], colour[1], colour[2], solid);
    this.#straight.setX(i, straight ? 1 : 0);
    for (const field of [this.#from, this.#to, this.#tone, this.#straight]) field.needsUpdate = true;
    this.#geometry.instanceCount = this.#count;
    this.mesh.visible = true;
  }

  dispose(): void {
    this.#geometry.dispose();
    (this.mesh.material as RawShaderMaterial).dispose();
  }
}
