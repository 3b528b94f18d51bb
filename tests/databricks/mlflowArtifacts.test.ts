/** Artifacts go to a cloud's storage by signed addresses: how each kind of storage wants them, and what never leaks. */
import assert from "node:assert/strict";
import { uploadArtifacts } from "../../databricks/mlflowArtifacts";
import { json, raw, Stub } from "./stub";

describe("a run's artifacts", () => {
  let stub: Stub;
  beforeEach(async () => (stub = await Stub.start()));
  afterEach(() => stub.stop());

  const credential = (type: string, path = "a.txt", headers: object[] = []) => ({
    ...{ run_id: "r", path, type, headers },
    signed_uri: `${stub.host}/storage/${path}?sig=s3cret`,
  });
  const upload = () => uploadArtifacts(stub.client(), "r", [{ path: "a.txt", content: "zażółć" }]);

  for (const type of ["AWS_PRESIGNED_URL", "GCP_SIGNED_URL", "AZURE_SAS_URI"]) {
    it(`are one PUT with the headers that were given, and without our token: ${type}`, async () => {
      const headers = [{ name: "x-given", value: "yes" }];
      stub.answers(json(200, { credential_infos: [credential(type, "a.txt", headers)] }), raw(201, ""));
      await upload();
      assert.deepEqual(stub.requests, [
        "POST /api/2.0/mlflow/artifacts/credentials-for-write",
        "PUT /storage/a.txt?sig=s3cret",
      ]);
      const [asked, sent] = stub.seen;
      assert.deepEqual(JSON.parse(asked?.body ?? ""), { run_id: "r", path: ["a.txt"] });
      assert.deepEqual([sent?.body, sent?.authorization, sent?.headers["x-given"]], ["zażółć", "", "yes"]);
      assert.equal(sent?.headers["x-ms-blob-type"], type === "AZURE_SAS_URI" ? "BlockBlob" : undefined);
    });
  }

  it("are created, appended and flushed where the storage is a data lake's", async () => {
    stub.answers(json(200, { credential_infos: [credential("AZURE_ADLS_GEN2_SAS_URI")] }), raw(202, ""));
    await upload();
    assert.deepEqual(stub.requests.slice(1), [
      "PUT /storage/a.txt?sig=s3cret&resource=file",
      "PATCH /storage/a.txt?sig=s3cret&action=append&position=0",
      `PATCH /storage/a.txt?sig=s3cret&action=flush&position=${Buffer.byteLength("zażółć")}`,
    ]);
    assert.deepEqual(
      stub.seen.slice(1).map(({ body }) => body),
      ["", "zażółć", ""],
    );
  });

  it("that are refused are named, without their address", async () => {
    const shows = (pattern: RegExp) => (error: Error) => {
      assert.match(error.message, pattern);
      assert.doesNotMatch(error.message, /s3cret/);
      return true;
    };
    stub.answers(json(200, { credential_infos: [credential("GCP_SIGNED_URL")] }), raw(403, "expired"));
    await assert.rejects(upload(), shows(/a\.txt was not sent: its storage answered HTTP 403/));
    stub.answers(json(200, { credential_infos: [credential("FTP")] }));
    await assert.rejects(upload(), shows(/storage of the type FTP is unknown/));
    stub.answers(json(200, {}));
    await assert.rejects(upload(), shows(/no address to send the artifact a\.txt to/));
    const dead = { ...credential("GCP_SIGNED_URL"), signed_uri: "http://127.0.0.1:1/a?sig=s3cret" };
    stub.answers(json(200, { credential_infos: [dead] }));
    await assert.rejects(upload(), shows(/its storage did not answer \(ECONNREFUSED\)/));
  });
});
