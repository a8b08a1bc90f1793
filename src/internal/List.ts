/** Doubly linked through its nodes, so that one in the middle leaves in O(1). */
export class List<Node extends { prev: Node | undefined; next: Node | undefined }> {
  head: Node | undefined = undefined
  tail: Node | undefined = undefined
  size = 0

  push(node: Node): void {
    node.prev = this.tail
    node.next = undefined
    if (this.tail === undefined) this.head = node
    else this.tail.next = node
    this.tail = node
    this.size++
  }

  /** Puts it before all others. */
  unshift(node: Node): void {
    this.insert(node, this.head)
  }

  /** Puts it before one of the list, or after all where that is undefined. */
  insert(node: Node, next: Node | undefined): void {
    if (next === undefined) return this.push(node)
    node.prev = next.prev
    node.next = next
    if (next.prev === undefined) this.head = node
    else next.prev.next = node
    next.prev = node
    this.size++
  }

  remove(node: Node): Node {
    if (node.prev === undefined) this.head = node.next
    else node.prev.next = node.next
    if (node.next === undefined) this.tail = node.prev
    else node.next.prev = node.prev
    node.prev = undefined
    node.next = undefined
    this.size--
    return node
  }

  /** Takes the first one away. */
  shift(): Node | undefined {
    return this.head && this.remove(this.head)
  }

  *[Symbol.iterator](): Iterator<Node> {
    for (let node = this.head; node !== undefined; node = node.next) yield node
  }

  takeAll(): Array<Node> {
    const all: Array<Node> = []
    for (let node = this.shift(); node !== undefined; node = this.shift()) all.push(node)
    return all
  }
}
