/** How a command ends other than well: `0` done, `1` a problem, `2` wrong usage. */
export class Problem extends Error {
  constructor(
    message: string,
    readonly exitCode: 1 | 2 = 1,
  ) {
    super(message);
  }
}
