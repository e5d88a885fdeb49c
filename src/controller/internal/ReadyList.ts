/** What a `ReadyList` holds; the list alone writes these. An element is in one list at most. */
export interface Linked<A> {
  previous: A | undefined
  next: A | undefined
}

/**
 * First in, first out, with removal from the middle in O(1). (A Map in order of insertion would do, but finding its
 * first key slows down with the number of keys deleted before it.)
 */
export class ReadyList<A extends Linked<A>> {
  head: A | undefined = undefined
  length = 0
  private tail: A | undefined = undefined

  push(element: A): void {
    element.previous = this.tail
    if (this.tail === undefined) this.head = element
    else this.tail.next = element
    this.tail = element
    this.length++
  }

  remove(element: A): void {
    if (element.previous === undefined) this.head = element.next
    else element.previous.next = element.next
    if (element.next === undefined) this.tail = element.previous
    else element.next.previous = element.previous
    element.previous = undefined
    element.next = undefined
    this.length--
  }

  *[Symbol.iterator](): Generator<A> {
    for (let element = this.head; element !== undefined; element = element.next) yield element
  }
}
