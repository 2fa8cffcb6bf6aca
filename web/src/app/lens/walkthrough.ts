// Where the walkthrough of the model shows a cell of the lens. The one place that knows of it.

import type { Place } from "../address";

/** The change that opens the walkthrough at a cell; null as long as there is no such view among those of the page. */
export function walkthroughAt(views: readonly string[], position: number, stage: string | null): Partial<Place> | null {
  return views.includes("walkthrough") ? { view: "walkthrough", position, stage, cell: null, pinned: true } : null;
}
