// Images in turn: each has a number, one at a time is answered, and no slow answer overtakes a newer.

export class Turns {
  constructor() {
    this.newest = 0; // number that was given last
    this.offered = 0; // the newest that was ready to be sent
    this.shown = 0;
    this.settle();
  }

  /** A number for an image that is about to be sent. */
  next() { return ++this.newest; }

  /** Send an image that is ready; while an answer is awaited, only the newest is kept. */
  offer(number, send) {
    if (number < this.offered) return; // made earlier, but ready later than another
    this.offered = number;
    if (this.awaited) this.kept = { number, send };
    else {
      this.awaited = number;
      send();
    }
  }

  /** An answer has come; is it newer than what is shown? */
  arrived(number) {
    const { kept } = this;
    this.settle();
    if (kept) this.offer(kept.number, kept.send);
    if (number <= this.shown) return false;
    this.shown = number;
    return true;
  }

  /** No answer is awaited any more: none will come. */
  settle() { this.awaited = this.kept = null; }
}
