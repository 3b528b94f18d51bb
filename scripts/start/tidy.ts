/** Makes Pulumi's plain output short enough to read, where there is no terminal for its own display. */

/** Only says that time passes, or that something began which a later line tells the end of. */
const NOISE = [
  /^@ \w/,
  /^[+~-]+\s+\S+ \S+ (creating|updating|deleting|refreshing)( replacement)? \(\d+s\)( \[diff: .*\])?$/,
  // What a refresh looks at, and what stays as it is.
  /^~\s+\S+ \S+ refresh \(/,
  /^(notebook-releases|pulumi-nodejs|databricks):\S+ \S+$/,
  // The other halves of a replacement: that the old resource leaves the state says nothing new.
  /^(\+-|--)\s+\S+ \S+ (replacing|replaced|deleting original|deleted original) \(/,
  /^\S*\s*pulumi:(providers:\S+|pulumi:Stack) /,
];
const PREFIXES = /\b(pulumi-nodejs:dynamic\/)?notebook-releases:(index:)?/;
/** A component is only the sum of its children. */
const COMPONENT = /\bnotebook-releases:index:\S+ \S+ (creating|created|updating|updated|deleting|deleted)/;

/** A function that takes Pulumi's lines one by one and gives what to show, or nothing. */
export function tidier(): (line: string) => string | undefined {
  let blank = true;
  return (line) => {
    const text = line.trim();
    const isError = text.includes("error:");
    if (!isError && (COMPONENT.test(text) || NOISE.some((noise) => noise.test(text)))) return undefined;
    if (text === "" && blank) return undefined;
    blank = text === "";
    return line.replace(PREFIXES, "").trimEnd();
  };
}
