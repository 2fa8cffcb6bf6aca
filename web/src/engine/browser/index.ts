// The engine of a page that has no server. What imports this carries ONNX Runtime: the static site alone does.

export { BrowserEngine, type WorkerLike } from "./browser";
export type { OnStep } from "./loading";
export type * from "./manifest";
