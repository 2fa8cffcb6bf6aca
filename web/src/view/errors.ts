// What cannot be drawn, and why, in one line. The same sentences as Python's `InputError`.

export class InputError extends Error {
  override name = "InputError";
}
