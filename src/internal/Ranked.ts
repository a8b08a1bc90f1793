/**
 * A binary heap of nodes that know their place in it: the one with the least rank is the head. Adding and removing,
 * also from the middle, is O(log n). It can stand in for a `List` whose order is that of the ranks.
 */
export class Ranked<Node extends { readonly rank: number; slot: number }> {
  private readonly nodes: Array<Node> = []

  get size(): number {
    return this.nodes.length
  }

  get head(): Node | undefined {
    return this.nodes[0]
  }

  push(node: Node): void {
    this.up(node, this.nodes.length)
  }

  /** Its rank says where it belongs. */
  unshift(node: Node): void {
    this.push(node)
  }

  remove(node: Node): Node {
    const { slot } = node
    const last = this.nodes.pop()
    if (last === undefined || last === node) return node
    // It may belong above or below where the other one was.
    this.up(last, slot)
    this.down(last, last.slot)
    return node
  }

  shift(): Node | undefined {
    return this.head && this.remove(this.head)
  }

  /** In the order of their ranks. */
  [Symbol.iterator](): Iterator<Node> {
    return this.nodes.toSorted(byRank).values()
  }

  takeAll(): Array<Node> {
    return this.nodes.splice(0).sort(byRank)
  }

  private up(node: Node, from: number): void {
    let slot = from
    while (slot > 0) {
      const above = (slot - 1) >> 1
      const parent = this.nodes[above]
      if (parent === undefined || parent.rank <= node.rank) break
      this.put(parent, slot)
      slot = above
    }
    this.put(node, slot)
  }

  private down(node: Node, from: number): void {
    let slot = from
    for (;;) {
      const [left, right] = [this.nodes[2 * slot + 1], this.nodes[2 * slot + 2]]
      const child = right !== undefined && left !== undefined && right.rank < left.rank ? right : left
      if (child === undefined || child.rank >= node.rank) break
      const below = child.slot
      this.put(child, slot)
      slot = below
    }
    this.put(node, slot)
  }

  private put(node: Node, slot: number): void {
    this.nodes[slot] = node
    node.slot = slot
  }
}

const byRank = (one: { readonly rank: number }, other: { readonly rank: number }): number => one.rank - other.rank
