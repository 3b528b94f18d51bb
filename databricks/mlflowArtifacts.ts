/**
 * Files of an MLflow run. Databricks gives out a signed address of the cloud's storage for each file, to which it is
 * then sent; how that is done differs by cloud. API: POST /api/2.0/mlflow/artifacts/credentials-for-write, which is
 * what the mlflow client itself uses (3.17, `DatabricksArtifactRepository`); Databricks documents no other way to do it.
 */
import { request } from "undici";
import type { Client } from "./client";

export interface ArtifactFile {
  /** Relative to the run's artifacts, `/` separators. */
  readonly path: string;
  readonly content: string | Buffer;
}

interface Credential {
  readonly path: string;
  readonly signed_uri: string;
  readonly type: string;
  readonly headers?: readonly { name: string; value: string }[];
}

/** Paths of one request for addresses. */
const PATHS_A_REQUEST = 100;
const AT_ONCE = 8;
const TIMEOUT_MS = 30_000;

/**
 * Sends files to a run's artifacts; what exists is overwritten.
 * @throws Error that names the first file that could not be sent; never holds the address, which is a credential.
 */
export async function uploadArtifacts(client: Client, runId: string, files: readonly ArtifactFile[]) {
  for (let from = 0; from < files.length; from += PATHS_A_REQUEST) {
    const part = files.slice(from, from + PATHS_A_REQUEST);
    const { credential_infos: credentials = [] } = await client.call<{ credential_infos?: Credential[] }>(
      "POST",
      "/api/2.0/mlflow/artifacts/credentials-for-write",
      { body: { run_id: runId, path: part.map(({ path }) => path) }, repeatable: true },
    );
    const jobs = part.map((file) => ({
      file,
      credential: credentials.find(({ path }) => path === file.path),
    }));
    const work = async () => {
      for (let job = jobs.shift(); job; job = jobs.shift()) {
        await send(job.file, job.credential);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
  }
}

async function send({ path, content }: ArtifactFile, credential: Credential | undefined): Promise<void> {
  if (!credential) {
    throw new Error(`Databricks gave no address to send the artifact ${path} to.`);
  }
  const body = Buffer.from(content);
  const put = async (method: "PUT" | "PATCH", query: string, data: Buffer, more: Record<string, string>) => {
    const given = Object.fromEntries((credential.headers ?? []).map(({ name, value }) => [name, value]));
    const address =
      credential.signed_uri + (query && (credential.signed_uri.includes("?") ? "&" : "?") + query);
    const { statusCode, body: answer } = await request(address, {
      method,
      headers: { ...given, ...more },
      body: data,
      headersTimeout: TIMEOUT_MS,
      bodyTimeout: TIMEOUT_MS,
    }).catch((error: { code?: string }) => {
      throw new Error(
        `The artifact ${path} was not sent: its storage did not answer (${error.code ?? "?"}).`,
      );
    });
    await answer.dump();
    if (statusCode >= 300) {
      throw new Error(`The artifact ${path} was not sent: its storage answered HTTP ${statusCode}.`);
    }
  };
  switch (credential.type) {
    case "AWS_PRESIGNED_URL":
    case "GCP_SIGNED_URL":
      return put("PUT", "", body, {});
    case "AZURE_SAS_URI":
      return put("PUT", "", body, { "x-ms-blob-type": "BlockBlob" });
    case "AZURE_ADLS_GEN2_SAS_URI":
      // https://learn.microsoft.com/rest/api/storageservices/datalakestoragegen2/path: create, append, flush.
      await put("PUT", "resource=file", Buffer.alloc(0), {});
      await put("PATCH", "action=append&position=0", body, {});
      return put("PATCH", `action=flush&position=${body.length}`, Buffer.alloc(0), {});
    default:
      throw new Error(
        `The artifact ${path} was not sent: storage of the type ${credential.type} is unknown.`,
      );
  }
}
