/** A move with one thing wrong, although its owner makes it. */
import type { MoveWrites } from "./move-writes.ts";
import type { SetWrite, WireWrite } from "./writes.ts";

export interface ForgeableMove extends MoveWrites {
  /** Another deployment, of another project. */
  readonly neighbour: { readonly id: string; readonly projectId: string; readonly seq: number };
}

export interface Forgery {
  readonly what: string;
  /** The forged writes; null where the move has nothing of the kind. */
  readonly forge: (move: ForgeableMove) => readonly WireWrite[] | null;
}

type ForgeOne = (write: SetWrite, move: ForgeableMove) => SetWrite | null;

/** The deployment itself is changed in another way. */
export function changed(what: string, forge: ForgeOne): Forgery {
  return {
    what,
    forge: (move) => {
      const forged = forge(move.change, move);
      return forged === null ? null : [forged, move.record, ...move.pointer];
    },
  };
}

/** The history is told another story. */
export function recorded(what: string, forge: ForgeOne): Forgery {
  return {
    what,
    forge: (move) => {
      const forged = forge(move.record, move);
      return forged === null ? null : [move.change, forged, ...move.pointer];
    },
  };
}

/** The right writes, and more of them in the same commit. */
export function along(
  what: string,
  more: (move: ForgeableMove) => readonly WireWrite[] | null,
): Forgery {
  return {
    what,
    forge: (move) => {
      const added = more(move);
      return added === null ? null : [move.change, move.record, ...move.pointer, ...added];
    },
  };
}

/** Other writes altogether. */
export function instead(what: string, forge: Forgery["forge"]): Forgery {
  return { what, forge };
}
