// The dashboard as an operator sees and uses it, in a real browser. Called by `.ci/browser`, with the variables that it
// sets.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import { command, component, dataDir, serve, tokenOf, work } from "./host.mjs";

const shots = process.env.BROWSER_TEST_SHOTS ?? `${work}/screenshots`;
const require = createRequire(`${process.env.BROWSER_TEST_PACKAGES}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
// For work on the browser's files: another server that serves them in front of the host.
const front = process.env.BROWSER_TEST_FRONT;

/** The plugins of the host, with the values of their settings. */
const PLUGINS = {
  hello: {},
  "event-logger": {},
  notes: {},
  "scheduler-demo": {},
  settings: { api_key: "top secret" },
  weather: { base_url: "https://weather.example.org/v1" },
};
// Orders alone: the host's own events, which come at any time, would be delivered in vain before those of the tests.
const POLICY = ["data.*", "events.order.*", "db.*", "scheduler.*", "config.*", "cache.*", "http.weather.example.org"];
/** Publishes an event as the person who is signed in. */
async function publish(event) {
  assert.ok(await page.evaluate((event) => fetch("/api/v1/events", { method: "POST", body: JSON.stringify(event) }).then(({ ok }) => ok), event));
}

/** A process that runs until it is stopped, and one that cannot be started. */
const PROCESSES = [
  { id: "web", cmd: "sleep 1000", autostart: true },
  { id: "mail", cmd: `${work}/none`, autostart: true, restart: "error", restartLimit: 0 },
];
/** An engine in which nothing is, and one that is not there. */
const ENGINES = [
  { name: "local", url: `unix://${work}/engine.sock` },
  { name: "gone", url: `unix://${work}/none.sock` },
];
const VERSION = { Version: "27.1", ApiVersion: "1.41", MinAPIVersion: "1.24", Components: [{ Name: "Engine" }] };
const LISTS = { "/containers/json": [], "/images/json": [], "/networks": [], "/volumes": { Volumes: null } };
/** The streams of events that the host follows. */
const streams = new Set();
const engine = createServer((request, response) => {
  const path = request.url.replace("/v1.41", "").replace(/\?.*/, "");
  if (path !== "/events") return response.end(JSON.stringify(path === "/version" ? VERSION : LISTS[path]));
  response.flushHeaders();
  streams.add(response);
  response.on("close", () => streams.delete(response));
});
mkdirSync(shots, { recursive: true });

await new Promise((listens) => engine.listen(`${work}/engine.sock`, listens));
const plugins = Object.entries(PLUGINS).map(([name, options]) => ({ url: component(name), options }));
const policy = POLICY.map((resource) => ({ resource }));
const printed = await serve({ plugins, policy, processes: PROCESSES, docker: ENGINES }, { address: process.env.BROWSER_TEST_ADDRESS });
const url = front || printed.url;
const host = printed.url;
const browser = await chromium.launch({ executablePath: process.env.BROWSER_TEST_CHROMIUM ?? "/usr/bin/chromium", args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
const page = await context.newPage();
page.setDefaultTimeout(60_000);

/** What must not happen: errors of scripts and of the policy. Refused requests are part of some tests. */
const problems = [];
let expected = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("console", (message) => {
  if (message.type() === "error" && !expected.some((text) => message.text().includes(text))) problems.push(message.text());
});

const link = (name) => page.getByRole("link", { name, exact: true });
const button = (name) => page.getByRole("button", { name, exact: true });
const heading = (name) => page.getByRole("heading", { name, exact: true, level: 1 });
const row = (name) => page.getByRole("row").filter({ has: page.getByRole("rowheader", { name, exact: true }) });
const open = async (path) => {
  await page.goto(`${url}${path}`);
};
const confirmed = async (name) => page.getByRole("alertdialog").getByRole("button", { name, exact: true }).click();
const said = (text) => page.getByText(text).first().waitFor();

/** Checks a view for accessibility in both colour schemes, and keeps a picture of it. */
async function isAccessible(name) {
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
    // Styles of the other scheme are drawn first: until then, some texts still have their old colours.
    await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
    // By the debugger's protocol, because the page's policy lets no script in.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join("; ")}`);
    assert.deepEqual(found, [], `${name}, ${scheme}`);
    await page.screenshot({ path: `${shots}/${name}-${scheme}.png`, fullPage: true });
  }
  await page.emulateMedia({ colorScheme: "light" });
}

const step = (name, run) =>
  test(name, { timeout: 300_000 }, async () => {
    problems.length = 0;
    expected = [];
    await run();
    assert.deepEqual(problems, [], "errors of scripts or of the policy");
  });

await step("a caller without a token sees plugins and changes nothing", async () => {
  await open("/");
  await row("hello").getByText("ready").waitFor();
  await said("You are not signed in. Your access: read, call.");
  assert.equal(await button("Disable hello").count(), 0);
  assert.equal(await link("Tokens").count(), 0);
  await isAccessible("anonymous");
  await open("/-/tokens");
  await heading("Not allowed").waitFor();
});

await step("a wrong token is refused, and a right one signs in", async () => {
  expected = ["401"];
  await open("/-/sign-in");
  await page.getByLabel("Token").fill("pbk_wrong");
  await button("Sign in").click();
  await said("the token is not valid");
  await isAccessible("sign-in");
  const token = tokenOf("ada", "read");
  await page.getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await heading("Plugins").waitFor();
  await said("ada");
  assert.equal(await button("Disable hello").count(), 0, "the token may read only");
  await button("Sign out").click();
  await said("You are not signed in");
});

await step("a token for one plugin shows that plugin alone, after signing in where the address leads", async () => {
  const token = tokenOf("heidi", "read:notes", "call:notes");
  await open("/-/plugins/notes/actions");
  await link("Sign in").first().click();
  await page.getByLabel("Token").fill(token);
  await button("Sign in").click();
  await heading("notes").waitFor();
  assert.ok(page.url().endsWith("/-/plugins/notes/actions"));
  for (const name of ["Tables", "Logs", "Host", "Install"]) assert.equal(await link(name).count(), 0, name);
  await link("Plugins").click();
  await row("notes").waitFor();
  assert.equal(await row("hello").count(), 0);
  await open("/-/plugins/hello");
  await heading("Not allowed").waitFor();
  await button("Sign out").click();
  await said("You are not signed in");
});

await step("a link signs in once, and leaves no code in the address", async () => {
  expected = ["401"];
  const signIn = printed.sign_in.replace(host, url);
  await page.goto(signIn);
  await heading("Plugins").waitFor();
  await said("operator");
  assert.equal(new URL(page.url()).hash, "");
  await page.goBack().catch(() => {});
  assert.ok(!page.url().includes("pbc_"));
  const other = await browser.newContext();
  const second = await other.newPage();
  await second.goto(signIn);
  await second.getByText("the link to sign in is not valid").waitFor();
  await other.close();
});

await step("the overview shows figures, and changes states", async () => {
  await open("/");
  await row("hello").getByRole("cell").first().waitFor();
  await isAccessible("overview");
  await button("Disable hello").click();
  await page.getByRole("alertdialog").waitFor();
  await isAccessible("confirm");
  await page.keyboard.press("Escape");
  await row("hello").getByText("ready").waitFor();
  await button("Disable hello").click();
  await confirmed("Disable");
  await row("hello").getByText("disabled").waitFor();
  await button("Enable hello").click();
  await row("hello").getByText("ready").waitFor();
  await button("Reload hello").click();
  await said("hello is reloaded.");
});

await step("an action is tried from its form", async () => {
  await open("/-/plugins/notes/actions");
  await heading("notes").waitFor();
  await page.getByLabel("Action", { exact: true }).selectOption("create");
  await button("Call").click();
  await said("A value is needed.");
  await page.getByLabel(/^Title/).fill("From the dashboard");
  await button("Call").click();
  await page.getByRole("heading", { name: "Result" }).waitFor();
  await isAccessible("actions");
});

await step("tables are shown read only", async () => {
  await link("Tables").click();
  await page.getByRole("cell", { name: "From the dashboard" }).waitFor();
  await isAccessible("tables");
  await link("Data").click();
  await said("No stored value matches.");
});

await step("stored values are read, and each tab of a plugin is accessible", async () => {
  await publish({ topic: "order.seen", data: { id: 6 } });
  // The plugin stores it when it has received it.
  const stored = () => page.evaluate(() => fetch("/api/v1/plugins/event-logger/data").then((response) => response.text()));
  while (!(await stored()).includes("event/")) await new Promise((resolve) => setTimeout(resolve, 50));
  await open("/-/plugins/event-logger/data");
  const keys = page.getByRole("region", { name: "Stored values" }).getByRole("button");
  await keys.first().click();
  const key = await keys.first().textContent();
  await page.getByRole("heading", { name: key }).waitFor();
  await page.getByRole("region", { name: `Value of ${key}` }).getByText('"topic"').waitFor();
  await isAccessible("data");
  await page.getByLabel("Key prefix").fill(key);
  await page.waitForFunction(() => document.querySelectorAll(".link-button").length === 1);
  for (const tab of ["Manifest", "Permissions", "Configuration", "Actions", "Jobs", "Tables", "Logs", "Events"]) {
    const tabs = page.getByRole("navigation", { name: "Sections of event-logger" });
    await tabs.getByRole("link", { name: tab, exact: true }).click();
    await page.waitForURL(`**/event-logger/${tab.toLowerCase()}`);
    await page.locator(".spinner").waitFor({ state: "detached" });
    await isAccessible(`tab-${tab.toLowerCase()}`);
  }
});

await step("a plugin whose permission is revoked loses events", async () => {
  await open("/-/dead-letters");
  await said("There are no dead letters.");
  await open("/-/plugins/event-logger/permissions");
  await button("Revoke data.event/*:read,write").click();
  await confirmed("Revoke");
  await button("Grant data.event/*:read,write").waitFor();
  await publish({ topic: "order.lost", data: { id: 7 } });
});

await step("the manifest is shown, and addresses lead to their view", async () => {
  await open("/-/plugins/notes");
  await page.getByRole("region", { name: "Manifest as JSON" }).waitFor();
  await isAccessible("manifest");
  await link("Permissions").click();
  await page.waitForURL("**/-/plugins/notes/permissions");
  await page.goBack();
  await page.waitForURL("**/-/plugins/notes");
  await page.getByRole("region", { name: "Manifest as JSON" }).waitFor();
  expected = ["404"];
  await open("/-/plugins/none");
  await said("no plugin `none` is loaded or installed");
  await open("/-/nowhere");
  await heading("Not found").waitFor();
});

await step("permissions are granted and taken back with the rule that is written", async () => {
  await open("/-/plugins/weather/permissions");
  const rules = page.getByRole("region", { name: "Permissions that the plugin asks for" });
  const first = rules.getByRole("row").nth(1);
  await first.getByRole("button", { name: /^(Grant|Revoke)/ }).waitFor();
  const wasGranted = (await first.getByRole("button", { name: /^Revoke/ }).count()) > 0;
  for (const verb of wasGranted ? ["Revoke", "Grant"] : ["Grant", "Revoke"]) {
    await first.getByRole("button", { name: new RegExp(`^${verb}`) }).click();
    await page.getByRole("alertdialog").getByText("- {resource:").waitFor();
    await confirmed(verb);
    await first.getByText(verb === "Grant" ? "granted" : "not granted", { exact: true }).waitFor();
  }
  await isAccessible("permissions");
  await open("/-/audit");
  await page.getByRole("region", { name: "Rules of the policy" }).waitFor();
  await isAccessible("audit");
});

await step("configuration is a form, and secrets are not shown", async () => {
  await open("/-/plugins/settings/configuration");
  assert.equal(await page.getByLabel("api_key").inputValue(), "");
  await page.getByLabel("max_retries").fill("11");
  await button("Save").click();
  await said("The largest value is 10.");
  await page.getByLabel("max_retries").fill("7");
  await button("Save").click();
  await said("Saved: max_retries.");
  await isAccessible("configuration");
  await page.reload();
  await page.getByLabel("max_retries").waitFor();
  assert.equal(await page.getByLabel("max_retries").inputValue(), "7");
  assert.ok(!(await page.content()).includes("top secret"));
});

await step("jobs are paused, resumed and run", async () => {
  await open("/-/plugins/scheduler-demo/jobs");
  await button("Pause: cleanup").click();
  await row("cleanup").getByText("paused").waitFor();
  await button("Resume: cleanup").click();
  await button("Pause: cleanup").waitFor();
  await button("Run now: cleanup").click();
  await page.getByRole("heading", { name: "Result of cleanup" }).waitFor();
  await button("Outcomes: cleanup").click();
  await page.getByRole("heading", { name: "Outcomes of cleanup" }).waitFor();
  await isAccessible("jobs");
});

await step("log lines are live and filtered", async () => {
  await open("/-/logs");
  await said("live");
  const line = (level, message) =>
    page.evaluate((body) => fetch("/api/v1/logs", { method: "POST", body: JSON.stringify(body) }), { level, message });
  await line("warn", "a line of the test");
  await said("a line of the test");
  await page.getByLabel("Severity").selectOption("error");
  await page.getByText("a line of the test").waitFor({ state: "detached" });
  await page.getByLabel("Lines that contain").fill("no line has this");
  await said("No line matches.");
  await page.getByLabel("Severity").selectOption("");
  await page.getByLabel("Lines that contain").fill("of the test");
  await said("a line of the test");
  await page.getByLabel("Lines that contain").fill("");
  await line("error", "<img src=x onerror=alert(1)><script>alert(2)</script>");
  await said("<img src=x onerror=alert(1)><script>alert(2)</script>");
  assert.equal(await page.locator("img").count(), 0, "the text of a line is not markup");
  await isAccessible("logs");
});

await step("events are published and followed", async () => {
  await open("/-/events");
  await said("live");
  await page.getByText("Publish an event").click();
  await page.getByLabel("Topic", { exact: true }).fill("order.placed");
  await page.getByLabel("Data as JSON").fill("{");
  await button("Publish").click();
  await said("The data is not valid JSON.");
  await page.getByLabel("Data as JSON").fill('{"id": 7}');
  await button("Publish").click();
  await page.getByRole("log").getByText("order.placed").waitFor();
  await isAccessible("events");
});

await step("a plugin is installed from a file after a review, and removed", async () => {
  const file = component("counter");
  await open("/-/install");
  await heading("Install a plugin").waitFor();
  await isAccessible("install");
  await page.getByLabel("Component").setInputFiles(file);
  await page.locator("form").filter({ hasText: "From a file" }).getByRole("button", { name: "Review" }).click();
  await button("Install counter").waitFor({ timeout: 60_000 });
  await isAccessible("review");
  await button("Install counter").click();
  await heading("counter").waitFor({ timeout: 60_000 });
  await page.getByText("ready").first().waitFor();
  await button("Remove counter").click();
  await confirmed("Remove");
  await heading("Plugins").waitFor();
  assert.equal(await row("counter").count(), 0);
  await open("/-/install");
  expected = ["400", "422", "404"];
  await page.getByLabel("Reference").fill("not a reference");
  await page.locator("form").filter({ hasText: "From a URL" }).getByRole("button", { name: "Review" }).click();
  await page.getByRole("alert").filter({ hasText: /\w/ }).first().waitFor();
});

await step("an installed plugin is updated and rolled back", async () => {
  const directory = `${work}/shop`;
  const version = (number, more) => {
    const manifest = { name: "shop", version: number, description: "A plugin with versions.", entry_point: "shop.wasm", actions: [{ name: "greet" }] };
    writeFileSync(`${directory}/plugin.json`, JSON.stringify({ ...manifest, ...more }));
  };
  mkdirSync(directory);
  copyFileSync(component("hello"), `${directory}/shop.wasm`);
  version("1.0.0");
  command(["install", directory, "--yes", "--data-dir", dataDir]);
  version("2.0.0", { permissions: [{ resource: "db.orders", actions: ["read"] }], resources: { max_memory_mb: 64 } });
  await open("/");
  await row("shop").getByText("1.0.0").waitFor();
  // A token for this plugin alone updates it, from the source that it was installed from.
  const token = tokenOf("ida", "manage:shop");
  const other = await browser.newContext();
  const manager = await other.newPage();
  await manager.goto(`${url}/-/sign-in`);
  await manager.getByLabel("Token").fill(token);
  await manager.keyboard.press("Enter");
  await manager.getByRole("link", { name: "Update shop" }).click();
  await manager.getByRole("heading", { name: "Update shop" }).waitFor();
  assert.equal(await manager.getByLabel("Reference").count() + (await manager.getByLabel("Component").count()), 0);
  await manager.getByRole("button", { name: "Review" }).click();
  await manager.getByRole("button", { name: "Update shop" }).waitFor();
  await other.close();

  await link("Update shop").click();
  await heading("Update shop").waitFor();
  await page.locator("form").filter({ hasText: "From a URL" }).getByRole("button", { name: "Review" }).click();
  await page.getByRole("cell", { name: "db.orders:read" }).waitFor();
  await page.getByRole("cell", { name: /max_memory_mb/ }).waitFor();
  await said("1.0.0 → 2.0.0");
  await isAccessible("update");
  await button("Update shop").click();
  await said("shop 2.0.0 is updated.");
  await open("/");
  await row("shop").getByText("2.0.0").waitFor();
  await button("Roll back shop").click();
  await page.getByRole("alertdialog").getByText("Version 1.0.0 replaces 2.0.0.").waitFor();
  await confirmed("Roll back");
  await said("shop is rolled back.");
  await row("shop").getByText("1.0.0").waitFor();
  await button("Remove shop").click();
  await confirmed("Remove");
  await row("shop").waitFor({ state: "detached" });
});

await step("a token is shown once, and revoked", async () => {
  await open("/-/tokens");
  await button("Create a token").click();
  await button("Create").click();
  await said("Name the consumer.");
  await page.getByLabel("Consumer").fill("grace");
  await isAccessible("token-form");
  await button("Create").click();
  const secret = page.getByLabel("Token of grace");
  await secret.waitFor();
  assert.match(await secret.inputValue(), /^pbk_/);
  // All that is outside of an open dialog is inert, so its messages are inside: they are announced, and can be closed.
  await button("Copy").click();
  const message = page.locator(".toast", { hasText: /copied|copying/ });
  await message.waitFor();
  assert.ok(await message.evaluate((element) => element.closest("dialog:modal") !== null));
  await message.getByRole("button", { name: "Close message" }).click();
  await message.waitFor({ state: "detached" });
  await page.keyboard.press("Escape");
  await row("grace").getByText("active").waitFor();
  assert.ok(!(await page.content()).includes("pbk_"));
  await isAccessible("tokens");
  await row("grace").getByRole("button").click();
  await confirmed("Revoke");
  await row("grace").getByText("revoked").waitFor();
});

await step("dead letters are delivered again and removed", async () => {
  await open("/-/dead-letters");
  // Each is given up half a minute after the one before.
  const letters = page.getByRole("region", { name: "Dead letters" }).getByRole("row");
  const lost = letters.filter({ hasText: "order.lost" });
  await lost.getByText(/given up after 6 attempts/).waitFor({ timeout: 100_000 });
  await letters.nth(2).waitFor({ timeout: 100_000 });
  await isAccessible("dead-letters");
  await open("/-/plugins/event-logger/permissions");
  await button("Grant data.event/*:read,write").click();
  await confirmed("Grant");
  await button("Revoke data.event/*:read,write").waitFor();
  await link("Dead letters").click();
  await lost.getByRole("button", { name: /^Retry/ }).click();
  await lost.waitFor({ state: "detached" });
  const next = await letters.nth(1).getByRole("rowheader").textContent();
  await button(`Remove ${next}`).click();
  await confirmed("Remove");
  await row(next).waitFor({ state: "detached" });
});

await step("processes get orders", async () => {
  await open("/");
  await link("Processes").click();
  await row("web").getByText("running").waitFor();
  await row("mail").getByText(/errored|exhausted/).waitFor();
  await isAccessible("processes");
  const before = await row("web").getByRole("cell").nth(2).textContent();
  await button("Restart web").click();
  await confirmed("Restart");
  await said("web is restarted.");
  await button("Stop web").click();
  await confirmed("Stop");
  await said("web is stopped.");
  await row("web").getByText("finished").waitFor();
  await button("Block web").click();
  await confirmed("Block");
  await row("web").getByText("blocked").waitFor();
  await button("Unblock web").click();
  await said("web is unblocked.");
  await button("Start web").click();
  await row("web").getByText("running").waitFor();
  assert.notEqual(await row("web").getByRole("cell").nth(2).textContent(), before, "it is another process");
});

await step("engines are shown with their events", async () => {
  await open("/");
  await link("Engines").click();
  await row("local").getByText("followed").waitFor();
  await row("local").getByText("Engine 27.1, API 1.41").waitFor();
  await row("gone").getByText("not connected").waitFor();
  await row("gone").getByText("correct the path of its socket").waitFor();
  await said("live");
  const actor = { ID: "4f", Attributes: { name: "web", image: "alpine" } };
  const event = { Type: "container", Action: "start", Actor: actor, time: Math.floor(Date.now() / 1000), timeNano: Date.now() * 1e6 };
  for (const stream of streams) stream.write(`${JSON.stringify(event)}\n`);
  await page.getByRole("log").getByText("container.start").waitFor();
  await isAccessible("engines");
});

await step("the host is shown", async () => {
  await link("Host").click();
  await said("the host is healthy");
  await isAccessible("host");
});

/** Checks that nothing is wider than a narrow screen: what may be, such as a table, scrolls within itself. */
async function fits(name) {
  await page.waitForFunction(() => document.querySelector(".spinner") === null);
  const wide = await page.evaluate(() => {
    const edge = innerWidth;
    const isBeyond = (element) => element.getBoundingClientRect().right > edge + 0.5 || element.getBoundingClientRect().left < -0.5;
    const boxes = [...document.querySelectorAll(".table-box, .lines, .code, .card, dialog[open], .toast, .heading__actions > *")];
    return { excess: document.documentElement.scrollWidth - edge, beyond: boxes.filter(isBeyond).map((element) => element.outerHTML.slice(0, 120)) };
  });
  assert.ok(wide.excess <= 0, `${name} is ${wide.excess} px too wide`);
  assert.deepEqual(wide.beyond, [], `${name} has parts beyond the edge`);
  await page.screenshot({ path: `${shots}/narrow-${name.replaceAll(/\W+/g, "-")}.png`, fullPage: true });
}

await step("the views fit a narrow screen", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  const tabs = ["manifest", "permissions", "actions", "tables", "logs", "events"].map((tab) => `notes/${tab}`);
  const plugins = [...tabs, "settings/configuration", "scheduler-demo/jobs", "event-logger/data"].map((path) => `plugins/${path}`);
  const views = ["sign-in", "audit", "logs", "events", "dead-letters", "processes", "engines", "tokens", "host", "install", "install?plugin=hello", ...plugins];
  for (const path of ["/", ...views.map((view) => `/-/${view}`)]) {
    await open(path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await fits(path === "/" ? "overview" : path.slice(3));
  }
  await open("/");
  const table = page.getByRole("region", { name: "Plugins" });
  await row("hello").waitFor();
  assert.ok(await table.evaluate((box) => box.scrollWidth > box.clientWidth), "the table is wider than the screen");
  await button("Reload hello").scrollIntoViewIfNeeded();
  assert.ok(await table.evaluate((box) => box.scrollLeft > 0), "the table scrolls within itself");
  await page.setViewportSize({ width: 1280, height: 900 });
});

await step("long texts and dialogs fit a narrow screen", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  const long = "x".repeat(400);
  await open("/-/logs");
  await said("live");
  await page.evaluate((message) => fetch("/api/v1/logs", { method: "POST", body: JSON.stringify({ level: "warn", message }) }), `long ${long}`);
  await said(`long ${long}`);
  await fits("a long line");
  await open("/-/events");
  await said("live");
  await publish({ topic: "order.long", data: { [long]: long } });
  await page.getByRole("log").getByText("order.long").waitFor();
  await page.getByText("Publish an event").click();
  await fits("a long event");
  await open("/-/plugins/event-logger/permissions");
  await page.getByRole("button", { name: /^(Grant|Revoke) data/ }).click();
  await page.getByRole("alertdialog").getByText("- {resource:").waitFor();
  await fits("a question");
  await page.keyboard.press("Escape");
  await open("/-/tokens");
  await button("Create a token").click();
  await page.getByLabel("Consumer").fill("narrow");
  await fits("the form of a token");
  await button("Create").click();
  await page.getByLabel("Token of narrow").waitFor();
  await button("Copy").click();
  await page.locator(".toast", { hasText: /copied|copying/ }).waitFor();
  await fits("a token and a message");
  await open("/-/install");
  await page.getByLabel("Component").setInputFiles(component("counter"));
  await page.locator("form").filter({ hasText: "From a file" }).getByRole("button", { name: "Review" }).click();
  await button("Install counter").waitFor();
  await fits("a review");
  await page.setViewportSize({ width: 1280, height: 900 });
});

await step("a session that was ended elsewhere is noticed", async () => {
  expected = ["401"];
  await open("/");
  await heading("Plugins").waitFor();
  const listed = JSON.parse(command(["token", "list", "--data-dir", dataDir, "--json"]));
  const own = listed.tokens.find((token) => token.kind === "session" && token.consumer === "operator");
  command(["token", "revoke", String(own.id), "--data-dir", dataDir]);
  await button("Disable hello").click();
  await confirmed("Disable");
  await said("Your session has ended.");
  assert.equal(await button("Disable hello").count(), 0);
});

await browser.close();
await printed.stop();
engine.close();
engine.closeAllConnections();
