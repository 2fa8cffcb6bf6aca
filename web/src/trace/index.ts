// What other rooms import of a trace.

export { tokenBits } from "./bits";
export { TraceError } from "./errors";
export { readTrace } from "./file";
export { finder, Growing, type Place } from "./growing";
export { merge } from "./merge";
export { atPositions, atStages } from "./select";
export { stageKey } from "./stages";
export { BINS, DERIVED, SAMPLES_PER_BIN, STATISTICS, unitOf, type Derived, type Statistic } from "./statistics";
export { Tokens, Vocabulary, type TokenFields } from "./tokens";
export { Trace, type Provenance, type TraceFields, type Values } from "./trace";
export { decodePartly, decodeStrictly } from "./utf8";
