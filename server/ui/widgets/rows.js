// The rows of a table: those that a search and a filter leave, in the order of a column. No elements here.

import { asText } from "../lib/placeholder.js";
import { words } from "../lib/values.js";
import { at } from "../lib/scope.js";

/** The most rows that a table looks at, and columns that it shows. */
export const ROWS_MAX = 100_000;
const COLUMNS_MAX = 50;
const INFERRED_MAX = 12;

/** The rows of a value: a list, or an object whose only list it is. Null if there is none. */
export function rowsOf(value) {
  if (Array.isArray(value)) return value;
  if (typeof value !== "object" || value === null) return null;
  const lists = Object.values(value).filter(Array.isArray);
  return lists.length === 1 ? lists[0] : null;
}

/** The columns that are declared, or those of the first rows' members. */
export function columnsOf(declared, rows) {
  if (Array.isArray(declared) && declared.length) {
    return declared
      .slice(0, COLUMNS_MAX)
      .map((column) => (typeof column === "object" && column !== null ? column : { key: asText(column) }))
      .map((column) => ({ ...column, key: asText(column.key), title: asText(column.title) || words(asText(column.key)) }));
  }
  const names = new Set();
  for (const row of rows.slice(0, 50)) {
    if (typeof row === "object" && row !== null && !Array.isArray(row)) Object.keys(row).forEach((name) => names.add(name));
  }
  if (names.size === 0) return [{ key: "", title: "Value" }];
  return [...names].slice(0, INFERRED_MAX).map((key) => ({ key, title: words(key) }));
}

/** The value of a row in a column; the row itself if it is not an object. */
export function cell(row, column) {
  if (typeof row !== "object" || row === null) return row;
  if (Object.hasOwn(row, column.key)) return row[column.key];
  return column.key === "" ? row : at(row, column.key);
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function compare(left, right) {
  if (typeof left === "number" && typeof right === "number") return left - right;
  return collator.compare(asText(left), asText(right));
}

const isMissing = (value) => value === null || value === undefined || value === "";

/**
 * The rows that are shown, each as `{row, index}` with its place in the data.
 *
 * @param {{search: string, filter: {key: string, text: string} | null, sort: {key: string, isDescending: boolean} | null}} view
 */
export function shownRows(rows, columns, { search, filter, sort }) {
  let shown = rows.slice(0, ROWS_MAX).map((row, index) => ({ row, index }));
  const wanted = search.trim().toLowerCase();
  if (wanted) shown = shown.filter(({ row }) => columns.some((column) => contains(row, column, wanted)));
  const filtered = filter && columns.find((column) => column.key === filter.key);
  const text = filter?.text.trim().toLowerCase();
  if (filtered && text) shown = shown.filter(({ row }) => contains(row, filtered, text));
  const sorted = sort && columns.find((column) => column.key === sort.key);
  if (!sorted) return shown;
  const direction = sort.isDescending ? -1 : 1;
  const values = new Map(shown.map((entry) => [entry, cell(entry.row, sorted)]));
  return shown.sort((a, b) => {
    const [left, right] = [values.get(a), values.get(b)];
    // Missing values are last in both directions.
    if (isMissing(left) || isMissing(right)) return isMissing(left) - isMissing(right) || a.index - b.index;
    return direction * compare(left, right) || a.index - b.index;
  });
}

const contains = (row, column, wanted) => asText(cell(row, column)).toLowerCase().includes(wanted);
