// What of a reply was heard, is coming, was cut. Offsets count Unicode code points. No DOM.

/** Offset behind the last character that has begun to sound. */
export function heardChars(marks, positionMs) {
  let end = 0;
  for (const mark of marks) if (mark?.start_ms <= positionMs) end = Math.max(end, mark.end_char);
  return end;
}

export class Caption {
  constructor(turn) {
    this.turn = turn;
    this.chars = [];
    this.marks = [];
    this.heard = 0;
    this.cutAt = null;
    this.outcome = "";
    this.message = "";
    this.finish = null; // to be called once its last words have sounded
  }

  /** A piece of the reply; one that came before (a replay) changes nothing. What is missing before it keeps its place. */
  add(firstChar, text) {
    for (let at = this.chars.length; at < firstChar; at++) this.chars.push(at ? "" : "… ");
    this.chars.splice(firstChar, Infinity, ...text);
  }

  /** The whole reply: what was missing is there. */
  whole(text) {
    const chars = [...text];
    if (chars.length >= this.chars.length) this.chars = chars;
  }

  addMarks(firstIndex, marks) {
    this.marks.length = Math.max(this.marks.length, firstIndex);
    this.marks.splice(firstIndex, Infinity, ...marks);
  }

  /** The sound has reached a position. */
  reached(positionMs) {
    if (this.cutAt === null && !this.outcome) this.heard = Math.max(this.heard, heardChars(this.marks, positionMs));
  }

  /** It was interrupted: what lies behind was not heard. */
  cut(heard) {
    this.heard = this.cutAt = heard;
  }

  /** It has ended; `done`: heard to its end. */
  end(outcome, heard, message) {
    this.outcome = outcome;
    this.message = message;
    if (outcome === "done") this.heard = this.chars.length;
    else this.cut(Math.max(heard, this.cutAt ?? 0));
  }

  /** The three parts, in order. */
  parts() {
    const heard = this.chars.slice(0, this.heard).join("");
    const rest = this.chars.slice(this.heard).join("");
    return this.cutAt === null ? { heard, coming: rest, cut: "" } : { heard, coming: "", cut: rest };
  }
}
