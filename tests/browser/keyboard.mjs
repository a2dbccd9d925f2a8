// What an operator does in the dashboard, by the keyboard alone: no test here uses the mouse. Each has a page of its own
// with a session that was begun by the keyboard.

import assert from "node:assert/strict";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { test as nodeTest } from "node:test";
import { closeAtEnd, test as testOf, until } from "./browser.mjs";
import { command, component, dataDir, serve, tokenOf, work } from "./host.mjs";

const PLUGINS = ["hello", "event-logger", "notes", "scheduler-demo"].map((name) => ({ url: component(name) }));
PLUGINS.push({ url: component("settings"), options: { api_key: "top secret" } });
const POLICY = ["data.*", "events.order.*", "db.*", "scheduler.*", "config.*"].map((resource) => ({ resource }));
/** The permission that `event-logger` loses, so that its events become dead letters. */
const STORED = "data.event/*:read,write";
/** A process that runs until it is stopped. */
const PROCESSES = [{ id: "web", cmd: "sleep 1000", autostart: true }];

/** Presses of Tab after which an element counts as out of reach. */
const TABS_MAX = 150;

const host = await serve({ plugins: PLUGINS, policy: POLICY, processes: PROCESSES });
const token = tokenOf("operator", "manage");
await send("PUT", "/api/v1/policy", { deny: [STORED] });
for (const id of [1, 2]) await send("POST", "/api/v1/events", { topic: "order.lost", data: { id } });

/** Sends a request as a program does. */
async function send(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(`${host.url}${path}`, { method, headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.text());
}

/** A person at the keyboard, in front of a page. */
class Person {
  constructor(page) {
    this.page = page;
  }

  button(name) {
    return this.page.getByRole("button", { name, exact: true });
  }

  link(name) {
    return this.page.getByRole("link", { name, exact: true });
  }

  heading(name) {
    return this.page.getByRole("heading", { name, exact: true });
  }

  row(name) {
    return this.page.getByRole("row").filter({ has: this.page.getByRole("rowheader", { name, exact: true }) });
  }

  /** Waits until a text is shown. */
  async sees(text) {
    await this.page.getByText(text).first().waitFor();
  }

  /** Goes to an element by Tab, and presses a key there. */
  async press(element, key = "Enter") {
    await element.waitFor();
    // A control is disabled while the change before is under way.
    await until(`${element} is enabled`, () => element.isEnabled());
    for (let presses = 0; presses < TABS_MAX; presses += 1) {
      if (await element.evaluate((element) => element === document.activeElement)) return this.page.keyboard.press(key);
      await this.page.keyboard.press("Tab");
    }
    assert.fail(`${element} is not reached by the keyboard`);
  }

  /** Replaces the content of a field. */
  async type(field, text) {
    await this.press(field, "Control+A");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.type(text);
  }

  /** Chooses a value of a list by the arrows. */
  async choose(list, value) {
    await this.press(list, "Home");
    for (let presses = 0; (await list.inputValue()) !== value; presses += 1) {
      assert(presses < 20, `the list has no value ${value}`);
      await this.page.keyboard.press("ArrowDown");
    }
  }

  /** Answers a question. */
  async answers(name) {
    const question = this.page.getByRole("alertdialog");
    await this.press(question.getByRole("button", { name, exact: true }));
    await question.waitFor({ state: "hidden" });
  }
}

/** A test of a person who has signed in and sees the overview. */
const test = (name, run) =>
  testOf(
    name,
    async (page) => {
      const person = new Person(page);
      await page.goto("/");
      await person.press(person.link("Sign in").first());
      await person.type(page.getByLabel("Token"), token);
      await page.keyboard.press("Enter");
      await person.heading("Plugins").waitFor();
      await person.row("hello").getByText("ready").waitFor();
      await run(person, page);
    },
    { baseURL: host.url },
  );

test("the skip link leads to the content, and a new view has the focus", async (person, page) => {
  await page.reload();
  await person.heading("Plugins").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.id), "content");
  await person.press(person.link("settings"));
  await page.locator("h1:focus", { hasText: "settings" }).waitFor();
});

test("a plugin is disabled and enabled, and a question is left by Escape", async (person, page) => {
  await person.press(person.button("Disable hello"));
  await page.getByRole("alertdialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("alertdialog").waitFor({ state: "hidden" });
  assert.ok(await person.button("Disable hello").evaluate((element) => element === document.activeElement), "the focus has returned");
  await page.keyboard.press("Enter");
  await person.answers("Disable");
  await person.row("hello").getByText("disabled").waitFor();
  await person.press(person.button("Enable hello"));
  await person.row("hello").getByText("ready").waitFor();
  await person.press(person.button("Reload hello"));
  await person.sees("hello is reloaded.");
});

test("a plugin is installed from a file, and removed", async (person, page) => {
  await person.press(person.link("Install"));
  const chooser = page.waitForEvent("filechooser");
  await person.press(page.getByLabel("Component"), "Space");
  await (await chooser).setFiles(component("counter"));
  await person.press(page.locator("form").filter({ hasText: "From a file" }).getByRole("button", { name: "Review" }));
  await person.button("Install counter").waitFor({ timeout: 60_000 });
  await person.press(person.button("Install counter"));
  await person.heading("counter").waitFor({ timeout: 60_000 });
  await person.sees("ready");
  await person.press(person.button("Remove counter"));
  await person.answers("Remove");
  await person.heading("Plugins").waitFor();
  await person.row("counter").waitFor({ state: "detached" });
});

test("a plugin is updated and rolled back", async (person, page) => {
  const directory = `${work}/shop`;
  const write = (version) => {
    const manifest = { name: "shop", version, description: "A plugin with versions.", entry_point: "shop.wasm", actions: [{ name: "greet" }] };
    writeFileSync(`${directory}/plugin.json`, JSON.stringify(manifest));
  };
  mkdirSync(directory);
  copyFileSync(component("hello"), `${directory}/shop.wasm`);
  write("1.0.0");
  command(["install", directory, "--yes", "--data-dir", dataDir]);
  write("2.0.0");
  await person.row("shop").getByText("1.0.0").waitFor();
  await person.press(person.link("Update shop"));
  await person.press(page.locator("form").filter({ hasText: "From a URL" }).getByRole("button", { name: "Review" }));
  await person.press(person.button("Update shop"));
  await person.sees("shop 2.0.0 is updated.");
  await person.press(person.button("Roll back shop"));
  await person.answers("Roll back");
  await person.sees("shop is rolled back.");
  await person.press(person.button("Remove shop"));
  await person.answers("Remove");
  await person.row("shop").waitFor({ state: "detached" });
});

test("an action is called from its form, and its row is in the table", async (person, page) => {
  await person.press(person.link("notes"));
  await person.press(person.link("Actions"));
  await person.choose(page.getByLabel("Action", { exact: true }), "create");
  await person.press(person.button("Call"));
  await person.sees("A value is needed.");
  await person.type(page.getByLabel(/^Title/), "By the keyboard");
  await page.keyboard.press("Enter");
  await person.heading("Result").waitFor();
  await person.press(person.link("Tables"));
  await page.getByRole("cell", { name: "By the keyboard" }).waitFor();
  await person.choose(page.getByLabel("Table", { exact: true }), "notes");
  // The rows scroll by the arrows.
  await person.press(page.getByRole("region", { name: "Rows of notes" }), "ArrowRight");
});

test("settings are changed", async (person, page) => {
  await person.press(person.link("settings"));
  await person.press(person.link("Configuration"));
  await person.type(page.getByLabel("max_retries"), "6");
  await person.press(person.button("Save"));
  await person.sees("Saved: max_retries.");
});

test("jobs are paused, resumed, run and removed", async (person, page) => {
  await person.press(person.link("scheduler-demo"));
  await person.press(person.link("Jobs"));
  await person.press(person.button("Pause: cleanup"));
  await person.row("cleanup").getByText("paused").waitFor();
  await person.press(person.button("Resume: cleanup"));
  await person.press(person.button("Run now: cleanup"));
  await person.heading("Result of cleanup").waitFor();
  await person.press(person.button("Outcomes: cleanup"));
  await person.heading("Outcomes of cleanup").waitFor();
  await person.press(person.button("Remove: cleanup"));
  await person.answers("Remove");
  await person.row("cleanup").waitFor({ state: "detached" });
});

test("log lines are filtered", async (person, page) => {
  const lines = { warn: "a warning of the test", error: "an error of the test" };
  const headers = { authorization: `Bearer ${token}` };
  for (const [level, message] of Object.entries(lines)) {
    assert.ok((await page.request.post("/api/v1/logs", { headers, data: { level, message } })).ok());
  }
  await person.press(person.link("Logs"));
  await person.sees(lines.warn);
  await person.choose(page.getByLabel("Severity"), "error");
  await page.getByText(lines.warn).waitFor({ state: "detached" });
  await person.sees(lines.error);
  await person.choose(page.getByLabel("Severity"), "");
  await person.type(page.getByLabel("Lines that contain"), "A warning");
  await person.sees(lines.warn);
  await page.getByText(lines.error).waitFor({ state: "detached" });
});

test("events are published, and those of a topic are followed", async (person, page) => {
  await person.press(person.link("Events"));
  await person.sees("live");
  await person.press(page.locator("summary", { hasText: "Publish an event" }));
  const topic = page.getByLabel("Topic", { exact: true });
  await person.type(topic, "order.placed");
  await person.type(page.getByLabel("Data as JSON"), '{"id": 7}');
  await person.press(person.button("Publish"));
  const shown = page.getByRole("log");
  await shown.getByText("order.placed").waitFor();
  await person.type(page.getByLabel("Topic or pattern"), "order.sent");
  await page.keyboard.press("Enter");
  await shown.waitFor({ state: "detached" });
  await person.sees("live");
  for (const name of ["order.placed", "order.sent"]) {
    await person.type(topic, name);
    await person.press(person.button("Publish"));
    // The form is ready for the next event when this one is published.
    await until("it is published", () => person.button("Publish").isEnabled());
  }
  await shown.getByText("order.sent").waitFor();
  assert.equal(await shown.getByText("order.placed").count(), 0);
});

test("processes get orders", async (person) => {
  await person.press(person.link("Processes"));
  await person.row("web").getByText("running").waitFor();
  for (const [order, done, state] of [["Stop", "stopped", "finished"], ["Block", "blocked", "blocked"]]) {
    await person.press(person.button(`${order} web`));
    await person.answers(order);
    await person.sees(`web is ${done}.`);
    await person.row("web").getByText(state).waitFor();
  }
  await person.press(person.button("Unblock web"));
  await person.sees("web is unblocked.");
  await person.press(person.button("Start web"));
  await person.row("web").getByText("running").waitFor();
  await person.press(person.button("Restart web"));
  await person.answers("Restart");
  await person.sees("web is restarted.");
});

test("a token is made, shown once and revoked", async (person, page) => {
  await person.press(person.link("Tokens"));
  await person.press(person.button("Create a token"));
  const form = page.getByRole("dialog", { name: /Create a token/ });
  await person.type(form.getByLabel("Consumer"), "keys");
  await person.press(form.getByLabel("call", { exact: true }), "Space");
  await person.type(form.getByLabel("Plugin"), "notes");
  await person.choose(form.getByLabel("Valid for"), "86400");
  await person.press(form.getByRole("button", { name: "Create", exact: true }));
  const secret = page.getByLabel("Token of keys");
  await secret.waitFor();
  assert.match(await secret.inputValue(), /^pbk_/);
  await page.keyboard.press("Escape");
  await person.row("keys").getByText("read:notes", { exact: true }).waitFor();
  await person.press(person.row("keys").getByRole("button"));
  await person.answers("Revoke");
  await person.row("keys").getByText("revoked").waitFor();
});

test("dead letters are delivered again after a permission is granted, and removed", async (person, page) => {
  await person.press(person.link("Dead letters"));
  // Each is given up half a minute after the one before.
  const letters = page.getByRole("region", { name: "Dead letters" }).getByRole("row").filter({ hasText: "order.lost" });
  await letters.nth(1).waitFor({ timeout: 150_000 });
  const [first, second] = await letters.getByRole("rowheader").allTextContents();
  await person.press(person.link("Plugins"));
  await person.press(person.link("event-logger"));
  await person.press(person.link("Permissions"));
  for (const [verb, next] of [["Grant", "Revoke"], ["Revoke", "Grant"], ["Grant", "Revoke"]]) {
    await person.press(person.button(`${verb} ${STORED}`));
    await person.answers(verb);
    await person.button(`${next} ${STORED}`).waitFor();
  }
  await person.press(person.link("Dead letters"));
  await person.press(person.button(`Remove ${second}`));
  await person.answers("Remove");
  await person.row(second).waitFor({ state: "detached" });
  await person.press(person.button(`Retry ${first}`));
  await person.row(first).waitFor({ state: "detached" });
  // The event is a stored value of the plugin then.
  const headers = { authorization: `Bearer ${token}` };
  const stored = "/api/v1/plugins/event-logger/data";
  await until("the event is stored", async () => (await (await page.request.get(stored, { headers })).text()).includes("event/"));
  await person.press(person.link("Plugins"));
  await person.press(person.link("event-logger"));
  await person.press(person.link("Data"));
  await person.type(page.getByLabel("Key prefix"), "event/");
  const keys = page.getByRole("region", { name: "Stored values" }).getByRole("button");
  const key = await keys.first().textContent();
  await person.press(keys.first());
  await page.getByRole("region", { name: `Value of ${key}` }).getByText('"topic"').waitFor();
});

test("the colours are changed, and the session is ended", async (person, page) => {
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const before = await background();
  const theme = page.getByRole("button", { name: /^Colours/ });
  await person.press(theme);
  await page.keyboard.press("Enter");
  await until("the colours are dark", async () => (await background()) !== before);
  await person.press(person.button("Sign out"));
  await person.sees("You are not signed in");
});

closeAtEnd();
nodeTest("the host ends", async () => assert.equal(await host.stop(), 0));
