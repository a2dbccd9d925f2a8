// A host of a test file's own: `plugbay serve` with a file that names its plugins. They are built unless
// BROWSER_TEST_PLUGINS names a directory that has them, such as `notes.wasm`.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

const plugbay = process.env.BROWSER_TEST_PLUGBAY;

/** A directory of this file, which `stop` removes. */
export const work = mkdtempSync(`${tmpdir()}/plugbay-browser-`);
/** The data directory of the host. */
export const dataDir = `${work}/data`;
const built = process.env.BROWSER_TEST_PLUGINS ?? work;

/** The output of a command of the host. */
export function command(args, options = {}) {
  const ran = spawnSync(plugbay, args, { encoding: "utf8", ...options });
  assert.equal(ran.status, 0, ran.stderr);
  return ran.stdout.trim();
}

/** The component of an example plugin, or its directory if it was built with one. */
export function component(name) {
  const directory = `${built}/${name}`;
  if (existsSync(directory)) return directory;
  const file = `${built}/${name}.wasm`;
  if (!existsSync(file)) command(["build", `example-plugins/${name}`, "--output", file, "--quiet"]);
  return file;
}

/**
 * Starts the host with the content of its file, and resolves to what it prints, such as `url` and `sign_in`, and the
 * function that ends it.
 */
export async function serve(file, { address = "127.0.0.1:0", args = [] } = {}) {
  const path = `${work}/plugbay.json`;
  writeFileSync(path, JSON.stringify(file));
  const settings = ["--json", "--quiet", "--sign-in-link", "--address", address, "--data-dir", dataDir, "--host-file", path];
  const child = spawn(plugbay, ["serve", ...settings, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await ended;
    rmSync(work, { recursive: true, force: true, maxRetries: 5 });
    return code;
  };
  for await (const line of createInterface({ input: child.stdout })) return { ...JSON.parse(line), stop };
  throw new Error("the host printed nothing");
}

/** A token of the host with these scopes. */
export const tokenOf = (consumer, ...scopes) =>
  command(["token", "create", "--consumer", consumer, ...scopes.flatMap((scope) => ["--scope", scope]), "--data-dir", dataDir]);
