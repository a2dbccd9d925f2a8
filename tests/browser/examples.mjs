// The example plugins with pages, and the page of the README, as a person uses them. It starts a host of its own, whose
// plugins are built unless BROWSER_TEST_PLUGINS names a directory that has them, such as `inventory.wasm`.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";
import { test as nodeTest } from "node:test";
import { assertAccessible, closeAtEnd, screenshot, test as testOf, until } from "./browser.mjs";

const plugbay = process.env.BROWSER_TEST_PLUGBAY;
const work = mkdtempSync(`${tmpdir()}/plugbay-examples-`);

function command(args, options = {}) {
  const ran = spawnSync(plugbay, args, { encoding: "utf8", ...options });
  assert.equal(ran.status, 0, ran.stderr);
}

/** The component of an example, or its directory if it has a manifest beside its code. */
function example(name) {
  const built = `${process.env.BROWSER_TEST_PLUGINS ?? work}/${name}`;
  if (existsSync(built)) return built;
  if (existsSync(`${built}.wasm`)) return `${built}.wasm`;
  return `example-plugins/${name}`;
}

/** The plugin of the README: a new crate with the code of the section about pages. */
function readmePlugin() {
  const built = `${process.env.BROWSER_TEST_PLUGINS ?? work}/tasks.wasm`;
  if (existsSync(built)) return built;
  const readme = readFileSync("README.md", "utf8");
  const code = [...readme.matchAll(/```rust[^\n]*\n([^]*?)```/g)].map(([, code]) => code).find((code) => code.includes("impl Tasks"));
  const lines = code.trim().split("\n").filter((line) => line.trim() !== "");
  assert(lines.length <= 32, `the page of the README has ${lines.length} lines`);
  command(["new", "tasks"], { cwd: work });
  writeFileSync(`${work}/tasks/src/lib.rs`, code);
  // It already has the dependencies of a new plugin.
  const target = process.env.CARGO_TARGET_DIR ?? `${process.cwd()}/target`;
  command(["build", "tasks", "--output", built, "--quiet"], { cwd: work, env: { ...process.env, CARGO_TARGET_DIR: target } });
  return built;
}

const plugins = [readmePlugin(), ...["inventory", "live-chart", "dashboard"].map(example)];
const settings = ["--address", "127.0.0.1:0", "--data-dir", `${work}/data`, "--grant", "db.*:read,write", "--grant", "events.*:read,write"];
const host = spawn(plugbay, ["serve", "--json", "--quiet", ...settings, ...plugins], { stdio: ["ignore", "pipe", "inherit"] });
const baseURL = await new Promise((resolve, reject) => {
  createInterface({ input: host.stdout }).on("line", (line) => (JSON.parse(line).url ? resolve(JSON.parse(line).url) : reject(new Error(line))));
  host.on("exit", () => reject(new Error("the host ended")));
});

const test = (name, run, options) => testOf(name, run, { baseURL, ...options });
const button = (page, name) => page.getByRole("button", { name, exact: true });
const toast = (page, content) => page.locator(".toast", { hasText: content });
const stat = (page, label) => page.locator(".stat", { hasText: label }).locator(".stat__value");

async function open(page, path, title) {
  await page.goto(`/p/${path}`);
  await page.getByRole("heading", { level: 1, name: title }).waitFor();
}

/** Goes to an element by the keyboard alone. */
async function reach(page, locator) {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await locator.evaluate((element) => element === document.activeElement).catch(() => false)) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`${locator} is not reached by the keyboard`);
}

test("the page of the README adds a task", async (page) => {
  await open(page, "tasks/", "Tasks");
  await page.getByLabel(/^Title/).fill("Read the reference");
  await button(page, "Add").click();
  await page.getByRole("cell", { name: "Read the reference" }).waitFor();
  assert.equal(await page.getByLabel(/^Title/).inputValue(), "");
  await assertAccessible(page, "readme");
});

test("items of the inventory are added, searched, changed and removed", async (page) => {
  await open(page, "inventory/", "Inventory");
  await page.getByText("There are no items yet.").waitFor();
  for (const [name, count] of [["Lamp", 3], ["Bolt", 250]]) {
    await button(page, "Add an item").click();
    const dialog = page.getByRole("dialog", { name: /Add an item/ });
    await dialog.getByLabel(/^Name/).fill(name);
    await dialog.getByLabel(/^Count/).fill(String(count));
    await dialog.getByLabel(/^Place/).fill("A1");
    await dialog.getByRole("button", { name: "Add", exact: true }).click();
    await toast(page, `${name} is added.`).waitFor();
    await dialog.waitFor({ state: "hidden" });
  }
  await until("there are two", async () => (await stat(page, "Items").textContent()) === "2");
  const names = () => page.locator("tbody tr td:first-child").allTextContents();
  assert.deepEqual(await names(), ["Bolt", "Lamp"]);
  await assertAccessible(page, "inventory");
  await page.getByLabel("Search the table").fill("lam");
  await until("one is found", async () => (await names()).join() === "Lamp");
  const row = page.getByRole("row", { name: /Lamp/ });
  await row.getByRole("button", { name: "Change" }).click();
  const change = page.getByRole("dialog", { name: /Change Lamp/ });
  assert.equal(await change.getByLabel(/^Count/).inputValue(), "3");
  await change.getByLabel(/^Count/).fill("-1");
  await change.getByRole("button", { name: "Save" }).click();
  await change.getByText("The smallest value is 0.").waitFor();
  await change.getByLabel(/^Count/).fill("4");
  await change.getByRole("button", { name: "Save" }).click();
  await toast(page, "Lamp is saved.").waitFor();
  await page.getByRole("row", { name: /Lamp 4/ }).waitFor();
  await row.getByRole("button", { name: "Remove" }).click();
  await page.getByRole("alertdialog").getByText("Remove Lamp?").waitFor();
  await page.getByRole("alertdialog").getByRole("button", { name: "Confirm" }).click();
  await toast(page, "It is removed.").waitFor();
  await until("one is left", async () => (await stat(page, "Items").textContent()) === "1");
});

test("an item is added, sorted and removed by the keyboard alone", async (page) => {
  await open(page, "inventory/", "Inventory");
  await page.getByRole("row", { name: /Bolt/ }).waitFor();
  await reach(page, button(page, "Add an item"));
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: /Add an item/ });
  await dialog.waitFor();
  await reach(page, dialog.getByLabel(/^Name/));
  await page.keyboard.type("Anchor");
  await reach(page, dialog.getByLabel(/^Count/));
  await page.keyboard.type("1");
  await page.keyboard.press("Enter");
  await toast(page, "Anchor is added.").waitFor();
  const first = page.locator("tbody tr td:first-child").first();
  await until("it is sorted by the plugin", async () => (await first.textContent()) === "Anchor");
  const sort = page.getByRole("columnheader", { name: "Item" }).getByRole("button");
  await reach(page, sort);
  await page.keyboard.press("Enter");
  await page.keyboard.press("Space");
  await until("it is sorted backwards", async () => (await first.textContent()) === "Bolt");
  await reach(page, page.getByRole("row", { name: /Anchor/ }).getByRole("button", { name: "Remove" }));
  await page.keyboard.press("Enter");
  const question = page.getByRole("alertdialog");
  await question.waitFor();
  await reach(page, question.getByRole("button", { name: "Confirm" }));
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /Anchor/ }).waitFor({ state: "detached" });
});

test("a value that one person adds is on the chart of another", async (page, context) => {
  await open(page, "live-chart/", "Live chart");
  await page.getByText("There are no values yet. Add the first.").waitFor();
  const other = await context.newPage();
  await open(other, "live-chart/", "Live chart");
  await other.getByText("There are no values yet. Add the first.").waitFor();
  for (const expected of [51, 52]) {
    await page.getByLabel("The next value").press("ArrowRight");
    await button(page, "Add the value").click();
    await until("both show it", async () => {
      const shown = await Promise.all([page, other].map((page) => stat(page, "Latest").textContent().catch(() => "")));
      return shown.every((text) => text.trim() === String(expected));
    });
  }
  await other.locator(".chart canvas").waitFor();
  await other.getByText("Data as a table").click();
  assert.deepEqual(await other.locator(".chart__data tbody td").allTextContents(), ["51", "52"]);
  await assertAccessible(other, "live-chart");
});

test("the sample of DockStat shows its rows", async (page) => {
  const created = await page.request.post("/plugins/dashboard/create", { data: { name: "first", settings: { theme: "dark" } } });
  assert(created.ok(), await created.text());
  await open(page, "dashboard/dashboard", "Dashboard");
  await page.getByRole("heading", { name: "Plugin Dashboard" }).waitFor();
  const row = page.getByRole("row", { name: /first/ });
  assert.match(await row.textContent(), /1.*first.*dark/);
  await assertAccessible(page, "dockstat");
});

test("the examples fit a narrow screen", async (page) => {
  await page.setViewportSize({ width: 360, height: 740 });
  for (const [path, title] of [["tasks/", "Tasks"], ["inventory/", "Inventory"], ["live-chart/", "Live chart"], ["dashboard/dashboard", "Dashboard"]]) {
    await open(page, path, title);
    await page.waitForFunction(() => document.querySelector(".spinner") === null);
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert(beyond <= 0, `${title} is ${beyond} pixels too wide`);
    await screenshot(page, `narrow-${title.toLowerCase().replace(" ", "-")}`);
  }
});

closeAtEnd();
nodeTest("the host ends", async () => {
  const ended = new Promise((resolve) => host.on("exit", resolve));
  host.kill("SIGTERM");
  assert.equal(await ended, 0);
  rmSync(work, { recursive: true, maxRetries: 5 });
});
