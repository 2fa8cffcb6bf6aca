// The scene on a canvas: blocks, sections, words, what is lit up, arrows. Draws exactly what it was last told, and only when
// something of it has changed; told the same, it draws the same. Knows no events of hands and no page.

import { Camera, Color, Scene, WebGLRenderer, type Object3D } from "three";

import { HALF } from "./axes";
import { cellBox, type BlockBox } from "./boxes";
import { BoxCubes, Cubes, Ink } from "./cells";
import { distanceOf, type Picture } from "./camera";
import { apartCells, apartSigns, apartTerms, type FlyingCell } from "./apart";
import {
  opacityOf,
  rangeWithin,
  revealOf,
  WHOLE,
  type CellArrow,
  type CellRef,
  type Frame,
  type LitRange,
  type Pose,
} from "./frame";
import { around, centre, end, type Box, type Point } from "./geometry";
import type { Giant } from "./giants";
import { FAINT, hides, soughtAt, soughtBy, type Sought } from "./hiding";
import { Labels } from "./labels";
import type { Layout } from "./layout";
import { Lit, Outlines } from "./lit";
import { Pages } from "./pages";
import { pyramidOf } from "./pyramid";
import { Ribbons } from "./ribbons";
import { limitOf } from "./scale";
import { sectionKey } from "./sections";
import { ONE_NUMBER } from "./shader";
import { Signs, type Spoken } from "./signs";
import { isMasked, sourcesOf } from "./sources";
import { survey, View } from "./survey";
import type { Colour, Theme } from "./theme";
import type { TileKey, Values } from "./values";

export type { Spoken } from "./signs";

/** Between two looks at what numbers are needed, in milliseconds. */
const LOOK = 120;
const RADIANS = Math.PI / 180;
/** Pages given to the drawing context for one picture. */
const UPLOADS = 256;
/** No block has more levels. */
const COARSEST = 30;
/** Cells of one sum that fly. */
const FLYING = 400;

/** What a reader points at or keeps. */
export interface Pointed {
  readonly cell: CellRef;
  /** Kept, and not only passed over. */
  readonly kept: boolean;
  /** Come for by its name or by keys: what stands before it makes way. */
  readonly sought: boolean;
}

export class Renderer {
  /** The numbers of the last pictures, for measuring: how many, and how long drawing took. */
  readonly spent = { pictures: 0, milliseconds: 0, looks: 0 };
  /** Told before each picture, with the time: whoever moves the eye does it here and says whether it moves on. */
  onstep: ((now: number) => boolean) | null = null;
  /** Told after each picture. */
  ondrawn: (() => void) | null = null;
  readonly #renderer: WebGLRenderer;
  readonly #scene = new Scene();
  readonly #camera = new Camera();
  readonly #ink = new Ink();
  readonly #lit: Lit;
  readonly #ribbons: Ribbons;
  /** Lines that belong to words, and lie behind them. */
  readonly #strokes: Ribbons;
  readonly #labels: Labels;
  readonly #flying: Cubes;
  #layout: Layout | null = null;
  #values: Values | null = null;
  #unlisten: (() => void) | null = null;
  #ids: readonly number[] = [];
  #cubes: BoxCubes | null = null;
  #pages: Pages | null = null;
  #outlines: Outlines | null = null;
  #signs: Signs | null = null;
  #giants: readonly Giant[] = [];
  #giantCubes: { cubes: BoxCubes; outlines: Outlines }[] = [];
  #theme: Theme | null = null;
  #frame: Frame = WHOLE;
  #pointed: readonly Pointed[] = [];
  #pose: Pose | null = null;
  #sought: Sought | null = null;
  /** Of each box, the coarsest level that it is drawn with: what is seen from its edge is not to fade away. */
  #levels = new Float32Array(0);
  #picture: Picture = { width: 1, height: 1 };
  #ratio = 1;
  #request = 0;
  #dirty = false;
  #lost = false;
  #lookDue = true;
  #looked = -Infinity;
  #later: ReturnType<typeof setTimeout> | null = null;

  /**
   * @throws where the browser gives no drawing context.
   */
  constructor(readonly canvas: HTMLCanvasElement) {
    const context = canvas.getContext("webgl2", { antialias: true, alpha: false, powerPreference: "high-performance" });
    if (!context) throw new Error("this browser gives no WebGL 2.");
    this.#renderer = new WebGLRenderer({ canvas, context, antialias: true });
    this.#renderer.sortObjects = true;
    this.#renderer.autoClear = true;
    this.#camera.matrixAutoUpdate = false;
    this.#lit = new Lit(this.#ink);
    this.#ribbons = new Ribbons(this.#ink);
    this.#strokes = new Ribbons(this.#ink, 4.5);
    this.#labels = new Labels(this.#ink);
    this.#flying = new Cubes(FLYING, this.#ink);
    this.#scene.matrixWorldAutoUpdate = false;
    this.#scene.add(this.#lit.mesh, this.#strokes.mesh, this.#ribbons.mesh, this.#labels.mesh, ...this.#flying.meshes);
    canvas.addEventListener("webglcontextlost", this.#onlost);
    canvas.addEventListener("webglcontextrestored", this.#onrestored);
  }

  /** Pages of numbers at hand. */
  get pages(): number {
    return this.#pages?.used ?? 0;
  }

  /** Whether the last picture is complete: all numbers that it needs are at hand. */
  get settled(): boolean {
    return (
      !this.#request && !this.#dirty && !this.#lookDue && !this.#later && (this.#values?.settled ?? true) && !this.#lost
    );
  }

  show(layout: Layout, values: Values | null, ids: readonly number[], spoken: Spoken): void {
    if (layout !== this.#layout) {
      this.#drop();
      this.#layout = layout;
      this.#pages = new Pages(layout.boxes.map(pyramidOf));
      this.#cubes = new BoxCubes(layout.boxes, this.#pages, this.#ink);
      this.#outlines = new Outlines(
        layout.sections.filter((section) => section.path.length <= 2),
        this.#ink,
      );
      this.#levels = new Float32Array(layout.boxes.length).fill(COARSEST);
      this.#signs = new Signs(layout, this.#labels, this.#strokes);
      this.#scene.add(...this.#cubes.meshes, this.#outlines.lines);
      if (this.#theme) this.#cubes.dress(this.#theme);
    }
    if (values !== this.#values) {
      this.#unlisten?.();
      // Another text of the same length: its numbers are none of the old ones.
      if (this.#values && this.#pages) this.#pages.forget();
      this.#values = values;
      this.#unlisten = values?.listen(() => this.#look()) ?? null;
    }
    this.#ids = ids;
    this.#signs!.say(spoken);
    this.#look();
    this.#changed();
  }

  /** Models that stand beside this one. */
  beside(giants: readonly Giant[]): void {
    for (const { cubes, outlines } of this.#giantCubes) {
      this.#scene.remove(...cubes.meshes, outlines.lines);
      cubes.dispose();
      outlines.dispose();
    }
    this.#giants = giants;
    this.#giantCubes = giants.map(({ layout, offset }) => {
      const cubes = new BoxCubes(layout.boxes, null, this.#ink, offset);
      const outlines = new Outlines(
        layout.sections.filter((section) => section.path.length === 1),
        this.#ink,
        offset,
      );
      for (let i = 0; i < outlines.boxes.length; i++) outlines.solid(i, 0.25);
      if (this.#theme) cubes.dress(this.#theme);
      // Shapes are never faded: one pass is all of them.
      this.#scene.add(cubes.meshes[0], outlines.lines);
      return { cubes, outlines };
    });
    this.#stand();
    this.#look();
    this.#changed();
  }

  /** Whether models that stand beside are seen: not in frames that do without them. */
  #stand(): void {
    for (const { cubes, outlines } of this.#giantCubes)
      cubes.meshes[0].visible = outlines.lines.visible = this.#frame.beside !== false;
  }

  dress(theme: Theme): void {
    this.#theme = theme;
    this.#ink.dress(theme);
    this.#clear(theme);
    this.#cubes?.dress(theme);
    for (const { cubes } of this.#giantCubes) cubes.dress(theme);
    this.#labels.forget();
    this.#look();
    this.#changed();
  }

  #clear({ paper: [r, g, b] }: Theme): void {
    // Colours are written as they are: the clear colour must not be converted either.
    this.#renderer.outputColorSpace = "srgb-linear";
    this.#renderer.setClearColor(new Color().setRGB(r, g, b), 1);
  }

  /** @param ratio pixels of the screen for each of the picture. */
  resize(width: number, height: number, ratio: number): void {
    if (width === this.#picture.width && height === this.#picture.height && ratio === this.#ratio) return;
    this.#picture = { width: Math.max(1, width), height: Math.max(1, height) };
    this.#ratio = ratio;
    this.#renderer.setPixelRatio(ratio);
    this.#renderer.setSize(this.#picture.width, this.#picture.height, false);
    this.#look();
    // At once: an emptied canvas is not to be seen.
    this.#draw();
  }

  frame(frame: Frame): void {
    if (frame === this.#frame) return;
    const before = this.#frame;
    this.#frame = frame;
    if (measured(before) !== measured(frame)) this.#look();
    this.#stand();
    this.#changed();
  }

  point(pointed: readonly Pointed[]): void {
    const named = (all: readonly Pointed[]) => all.map(({ cell }) => cell.block).join();
    if (named(pointed) !== named(this.#pointed)) this.#look();
    this.#pointed = pointed;
    this.#changed();
  }

  look(pose: Pose): void {
    this.#pose = pose;
    this.#look();
    this.redraw();
  }

  /** How solid a slab of a block is now. */
  solid = (block: string, slab: number): number => {
    const box = this.#layout?.byId.get(block);
    if (!box) return 0;
    const solid = this.#solidOf(box);
    return this.#sought && hides(this.#sought, box, slab, this.#behind) ? FAINT * solid : solid;
  };

  redraw(): void {
    if (!this.#request) this.#request = requestAnimationFrame(this.#tick);
  }

  dispose(): void {
    this.ondrawn = null;
    this.canvas.removeEventListener("webglcontextlost", this.#onlost);
    this.canvas.removeEventListener("webglcontextrestored", this.#onrestored);
    this.beside([]);
    this.#drop();
    this.#unlisten?.();
    // Last, as what is taken away asks for another picture.
    cancelAnimationFrame(this.#request);
    if (this.#later) clearTimeout(this.#later);
    for (const one of [this.#lit, this.#strokes, this.#ribbons, this.#labels, this.#flying, this.#ink]) one.dispose();
    this.#renderer.dispose();
  }

  #drop(): void {
    const objects: Object3D[] = [...(this.#cubes?.meshes ?? []), ...(this.#outlines ? [this.#outlines.lines] : [])];
    this.#scene.remove(...objects);
    this.#cubes?.dispose();
    this.#outlines?.dispose();
    this.#layout = this.#cubes = this.#outlines = this.#pages = this.#signs = null;
  }

  /** What is drawn has changed, apart from where it is seen from. */
  #changed(): void {
    this.#dirty = true;
    this.redraw();
  }

  /** Numbers may be needed that were not, or have come: looked at soon, and not drawn again for each of them. */
  #look(): void {
    this.#lookDue = true;
    if (!this.#later && !this.#request) this.#lookAfter(LOOK - (performance.now() - this.#looked));
  }

  #lookAfter(milliseconds: number): void {
    if (milliseconds <= 0) return this.redraw();
    this.#later = setTimeout(() => {
      this.#later = null;
      this.redraw();
    }, milliseconds);
  }

  readonly #tick = (now: number): void => {
    this.#request = 0;
    const moving = this.onstep?.(now) ?? false;
    // The time of a picture is that of its beginning: a timer may be ahead of it.
    const due = LOOK - (now - this.#looked);
    if (this.#lookDue && due <= 20) this.#survey(now);
    else if (this.#lookDue && !this.#later && !moving) this.#lookAfter(due);
    this.#draw();
    if (moving) this.redraw();
  };

  #survey(now: number): void {
    this.#lookDue = false;
    this.#looked = now;
    const [layout, pages, pose] = [this.#layout, this.#pages, this.#pose];
    if (!layout || !pages || !pose) return;
    const view = new View(pose, this.#picture);
    if (this.#values) {
      const solid = (box: number) => this.#solidOf(layout.boxes[box]!);
      const seen = survey(view, layout.boxes, solid, pages, this.#values, this.#ratio, this.#levels);
      this.#values.want([...this.#termsOf(layout, this.#values), ...seen]);
    }
    if (this.#theme) {
      this.#signs?.place(view, this.#theme, this.#frame, this.#giants, this.#pointed);
      const { apart } = this.#frame;
      if (apart && this.#layout) this.#signs?.between(apartSigns(this.#layout, this.#ids, apart), this.#theme);
    }
    this.spent.looks += 1;
    this.#dirty = true;
  }

  /** Whether the eye looks from behind. */
  get #behind(): boolean {
    return this.#pose !== null && Math.cos(this.#pose.yaw * RADIANS) < 0;
  }

  #solidOf(box: BlockBox): number {
    return opacityOf(this.#frame, box.block.id, box.block.section);
  }

  #draw(): void {
    const pose = this.#pose;
    if (this.#lost || !pose || !this.#theme) return;
    const began = performance.now();
    if (this.#dirty) this.#arrange(this.#theme);
    this.#aim(pose);
    if (this.#pages && this.#ink.upload(this.#pages, this.#renderer, UPLOADS)) this.redraw();
    this.#renderer.render(this.#scene, this.#camera);
    this.spent.pictures += 1;
    this.spent.milliseconds += performance.now() - began;
    this.ondrawn?.();
  }

  /** The eye's matrix. */
  #aim(pose: Pose): void {
    const { uniforms } = this.#ink;
    const { width, height } = this.#picture;
    const high = HALF * Math.max(1, height / width);
    const wide = HALF * Math.max(1, width / height);
    const distance = distanceOf(pose);
    // The eye's own axes, as in `directions`; written out, because this is done for every picture.
    const sy = Math.sin(pose.yaw * RADIANS);
    const cy = Math.cos(pose.yaw * RADIANS);
    const sp = Math.sin(pose.pitch * RADIANS);
    const cp = Math.cos(pose.pitch * RADIANS);
    const bx = sy * cp;
    const by = -sp;
    const bz = cy * cp;
    const ux = -sy * sp;
    const uy = -cp;
    const uz = -cy * sp;
    const ex = pose.centre.x + bx * distance;
    const ey = pose.centre.y + by * distance;
    const ez = pose.centre.z + bz * distance;
    // Everything there is lies between these; a cell in front of the eye is never cut.
    const near = Math.max(0.05, distance * 0.02);
    const far = distance + this.#radius(pose) + 10;
    const a = (far + near) / (near - far);
    const b = (2 * far * near) / (near - far);
    const back = bx * ex + by * ey + bz * ez;
    // y of the scene grows downwards: it is turned over here, and in the shaders.
    // prettier-ignore
    uniforms.eye.value.set(
      cy / wide, 0, -sy / wide, -(cy * ex - sy * ez) / wide,
      ux / high, -uy / high, uz / high, -(ux * ex + uy * ey + uz * ez) / high,
      a * bx, -a * by, a * bz, -a * back + b,
      -bx, by, -bz, back,
    );
    uniforms.ratio.value = this.#ratio;
    uniforms.picture.value.set((2 * high) / height, width / height, height);
  }

  /** How far from the middle of the picture there may be something. */
  #radius({ centre }: Pose): number {
    let most = this.#layout ? furthest(centre, this.#layout, 0, 0) : 1;
    for (const { layout, offset } of this.#giants) most = Math.max(most, furthest(centre, layout, offset.x, offset.y));
    return most;
  }

  /** Everything that is not the eye, as the frame and the reader say it. */
  #arrange(theme: Theme): void {
    this.#dirty = false;
    const [layout, cubes, outlines] = [this.#layout, this.#cubes, this.#outlines];
    if (!layout || !cubes || !outlines) return;
    const frame = this.#frame;
    const come = this.#pointed.find(({ sought }) => sought)?.cell;
    const sought = come ? soughtAt(layout, come) : soughtBy(layout, frame);
    this.#sought = sought;
    layout.boxes.forEach((box, n) => {
      const solid = this.#solidOf(box);
      const spread = this.#values?.spread(box.block.id);
      cubes.state(n, solid, spread ? limitOf(spread) : 1, revealOf(frame, box.block.id), this.#levels[n]!);
      const slabs = box.axes.z === null || !sought ? 0 : box.shape[box.axes.z]!;
      for (let slab = 0; slab < slabs; slab++)
        if (hides(sought!, box, slab, this.#behind)) cubes.solid(n, slab, FAINT * solid);
    });
    cubes.changed("state");
    (outlines.boxes as Layout["sections"]).forEach((section, n) => {
      const solid = opacityOf(frame, sectionKey(section.path), section.path);
      outlines.solid(n, solid * (section.path.length === 1 ? 0.3 : 0.16));
    });
    this.#light(layout, theme);
    this.#fly(layout, frame, theme);
  }

  #light(layout: Layout, theme: Theme): void {
    const { cells, ranges, arrows } = this.#frame;
    this.#lit.clear();
    this.#ribbons.clear();
    for (const range of ranges) this.#lightRange(layout, range, theme[range.tone], 1);
    for (const cell of cells) this.#lightCell(layout, cell, theme[cell.tone], 1);
    for (const arrow of arrows) this.#arrow(layout, arrow, theme.source);
    for (const { cell, kept } of this.#pointed) {
      const sources = sourcesOf(layout, this.#ids, cell);
      for (const source of sources) this.#lightRange(layout, source, theme.source, 1);
      const to = layout.byId.get(cell.block);
      if (!to) continue;
      for (const { block, from, to: until } of sources) {
        const box = layout.byId.get(block)!;
        const there = around([
          cellBox(box, from),
          cellBox(
            box,
            until.map((n) => n - 1),
          ),
        ]);
        this.#ribbons.add(...ends(frontOf(there), frontOf(cellBox(to, cell.index))), theme.source, kept ? 0.95 : 0.75);
      }
      const seen = causalRange(layout, cell);
      if (seen && !isMasked(layout, cell)) this.#lightRange(layout, seen, theme.target, 0.5);
      this.#lightCell(layout, cell, kept ? theme.accent : theme.focus, 1);
    }
  }

  #lightCell(layout: Layout, { block, index }: CellRef, colour: Colour, solid: number): void {
    const box = layout.byId.get(block);
    if (box && index.every((n, axis) => n >= 0 && n < box.shape[axis]!))
      this.#lit.add(cellBox(box, index), colour, solid, 0, 0.08);
  }

  #lightRange(layout: Layout, range: LitRange, colour: Colour, solid: number): void {
    const box = layout.byId.get(range.block);
    if (!box) return;
    const { from, to } = rangeWithin(range, box.shape);
    if (from.some((n, axis) => n >= to[axis]!)) return;
    // Slabs that are lit one by one, so that a row of every head is that row of every head.
    const z = box.axes.z;
    const slabs = z === null ? 1 : to[z]! - from[z]!;
    for (let slab = 0; slab < slabs; slab++) {
      const [first, last] = [[...from], to.map((n) => n - 1)];
      if (z !== null) first[z] = last[z] = from[z]! + slab;
      this.#lit.add(around([cellBox(box, first), cellBox(box, last)]), colour, solid, 0.1, 0.04);
    }
  }

  #arrow(layout: Layout, { from, to }: CellArrow, colour: Colour): void {
    const [a, b] = [layout.byId.get(from.block), layout.byId.get(to.block)];
    if (a && b) this.#ribbons.add(...ends(frontOf(cellBox(a, from.index)), frontOf(cellBox(b, to.index))), colour, 0.9);
  }

  /** Where the numbers of a sum that is taken apart are, be they in the picture or not. */
  #termsOf(layout: Layout, values: Values): TileKey[] {
    const { apart } = this.#frame;
    const keys = apart
      ? apartTerms(layout, this.#ids, apart).map(({ block, index }) => values.keyOf(block, index))
      : [];
    return [...new Map(keys.map((key) => [JSON.stringify(key), key])).values()];
  }

  /** The terms of a sum on their way. */
  #fly(layout: Layout, { apart }: Frame, theme: Theme): void {
    const cells: readonly FlyingCell[] = apart
      ? apartCells(layout, this.#ids, apart, (block, index) => this.#values?.cell(block, index), FLYING)
      : [];
    cells.forEach(({ x, y, z, size, value, block }, i) => {
      const spread = this.#values?.spread(block);
      const [r, g, b] = theme.source;
      this.#flying.set("place", i, x, y, z, 0);
      this.#flying.set("extent", i, size, size, Math.min(size, 0.4), ONE_NUMBER);
      this.#flying.set("state", i, 1, spread ? limitOf(spread) : 1, 1, value ?? Infinity);
      this.#flying.set("tint", i, r, g, b);
    });
    if (cells.length) this.#flying.changed("place", "extent", "state", "tint");
    this.#flying.count = cells.length;
  }

  readonly #onlost = (event: Event): void => {
    event.preventDefault();
    this.#lost = true;
    this.ondrawn?.();
  };

  readonly #onrestored = (): void => {
    this.#lost = false;
    // The numbers are still here; only the drawing context has forgotten them.
    this.#pages?.again();
    if (this.#theme) this.#clear(this.#theme);
    this.#look();
    this.#changed();
  };
}

/** The sides that a frame measures, to compare with others. */
function measured({ brackets, beside }: Frame): string {
  return [beside, ...(brackets ?? []).map(({ block, axis }) => `${block} ${axis}`)].join();
}

/** How far a point is from the furthest corner of a box that is moved. */
function furthest({ x, y, z }: Point, { origin, size }: Box, dx: number, dy: number): number {
  const over = Math.max(Math.abs(x - origin.x - dx), Math.abs(x - origin.x - dx - size.x));
  const under = Math.max(Math.abs(y - origin.y - dy), Math.abs(y - origin.y - dy - size.y));
  const deep = Math.max(Math.abs(z - origin.z), Math.abs(z - origin.z - size.z));
  return Math.hypot(over, under, deep);
}

/** The middle of the side that faces the viewer. */
function frontOf(box: { readonly origin: Point; readonly size: Point }): Point {
  return { ...centre(box), z: end(box).z };
}

/** From a place to a cell's edge on the way to it, so that its number stays to be read. */
function ends(from: Point, to: Point): [Point, Point] {
  const [dx, dy] = [from.x - to.x, from.y - to.y];
  const far = Math.max(Math.abs(dx), Math.abs(dy));
  if (far < 1) return [from, { ...to, y: to.y - 0.45 }];
  return [from, { ...to, x: to.x + (0.46 * dx) / far, y: to.y + (0.46 * dy) / far }];
}

/** The positions that a cell may depend on, in the row of its own block. */
export function causalRange(layout: Layout, { block, index }: CellRef): LitRange | null {
  const box = layout.byId.get(block);
  if (!box?.block.causal) return null;
  const key = box.block.axes.findIndex((axis) => axis.name === "key");
  const position = box.block.axes.findIndex((axis) => axis.name === "position");
  if (key < 0 || position < 0) return null;
  const from = [...index];
  const to = index.map((n) => n + 1);
  from[key] = 0;
  to[key] = index[position]! + 1;
  return { block, from, to, tone: "target" };
}
