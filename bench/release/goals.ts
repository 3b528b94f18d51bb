/** The goals of releases: at the sizes that were measured. */
import { best, ratio, type Goal, type Results } from "../results";
import { SIZES, WAYS } from "./names";

const PER_SECOND = 30;
const UPLOAD = "uploadSeconds";

export function goals(sizes: readonly number[]): Goal[] {
  const main = SIZES.main(sizes);
  const large = SIZES.large(sizes);
  const { small } = SIZES;
  const n = main.toLocaleString("en");
  const l = large.toLocaleString("en");
  const whole = (results: Results, way: string, group = "latency") => results.median(group, way, main);
  const auto = WAYS.ours("auto");
  const [first = large] = sizes;
  const againstSmall =
    (way: string, name = "seconds") =>
    (results: Results) =>
      ratio(results.median("steady", way, large, name), results.median("steady", way, small, name));

  return [
    {
      text: `20 ms: whole up of ${n} against import-dir as it comes`,
      limit: 1 / 15,
      basis: "ratio",
      value: (results) => ratio(whole(results, auto), whole(results, WAYS.importDir)),
    },
    {
      text: `20 ms: whole up of ${n} against bundle deploy as it comes`,
      limit: 1 / 15,
      basis: "ratio",
      value: (results) => ratio(whole(results, auto), whole(results, WAYS.bundle)),
    },
    ...sizes.map((size): Goal => ({
      text: `20 ms: upload of ${size.toLocaleString("en")} against that of bundle deploy, limiter lifted`,
      limit: 1,
      basis: "ratio, first request to last",
      value: (results) =>
        ratio(
          results.median("latency", auto, size, UPLOAD),
          results.median("latency", WAYS.bundleLifted, size, UPLOAD),
        ),
    })),
    ...[
      { what: "sending", name: "sendSeconds", basis: "the folders too" },
      { what: "upload", name: UPLOAD, basis: "the folders and all checks of what arrived too" },
    ].map(({ what, name, basis }): Goal => ({
      text: `30/s: ${what} of ${n} by files against the limit itself`,
      limit: 1.1,
      basis: `ratio to ${n}/30 s; ${basis}`,
      value: (results) => ratio(results.median("limit", WAYS.ours("files"), main, name), main / PER_SECOND),
    })),
    {
      text: `30/s: whole up of ${n} by archive against the CLI's best way`,
      limit: 1 / 5,
      basis: "ratio, 2 ms per object",
      value: (results) =>
        ratio(
          whole(results, WAYS.ours("archive"), "limit"),
          best(
            ...[WAYS.importDir, WAYS.importDirLifted, WAYS.bundle, WAYS.bundleLifted].map((way) =>
              whole(results, way, "limit"),
            ),
          ),
        ),
    },
    { text: `no-op up at ${l}`, limit: 1.5, basis: `ratio to ${small}`, value: againstSmall(WAYS.noop) },
    {
      text: `no-op preview at ${l}`,
      limit: 1.5,
      basis: `ratio to ${small}`,
      value: againstSmall(WAYS.preview),
    },
    {
      text: `refresh of ${l} where the listing tells: requests grow with folders`,
      limit: 1.1,
      basis: `ratio to ${first.toLocaleString("en")}, both in 50 folders`,
      value: (results) => {
        const requests = (size: number) =>
          results.median("refresh with times", WAYS.refresh, size, "requests");
        return ratio(requests(large), requests(first));
      },
    },
    {
      text: `peak memory of a no-op up at ${l}`,
      limit: 1.5,
      basis: `ratio to ${small}`,
      value: againstSmall(WAYS.memoryNoop, "peakMB"),
    },
    {
      text: `peak memory of the up of a new commit at ${l}`,
      limit: 1.5,
      basis: `ratio to ${small}`,
      value: againstSmall(WAYS.memoryRelease, "peakMB"),
    },
    {
      text: "the program's start, launch of node to its first resource",
      limit: 1,
      basis: `seconds, at ${l}`,
      value: (results) => results.median("steady", WAYS.start, large),
    },
    {
      text: `rollback of ${n} against an up that has nothing to do`,
      limit: 1.3,
      basis: "ratio, whole commands",
      value: (results) =>
        ratio(whole(results, WAYS.rollback, "rollback"), whole(results, WAYS.noop, "rollback")),
    },
    {
      text: `taking over a release of ${n} against uploading it`,
      limit: 1 / 10,
      basis: "ratio, the release's resource alone",
      value: (results) => {
        const seconds = (way: string) => results.median("takeover", way, main, "releaseSeconds");
        return ratio(seconds(WAYS.takeover), seconds(WAYS.upload("auto")));
      },
    },
    {
      text: `taking over a release of ${n} against uploading it by files`,
      limit: 1 / 10,
      basis: "ratio, the release's resource alone",
      value: (results) => {
        const seconds = (way: string) => results.median("takeover", way, main, "releaseSeconds");
        return ratio(seconds(WAYS.takeover), seconds(WAYS.upload("files")));
      },
    },
  ];
}
