/** Progress in the update's own display: Pulumi shows a provider's lines on standard error while it works. */

export function say(line: string): void {
  process.stderr.write(line + "\n");
}

/**
 * Says a line when `text` changed, at most once in `everyMs`, and none before that: enough to see that it moves, few
 * enough to read afterwards, nothing where the work is done at once.
 */
export function progress(everyMs = 2000): (text: string) => void {
  let last = "";
  let at = Date.now();
  return (text) => {
    if (text !== last && Date.now() - at >= everyMs) {
      last = text;
      at = Date.now();
      say(text);
    }
  };
}
