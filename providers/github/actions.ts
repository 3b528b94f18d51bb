/** What GitHub Actions tells the processes of a run (its default variables). */

/** The run's address; undefined outside of GitHub Actions. */
export function actionsRun(env: NodeJS.ProcessEnv): string | undefined {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY, GITHUB_RUN_ID } = env;
  return GITHUB_SERVER_URL && GITHUB_REPOSITORY && GITHUB_RUN_ID
    ? `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}/actions/runs/${GITHUB_RUN_ID}`
    : undefined;
}

/** The note, with who started the run: to Databricks, all runs are the same service principal. As it is elsewhere. */
export function withStarter(note: string, env: NodeJS.ProcessEnv): string {
  const starter = env.GITHUB_TRIGGERING_ACTOR || env.GITHUB_ACTOR;
  return env.GITHUB_ACTIONS === "true" && starter
    ? [note, `(started by ${starter} at GitHub)`].filter(Boolean).join(" ")
    : note;
}
