// The shader of blocks: one cube per slab, whose every pixel finds its own cell, the number of it, its colour and its digits.
//
// The same arithmetic as `pyramid.ts`. A page that is not at hand is looked for one level coarser; where there is none, the
// cell is grey. What the mask leaves out is hatched.

import { PAGE } from "./pyramid";
import { SIDE } from "./pages";

/** Kinds of cubes: with cells from pages, with one number of its own, and as a mere shape. */
export const FROM_PAGES = 0;
export const ONE_NUMBER = 1;
export const SHAPE_ONLY = 2;

/** Characters of the digits' sheet, in its order. */
export const CHARACTERS = "0123456789.−e∞";

export const VERTEX = /* glsl */ `
precision highp float;
precision highp int;

uniform mat4 eye;
uniform float pass;

in vec3 position;
in vec3 normal;
in vec4 place;    // least corner; slab
in vec4 extent;   // cells along x, y, z; kind of cube
in vec4 pages;    // first entry of the table; rows, columns and slabs of the sheet
in vec4 reading;  // mapping; levels; along which side it is computed (0 x, 1 y); whole numbers
in vec4 state;    // solidity; largest value of the colours; how much is computed; coarsest level at hand, or the number
in vec3 tint;

out vec3 local;
flat out vec3 facing;
flat out float slab;
flat out vec4 size;
flat out ivec4 sheet;
flat out ivec4 order;
flat out vec4 now;
flat out vec3 edge;

void main() {
  local = position * extent.xyz;
  facing = normal;
  slab = place.w;
  size = extent;
  sheet = ivec4(pages);
  order = ivec4(reading);
  now = state;
  edge = tint;
  vec3 at = place.xyz + local;
  gl_Position = eye * vec4(at.x, -at.y, at.z, 1.0);
  bool solid = state.x > 0.99;
  if (state.x < 0.01 || solid != (pass < 0.5)) gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
}
`;

export const FRAGMENT = /* glsl */ `
precision highp float;
precision highp int;
precision highp sampler2D;
precision highp usampler2D;

uniform sampler2D cells;
uniform usampler2D table;
uniform sampler2D colours;
uniform sampler2D digits;
uniform float ratio;
uniform vec3 paper;
uniform vec3 missing;
uniform vec3 ink;

in vec3 local;
flat in vec3 facing;
flat in float slab;
flat in vec4 size;
flat in ivec4 sheet;
flat in ivec4 order;
flat in vec4 now;
flat in vec3 edge;

out vec4 colour;

const int PAGE = ${PAGE};
const int SIDE = ${SIDE};
const uint NUMBER = 0u, LEFT_OUT = 1u, MISSING = 2u;

/** The number at a row and column of the finest level, or of the finest coarser one that is at hand. */
uint numberAt(int row, int column, int wanted, out float value, out int level) {
  int base = sheet.x;
  value = 0.0;
  level = wanted;
  for (int l = 0; l < order.y; l++) {
    int step = 1 << l;
    int rows = (sheet.y + step - 1) / step;
    int across = ((sheet.z + step - 1) / step + PAGE - 1) / PAGE;
    int down = (rows * sheet.w + PAGE - 1) / PAGE;
    if (l >= wanted) {
      int v = int(slab) * rows + (row >> l);
      int u = column >> l;
      int entry = base + (v / PAGE) * across + u / PAGE;
      int at = int(texelFetch(table, ivec2(entry & 1023, entry >> 10), 0).r) - 1;
      if (at >= 0) {
        value = texelFetch(cells, ivec2((at % SIDE) * PAGE + u % PAGE, (at / SIDE) * PAGE + v % PAGE), 0).r;
        uint bits = floatBitsToUint(value);
        level = l;
        if (bits != 0x7f800000u) return (bits & 0x7fffffffu) > 0x7f800000u ? LEFT_OUT : NUMBER;
      }
    }
    base += across * down;
  }
  return MISSING;
}

float character(int which, vec2 at, vec2 dx, vec2 dy) {
  const float N = ${CHARACTERS.length}.0;
  vec2 inside = vec2((float(which) + clamp(at.x, 0.0, 1.0)) / N, 1.0 - clamp(at.y, 0.0, 1.0));
  return textureGrad(digits, inside, vec2(dx.x / N, dx.y), vec2(dy.x / N, dy.y)).a;
}

/**
 * How much of a pixel is covered by a number's digits.
 *
 * Two digits after the point, or more where there is room; an exponent where that would leave none that counts.
 */
float written(float value, vec2 at, vec2 dx, vec2 dy, float pixels) {
  int text[12];
  int n = 0;
  float a = abs(value);
  int places = order.w > 0 ? 0 : pixels < 76.0 ? 2 : pixels < 150.0 ? 3 : 5;
  if (value < 0.0) text[n++] = 11;
  int whole = a < 9.9995 ? 1 : a < 99.995 ? 2 : a < 999.95 ? 3 : a < 9999.5 ? 4 : 5;
  int after = order.w > 0 ? 0 : max(0, places + 1 - whole);
  if (a > 3.4e38) {
    text[n++] = 13;
  } else if (a >= 99999.5 || (order.w == 0 && a > 0.0 && a < 0.5 * pow(10.0, -float(after)))) {
    int power = int(floor(log(a) / log(10.0)));
    int head = int(floor(a / pow(10.0, float(power)) + 0.5));
    if (head >= 10) { head = 1; power += 1; }
    if (head < 1) head = 1;
    text[n++] = head;
    text[n++] = 12;
    if (power < 0) { text[n++] = 11; power = -power; }
    if (power >= 10) text[n++] = power / 10;
    text[n++] = power % 10;
  } else {
    int scale = 1;
    for (int i = 0; i < after; i++) scale *= 10;
    int scaled = int(floor(a * float(scale) + 0.5));
    int head = scaled / scale;
    int tail = scaled - head * scale;
    int size = head < 10 ? 1 : head < 100 ? 10 : head < 1000 ? 100 : head < 10000 ? 1000 : 10000;
    for (int i = 0; i < 5 && size > 0; i++) {
      text[n++] = (head / size) % 10;
      size /= 10;
    }
    if (after > 0) {
      text[n++] = 10;
      for (int i = 0; i < after; i++) {
        scale /= 10;
        text[n++] = (tail / scale) % 10;
      }
    }
  }
  float wide = min(0.84 / float(n), 0.2);
  float high = wide * 1.9;
  float x = (at.x - 0.5) / wide + float(n) / 2.0;
  float y = (at.y - 0.5) / high + 0.5;
  if (x < 0.0 || x >= float(n) || y < 0.0 || y >= 1.0) return 0.0;
  int i = int(x);
  return character(text[i], vec2(x - float(i), y), dx / vec2(wide, high), dy / vec2(wide, high));
}

void main() {
  // Which sides of the cube lie in this face, and how many cells a pixel covers along them.
  vec3 covered = fwidth(local);
  bool front = abs(facing.z) > 0.5;
  vec3 inside = clamp(local - facing * 0.01, vec3(0.0), size.xyz - 0.001);
  vec3 spanned = sqrt(dFdx(local) * dFdx(local) + dFdy(local) * dFdy(local));
  float footprint = front ? max(spanned.x, spanned.y) : abs(facing.x) > 0.5 ? spanned.y : spanned.x;
  vec3 rim = min(local, size.xyz - local) / max(covered, vec3(1e-6)) / ratio;
  float nearest = front ? min(rim.x, rim.y) : abs(facing.x) > 0.5 ? min(rim.y, rim.z) : min(rim.x, rim.z);
  float shade = front ? 1.0 : abs(facing.x) > 0.5 ? 0.86 : 0.93;
  float line = 1.0 - smoothstep(0.6, 1.4, nearest);
  int kind = int(size.w + 0.5);
  if (kind == ${SHAPE_ONLY}) {
    float stripes = 0.5 + 0.5 * step(0.75, fract((gl_FragCoord.x + gl_FragCoord.y) / (14.0 * ratio)));
    vec3 flatly = mix(paper, edge, 0.16 + 0.08 * stripes) * shade;
    colour = vec4(mix(flatly, edge, 0.7 * line), now.x);
    return;
  }
  ivec2 cell = ivec2(inside.xy);
  float value;
  int level = 0;
  uint found = NUMBER;
  if (kind == ${ONE_NUMBER}) {
    value = now.w;
    uint bits = floatBitsToUint(value);
    if (bits == 0x7f800000u) found = MISSING;
    else if ((bits & 0x7fffffffu) > 0x7f800000u) found = LEFT_OUT;
  } else {
    int row = order.x == 0 ? cell.x : order.x == 1 ? cell.y : 0;
    int column = order.x == 0 ? cell.y : order.x == 1 ? cell.x : order.x == 2 ? cell.x : cell.y;
    int wanted = min(int(floor(log2(max(1.0, footprint)) + 0.5)), int(now.w));
    found = numberAt(row, column, min(wanted, order.y - 1), value, level);
  }
  // Computed column by column; of the column in the works, cell by cell.
  vec2 progress = order.z == 0 ? inside.xy : inside.yx;
  vec2 length = order.z == 0 ? size.xy : size.yx;
  bool computed = floor(progress.x) + (floor(progress.y) + 0.5) / length.y < now.z * length.x;

  float pixels = 1.0 / max(footprint, 1e-6) / ratio;
  vec3 face;
  vec3 letters = vec3(0.0);
  if (!computed) {
    face = mix(paper, missing, 0.25);
  } else if (found == MISSING) {
    face = mix(paper, missing, 0.55);
  } else if (found == LEFT_OUT) {
    // The hatching of the tables and the legend, in pixels of the screen; flat where there is no room for it.
    float stripe = step(0.78, fract((gl_FragCoord.x - gl_FragCoord.y) / (6.0 * ratio)));
    face = mix(paper, missing, 0.1 + 0.5 * stripe * smoothstep(4.0, 10.0, pixels));
  } else {
    face = texture(colours, vec2(0.5 + 0.498 * clamp(value / now.y, -1.0, 1.0), 0.5)).rgb;
    float light = dot(face, vec3(0.2126, 0.7152, 0.0722));
    letters = light > 0.53 ? vec3(0.1) : vec3(1.0);
    // Ids are names and no amounts: they have no colour.
    if (order.w > 0) { face = mix(paper, edge, 0.12); letters = ink; }
  }
  face *= shade;
  // Lines between cells, as far as there is room for them.
  float room = smoothstep(5.0, 14.0, pixels);
  if (room > 0.0 && kind == ${FROM_PAGES}) {
    vec3 apart = min(fract(local), 1.0 - fract(local)) / max(covered, vec3(1e-6)) / ratio;
    float between = front ? min(apart.x, apart.y) : abs(facing.x) > 0.5 ? apart.y : apart.x;
    face = mix(face, mix(paper, ink, 0.18), 0.55 * room * (1.0 - smoothstep(0.4, 1.0, between)));
  }
  if (computed && front && facing.z > 0.0 && level == 0) {
    // A dense screen draws smaller digits that can be read.
    float least = ratio > 1.5 ? 20.0 : 25.0;
    // What makes way for something behind it is not to be read on top of that.
    float legible = smoothstep(least, least + 6.0, pixels) * smoothstep(0.08, 0.3, now.x);
    if (legible > 0.0) {
      vec2 dx = dFdx(local.xy), dy = dFdy(local.xy);
      float covered = 0.0;
      if (found == NUMBER) covered = written(value, fract(inside.xy), dx, dy, pixels);
      else if (found == LEFT_OUT) {
        vec2 middle = abs(fract(inside.xy) - 0.5);
        covered = middle.x < 0.1 && middle.y < 0.015 ? 0.5 : 0.0;
        letters = ink;
      }
      face = mix(face, letters, covered * legible);
    }
  }
  colour = vec4(mix(face, edge, (kind == ${ONE_NUMBER} ? 0.9 : 0.75) * line), now.x);
}
`;
