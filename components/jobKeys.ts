/** Which of Databricks' settings a job of a release and its tasks take, and which not, each with the reason. */
import type * as databricks from "@pulumi/databricks";

/** Settings of a task that say what it runs on; a task may have one of them. */
export const COMPUTE_KEYS = ["existingClusterId", "newCluster", "jobClusterKey", "environmentKey"] as const;

/** Settings of a job that go through as they are. */
export const JOB_SETTINGS = [
  "budgetPolicyId",
  "continuous",
  "controlRunState",
  "deployment",
  "description",
  "editMode",
  "emailNotifications",
  "environments",
  "health",
  "jobClusters",
  "maxConcurrentRuns",
  "notificationSettings",
  "parentPath",
  "performanceTarget",
  "queue",
  "schedule",
  "timeoutSeconds",
  "trigger",
  "triggers",
  "usagePolicyId",
  "webhookNotifications",
] as const;
/** Settings of a task that go through as they are. */
export const TASK_SETTINGS = [
  "description",
  "disableAutoOptimization",
  "disabled",
  "emailNotifications",
  "health",
  "libraries",
  "maxRetries",
  "minRetryIntervalMillis",
  "notificationSettings",
  "retryOnTimeout",
  "runIf",
  "timeoutSeconds",
  "webhookNotifications",
  ...COMPUTE_KEYS,
] as const;

const ANOTHER_KIND = "nothing here: a job runs the release's notebooks, named by notebook or in tasks";
const OF_A_TASK = "nothing here: it belongs to a task";
const OF_COMPUTE = "nothing here: set compute, or the task's own";
const OF_THE_PROVIDER = "nothing here: the Databricks provider sets it";
/** Settings that Databricks has and a job of a release has not, each with the reason. */
export const REFUSED_IN_JOBS = {
  alwaysRunning: "nothing here: use continuous, with controlRunState",
  dbtTask: ANOTHER_KIND,
  existingClusterId: OF_COMPUTE,
  format: OF_THE_PROVIDER,
  gitSource: "nothing here: the release is the source",
  libraries: OF_A_TASK,
  maxRetries: OF_A_TASK,
  minRetryIntervalMillis: OF_A_TASK,
  newCluster: OF_COMPUTE,
  notebookTask: ANOTHER_KIND,
  pipelineTask: ANOTHER_KIND,
  providerConfig: OF_THE_PROVIDER,
  pythonWheelTask: ANOTHER_KIND,
  retryOnTimeout: OF_A_TASK,
  runJobTask: ANOTHER_KIND,
  sparkJarTask: ANOTHER_KIND,
  sparkPythonTask: ANOTHER_KIND,
  sparkSubmitTask: ANOTHER_KIND,
} as const;
export const REFUSED_IN_TASKS = {
  compute: "nothing here: name one of " + COMPUTE_KEYS.join(", "),
  dependsOns: "nothing here: use dependsOn, a list of task keys",
  notebookTask: "nothing here: use notebook and parameters",
} as const;

/** The compiler says here which settings a newer @pulumi/databricks has that nobody has decided on. */
type Decided<All, Known> = Exclude<All, Known> extends never ? true : Exclude<All, Known>;
type OwnOfJobs = "name" | "tasks" | "parameters" | "tags" | "runAs";
const jobsDecided: Decided<
  keyof databricks.JobArgs,
  (typeof JOB_SETTINGS)[number] | keyof typeof REFUSED_IN_JOBS | OwnOfJobs
> = true;
type Kinds = Exclude<Extract<keyof databricks.types.input.JobTask, `${string}Task`>, "notebookTask">;
const tasksDecided: Decided<
  keyof databricks.types.input.JobTask,
  (typeof TASK_SETTINGS)[number] | keyof typeof REFUSED_IN_TASKS | Kinds | "taskKey"
> = true;
void [jobsDecided, tasksDecided];
