/** Where a stack's deployments are reported to (`github` of the configuration); what is told is in providers/github/. */
import { z } from "zod";
import type { GitHubTarget } from "../providers/github/report";

export const gitHub = z.strictObject({
  owner: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/, "a user's or an organization's name: letters, digits and '-'"),
  repository: z
    .string()
    .regex(
      /^[A-Za-z0-9._-]{1,100}$/,
      "a repository's name, without its owner: letters, digits, '.', '_' and '-'",
    ),
  environment: z.string().min(1).max(255).optional(),
  context: z.string().min(1).max(255).optional(),
});

/** @param env the name of the environment where GitHub has no other one for it. */
export function gitHubTarget(
  { owner, repository, environment, context }: z.output<typeof gitHub>,
  env: string,
): GitHubTarget {
  return { repository: `${owner}/${repository}`, environment: environment ?? env, context };
}
