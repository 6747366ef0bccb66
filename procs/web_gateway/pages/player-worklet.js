// Plays what the page hands over, in the audio thread, and says where it is.
import { JitterBuffer } from "./jitter.js";

const REPORT_BLOCKS = 16; // of 128 samples: 43 ms at 48 kHz

class Player extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.buffer = new JitterBuffer(sampleRate, processorOptions.targetMs);
    this.blocks = 0;
    this.peak = 0;
    this.port.onmessage = ({ data }) => this.take(data);
  }

  take({ kind, turn, positionMs, samples }) {
    if (kind === "frame") this.buffer.push(turn, positionMs, new Int16Array(samples));
    else if (kind === "end") this.buffer.end();
    else if (kind === "flush") this.buffer.flush();
  }

  process(_inputs, [output]) {
    this.buffer.pull(output[0]);
    for (const value of output[0]) this.peak = Math.max(this.peak, Math.abs(value));
    if (++this.blocks % REPORT_BLOCKS === 0) this.report();
    return true;
  }

  report() {
    const { turn, positionMs, bufferedMs, underruns, playing } = this.buffer;
    this.port.postMessage({ turn, positionMs, bufferedMs, underruns, playing, peak: this.peak });
    this.peak = 0;
  }
}

registerProcessor("player", Player);
