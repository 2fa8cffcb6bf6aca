// What other rooms import of the scene; its renderer is loaded apart.

export { meetingBox } from "./apart";
export { arrowsInto, type Arrow } from "./arrows";
export { bracketsOf, type Bracket, type BracketRef } from "./brackets";
export { dimensionOf, HUES, sizeWords, type Dimension } from "./dimensions";
export { cellAt, cellBox, cellCentre, slabOf, type Axes, type BlockBox } from "./boxes";
export {
  between,
  betweenPoses,
  clamped,
  eased,
  frameOf,
  isPose,
  lookedAt,
  opacityOf,
  poseAround,
  poseOf,
  rangeWithin,
  revealOf,
  WHOLE,
  type Apart,
  type CellArrow,
  type CellRef,
  type Frame,
  type LitCell,
  type LitRange,
  type Look,
  type Pose,
  type Tone,
} from "./frame";
export { giantsOf, placeOf, underCards, type Giant } from "./giants";
export { around, type Box, type Point } from "./geometry";
export { besideEachOther, layoutOf, type Layout } from "./layout";
export { areNames, isReduction, operandOf, rolesOf, shapeOf, type Roles } from "./roles";
export { atFirst } from "./survey";
export { sectionKey, type SectionBox } from "./sections";
export {
  coarsest,
  levelFor,
  rangesOf,
  slabIn,
  TILE,
  tilesOver,
  Values,
  type Spread,
  type TileKey,
  type Window,
} from "./values";
export type { Output } from "./signs";
export { cellColour, colourTable, limitOf } from "./scale";
