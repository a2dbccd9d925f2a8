// Pages of a hostile plugin. The document of a page of the gallery is replaced on its way to the browser, because the
// host refuses most of these when it reads a manifest: the browser must not depend on that, since data come later.

import assert from "node:assert/strict";
import { TASK_MAX, assertAccessible, closeAtEnd, longestTask, test, until } from "./browser.mjs";

const SCRIPTS = ["<script>window.hacked = 1</script>", '<img src=x onerror="window.hacked = 1">', '"><svg onload=window.hacked=1>'];

/** Opens the gallery with another template. */
async function open(page, change) {
  await page.route("**/api/v1/plugins/gallery/page", async (route) => {
    const response = await route.fetch();
    const document = await response.json();
    change(document);
    await route.fulfill({ response, json: document });
  });
  await page.goto("/p/gallery/empty");
  await page.locator(".page__content").waitFor();
}

const node = (type, props = {}, more = {}) => ({ type, props, ...more });
const widgets = (document, nodes) => {
  document.template = { ...document.template, widgets: nodes };
};

test("script in texts of all kinds is shown as text", async (page) => {
  const [script, image, svg] = SCRIPTS;
  await open(page, (document) => {
    document.plugin.title = svg;
    document.route.meta.title = script;
    document.template.description = image;
    document.initialData.data = { rows: [{ [script]: image, b: { constructor: null, type: "script", props: {} } }], text: svg };
    widgets(document, [
      ...SCRIPTS.flatMap((text) => [
        node("text", { text, as: "p" }),
        node("heading", { text }),
        node("badge", { text, unique: true }),
        node("button", { text }),
        node("link", { text, href: text }),
        node("divider", { label: text }),
        node("cardHeader", { text }),
        node("input", { label: text, placeholder: text, error: text, value: text }),
        node("checkbox", { label: text, name: text }),
        node("checkboxGroup", { label: text, options: [text, { value: text, label: text }] }),
        node("toggle", { label: text }),
        node("slider", { label: text, min: text, max: text, value: text }),
        node("hoverBubble", { label: text }, { children: [node("text", { text })] }),
        node("modal", { title: text, footer: text, open: false }),
        node("slides", { header: text, description: text, slides: [text] }, { children: [node("text", { text })] }),
        node("stat", { label: text, value: text, unit: text, change: text, sparkline: [text, 1, 2] }),
        node("chart", { title: text, x: text, series: [{ key: text, label: text }], data: [{ [text]: 1 }] }),
        node("form", { action: text, submitText: text, schema: { type: "object", properties: { [text]: { type: "string", title: text, description: text, examples: [text] } } } }),
        node(text),
        node("container", { className: text, gap: text, padding: text, columns: text, layout: text, direction: text }),
      ]),
      node("text", { text: "{{data.text}}", as: "script" }),
      node("text", { text: { constructor: null, type: "script", props: { dangerouslySetInnerHTML: { __html: script } } } }),
      node("text", { text: "x", dangerouslySetInnerHTML: { __html: image }, onClick: "alert(1)", style: "position: fixed", ref: "x" }),
      node("table", { columns: [{ key: script, title: image, renderTemplate: svg }, { key: "b", title: "B" }] }, { bindings: { data: "rows" } }),
      node("dataTable", { dataKey: "rows" }),
    ]);
  });
  await page.getByText(SCRIPTS[1]).first().waitFor();
  await until("the chart is drawn", async () => (await page.locator(".chart").count()) === 3);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.equal(await page.locator("#app script, #app img, #app [onload], #app [onerror], #app [onclick]").count(), 0);
});

test("links lead to known schemes alone", async (page) => {
  const refused = ["javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "data:text/html,<b>x", "vbscript:x", "blob:x", "file:///etc/passwd"];
  const taken = ["https://example.org/", "http://example.org/", "mailto:a@example.org", "./tables", "/p/gallery/form"];
  await open(page, (document) => {
    document.initialData.data = { bad: refused[0] };
    document.actions = [{ id: "go", type: "navigate", path: "javascript:alert(1)" }, { id: "out", type: "navigate", path: "//example.org/x" }, { id: "up", type: "navigate", path: "../../-/tokens" }];
    widgets(document, [
      ...[...refused, "{{data.bad}}", ...taken].map((href, index) => node("link", { href, text: `Link ${index}` })),
      ...["go", "out", "up"].map((action) => node("button", { text: `Go ${action}`, action })),
    ]);
  });
  await page.getByText("Link 0").waitFor();
  const found = await page.locator(".page__content a").evaluateAll((links) => links.map((link) => link.protocol));
  assert.deepEqual(found, ["https:", "http:", "mailto:", new URL(page.url()).protocol, new URL(page.url()).protocol]);
  const before = page.url();
  for (const action of ["go", "out", "up"]) await page.getByRole("button", { name: `Go ${action}` }).click();
  await page.getByText("The address is not one of this server.").nth(2).waitFor();
  assert.equal(page.url(), before);
});

test("a page that covers the frame or imitates the sign-in stays in its box", async (page) => {
  await open(page, (document) => {
    document.route.meta.title = "Sign in to Plugbay";
    document.actions = [];
    widgets(document, [
      node("container", { className: "fixed absolute inset-0 top-0 left-0 z-50 -mt-64 -translate-y-full w-screen h-screen bg-red-500 frame dialog toast skip-link", padding: "99999px" }, {
        children: [node("heading", { level: 1, text: "Plugbay" }), node("input", { type: "password", label: "Token" }), node("button", { text: "Sign in" })],
      }),
      node("text", { text: "x ".repeat(5_000), className: "whitespace-nowrap" }),
      node("modal", { title: "Sign in to Plugbay", open: true, size: "full" }, { children: [node("input", { type: "password", label: "Token" })] }),
    ]);
  });
  const dialog = page.getByRole("dialog");
  await dialog.waitFor();
  assert.match(await dialog.locator("header").textContent(), /plugin gallery/);
  await page.keyboard.press("Escape");
  const frame = page.locator("header.frame");
  assert.match(await frame.textContent(), /plugin gallery/);
  assert.match(await page.title(), / · gallery · Plugbay$/);
  // The frame is what lies at its place, before and after scrolling.
  for (const y of [0, 400]) {
    await page.evaluate((y) => scrollTo(0, y), y);
    const isOnTop = await frame.evaluate((element) => {
      const { left, top, width, height } = element.getBoundingClientRect();
      const at = (x) => document.elementFromPoint(left + width * x, top + height / 2);
      return top === 0 && [0.05, 0.5, 0.9].every((x) => element.contains(at(x)));
    });
    assert(isOnTop, `the frame is covered at ${y}`);
  }
  assert.equal(await page.getByText("The plugin gallery receives this value.").count() > 0, true);
  await page.getByText("Plugbay never asks for a token or a password here.").waitFor();
});

test("loops over a million and deep nesting are cut, and the page says so", async (page, context) => {
  const deep = (levels) => Array.from({ length: levels }).reduce((inner) => node("container", {}, { children: [inner] }), node("text", { text: "the bottom" }));
  const busy = await longestTask(page, context, async () => {
    await open(page, (document) => {
      document.initialData.data = { many: Array.from({ length: 100_000 }, (_, index) => index) };
      widgets(document, [
        node("text", { as: "p", text: "item {{item}}" }, { loop: { items: "many" } }),
        node("container", {}, { loop: { items: "many", itemVar: "a" }, children: [node("text", { text: "{{a}}{{b}}" }, { loop: { items: "many", itemVar: "b" } })] }),
        deep(500),
      ]);
    });
    await page.getByText("99000 more items are not shown.").first().waitFor();
    await page.getByText("This page has too many elements.").waitFor();
  });
  console.log(`# longest task of a page with too many elements: ${busy.toFixed(0)} ms of processor time`);
  assert(busy < TASK_MAX, `${busy} ms`);
  assert((await page.locator("#app *").count()) < 10_000);
});

test("thousands of tables and wide ones are cut, and draw what is visible", async (page, context) => {
  const busy = await longestTask(page, context, async () => {
    await open(page, (document) => {
      const row = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`c${index}`, index]));
      document.initialData.data = { rows: Array.from({ length: 100 }, () => row) };
      widgets(document, Array.from({ length: 1_000 }, () => node("table", { dataKey: "rows" })));
    });
    await page.getByText("This page has too many elements.").waitFor();
    // They are drawn one after another, and the last one has its rows.
    await page.locator(".table-widget").nth(49).locator("tbody tr").first().waitFor();
  });
  const tables = await page.locator(".table-widget").count();
  console.log(`# longest task of a page with ${tables} tables: ${busy.toFixed(0)} ms of processor time`);
  assert(tables === 50 && (await page.locator("td").count()) < 40_000);
  assert(busy < TASK_MAX, `${busy} ms`);
});

test("fragments, computed values and actions that lead in a circle end", async (page) => {
  await open(page, (document) => {
    document.template.state = { initial: {}, computed: { a: "state.b || 'end'", b: "state.a || 'end'" } };
    document.fragments = { round: { id: "round", widgets: [node("text", { as: "p", text: "once" }), { type: "fragment", fragmentId: "round" }] } };
    document.actions = [
      { id: "one", type: "setState", stateUpdates: {}, onSuccess: { triggerAction: "two" } },
      { id: "two", type: "setState", stateUpdates: {}, onSuccess: { triggerAction: "one" } },
    ];
    widgets(document, [node("text", { as: "p", text: "computed {{state.a}}" }), { type: "fragment", fragmentId: "round" }, node("button", { text: "Start", action: "one" })]);
  });
  await page.getByText("computed end").waitFor();
  assert.equal(await page.getByText("once").count(), 1);
  await page.getByRole("button", { name: "Start" }).click();
  await page.getByText("start one another without an end").waitFor();
});

test("polling of nothing and thousands of loaders do not flood the server", async (page) => {
  let requests = 0;
  page.on("request", (request) => (requests += request.url().endsWith("/page/loaders") ? 1 : 0));
  const loaders = Array.from({ length: 5_000 }, (_, index) => ({ id: `l${index}`, apiRoute: "/people", polling: { interval: 0, enabled: true } }));
  await open(page, (document) => {
    document.loaders = loaders;
    widgets(document, [node("text", { text: "quiet", as: "p" })]);
  });
  await until("it polled twice", async () => requests >= 2);
  // One request for all loaders of an interval, at most four in a second.
  assert(requests <= 4, `${requests} requests`);
}, { expected: ["status of 404", "status of 413"] });

test("wrong types everywhere leave a page that works", async (page) => {
  const odd = [null, 0, -1, 1e308, true, [], [[]], {}, { a: 1 }, "", "x".repeat(10_000)];
  await open(page, (document) => {
    document.fragments = null;
    document.loaders = [];
    const types = ["text", "heading", "badge", "button", "card", "cardHeader", "cardFooter", "divider", "input", "checkbox", "checkboxGroup", "toggle", "slider", "hoverBubble", "link", "modal", "slides", "table", "dataTable", "stat", "chart", "form", "container", "fragment"];
    const names = ["text", "label", "level", "variant", "size", "options", "min", "max", "step", "value", "href", "slides", "columns", "data", "series", "x", "sparkline", "schema", "className", "gap", "as", "rows", "change", "height"];
    widgets(document, [
      ...types.flatMap((type) => odd.slice(0, 10).map((value) => node(type, Object.fromEntries(names.map((name) => [name, value]))))),
      null,
      7,
      "text",
      { type: null },
      { type: "text", props: null, children: 5, bindings: null, condition: 7, loop: null },
      node("text", { as: "p", text: "still here" }),
    ]);
  });
  await page.getByText("still here").waitFor();
});

test("axe finds nothing on a page of a hostile plugin", async (page) => {
  await open(page, (document) => {
    document.actions = [{ id: "x", type: "custom" }];
    widgets(document, [
      node("heading", { level: 6, text: "Deep" }),
      node("heading", { level: 1, text: "High" }),
      node("input", {}),
      node("slider", {}),
      node("toggle", {}),
      node("checkbox", {}),
      node("card", { action: "x" }, { children: [node("button", { text: "Inside", action: "x" })] }),
      node("text", { text: "colours", className: "text-gray-100 bg-gray-900 p-1" }),
      node("text", { text: "colours", className: "text-red-500 bg-green-500 p-1" }),
    ]);
  });
  await page.getByRole("heading", { name: "Deep" }).waitFor();
  await assertAccessible(page, "hostile");
});

closeAtEnd();
