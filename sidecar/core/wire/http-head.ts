/** The head of an HTTP/1 response, taken byte by byte as it arrives, with what decides where its body ends. */
import { Bytes, CR, LF, isDigit } from "./bytes.ts";

/** Enough of a line for every field that matters. */
const MAX_LINE: i32 = 64;
const CONTENT_LENGTH = "content-length:";
const SPACE: i32 = 32;

const STATUS_AT: i32 = 9;
/** `HTTP/1.1 200` and the character after it. */
const STATUS_LINE: i32 = 13;

export class HttpHead {
  /** 0 = not known yet. */
  status: i32 = 0;
  /** Not HTTP/1. */
  isGarbage: bool = false;
  isComplete: bool = false;
  isChunked: bool = false;
  /** The other side closes after this response. */
  isLast: bool = false;
  /** -1 = none. */
  private contentLength: f64 = -1;
  private isLengthUnclear: bool = false;
  private isStatusLine: bool = true;
  private readonly line: Bytes = new Bytes(MAX_LINE);

  reset(): void {
    this.status = 0;
    this.isGarbage = false;
    this.isComplete = false;
    this.contentLength = -1;
    this.isChunked = false;
    this.isLast = false;
    this.isLengthUnclear = false;
    this.isStatusLine = true;
    this.line.clear();
  }

  /** Not to be called any more once it is complete or garbage. */
  feed(byte: i32): void {
    if (this.isStatusLine && this.line.length < STATUS_LINE) this.feedStatus(byte);
    if (byte === LF) this.endLine();
    else this.line.byte(byte);
  }

  /** The length of the body when the connection goes on after it; -1 = only its end would tell. */
  bodyLength(): f64 {
    if (this.status === 204 || this.status === 304) return 0;
    return this.isChunked || this.isLengthUnclear ? -1 : this.contentLength;
  }

  private feedStatus(byte: i32): void {
    const at = this.line.length;
    if (at < 7) this.isGarbage = byte !== ("HTTP/1.".charCodeAt(at) as i32);
    else if (at === 8) this.isGarbage = byte !== SPACE;
    else if (at < 12) this.isGarbage = !isDigit(byte);
    else {
      this.isGarbage = byte !== SPACE && byte !== CR && byte !== LF;
      if (!this.isGarbage) this.status = this.line.numberAt(STATUS_AT) as i32;
      if (this.status < 100) this.isGarbage = true;
      if (this.line.at(7) === 48) this.isLast = true;
    }
  }

  private endLine(): void {
    const line = this.line;
    if (line.length > 0 && line.at(line.length - 1) === CR) line.length = line.length - 1;
    if (this.isStatusLine) this.isStatusLine = false;
    else if (line.length === 0) this.isComplete = true;
    else this.readField();
    line.clear();
  }

  private readField(): void {
    const line = this.line;
    if (line.hasAt(0, CONTENT_LENGTH)) this.readLength(line.blanksEnd(CONTENT_LENGTH.length));
    else if (line.hasAt(0, "transfer-encoding:")) this.isChunked = true;
    else if (line.hasAt(0, "connection:") && line.hasAt(line.length - 5, "close")) {
      this.isLast = true;
    }
  }

  private readLength(at: i32): void {
    const line = this.line;
    const isNumber = at < line.length && line.digitsEnd(at) === line.length;
    const length = line.numberAt(at);
    const isSame = this.contentLength < 0 || this.contentLength === length;
    this.isLengthUnclear = this.isLengthUnclear || !isNumber || !isSame;
    this.contentLength = length;
  }
}
