/** The source of a release: from a repository and a ref to a commit, its manifest, its files, and a checkout. */
export { checkout, type Checkout, type CheckoutOptions } from "./checkout";
export { compareSources, type SourceChanges } from "./compare";
export { readBlobs, readFiles, type FileContent } from "./contents";
export { readSource } from "./read";
export {
  SourceError,
  type Commit,
  type Language,
  type Source,
  type SourceFile,
  type SourceOptions,
  type SourceSpec,
} from "./types";
