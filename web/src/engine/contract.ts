// The shapes of requests and answers, by the names of Python's side, which generated them; written nowhere twice.

import type { components } from "../contract/types";

type Schemas = components["schemas"];

/** A request: what it must name, and the rest where it differs from the server's own default. */
type Asked<Request, Must extends keyof Request> = Pick<Request, Must> & Partial<Omit<Request, Must>>;

export type TraceRequest = Asked<Schemas["TraceRequest"], "model">;
export type SaveRequest = Asked<Schemas["SaveRequest"], "model">;
export type TokeniseRequest = Asked<Schemas["TokeniseRequest"], "model">;
export type SampleRequest = Asked<Schemas["SampleRequest"], "model">;
export type ReplaceRequest = Asked<Schemas["ReplaceRequest"], "model" | "position" | "token">;
export type FillRequest = Asked<Schemas["FillRequest"], "model" | "text">;
export type AskRequest = Asked<Schemas["AskRequest"], "model" | "tokens">;

export type Tokenised = Schemas["Tokenised"];
export type Progress = Schemas["Progress"];
export type Step = Schemas["Step"];
export type Change = Schemas["Change"];
export type Fill = Schemas["Fill"];
export type Answer = Schemas["Answer"];
export type StartingText = Schemas["StartingText"];
export type Failure = Schemas["Failure"];
export type Ability = Schemas["ModelCard"]["can"][number];

/** What every engine knows of a model; the rest only where a model is at hand. */
export type ModelCard = Pick<
  Schemas["ModelCard"],
  "name" | "model_class" | "dtype" | "stages" | "last_stage" | "lenses" | "norms" | "can" | "cannot"
> &
  Partial<Schemas["ModelCard"]>;

export type RunRequest = Asked<Schemas["RunRequest"], "model">;

/** A model's computation as data. */
export type Graph = Schemas["Graph"];
export type GraphBlock = Schemas["GraphBlock"];
export type GraphAxis = Schemas["GraphAxis"];
export type GraphFormula = Schemas["GraphFormula"];
export type GraphOperand = Schemas["GraphOperand"];
/** A known model without numbers, for the sense of size. */
export type Shape = Schemas["Shape"];
/** A text that is read: what tiles and explanations are asked of. */
export type Run = Schemas["Run"];
export type Explanation = Schemas["Explanation"];
export type ExplainedTerm = Schemas["ExplainedTerm"];
export type ExplainedCell = Schemas["ExplainedCell"];
