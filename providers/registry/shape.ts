/** The registry's tables before a stack's first move: made where they are absent, refused where they are something else. */
import { quoteName, SqlError, type Warehouse } from "../../databricks/sql";
import { createTables, MOVE_COLUMNS, movesTable, ROW_COLUMNS } from "./table";

/** Under another isolation two first deployments at once may both win. */
const ISOLATION = { property: "delta.isolationLevel", value: "Serializable" };

/**
 * Sees to it that both tables are there and are what they must be. Nothing that exists is ever altered: somebody else may
 * use it. More columns than ours are no harm.
 * @throws Error with each difference, and how to mend it.
 */
export async function ensureTables(warehouse: Warehouse, table: string): Promise<void> {
  const [rows, moves] = await Promise.all([
    differences(warehouse, quoteName(table), ROW_COLUMNS),
    differences(warehouse, movesTable(table), MOVE_COLUMNS),
  ]);
  const wrong = [...(rows ?? []), ...(moves ?? [])];
  if (wrong.length > 0) {
    throw new Error(
      `The registry ${table} is not what it must be, and is not altered by a deployment:\n` +
        wrong.map((line) => `  - ${line}`).join("\n") +
        "\nNothing was changed. Mend it, or name another table in registry.table.",
    );
  }
  if (!rows || !moves) {
    await createTables(warehouse, table);
  }
}

/** undefined where there is no such table. @param name quoted */
async function differences(
  warehouse: Warehouse,
  name: string,
  expected: string,
): Promise<string[] | undefined> {
  try {
    const [columns, isolation] = await Promise.all([
      warehouse.columns(`SELECT * FROM ${name} LIMIT 0`),
      isolationOf(warehouse, name),
    ]);
    const types = new Map(columns.map((column) => [column.name.toLowerCase(), column.type]));
    const wrong = expected.split(",").flatMap((column) => {
      const [own = "", type = ""] = column.trim().split(" ");
      const found = types.get(own);
      if (found === undefined) {
        return [`${name} has no column ${own} ${type}: ALTER TABLE ${name} ADD COLUMNS (${own} ${type})`];
      }
      return found === "" || found === type
        ? []
        : [`${name}: column ${own} is ${found}, and must be ${type}`];
    });
    if (isolation !== undefined && isolation !== ISOLATION.value) {
      const { property, value } = ISOLATION;
      wrong.push(
        `${name}: ${property} is ${isolation || "not set"}, and must be ${value}: ALTER TABLE ${name} SET TBLPROPERTIES ('${property}' = '${value}')`,
      );
    }
    return wrong;
  } catch (error) {
    if (error instanceof SqlError && error.tableMissing) {
      return undefined;
    }
    throw error;
  }
}

/** Empty where it is not set; undefined where it may not be read: not everybody who may write a table may see its properties. */
async function isolationOf(warehouse: Warehouse, name: string): Promise<string | undefined> {
  try {
    const properties = await warehouse.select(`SHOW TBLPROPERTIES ${name}`, []);
    return properties.find(({ key }) => key === ISOLATION.property)?.value ?? "";
  } catch (error) {
    if (error instanceof SqlError) {
      return undefined;
    }
    throw error;
  }
}
