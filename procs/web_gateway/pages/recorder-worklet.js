// The microphone as 16 kHz int16 in frames of 20 ms: a low-pass filter, then every third sample.

const FACTOR = 3; // 48 kHz to 16 kHz
const FRAME = 320;
const TAPS = 97;

/** A windowed sinc (Hamming) with its edge at 7 kHz of 48 kHz. */
function lowPass() {
  const middle = (TAPS - 1) / 2;
  const cut = 2 * (7_000 / 48_000);
  const taps = Array.from({ length: TAPS }, (_, i) => {
    const x = Math.PI * (i - middle) * cut;
    const sinc = i === middle ? 1 : Math.sin(x) / x;
    return sinc * (0.54 - 0.46 * Math.cos((2 * Math.PI * i) / (TAPS - 1)));
  });
  const sum = taps.reduce((a, b) => a + b);
  return Float32Array.from(taps, (tap) => tap / sum);
}

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.taps = lowPass();
    this.past = new Float32Array(TAPS);
    this.at = 0;
    this.phase = 0;
    this.frame = new Int16Array(FRAME);
    this.filled = 0;
    this.peak = 0;
  }

  process([input]) {
    for (const sample of input[0] ?? []) this.take(sample);
    return true;
  }

  take(sample) {
    this.past[this.at] = sample;
    this.at = (this.at + 1) % TAPS;
    this.peak = Math.max(this.peak, Math.abs(sample));
    if (++this.phase < FACTOR) return;
    this.phase = 0;
    let sum = 0;
    for (let i = 0; i < TAPS; i++) sum += this.taps[i] * this.past[(this.at + i) % TAPS];
    this.frame[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(sum * 32767)));
    if (this.filled === FRAME) this.send();
  }

  send() {
    this.port.postMessage({ samples: this.frame.slice().buffer, peak: this.peak });
    this.filled = 0;
    this.peak = 0;
  }
}

registerProcessor("recorder", Recorder);
