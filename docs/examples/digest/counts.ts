/** How much has been digested. It is in memory that threads share, since each of them counts. */
export class Counts {
  constructor(readonly words = new BigInt64Array(new SharedArrayBuffer(16))) {}

  /** Files digested to the end. */
  get files(): number {
    return Number(Atomics.load(this.words, 0))
  }

  /** Bytes digested so far, those of unfinished files too. */
  get bytes(): number {
    return Number(Atomics.load(this.words, 1))
  }

  addFile(): void {
    Atomics.add(this.words, 0, 1n)
  }

  addBytes(bytes: number): void {
    Atomics.add(this.words, 1, BigInt(bytes))
  }
}
