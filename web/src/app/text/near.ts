// Which elements are near the screen: those are drawn in full, the others plainly. One observer for all of them.

import type { Attachment } from "svelte/attachments";

/** Screens above and below that are drawn in full. */
const MARGIN = "100% 0px 100% 0px";

const told = new WeakMap<Element, (near: boolean) => void>();
let observer: IntersectionObserver | undefined;

/** Calls back whenever the element comes near the screen or leaves. */
export function near(tell: (near: boolean) => void): Attachment {
  return (element) => {
    observer ??= new IntersectionObserver(
      (entries) => {
        for (const entry of entries) told.get(entry.target)?.(entry.isIntersecting);
      },
      { rootMargin: MARGIN },
    );
    const own = observer;
    told.set(element, tell);
    own.observe(element);
    return () => own.unobserve(element);
  };
}
