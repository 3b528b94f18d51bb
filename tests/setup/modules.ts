/** Set-up's scripts are ECMAScript modules, which tests (CommonJS) can only import while they run. */
export const modules = {
  lock: () => import("../../scripts/setup/lock.mjs"),
  steps: () => import("../../scripts/setup/steps.mjs"),
  files: () => import("../../scripts/setup/files.mjs"),
  npm: () => import("../../scripts/setup/npm.mjs"),
  prerequisites: () => import("../../scripts/setup/prerequisites.mjs"),
  engine: () => import("../../scripts/setup/engine.mjs"),
  sourceBuild: () => import("../../scripts/setup/source-build.mjs"),
  paths: () => import("../../scripts/setup/paths.mjs"),
  environment: () => import("../../scripts/local/environment.mjs"),
  plan: () => import("../../scripts/test/plan.mjs"),
  durations: () => import("../../scripts/test/durations.mjs"),
};
