// All blocks of a layout as one mesh: a cube per slab, drawn in one go (and once more for what is faded).

import {
  BoxGeometry,
  BufferGeometry,
  CanvasTexture,
  DataTexture,
  DynamicDrawUsage,
  FloatType,
  GLSL3,
  BackSide,
  InstancedBufferAttribute,
  InstancedBufferGeometry,
  LinearFilter,
  LinearMipmapLinearFilter,
  Matrix4,
  Mesh,
  NearestFilter,
  RawShaderMaterial,
  RedFormat,
  RedIntegerFormat,
  RGBAFormat,
  UnsignedByteType,
  UnsignedShortType,
  Vector2,
  Vector3,
  type IUniform,
  type WebGLRenderer,
} from "three";

import type { BlockBox } from "./boxes";
import { PAGE, pyramidOf } from "./pyramid";
import { Pages, SIDE } from "./pages";
import { slabOf } from "./boxes";
import { areNames } from "./roles";
import { colourTable } from "./scale";
import { CHARACTERS, FRAGMENT, FROM_PAGES, SHAPE_ONLY, VERTEX } from "./shader";
import type { Theme } from "./theme";

/** Entries of the table in one row of its texture. */
const TABLE_WIDTH = 1024;
/** Cubes of a mere shape. */
const MANY = 20_000;

/** What all meshes of a scene are drawn with. */
export class Ink {
  readonly uniforms: Record<string, IUniform> & {
    eye: IUniform<Matrix4>;
    ratio: IUniform<number>;
    paper: IUniform<Vector3>;
    missing: IUniform<Vector3>;
    ink: IUniform<Vector3>;
    /** Cells that a pixel covers at a distance of one cell; the picture's width by its height; its height in pixels. */
    picture: IUniform<Vector3>;
  };
  readonly #cells: DataTexture;
  #table: DataTexture;
  readonly #page: DataTexture;
  readonly #at = new Vector2();

  constructor() {
    this.#cells = new DataTexture(null, SIDE * PAGE, SIDE * PAGE, RedFormat, FloatType);
    this.#cells.minFilter = this.#cells.magFilter = NearestFilter;
    // Filled page by page: there is nothing to begin with.
    this.#cells.source.dataReady = false;
    this.#cells.needsUpdate = true;
    this.#page = new DataTexture(null, PAGE, PAGE, RedFormat, FloatType);
    this.#table = tableTexture(new Uint16Array(TABLE_WIDTH), 1);
    const colours = new DataTexture(colourTable(), 256, 1, RGBAFormat, UnsignedByteType);
    colours.minFilter = colours.magFilter = LinearFilter;
    colours.needsUpdate = true;
    this.uniforms = {
      eye: { value: new Matrix4() },
      ratio: { value: 1 },
      paper: { value: new Vector3() },
      missing: { value: new Vector3() },
      ink: { value: new Vector3() },
      picture: { value: new Vector3(1, 1, 1) },
      cells: { value: this.#cells },
      table: { value: this.#table },
      colours: { value: colours },
      digits: { value: digitSheet() },
    };
  }

  dress(theme: Theme): void {
    this.uniforms.paper.value.set(...theme.paper);
    this.uniforms.missing.value.set(...theme.missing);
    this.uniforms.ink.value.set(...theme.ink);
  }

  /** Gives what has changed to the drawing context. */
  upload(pages: Pages, renderer: WebGLRenderer, most: number): boolean {
    if (pages.tableChanged) {
      const rows = Math.ceil(pages.table.length / TABLE_WIDTH);
      let { data } = this.#table.image as { data: Uint16Array<ArrayBuffer> };
      if (data.length !== rows * TABLE_WIDTH) {
        this.#table.dispose();
        data = new Uint16Array(rows * TABLE_WIDTH);
        this.#table = tableTexture(data, rows);
        this.uniforms["table"]!.value = this.#table;
      }
      data.set(pages.table);
      this.#table.needsUpdate = true;
      pages.tableChanged = false;
    }
    let n = 0;
    for (const place of pages.changed) {
      if (n++ >= most) return true;
      pages.changed.delete(place);
      (this.#page.image as { data: Float32Array }).data = pages.cells.subarray(
        place * PAGE * PAGE,
        (place + 1) * PAGE * PAGE,
      );
      this.#at.set((place % SIDE) * PAGE, Math.floor(place / SIDE) * PAGE);
      renderer.copyTextureToTexture(this.#page, this.#cells, null, this.#at);
    }
    return false;
  }

  dispose(): void {
    for (const { value } of Object.values(this.uniforms)) (value as { dispose?: () => void }).dispose?.();
  }
}

function tableTexture(data: Uint16Array<ArrayBuffer>, rows: number): DataTexture {
  const texture = new DataTexture(data, TABLE_WIDTH, rows, RedIntegerFormat, UnsignedShortType);
  texture.internalFormat = "R16UI";
  texture.unpackAlignment = 2;
  texture.needsUpdate = true;
  return texture;
}

function digitSheet(): CanvasTexture {
  const canvas = document.createElement("canvas");
  const [wide, high] = [34, 64];
  canvas.width = wide * CHARACTERS.length;
  canvas.height = high;
  const context = canvas.getContext("2d")!;
  context.font = '500 54px "Liberation Sans", Arial, "Noto Sans", sans-serif';
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = "#fff";
  [...CHARACTERS].forEach((one, i) => context.fillText(one, (i + 0.5) * wide, high / 2 + 3, wide));
  const texture = new CanvasTexture(canvas);
  texture.minFilter = LinearMipmapLinearFilter;
  texture.generateMipmaps = true;
  return texture;
}

/** One cube for each place in a buffer of its own. */
export function cubes(): BufferGeometry {
  return new BoxGeometry(1, 1, 1).translate(0.5, 0.5, 0.5);
}

const FIELDS = { place: 4, extent: 4, pages: 4, reading: 4, state: 4, tint: 3 } as const;
type Field = keyof typeof FIELDS;

/** Cubes of cells: those of a layout, or cells that fly. */
export class Cubes {
  readonly meshes: readonly [Mesh, Mesh];
  readonly capacity: number;
  readonly #geometry: InstancedBufferGeometry;
  readonly #data: Readonly<Record<Field, InstancedBufferAttribute>>;
  #count = 0;

  constructor(capacity: number, ink: Ink) {
    this.capacity = capacity;
    const cube = cubes();
    this.#geometry = new InstancedBufferGeometry();
    this.#geometry.index = cube.index;
    for (const name of ["position", "normal"]) this.#geometry.setAttribute(name, cube.getAttribute(name));
    const made = {} as Record<Field, InstancedBufferAttribute>;
    for (const name of Object.keys(FIELDS) as Field[]) {
      made[name] = new InstancedBufferAttribute(new Float32Array(capacity * FIELDS[name]), FIELDS[name]);
      if (name === "state") made[name].setUsage(DynamicDrawUsage);
      this.#geometry.setAttribute(name, made[name]);
    }
    this.#data = made;
    this.meshes = [0, 1].map((pass) => {
      const material = new RawShaderMaterial({
        glslVersion: GLSL3,
        vertexShader: VERTEX,
        fragmentShader: FRAGMENT,
        uniforms: { ...ink.uniforms, pass: { value: pass } },
        // y is turned over on the way to the screen, and with it which side of a face is the front.
        side: BackSide,
        transparent: pass === 1,
        depthWrite: pass === 0,
      });
      const mesh = new Mesh(this.#geometry, material);
      mesh.frustumCulled = false;
      mesh.renderOrder = pass === 0 ? 0 : 2;
      return mesh;
    }) as unknown as readonly [Mesh, Mesh];
    this.count = 0;
  }

  get count(): number {
    return this.#count;
  }

  set count(n: number) {
    this.#count = Math.min(n, this.capacity);
    this.#geometry.instanceCount = this.#count;
    for (const mesh of this.meshes) mesh.visible = this.#count > 0;
  }

  set(field: Field, i: number, a: number, b: number, c: number, d = 0): void {
    const { array } = this.#data[field];
    const at = i * FIELDS[field];
    array[at] = a;
    array[at + 1] = b;
    array[at + 2] = c;
    if (FIELDS[field] === 4) array[at + 3] = d;
  }

  /** One of a field's numbers. */
  part(field: Field, i: number, which: number, value: number): void {
    this.#data[field].array[i * FIELDS[field] + which] = value;
  }

  changed(...fields: Field[]): void {
    for (const field of fields) this.#data[field].needsUpdate = true;
  }

  dispose(): void {
    this.#geometry.dispose();
    for (const mesh of this.meshes) (mesh.material as RawShaderMaterial).dispose();
  }
}

/** The cubes of a layout's boxes; `first` says where each box's begin. */
export class BoxCubes extends Cubes {
  readonly boxes: readonly BlockBox[];
  readonly pages: Pages | null;
  readonly first: Int32Array;

  /**
   * @param pages null where there are no numbers: mere shapes.
   * @param offset how far all are moved to the right, and down.
   */
  constructor(boxes: readonly BlockBox[], pages: Pages | null, ink: Ink, offset = { x: 0, y: 0 }) {
    let slabs = boxes.map((box) => (box.axes.z === null ? 1 : box.shape[box.axes.z]!));
    // Of the largest shapes, heads are drawn as one: a hundred thousand cubes would say no more.
    if (!pages && sum(slabs) > MANY) slabs = boxes.map(() => 1);
    super(sum(slabs), ink);
    this.boxes = boxes;
    this.pages = pages;
    this.first = new Int32Array(boxes.length + 1);
    let i = 0;
    boxes.forEach((box, n) => {
      this.first[n] = i;
      const pyramid = pages ? pyramidOf(box) : null;
      const along = computedAlong(box);
      for (let slab = 0; slab < slabs[n]!; slab++, i++) {
        const { origin, size } = slabs[n] === 1 ? box : slabOf(box, slab);
        const thick = slabs[n] === 1 ? size.z : 1;
        this.set("place", i, origin.x + offset.x, origin.y + offset.y, origin.z, slab);
        this.set("extent", i, size.x, size.y, thick, pages ? FROM_PAGES : SHAPE_ONLY);
        if (!pyramid || !pages) continue;
        this.set("pages", i, pages.first.get(box.block.id)!, pyramid.rows, pyramid.columns, pyramid.slabs);
        this.set("reading", i, pyramid.mapping, pyramid.levels, along, areNames(box.block) ? 1 : 0);
      }
    });
    this.first[boxes.length] = i;
    this.count = i;
    for (let k = 0; k < i; k++) this.set("state", k, 1, 1, 1, 0);
    this.changed("place", "extent", "pages", "reading", "state");
  }

  /** What changes from picture to picture, of all cubes of one box. */
  state(box: number, solid: number, limit: number, computed: number, level: number): void {
    for (let i = this.first[box]!; i < this.first[box + 1]!; i++) this.set("state", i, solid, limit, computed, level);
  }

  /** How solid one slab of a box is, after `state`. */
  solid(box: number, slab: number, value: number): void {
    const i = this.first[box]! + slab;
    if (i < this.first[box + 1]!) this.part("state", i, 0, value);
  }

  dress(theme: Theme): void {
    this.boxes.forEach((box, n) => {
      const [r, g, b] = theme[box.block.kind];
      for (let i = this.first[n]!; i < this.first[n + 1]!; i++) this.set("tint", i, r, g, b);
    });
    this.changed("tint");
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((n, m) => n + m, 0);
}

/** Along which side a block is computed: that of the positions, else x. */
function computedAlong({ axes, block }: BlockBox): 0 | 1 {
  const y = axes.y === null ? "" : block.axes[axes.y]!.name;
  const x = axes.x === null ? "" : block.axes[axes.x]!.name;
  if (y === "position" || (y === "key" && x !== "position")) return 1;
  return x === "" ? 1 : 0;
}
