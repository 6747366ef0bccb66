// The jitter buffer: frames in at any pace, sound out without a break. No clock, no audio API.
//
// Sound begins once `targetMs` of it wait, or all that will come is here. When it runs dry, it waits again:
// one gap instead of many. A flush falls silent within one block, without a click.

/** Sound that waits at most; beyond it the oldest goes (a page that may not play yet must not fill up). */
const LIMIT_MS = 10_000;

export class JitterBuffer {
  /**
   * @param {number} rateHz sample rate of what comes and goes
   * @param {number} targetMs what must wait before sound begins
   */
  constructor(rateHz, targetMs) {
    this.perMs = rateHz / 1000;
    this.targetMs = targetMs;
    this.frames = [];
    this.waiting = 0;
    this.playing = false;
    this.complete = false;
    this.underruns = 0;
    this.turn = 0;
    this.positionMs = 0;
    this.last = 0;
    this.fading = false;
  }

  /** A frame of a turn, which begins at `positionMs` of its sound; int16 samples. */
  push(turn, positionMs, samples) {
    this.complete = false;
    this.frames.push({ turn, positionMs, samples, at: 0 });
    this.waiting += samples.length;
    while (this.bufferedMs > LIMIT_MS) this.waiting -= this.frames[0].samples.length - this.frames.shift().at;
  }

  /** Nothing more comes for now: what waits is played to its end. */
  end() { this.complete = true; }

  /** Drop all that waits. */
  flush() {
    this.frames = [];
    this.waiting = 0;
    this.playing = false;
    this.complete = true;
    this.fading = this.last !== 0;
  }

  get bufferedMs() { return this.waiting / this.perMs; }

  /** Fill a block (float, -1 to 1). */
  pull(out) {
    out.fill(0);
    if (this.fading) this.#fade(out);
    if (!this.playing) this.playing = this.waiting > 0 && (this.complete || this.bufferedMs >= this.targetMs);
    let n = 0;
    while (this.playing && n < out.length) n = this.frames.length ? this.#copy(out, n) : this.#runDry(out);
    if (n) this.last = out[n - 1];
  }

  #copy(out, n) {
    const frame = this.frames[0];
    const count = Math.min(out.length - n, frame.samples.length - frame.at);
    for (let i = 0; i < count; i++) out[n + i] = frame.samples[frame.at + i] / 32768;
    frame.at += count;
    this.waiting -= count;
    this.turn = frame.turn;
    this.positionMs = frame.positionMs + frame.at / this.perMs;
    if (frame.at === frame.samples.length) this.frames.shift();
    return n + count;
  }

  #runDry(out) {
    this.playing = false;
    if (!this.complete) this.underruns += 1;
    return out.length;
  }

  #fade(out) {
    for (let i = 0; i < out.length; i++) out[i] = this.last * (1 - (i + 1) / out.length);
    this.fading = false;
    this.last = 0;
  }
}
