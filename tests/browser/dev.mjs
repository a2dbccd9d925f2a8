// `plugbay dev` with a page: the browser shows each change of the plugin, and why a change cannot be loaded. It runs a
// command of its own on a directory with the component of `hello`, whose manifest it edits.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { test as nodeTest } from "node:test";
import { assertAccessible, closeAtEnd, test } from "./browser.mjs";

const plugbay = process.env.BROWSER_TEST_PLUGBAY;
const work = mkdtempSync(`${tmpdir()}/plugbay-dev-`);
const built = `${process.env.BROWSER_TEST_PLUGINS}/hello.wasm`;

/** Writes the manifest at once, as editors do. */
function write(widgets, initial = {}) {
  const manifest = {
    name: "hello",
    version: "0.1.0",
    description: "A page that is being written.",
    entry_point: "hello.wasm",
    actions: [{ name: "greet" }],
    frontend: {
      pages: [{ path: "/", meta: { title: "Draft" }, template: { state: { initial: { name: "Ada", ...initial } }, widgets } }],
    },
  };
  writeFileSync(`${work}/next`, JSON.stringify(manifest));
  renameSync(`${work}/next`, `${work}/plugin.json`);
}

const text = (content) => ({ type: "text", props: { as: "p", text: content } });
const input = { type: "input", props: { label: "Name", binding: "name" } };

if (existsSync(built)) spawnSync("cp", [built, `${work}/hello.wasm`]);
else {
  const ran = spawnSync(plugbay, ["build", "example-plugins/hello", "--output", `${work}/hello.wasm`, "--quiet"], { encoding: "utf8" });
  assert.equal(ran.status, 0, ran.stderr);
}
write([text("First {{name}}"), input]);
const dev = spawn(plugbay, ["dev", work, "--address", "127.0.0.1:0"], { stdio: ["ignore", "ignore", "pipe"] });
const lines = [];
const url = await new Promise((resolve, reject) => {
  createInterface({ input: dev.stderr }).on("line", (line) => {
    lines.push(line);
    const found = /its pages are at (http:\S+)/.exec(line);
    if (found) resolve(found[1]);
  });
  dev.on("exit", () => reject(new Error(`plugbay dev ended:\n${lines.join("\n")}`)));
});

test("a change of the plugin is shown, and what was entered stays", async (page) => {
  await page.goto(url);
  await page.getByText("First Ada", { exact: true }).waitFor();
  await page.getByLabel("Name").fill("Grace");
  await page.getByText("First Grace", { exact: true }).waitFor();
  write([text("Second {{name}}"), input]);
  await page.getByText("Second Grace", { exact: true }).waitFor();
  const isFocused = await page.getByLabel("Name").evaluate((element) => element === document.activeElement);
  assert(isFocused, "the focus stays in the field");
});

test("a problem of a template is shown with its path, and the page stays", async (page) => {
  write([text("Whole {{name}}"), input]);
  await page.goto(url);
  await page.getByText("Whole Ada", { exact: true }).waitFor();
  write([text("Broken {{name}}"), { type: "container", children: [{ type: "text", props: { text: "{{name ===}}" } }] }]);
  const notice = page.getByRole("alert").filter({ hasText: "The latest change is not loaded" });
  await notice.waitFor();
  assert.match(await notice.textContent(), /widgets\[1\]\.children\[0\]/);
  assert(lines.some((line) => line.includes("widgets[1].children[0]")), "the terminal shows it too");
  await page.getByText("Whole Ada", { exact: true }).waitFor();
  await assertAccessible(page, "problem");
  write([text("Mended {{name}}"), input]);
  await page.getByText("Mended Ada", { exact: true }).waitFor();
  await notice.waitFor({ state: "hidden" });
});

closeAtEnd();
nodeTest("plugbay dev ends", async () => {
  const ended = new Promise((resolve) => dev.on("exit", resolve));
  dev.kill("SIGINT");
  assert.equal(await ended, 0);
  rmSync(work, { recursive: true, maxRetries: 5 });
});
