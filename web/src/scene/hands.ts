// Pointers, wheels and fingers on a canvas, as movements of an eye and as pointing. Knows no cells and no drawing.

import { onPlane, panned, rayAt, rotated, zoomed, type Picture } from "./camera";
import type { Eye } from "./eye";
import type { Point } from "./geometry";

/** Pixels that a pointer may move in a click. */
const STEADY = 5;
/** Degrees for each pixel of a turn. */
const TURN = 0.35;
const WHEEL = 1.0016;

export interface Heard {
  picture(): Picture;
  /** A point of the scene under a place of the picture, if there is something. */
  under(x: number, y: number): Point | null;
  /** The eye was moved by hand. */
  moved(): void;
  /** A place of the picture is pointed at; null where the pointer has left. */
  pointed(x: number, y: number): void;
  left(): void;
  clicked(x: number, y: number): void;
}

interface Finger {
  x: number;
  y: number;
}

/** Listens until told to stop by the answer. */
export function listen(canvas: HTMLElement, eye: Eye, heard: Heard): () => void {
  const fingers = new Map<number, Finger>();
  let began: Finger | null = null;
  let turning = false;
  const at = (event: MouseEvent): Finger => {
    const { left, top } = canvas.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  };
  const towards = ({ x, y }: Finger) => heard.under(x, y) ?? onPlane(eye.pose, rayAt(eye.pose, heard.picture(), x, y));

  const down = (event: PointerEvent) => {
    if (event.pointerType === "mouse" && event.button > 2) return;
    canvas.setPointerCapture(event.pointerId);
    const here = at(event);
    fingers.set(event.pointerId, here);
    turning = event.button !== 0 || event.shiftKey;
    began = fingers.size === 1 ? here : null;
  };
  const move = (event: PointerEvent) => {
    const here = at(event);
    const before = fingers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse" || event.pointerType === "pen") heard.pointed(here.x, here.y);
      return;
    }
    if (began && Math.hypot(here.x - began.x, here.y - began.y) < STEADY) return;
    if (began) {
      // What a hand shakes while it clicks is no movement; from here on it is all of it.
      began = null;
      fingers.set(event.pointerId, here);
      return;
    }
    const [dx, dy] = [here.x - before.x, here.y - before.y];
    if (fingers.size === 1) {
      eye.put(turning ? rotated(eye.pose, -TURN * dx, TURN * dy) : panned(eye.pose, heard.picture(), dx, dy));
    } else if (fingers.size === 2) {
      const other = [...fingers].find(([id]) => id !== event.pointerId)![1];
      const [was, is] = [apart(before, other), apart(here, other)];
      const middle = { x: (here.x + other.x) / 2, y: (here.y + other.y) / 2 };
      const turned = rotated(eye.pose, (-TURN * dx) / 2, (TURN * dy) / 2);
      eye.put(was > 0 && is > 0 ? zoomed(turned, eye.bounds, is / was, towards(middle)) : turned);
    }
    fingers.set(event.pointerId, here);
    heard.moved();
  };
  const up = (event: PointerEvent) => {
    if (began && event.type === "pointerup" && event.button === 0 && !event.shiftKey) heard.clicked(began.x, began.y);
    began = null;
    fingers.delete(event.pointerId);
  };
  const leave = (event: PointerEvent) => {
    if (event.pointerType === "mouse" && !fingers.size) heard.left();
  };
  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : 24;
    // A pinch on a touch pad comes as a wheel with a key, in smaller steps.
    const factor = WHEEL ** (-event.deltaY * lines * (event.ctrlKey ? 6 : 1));
    eye.put(zoomed(eye.pose, eye.bounds, factor, towards(at(event))));
    heard.moved();
  };
  const menu = (event: Event) => event.preventDefault();

  const stop = new AbortController();
  const { signal } = stop;
  canvas.addEventListener("pointerdown", down, { signal });
  canvas.addEventListener("pointermove", move, { signal });
  canvas.addEventListener("pointerup", up, { signal });
  canvas.addEventListener("pointercancel", up, { signal });
  canvas.addEventListener("pointerleave", leave, { signal });
  canvas.addEventListener("wheel", wheel, { signal, passive: false });
  canvas.addEventListener("contextmenu", menu, { signal });
  return () => stop.abort();
}

function apart(a: Finger, b: Finger): number {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
