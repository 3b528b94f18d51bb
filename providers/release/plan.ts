/**
 * Which notebooks go to the workspace in archives, and which one by one. An archive makes a folder that does not exist,
 * with all the notebooks in it, and is never merged into one that does: so archives are whole subtrees, and
 * a folder above an archive's, made beforehand, gives its own notebooks one by one.
 */

/** A notebook, by what matters here. */
export interface Packable {
  /** Path in the release. */
  readonly target: string;
  /** Bytes of its source. */
  readonly size: number;
}

/** All notebooks below a folder that does not exist yet. */
export interface Unit<T> {
  /** Path in the release, "" for the release itself. */
  readonly folder: string;
  readonly items: readonly T[];
}

export interface Plan<T> {
  readonly archives: readonly Unit<T>[];
  /** To be sent one by one. */
  readonly singles: readonly T[];
}

export interface PlanOptions {
  /** Bytes of sources that go into one archive at most. Default: 32 MB, which deflates to far less (and is checked then). */
  readonly maxBytes?: number;
  /** Whether something is at this path of the release; "" is the release itself. */
  readonly exists?: (path: string) => boolean;
}

const MAX_SOURCE_BYTES = 32 * 1024 * 1024;

/**
 * What a split is worth: as few archives as the limits allow are not always the quickest. The limit of 30 imports a
 * second is documented; what an object in an archive takes is not known, and a low guess keeps the archives few.
 */
const REQUESTS_PER_SECOND = 30;
const SECONDS_PER_OBJECT = 0.002;

/** A folder with everything below it. */
interface Node<T> {
  readonly folder: string;
  readonly own: T[];
  readonly children: Map<string, Node<T>>;
  count: number;
  bytes: number;
}

/** The plan that should take the least time. Deterministic: the same notebooks in the same order give the same archives. */
export function planArchives<T extends Packable>(
  notebooks: readonly T[],
  options: PlanOptions = {},
): Plan<T> {
  const { maxBytes = MAX_SOURCE_BYTES, exists = () => false } = options;
  const fit: T[] = [];
  const singles: T[] = [];
  for (const notebook of notebooks) {
    (mayBePacked(notebook, maxBytes) ? fit : singles).push(notebook);
  }
  if (fit.length === 0) {
    return { archives: [], singles };
  }
  let closed: Node<T>[] = [];
  let opened = 0;
  // What cannot be one archive is taken apart, whatever that costs.
  const settle = (node: Node<T>) => {
    if (!exists(node.folder) && node.bytes <= maxBytes) {
      closed.push(node);
      return;
    }
    opened++;
    singles.push(...node.own);
    node.children.forEach(settle);
  };
  settle(treeOf(fit));

  // Then the largest one, as long as its parts side by side are quicker than the whole.
  const seconds = (requests: number, largest: number) =>
    requests / REQUESTS_PER_SECOND + largest * SECONDS_PER_OBJECT;
  for (;;) {
    closed.sort((a, b) => b.count - a.count || (a.folder < b.folder ? -1 : 1));
    const [largest, second] = closed;
    const parts = largest && partsOf(largest);
    if (!largest || !parts) {
      break;
    }
    const requests = opened + singles.length + closed.length;
    const most = Math.max(second?.count ?? 0, ...parts.children.map(({ count }) => count));
    const more = parts.opened + parts.own.length + parts.children.length - 1;
    if (seconds(requests + more, most) >= seconds(requests, largest.count)) {
      break;
    }
    opened += parts.opened;
    singles.push(...parts.own);
    closed = [...closed.slice(1), ...parts.children];
  }
  const archives = closed.map((node) => ({ folder: node.folder, items: itemsOf(node) }));
  return { archives, singles };
}

/** Names that some system may read otherwise, and sources that alone are too much for an archive, are better off alone. */
function mayBePacked({ target, size }: Packable, maxBytes: number): boolean {
  return size <= maxBytes && !target.includes("\\");
}

function treeOf<T extends Packable>(notebooks: readonly T[]): Node<T> {
  const root = newNode<T>("");
  for (const notebook of notebooks) {
    const path = [root];
    for (const name of notebook.target.split("/").slice(0, -1)) {
      path.push(childOf(path.at(-1) ?? root, name));
    }
    for (const node of path) {
      node.count++;
      node.bytes += notebook.size;
    }
    path.at(-1)?.own.push(notebook);
  }
  return root;
}

function newNode<T>(folder: string): Node<T> {
  return { folder, own: [], children: new Map(), count: 0, bytes: 0 };
}

function childOf<T>(node: Node<T>, name: string): Node<T> {
  const child = node.children.get(name) ?? newNode<T>(node.folder === "" ? name : `${node.folder}/${name}`);
  node.children.set(name, child);
  return child;
}

/** What a folder is taken apart into; a chain of folders with one folder in each is taken apart at once. Undefined for a leaf. */
function partsOf<T>(node: Node<T>): { opened: number; own: T[]; children: Node<T>[] } | undefined {
  const children = [...node.children.values()];
  const [only] = children;
  if (!only) {
    return undefined;
  }
  const deeper = children.length === 1 && node.own.length === 0 ? partsOf(only) : undefined;
  return deeper ? { ...deeper, opened: deeper.opened + 1 } : { opened: 1, own: node.own, children };
}

function itemsOf<T>(node: Node<T>): T[] {
  return [...node.own, ...[...node.children.values()].flatMap(itemsOf)];
}
