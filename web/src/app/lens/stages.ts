// Stages in words.

/** What the model had done when this stage was read. */
export function stageWords(stage: string, last: string): string {
  if (stage === last) return "the model's output";
  if (stage === "embed") return "what enters block 0";
  const [block, part] = stage.split(".");
  return part === "attn" ? `after attention of block ${block}` : `after block ${block}`;
}
