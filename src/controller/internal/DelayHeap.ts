/** What a `DelayHeap` holds; the heap alone writes `heapIndex`. */
export interface Delayed {
  /** When it is due. Change it only through `DelayHeap.set`. */
  dueAt: number
  /** Where it stands in the heap; -1 when it is not in it. */
  heapIndex: number
}

/** A binary heap by due time that knows where each element stands, so that one can be moved or removed in O(log n). */
export class DelayHeap<A extends Delayed> {
  private readonly elements: Array<A> = []

  get size(): number {
    return this.elements.length
  }

  /** The earliest. */
  get head(): A | undefined {
    return this.elements[0]
  }

  /** Adds the element, or moves it if it is here. */
  set(element: A, dueAt: number): void {
    element.dueAt = dueAt
    if (element.heapIndex < 0) {
      element.heapIndex = this.elements.length
      this.elements.push(element)
    }
    this.restoreOrder(element)
  }

  remove(element: A): void {
    const index = element.heapIndex
    const last = this.elements.pop()
    element.heapIndex = -1
    if (last !== undefined && last !== element) {
      this.put(last, index)
      this.restoreOrder(last)
    }
  }

  /** The earliest `limit` elements in order, in O(limit log limit). */
  earliest(limit: number): ReadonlyArray<A> {
    const found: Array<A> = []
    // A heap of positions of this heap: after each element only its two children can be the next one.
    const frontier = new DelayHeap<Delayed & { readonly element: A; readonly index: number }>()
    const visit = (index: number): void => {
      const element = this.elements[index]
      if (element !== undefined) frontier.set({ element, index, dueAt: 0, heapIndex: -1 }, element.dueAt)
    }
    visit(0)
    while (found.length < limit && frontier.head !== undefined) {
      const { element, index } = frontier.head
      frontier.remove(frontier.head)
      found.push(element)
      visit(2 * index + 1)
      visit(2 * index + 2)
    }
    return found
  }

  private restoreOrder(element: A): void {
    this.siftUp(element)
    this.siftDown(element)
  }

  private siftUp(element: A): void {
    while (element.heapIndex > 0) {
      const parent = this.elements[(element.heapIndex - 1) >> 1]
      if (parent === undefined || parent.dueAt <= element.dueAt) return
      this.swap(element, parent)
    }
  }

  private siftDown(element: A): void {
    for (;;) {
      const left = this.elements[2 * element.heapIndex + 1]
      const right = this.elements[2 * element.heapIndex + 2]
      const child = left !== undefined && right !== undefined && right.dueAt < left.dueAt ? right : left
      if (child === undefined || element.dueAt <= child.dueAt) return
      this.swap(element, child)
    }
  }

  private swap(a: A, b: A): void {
    const index = a.heapIndex
    this.put(a, b.heapIndex)
    this.put(b, index)
  }

  private put(element: A, index: number): void {
    this.elements[index] = element
    element.heapIndex = index
  }
}
