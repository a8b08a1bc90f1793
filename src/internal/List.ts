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
    node.prev = undefined
    node.next = this.head
    if (this.head === undefined) this.tail = node
    else this.head.prev = node
    this.head = node
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

  takeAll(): Array<Node> {
    const all: Array<Node> = []
    for (let node = this.shift(); node !== undefined; node = this.shift()) all.push(node)
    return all
  }
}
