// What other rooms import of an engine.

export { chanceAfter, chances } from "./chance";
export type * from "./contract";
export {
  EngineError,
  isAbort,
  pause,
  type Engine,
  type Range,
  type Tile,
  type TracePiece,
  type Trouble,
} from "./engine";
export { whenBack } from "./recovery";
export { ServerEngine } from "./server";
export { embeddedTraces, SnapshotEngine } from "./snapshot";
