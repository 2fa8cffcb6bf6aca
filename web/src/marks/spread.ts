// Labels moved apart along one axis, each as near to where it wants to be as its neighbours let it. Knows no pixels.

/**
 * Places at least `apart` from each other between `low` and `high`, in the order of the places that are wanted.
 *
 * Where there is not enough room for all, they share what there is.
 */
export function spread(wanted: readonly number[], apart: number, low: number, high: number): number[] {
  const order = [...wanted.keys()].sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  const gap = Math.min(apart, order.length > 1 ? (high - low) / (order.length - 1) : apart);
  // Blocks of touching labels, each centred on the mean of what its labels want.
  const blocks: { members: number[]; centre: number }[] = [];
  const half = (n: number) => (gap * (n - 1)) / 2;
  const kept = (centre: number, n: number) => Math.min(high - half(n), Math.max(low + half(n), centre));
  for (const i of order) {
    let block = { members: [i], centre: kept(wanted[i]!, 1) };
    for (let before = blocks.at(-1); before; before = blocks.at(-1)) {
      const [n, m] = [before.members.length, block.members.length];
      if (block.centre - half(m) - (before.centre + half(n)) >= gap - 1e-9) break;
      blocks.pop();
      const members = [...before.members, ...block.members];
      const own = members.map((member, k) => wanted[member]! - gap * (k - (members.length - 1) / 2));
      block = { members, centre: kept(own.reduce((sum, x) => sum + x, 0) / own.length, members.length) };
    }
    blocks.push(block);
  }
  const places = new Array<number>(wanted.length);
  for (const { members, centre } of blocks)
    members.forEach((member, k) => (places[member] = centre + gap * (k - (members.length - 1) / 2)));
  return places;
}
