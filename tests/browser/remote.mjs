// Plugins that an operator installs in the dashboard from a registry, Debian's `docker-registry`, or from a URL.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as listen } from "node:net";
import { test as nodeTest } from "node:test";
import { assertAccessible, closeAtEnd, test as testOf, until } from "./browser.mjs";
import { command, component, serve, tokenOf, work } from "./host.mjs";

if (spawnSync("docker-registry", ["--help"]).error) {
  throw new Error("docker-registry is not installed (Debian: apt-get install docker-registry)");
}

/** Starts a registry on a free port, and resolves to its address and the function that ends it. */
async function registry() {
  // The port is free now; the registry ends if another process takes it meanwhile.
  const address = await new Promise((resolve) => {
    const free = listen().listen(0, "127.0.0.1", () => {
      const { port } = free.address();
      free.close(() => resolve({ host: "127.0.0.1", port }));
    });
  });
  const name = `${address.host}:${address.port}`;
  const config = { version: "0.1", log: { level: "error" }, storage: { filesystem: { rootdirectory: `${work}/storage` } }, http: { addr: name } };
  writeFileSync(`${work}/registry.yml`, JSON.stringify(config));
  const child = spawn("docker-registry", ["serve", `${work}/registry.yml`], { stdio: "ignore", env: { PATH: process.env.PATH } });
  await until("the registry accepts connections", () => {
    assert.equal(child.exitCode, null, "docker-registry ended");
    return new Promise((resolve) => {
      const socket = connect(address, () => resolve(true));
      socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
    });
  });
  return { name, stop: () => child.kill() };
}

const { name: registryName, stop: stopRegistry } = await registry();
// A server that any request reaches, for references that the host refuses before it asks.
const requests = [];
const other = createServer((request, response) => {
  requests.push(request.url);
  response.end();
});
await new Promise((listens) => other.listen(0, "127.0.0.1", listens));
const otherName = `127.0.0.1:${other.address().port}`;

/** Publishes a version of the plugin `shop` in the registry. */
function publish(version, more) {
  const directory = `${work}/shop`;
  mkdirSync(directory, { recursive: true });
  copyFileSync(component("hello"), `${directory}/shop.wasm`);
  const manifest = { name: "shop", version, description: "A plugin of a registry.", entry_point: "shop.wasm", actions: [{ name: "greet" }] };
  writeFileSync(`${directory}/plugin.json`, JSON.stringify({ ...manifest, ...more }));
  const settings = `${work}/wkg.toml`;
  writeFileSync(settings, `[registry."${registryName}".oci]\nprotocol = "http"\n`);
  command(["publish", directory, reference(version)], { env: { ...process.env, WKG_CONFIG_FILE: settings } });
}

const reference = (version) => `oci://${registryName}/acme/shop:${version}`;

publish("1.0.0");
publish("2.0.0", { permissions: [{ resource: "db.orders", actions: ["read"] }] });
const host = await serve({ catalog: { plain_hosts: [registryName], private_hosts: [registryName] } });
const token = tokenOf("operator", "manage");

const test = (name, run, options) =>
  testOf(
    name,
    async (page) => {
      assert.ok((await page.request.post("/api/v1/session", { data: { token } })).ok());
      await run(page);
    },
    { baseURL: host.url, ...options },
  );
const button = (page, name) => page.getByRole("button", { name, exact: true });
const heading = (page, name) => page.getByRole("heading", { name, exact: true });

/** Reviews what a reference leads to. */
async function review(page, reference) {
  await page.getByLabel("Reference").fill(reference);
  await page.locator("form").filter({ has: page.getByLabel("Reference") }).getByRole("button", { name: "Review" }).click();
}

test("a plugin is installed from a registry after a review, and updated from it", async (page) => {
  await page.goto("/-/install");
  await review(page, reference("1.0.0"));
  await button(page, "Install shop").waitFor();
  await page.getByText("A plugin of a registry.").waitFor();
  await page.getByText(reference("1.0.0")).first().waitFor();
  await page.getByText("It asks for no permission.").waitFor();
  await assertAccessible(page, "review-registry");
  await button(page, "Back").click();
  await review(page, reference("1.0.0"));
  await button(page, "Install shop").click();
  await heading(page, "shop").waitFor();
  await page.getByText("ready").first().waitFor();

  // Its source has a newer version.
  await page.getByRole("link", { name: "Update shop" }).click();
  await heading(page, "Update shop").waitFor();
  await page.locator("form").filter({ hasText: "From a URL" }).getByRole("button", { name: "Review" }).click();
  await page.getByText("1.0.0 → 2.0.0").waitFor();
  await page.getByRole("cell", { name: "db.orders:read" }).waitFor();
  await button(page, "Back").click();
  await review(page, reference("1.0.0"));
  await page.getByText("This version is installed already. Nothing would change.").waitFor();
  await button(page, "Back").click();
  await review(page, reference("2.0.0"));
  await button(page, "Update shop").click();
  await page.getByText("shop 2.0.0 is updated.").waitFor();
  await page.getByText(reference("2.0.0")).first().waitFor();
});

test("a reference that leads to no plugin says why, and can be corrected", async (page) => {
  await page.goto("/-/install");
  const alert = page.getByRole("alert").filter({ hasText: /\w/ });
  for (const [wrong, reason] of [
    [reference("9.9.9"), /9\.9\.9/],
    [`http://${otherName}/plugin.yaml`, /use https:\/\//],
    [`https://${otherName}/plugin.yaml`, /private|loopback|127\.0\.0\.1/],
    ["/etc/passwd", /\w/],
  ]) {
    await review(page, wrong);
    await alert.filter({ hasText: reason }).first().waitFor();
    assert.equal(await page.getByLabel("Reference").inputValue(), wrong, "what was entered stays");
    assert.equal(await page.getByRole("button", { name: /^Install / }).count(), 0);
  }
  assert.deepEqual(requests, [], "a refused address is not asked");
  await assertAccessible(page, "review-refused");
  await review(page, reference("1.0.0"));
  await page.getByText("A plugin of a registry.").waitFor();
}, { expected: ["status of 4", "status of 5"] });

closeAtEnd();
nodeTest("the host ends", async () => {
  stopRegistry();
  other.close();
  assert.equal(await host.stop(), 0);
});
