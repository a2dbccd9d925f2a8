// Lists and calls tools with the official TypeScript client, over HTTP and over standard streams.
// Usage: node mcp_client.mjs URL PLUGBAY DATA_DIR, in a directory with @modelcontextprotocol/sdk
import assert from "node:assert";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";

const [url, plugbay, dataDir] = process.argv.slice(2);

async function use(transport) {
  const client = new Client({ name: "ci", version: "1.0.0" });
  await client.connect(transport);
  const names = (await client.listTools()).tools.map((tool) => tool.name);
  assert(names.includes("hello.hello") && names.includes("items.create_user"), names.join());
  const called = await client.callTool({ name: "hello.hello", arguments: { name: "Ada" } });
  assert.equal(called.content[0].text, "Hello, Ada!");
  const refused = await client.callTool({ name: "items.create_user", arguments: { name: 1 } });
  assert(refused.isError && refused.content[0].text.includes("validation_error"), JSON.stringify(refused));
  console.log("typescript", names.join());
  await client.close();
}

await use(new StreamableHTTPClientTransport(new URL(`${url}/mcp`)));
await use(new StdioClientTransport({ command: plugbay, args: ["mcp", "--data-dir", dataDir, "--expose", "*"] }));
