// Words in the scene: each drawn once by the browser itself into a sheet, so that any script and any emoji can be; then
// placed as often as needed, upright on the screen or lying in the plane of the cells.

import {
  CanvasTexture,
  DoubleSide,
  DynamicDrawUsage,
  GLSL3,
  InstancedBufferAttribute,
  InstancedBufferGeometry,
  LinearFilter,
  Mesh,
  PlaneGeometry,
  RawShaderMaterial,
} from "three";

import type { Ink } from "./cells";
import { Shelves, type Word } from "./shelves";

const SHEET = 2048;
const PADDING = 3;

/** How a word stands: upright on the screen and measured in pixels, or in the plane of the cells and measured in them. */
export const ON_SCREEN = 0;
export const IN_PLANE = 1;
/** Reading upwards. */
export const UPWARDS = 2;
/** Upright on the screen, hanging below its anchor. */
export const BELOW = 3;
export type Standing = 0 | 1 | 2 | 3;

const VERTEX = /* glsl */ `
precision highp float;
uniform mat4 eye;
uniform vec3 picture;
in vec3 position;
in vec4 anchor;  // where; solidity
in vec4 sheet;   // left, top, width and height in the sheet
in vec4 shape;   // width, height; how it stands; where it is anchored along its line (0 its start, 0.5 its middle)
in float lift;   // pixels above its anchor, on the screen
out vec2 inside;
flat out float solid;

void main() {
  vec2 corner = position.xy + 0.5;
  inside = vec2(sheet.x + corner.x * sheet.z, sheet.y + (1.0 - corner.y) * sheet.w);
  vec2 at = (corner - vec2(shape.w, 0.0)) * shape.xy;
  solid = anchor.w;
  if (shape.z < 0.5 || shape.z > 2.5) {
    if (shape.z > 2.5) at.y -= shape.y;
    at.y += lift;
    gl_Position = eye * vec4(anchor.x, -anchor.y, anchor.z, 1.0);
    vec2 pixel = 2.0 / picture.z * vec2(1.0 / picture.y, 1.0);
    gl_Position.xy += at * pixel * gl_Position.w;
    // Nearer by as much as it is wide: a turned block that it reaches over comes towards the eye and would hide it.
    vec3 away = normalize(vec3(eye[0].w, -eye[1].w, eye[2].w));
    float reach = 0.5 * shape.x * gl_Position.w * picture.x;
    vec4 before = eye * vec4(anchor.x - away.x * reach, -(anchor.y - away.y * reach), anchor.z - away.z * reach, 1.0);
    gl_Position.z = (before.z / before.w - 0.0005) * gl_Position.w;
  } else {
    vec3 place = shape.z < 1.5
      ? vec3(anchor.x + at.x, anchor.y - at.y, anchor.z)
      : vec3(anchor.x - at.y + 0.5 * shape.y, anchor.y - at.x, anchor.z);
    gl_Position = eye * vec4(place.x, -place.y, place.z, 1.0);
    float pixels = shape.y / (max(gl_Position.w, 1e-3) * picture.x);
    solid *= smoothstep(4.0, 7.0, pixels);
  }
  if (solid < 0.01) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}
`;

const FRAGMENT = /* glsl */ `
precision highp float;
uniform sampler2D words;
in vec2 inside;
flat in float solid;
out vec4 colour;
void main() {
  vec4 drawn = texture(words, inside);
  if (drawn.a < 0.02) discard;
  colour = drawn * solid;
}
`;

export class Labels {
  readonly mesh: Mesh;
  readonly #geometry = new InstancedBufferGeometry();
  readonly #material: RawShaderMaterial;
  readonly #canvas = document.createElement("canvas");
  readonly #context: CanvasRenderingContext2D;
  readonly #texture: CanvasTexture;
  #shelves = new Shelves(SHEET);
  readonly #words = new Map<string, Word | null>();
  #capacity = 0;
  #count = 0;
  #anchor!: InstancedBufferAttribute;
  #sheet!: InstancedBufferAttribute;
  #shape!: InstancedBufferAttribute;
  #lift!: InstancedBufferAttribute;

  constructor(ink: Ink) {
    this.#canvas.width = this.#canvas.height = SHEET;
    this.#context = this.#canvas.getContext("2d")!;
    this.#texture = new CanvasTexture(this.#canvas);
    this.#texture.flipY = false;
    this.#texture.premultiplyAlpha = true;
    this.#texture.generateMipmaps = true;
    this.#texture.magFilter = LinearFilter;
    this.#material = new RawShaderMaterial({
      glslVersion: GLSL3,
      vertexShader: VERTEX,
      fragmentShader: FRAGMENT,
      uniforms: { ...ink.uniforms, words: { value: this.#texture } },
      side: DoubleSide,
      transparent: true,
      premultipliedAlpha: true,
      depthWrite: false,
    });
    const plane = new PlaneGeometry(1, 1);
    this.#geometry.index = plane.index;
    this.#geometry.setAttribute("position", plane.getAttribute("position"));
    this.mesh = new Mesh(this.#geometry, this.#material);
    this.mesh.frustumCulled = false;
    this.mesh.renderOrder = 5;
    this.#grow(256);
    this.clear();
  }

  /**
   * A word in the sheet; null where there is no room for it.
   *
   * @param text may have several lines, which stand below each other in the middle.
   * @param halo a colour around it, where it has to be read on top of cells.
   */
  word(text: string, pixels: number, colour: string, bold = false, halo = ""): Word | null {
    const name = `${pixels} ${colour} ${bold} ${halo} ${text}`;
    let word = this.#words.get(name);
    if (word !== undefined) return word;
    const context = this.#context;
    const font = `${bold ? "600 " : ""}${pixels}px system-ui, "Noto Sans", "Liberation Sans", sans-serif`;
    context.font = font;
    const lines = text.split("\n");
    let [left, across] = [0, 1];
    for (const line of lines) {
      const measured = context.measureText(line);
      left = Math.max(left, measured.actualBoundingBoxLeft);
      across = Math.max(across, measured.width, measured.actualBoundingBoxRight);
    }
    const width = Math.min(SHEET / 2, Math.ceil(left + across));
    const height = Math.ceil(1.4 * pixels * lines.length);
    word = this.#shelves.place(width + 2 * PADDING, height + 2 * PADDING);
    this.#words.set(name, word);
    if (!word) return null;
    context.fillStyle = colour;
    context.textBaseline = "alphabetic";
    context.textAlign = lines.length > 1 ? "center" : "left";
    context.direction = "ltr";
    context.lineJoin = "round";
    const x = word.x + PADDING + (lines.length > 1 ? width / 2 : left);
    lines.forEach((line, i) => {
      const y = word!.y + PADDING + (1.05 + 1.4 * i) * pixels;
      if (halo) {
        context.strokeStyle = halo;
        context.lineWidth = 2 * PADDING;
        context.strokeText(line, x, y, width);
      }
      context.fillText(line, x, y, width);
    });
    this.#texture.needsUpdate = true;
    return word;
  }

  /** Forgets all words: their colours have changed, or there are other ones to say. */
  forget(): void {
    this.#words.clear();
    this.#shelves = new Shelves(SHEET);
    this.#context.clearRect(0, 0, SHEET, SHEET);
    this.#texture.needsUpdate = true;
    this.clear();
  }

  clear(): void {
    this.#count = 0;
    this.#geometry.instanceCount = 0;
    this.mesh.visible = false;
  }

  /**
   * @param height of its line, in pixels or cells.
   * @param at where it is anchored along its line: 0 its start, 0.5 its middle.
   */
  add(
    word: Word,
    x: number,
    y: number,
    z: number,
    height: number,
    standing: Standing,
    at = 0,
    solid = 1,
    lift = 0,
  ): void {
    if (this.#count === this.#capacity) this.#grow(2 * this.#capacity);
    const i = this.#count++;
    this.#anchor.setXYZW(i, x, y, z, solid);
    this.#sheet.setXYZW(i, word.x / SHEET, word.y / SHEET, word.width / SHEET, word.height / SHEET);
    this.#shape.setXYZW(i, (height * word.width) / word.height, height, standing, at);
    this.#lift.setX(i, lift);
    for (const field of [this.#anchor, this.#sheet, this.#shape, this.#lift]) field.needsUpdate = true;
    this.#geometry.instanceCount = this.#count;
    this.mesh.visible = true;
  }

  dispose(): void {
    this.#geometry.dispose();
    this.#material.dispose();
    this.#texture.dispose();
  }

  #grow(capacity: number): void {
    const made = (old: InstancedBufferAttribute | undefined, name: string, size = 4) => {
      const attribute = new InstancedBufferAttribute(new Float32Array(size * capacity), size);
      attribute.setUsage(DynamicDrawUsage);
      if (old) (attribute.array as Float32Array).set(old.array as Float32Array);
      this.#geometry.setAttribute(name, attribute);
      return attribute;
    };
    // Buffers that were given to the drawing context cannot grow: all are made anew.
    this.#geometry.dispose();
    this.#anchor = made(this.#anchor, "anchor");
    this.#sheet = made(this.#sheet, "sheet");
    this.#shape = made(this.#shape, "shape");
    this.#lift = made(this.#lift, "lift", 1);
    this.#capacity = capacity;
  }
}
