/** How much DATA the collector takes at the moment: HTTP/2's flow control, for the connection and for its one stream. */

const INITIAL: f64 = 65_535;
const MAX: f64 = 2_147_483_647;

export class SendWindow {
  private connection: f64 = INITIAL;
  private stream: f64 = INITIAL;
  private initial: f64 = INITIAL;

  reset(): void {
    this.connection = INITIAL;
    this.stream = INITIAL;
    this.initial = INITIAL;
  }

  /** Not below 0, though the stream's window may be. */
  room(): f64 {
    return Math.max(0, Math.min(this.connection, this.stream));
  }

  spend(bytes: f64): void {
    this.connection = this.connection - bytes;
    this.stream = this.stream - bytes;
  }

  /** False = no collector may say so. */
  grow(isStream: bool, bytes: f64): bool {
    if (isStream) this.stream = this.stream + bytes;
    else this.connection = this.connection + bytes;
    return bytes > 0 && this.stream <= MAX && this.connection <= MAX;
  }

  /** The collector's setting; it changes the open stream too. */
  setInitial(bytes: f64): bool {
    this.stream = this.stream + bytes - this.initial;
    this.initial = bytes;
    return this.stream <= MAX;
  }
}
