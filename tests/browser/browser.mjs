// A browser for the tests, as a person uses it. Every page is watched: an error in the console, an uncaught exception
// or a violation of the content security policy fails the test that caused it.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { test as nodeTest } from "node:test";

// The packages are installed in a directory that .ci/browser names.
const require = createRequire(`${process.env.BROWSER_TEST_PACKAGES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** The address of the server, and where screenshots go. */
export const base = process.env.BROWSER_TEST_URL;
const shots = process.env.BROWSER_TEST_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

let launched;

/** The browser of this process. */
async function browser() {
  // Chromium refuses its sandbox to root, as in a container.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  launched ??= await chromium.launch({ executablePath: process.env.BROWSER_TEST_CHROMIUM ?? "/usr/bin/chromium", args });
  return launched;
}

/**
 * A test with a page of its own, whose problems fail it. `expected` are texts of console messages that the test causes
 * on purpose, such as the browser's line about an answer with status 404.
 */
export function test(name, run, { expected = [], ...options } = {}) {
  nodeTest(name, async () => {
    const context = await (await browser()).newContext({ baseURL: base, viewport: { width: 1200, height: 900 }, reducedMotion: "reduce", ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    const problems = watch(page);
    try {
      await run(page, context);
      const unexpected = problems.filter((problem) => !expected.some((text) => problem.includes(text)));
      assert.deepEqual(unexpected, [], "problems in the browser's console");
    } catch (error) {
      if (shots) await page.screenshot({ path: `${shots}/failed-${name.replace(/\W+/g, "-").slice(0, 60)}.png`, fullPage: true }).catch(() => {});
      if (problems.length) error.message += `\nin the console: ${problems.join("\n")}`;
      throw error;
    } finally {
      await context.close();
    }
  });
}

/** Closes the browser; the last line of each file of tests. */
export function closeAtEnd() {
  nodeTest("the browser is closed", async () => launched?.close());
}

/** What a page complains about. Violations of the policy are errors in the console. */
export function watch(page) {
  const problems = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(`${message.type()}: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(`exception: ${error.stack}`));
  page.on("dialog", (dialog) => {
    problems.push(`the browser's own dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  return problems;
}

/** Saves a picture of the page for people who look at the run. */
export async function screenshot(page, name) {
  if (shots) await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

/** Asserts that axe finds no violation on a page, in light and in dark. */
export async function assertAccessible(page, name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    // Styles of the other scheme are drawn first: until then, some texts still have their old colours.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    await screenshot(page, `${name}-${colorScheme}`);
    // By the debugger's protocol, because the page's policy lets no script in.
    const session = await page.context().newCDPSession(page);
    const { result } = await session.send("Runtime.evaluate", {
      expression: `${axe}; axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify(found.violations.map(({ id, help, nodes }) =>
        ({ id, help, nodes: nodes.slice(0, 3).map((node) => node.html.slice(0, 200) + " " + node.failureSummary) }))))`,
      awaitPromise: true,
      returnByValue: true,
    });
    await session.detach();
    assert.equal(result.value, "[]", `${name} in ${colorScheme}`);
  }
  await page.emulateMedia({ colorScheme: null });
}

/**
 * The longest task that a test accepts, in milliseconds of processor time. The aim is 50, which the printed figures show
 * on a quiet machine; the rest is a margin for slow ones.
 */
export const TASK_MAX = 150;

/** The longest task of the page's main thread while `run` runs, in milliseconds of processor time. */
export async function longestTask(page, context, run) {
  const session = await context.newCDPSession(page);
  const tasks = [];
  session.on("Tracing.dataCollected", ({ value }) => {
    for (const { name, tdur } of value) if (/RunTask$/.test(name) && tdur) tasks.push(tdur / 1_000);
  });
  const complete = new Promise((resolve) => session.on("Tracing.tracingComplete", resolve));
  const traceConfig = { includedCategories: ["toplevel", "disabled-by-default-devtools.timeline", "devtools.timeline"] };
  await session.send("Tracing.start", { traceConfig, transferMode: "ReportEvents" });
  await run();
  await session.send("Tracing.end");
  await complete;
  await session.detach();
  assert(tasks.length > 0, "no task was recorded");
  return Math.max(...tasks);
}

/** Waits until a condition holds: the result of `run` is true. */
export async function until(what, run) {
  const end = Date.now() + 60_000;
  for (;;) {
    if (await run()) return;
    assert(Date.now() < end, `did not happen: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
