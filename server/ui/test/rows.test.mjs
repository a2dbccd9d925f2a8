// The rows of tables, the topics of loaders, and the values that requests need.

import assert from "node:assert/strict";
import { test } from "node:test";

import { matches } from "../page/loaders.js";
import { needed } from "../page/needed.js";
import { columnsOf, rowsOf, shownRows } from "../widgets/rows.js";

const rows = [{ n: 10, name: "b" }, { n: 9, name: "A10" }, { n: null, name: "a9" }];
const columns = columnsOf(undefined, rows);
const view = (changes) => shownRows(rows, columns, { search: "", filter: null, sort: null, ...changes }).map(({ index }) => index);

test("rows are sorted by numbers and by words, and missing values are last", () => {
  assert.deepEqual(columns.map((column) => column.title), ["N", "Name"]);
  assert.deepEqual(view({ sort: { key: "n", isDescending: false } }), [1, 0, 2]);
  assert.deepEqual(view({ sort: { key: "n", isDescending: true } }), [0, 1, 2]);
  assert.deepEqual(view({ sort: { key: "name", isDescending: false } }), [2, 1, 0]);
});

test("search looks at all columns and a filter at one", () => {
  assert.deepEqual(view({ search: " A" }), [1, 2]);
  assert.deepEqual(view({ search: "10" }), [0, 1]);
  assert.deepEqual(view({ filter: { key: "n", text: "10" } }), [0]);
});

test("the only list of an object is its rows", () => {
  assert.deepEqual(rowsOf({ items: rows, total: 3 }), rows);
  assert.equal(rowsOf({ a: [], b: [] }), null);
  assert.equal(rowsOf("text"), null);
});

test("patterns match topics as the host's do", () => {
  for (const [pattern, topic] of [["a.b", "a.b"], ["a.*", "a.b"], ["**", "a.b.c"], ["a.**", "a"], ["a.**.c", "a.b.b.c"], ["*.b", "a.b"]]) {
    assert(matches(pattern, topic), `${pattern} ${topic}`);
  }
  for (const [pattern, topic] of [["a", "a.b"], ["a.*", "a"], ["*", "a.b"], ["a.**.c", "a.b"], ["a.b", undefined]]) {
    assert(!matches(pattern, topic), `${pattern} ${topic}`);
  }
  assert(!matches("**.a.".repeat(50) + "b", "a.".repeat(200) + "c"));
});

test("requests have the values that their placeholders name", () => {
  const scope = { state: { a: 1, b: { c: 2 }, big: [1] }, data: { d: 3, big: [2] }, globalState: { g: 4, a: 5 }, loop: {} };
  assert.deepEqual(needed(["/x/{{state.a}}?q={{g}}", { body: ["{{b.c > 1 && d}}", "'big' {{'state.big'}}"] }], scope), {
    state: { a: 1, g: 4, b: { c: 2 }, d: 3 },
    globalState: {},
  });
  assert.deepEqual(needed("{{globalState.a}} {{payload.a}} {{params.big}} {{state.g}}", scope), { state: {}, globalState: { a: 5, g: 4 } });
  assert.deepEqual(needed("{{state}}", scope).state, scope.state);
  assert.deepEqual(needed(["/plain", undefined, null], scope), { state: {}, globalState: {} });
});
