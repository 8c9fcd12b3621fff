// Shows progress on standard error: a bar on a terminal, otherwise a line now and then.

const MAX_BAR_WIDTH = 24;
/** A shorter bar shows nothing. */
const MIN_BAR_WIDTH = 4;
const DEFAULT_COLUMNS = 80;
const TTY_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 5000;

export class ProgressBar {
  #stream;
  #label;
  #started;
  #shown = -Infinity;
  #isDrawn = false;

  constructor(stream = process.stderr) {
    this.#stream = stream;
  }

  /**
   * Shows how far the work is: `done` of `total`, in the unit that `text(done, total, rate)` writes. A new label begins
   * a new measurement of the rate. `total` may be undefined.
   */
  update(label, done, total, text) {
    const now = performance.now();
    const isNew = label !== this.#label;
    if (isNew) {
      this.#end();
      this.#label = label;
      this.#started = now;
      this.#shown = -Infinity;
    }
    const isTerminal = this.#stream.isTTY === true;
    const interval = isTerminal ? TTY_INTERVAL_MS : LINE_INTERVAL_MS;
    const isLast = total !== undefined && done >= total;
    if (now - this.#shown < interval && !(isTerminal && isLast)) return;
    // A short step needs no line of its own in a log.
    if (!isTerminal && isNew) return void (this.#shown = now);
    this.#shown = now;
    const seconds = (now - this.#started) / 1000;
    const rate = seconds > 0.2 && done > 0 ? done / seconds : undefined;
    const share = total > 0 ? Math.min(1, done / total) : undefined;
    const left = rate !== undefined && total > done ? `, ${duration((total - done) / rate)} left` : "";
    const percent = share === undefined ? "" : `${String(Math.floor(share * 100)).padStart(3)} %  `;
    const line = `${percent}${text(done, total, rate)}${left}`;
    if (!isTerminal) return void this.#stream.write(`${label}: ${line.trim()}\n`);
    const room = (this.#stream.columns || DEFAULT_COLUMNS) - 1; // some terminals say that they have 0 columns
    const name = `${label.padEnd(10)} `;
    const bar = share === undefined ? "" : barOf(share, room - name.length - line.length);
    this.#stream.write(`\r\x1b[2K${`${name}${bar}${line}`.slice(0, room)}`);
    this.#isDrawn = true;
  }

  /** Removes the bar, so that other lines can be printed. */
  clear() {
    if (this.#isDrawn) this.#stream.write("\r\x1b[2K");
    this.#isDrawn = false;
    this.#label = undefined;
  }

  #end() {
    if (this.#isDrawn) this.#stream.write("\n");
    this.#isDrawn = false;
  }
}

/** Returns a bar that fits into `room` characters; nothing if there is too little. */
function barOf(share, room) {
  const width = Math.min(MAX_BAR_WIDTH, room - "[] ".length);
  if (width < MIN_BAR_WIDTH) return "";
  const filled = Math.round(share * width);
  return `[${"#".repeat(filled)}${"-".repeat(width - filled)}] `;
}

/** Writes seconds as `12 s`, `3 min 5 s` or `2 h 10 min`. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

/** Writes bytes and their rate. */
export function bytesText(done, total, rate) {
  const of = total === undefined ? "" : ` of ${megabytes(total)}`;
  return `${megabytes(done)}${of} MB${rate === undefined ? "" : `, ${megabytes(rate)} MB/s`}`;
}

/** Writes millions of weights and their rate. */
export function weightsText(done, total, rate) {
  return `${megabytes(done)} of ${megabytes(total)} M weights${rate === undefined ? "" : `, ${megabytes(rate)} M/s`}`;
}
