// What other rooms import of the views: a trace in, plain data that says what to draw out.

export { align } from "./align";
export { alternatives, type Alternative, type Alternatives, type Choice } from "./alternatives";
export { NOT_SCORED, colourAt, inkOn, type RampName } from "./colour";
export {
  difference,
  type ChangedPiece,
  type ChangedRun,
  type Difference,
  type DifferenceOptions,
  type Kept,
  type Removed,
} from "./difference";
export { InputError } from "./errors";
export {
  SCORES,
  evolution,
  moments,
  scores,
  type Curve,
  type Evolution,
  type EvolutionOptions,
  type Moment,
  type Score,
} from "./evolution";
export type { Place } from "./followed";
export { everyNth, grid, type Cell, type Column, type Grid, type GridOptions, type Row, type Window } from "./grid";
export {
  gridDifference,
  type ChangedCell,
  type ChangedRow,
  type GridDifference,
  type GridDifferenceOptions,
  type PairedColumn,
} from "./gridDifference";
export {
  SPAN,
  histogram,
  type Bin,
  type Histogram,
  type HistogramOptions,
  type Panel,
  type Standing,
} from "./histogram";
export { flowing, idLabel, tokenLabel, visible } from "./labels";
export {
  SCALES,
  likelihood,
  type Likelihood,
  type LikelihoodOptions,
  type Piece,
  type Run,
  type ScaleName,
  type Shown,
  type Surprise,
} from "./likelihood";
export { fixed, grouped, raised } from "./numbers";
export { pair } from "./palette";
export { READINGS, readable, type ReadingName } from "./readings";
export { colourOf, drawable, drawables, inkOf, numberAt, placeOf, type Scale, type Tick } from "./scale";
export type { Source } from "./source";
export { strip, type Bar, type Strip } from "./strip";
export type { KindBits, Summary } from "./summary";
export { UNITS, stretches, type By, type Stretch } from "./units";
export { captionWords, chanceWords, changeWords, numberWords, totalWords, unscoredWords } from "./words";
