/**
 * `GitHubClaim`: which of a repository's settings are this stack's. GitHub overwrites what is there, without a word, where
 * `@pulumi/github` creates it; so what is there and was never this stack's is refused first, in a preview too.
 */
import { dynamicProvider, type Handler } from "./provider";

export interface Inputs {
  /** `owner/name` */
  repository: string;
  /** Everything that the stack declares there, in words that stay the same. */
  declared: string[];
  /** What of that is there and may be taken over. */
  adopted: string[];
  /** What of that is there at the moment. */
  there: string[];
}

const handler: Handler<Inputs, object> = {
  type: "GitHubClaim",

  async check(olds, news) {
    const foreign = news.declared.filter(
      (id) => news.there.includes(id) && !news.adopted.includes(id) && !olds.declared?.includes(id),
    );
    const reason =
      `${foreign.join(", ")}: already there, and not made by this stack. Nothing was changed. To take an environment over ` +
      "with all that is declared in it, set adopt: true for it, and look at the preview: what is declared is written over what is there.";
    return foreign.length > 0
      ? { inputs: news, problems: [{ property: "repository", reason }] }
      : { inputs: news };
  },

  async create({ repository }) {
    return { id: repository, computed: {} };
  },
};

export default dynamicProvider(handler);
