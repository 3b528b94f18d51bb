/** What the double reads of a workflow's file: which inputs `workflow_dispatch` takes, and what its run is called. */
import { parse } from "yaml";
import { GitHubError } from "./http";

interface Input {
  readonly required?: boolean;
  readonly default?: string;
}

interface WorkflowFile {
  readonly name?: string;
  readonly "run-name"?: string;
  readonly on?: { readonly workflow_dispatch?: { readonly inputs?: Readonly<Record<string, Input>> } | null };
}

/** What a run started by hand gets, and its title. @param text empty: of a workflow of which only the name is known. */
export function dispatched(
  file: string,
  text: string,
  given: Readonly<Record<string, string>>,
): { title: string; inputs: Readonly<Record<string, string>> } {
  if (text === "") {
    return { title: file, inputs: given };
  }
  const workflow = parse(text) as WorkflowFile;
  if (!workflow.on || !("workflow_dispatch" in workflow.on)) {
    throw new GitHubError(422, "Workflow does not have 'workflow_dispatch' trigger");
  }
  const known = workflow.on.workflow_dispatch?.inputs ?? {};
  const unexpected = Object.keys(given).filter((name) => !(name in known));
  if (unexpected.length > 0) {
    throw new GitHubError(422, `Unexpected inputs provided: ${JSON.stringify(unexpected)}`);
  }
  const inputs = Object.fromEntries(
    Object.entries(known).map(([name, input]) => {
      if (input.required && input.default === undefined && !(name in given)) {
        throw new GitHubError(422, `Required input '${name}' not provided`);
      }
      return [name, given[name] ?? input.default ?? ""];
    }),
  );
  const runName = workflow["run-name"] ?? workflow.name ?? file;
  const title = runName.replace(/\$\{\{\s*inputs\.(\w+)\s*\}\}/g, (_, name: string) => inputs[name] ?? "");
  return { title, inputs };
}
