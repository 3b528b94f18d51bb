/** Shows what a step is doing: a line that moves on a terminal, a line every ten seconds elsewhere (CI's log). */

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const FRAME_MS = 120;
const LINE_MS = 10_000;

/**
 * @typedef {object} Display
 * @property {(text: string) => void} detail what is being done at the moment
 * @property {(result: string) => void} succeed ends the display with a tick and the seconds
 * @property {() => void} fail ends it with a cross and the seconds
 */

/**
 * Starts to show a step.
 * @param {string} title
 * @param {{ write(text: string): unknown, isTTY?: boolean, columns?: number }} [out]
 * @returns {Display}
 */
export function showStep(title, out = process.stdout) {
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let detail = "";
  let frame = 0;
  /** @type {NodeJS.Timeout} */
  let timer;

  if (out.isTTY) {
    timer = setInterval(() => {
      frame = (frame + 1) % FRAMES.length;
      const line = `${FRAMES[frame]} ${title} · ${seconds().toFixed(0)} s${detail && ` · ${detail}`}`;
      out.write(`\r\x1b[2K${line.slice(0, (out.columns ?? 80) - 1)}`);
    }, FRAME_MS);
  } else {
    out.write(`… ${title}\n`);
    timer = setInterval(() => {
      out.write(`  ${title}: ${seconds().toFixed(0)} s${detail && `, ${detail}`}\n`);
    }, LINE_MS);
  }
  timer.unref();

  /** @param {string} line */
  const end = (line) => {
    clearInterval(timer);
    out.write(`${out.isTTY ? "\r\x1b[2K" : ""}${line}\n`);
  };
  return {
    detail: (text) => void (detail = text.trim().replace(/\s+/g, " ")),
    succeed: (result) => end(`✓ ${title}${result && `: ${result}`} (${seconds().toFixed(1)} s)`),
    fail: () => end(`✗ ${title} (${seconds().toFixed(1)} s)`),
  };
}
