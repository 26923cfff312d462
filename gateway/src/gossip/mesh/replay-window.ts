/** Which of a sender's last 1024 counters came already. Older ones are taken for repeated: nothing tells them apart. */

export const WINDOW = 1024;
const WORD_BITS = 32;
const WORDS = WINDOW / WORD_BITS;

export class ReplayWindow {
  /** A ring: bit `counter % WINDOW`, of the counters from `#highest - WINDOW + 1` to `#highest`. */
  readonly #bits = new Uint32Array(WORDS);
  #highest = -1;

  /** Whether a packet with this counter would be new. Asked before it is opened: opening costs more. */
  isNew(counter: number): boolean {
    if (counter > this.#highest) return true;
    if (counter <= this.#highest - WINDOW) return false;
    const at = counter % WINDOW;
    return ((this.#word(at) >>> (at % WORD_BITS)) & 1) === 0;
  }

  /** Only of a packet that was opened: a forged counter must not move the window. */
  mark(counter: number): void {
    this.#moveTo(counter);
    const at = counter % WINDOW;
    this.#bits[Math.floor(at / WORD_BITS)] = this.#word(at) | (1 << (at % WORD_BITS));
  }

  #moveTo(counter: number): void {
    if (counter <= this.#highest) return;
    if (counter - this.#highest >= WINDOW) this.#bits.fill(0);
    else
      for (let passed = this.#highest + 1; passed <= counter; passed++)
        this.#clear(passed % WINDOW);
    this.#highest = counter;
  }

  #clear(at: number): void {
    this.#bits[Math.floor(at / WORD_BITS)] = this.#word(at) & ~(1 << (at % WORD_BITS));
  }

  #word(at: number): number {
    return this.#bits[Math.floor(at / WORD_BITS)] ?? 0;
  }
}
