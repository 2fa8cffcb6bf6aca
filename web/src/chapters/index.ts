// The guide's chapters, in the order in which they are read, and what plays them.

import { attention } from "./attention";
import { embedding } from "./embedding";
import { halfway } from "./halfway";
import { mlp } from "./mlp";
import { norm } from "./norm";
import { output } from "./output";
import { overview } from "./overview";
import { preliminaries } from "./preliminaries";
import { projection } from "./projection";
import { softmax } from "./softmax";
import type { Chapter } from "./timeline";
import { tokens } from "./tokens";
import { transformer } from "./transformer";

export const CHAPTERS: readonly Chapter[] = [
  overview,
  preliminaries,
  tokens,
  embedding,
  norm,
  attention,
  projection,
  mlp,
  transformer,
  softmax,
  output,
  halfway,
];

export { contextOf, layerOf, keyHeadOf, type Context, type Followed } from "./context";
export { guessesAt, settledAt, type Guess } from "./halfway";
export { hashOf } from "./hash";
export { diagramOf, STREAM_CHAPTERS, tells, WHOLE_CHAPTERS, type Diagram } from "./map";
export { momentFrom, momentText, type Moment } from "./moment";
export { ACTIVATIONS, stageOf } from "./naming";
export { largest, NOTHING, RunNumbers, type Numbers } from "./numbers";
export { GuideError, partsOf, type Parts } from "./parts";
export * from "./player";
export { lighting } from "./shots";
export { Timeline, timelinesOf, type Chapter, type Lit, type Passage, type Span } from "./timeline";
export { count, plain, short, targetsIn, type Paragraph, type Piece, type Target, type Widget } from "./words";
