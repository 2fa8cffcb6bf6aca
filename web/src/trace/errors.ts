// The one error of this room: what was given is no trace, or pieces do not fit together.

export class TraceError extends Error {
  override name = "TraceError";
}
