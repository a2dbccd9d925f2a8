"""Lists and calls tools with the official Python client, in both lives of the protocol and over standard streams.

Usage: mcp_client.py URL PLUGBAY DATA_DIR
"""

import asyncio
import sys

from mcp import Client, StdioServerParameters


async def use(server, mode):
    async with Client(server, mode=mode) as client:
        tools = (await client.list_tools()).tools
        names = [tool.name for tool in tools]
        assert "hello.hello" in names and "items.create_user" in names, names
        called = await client.call_tool("hello.hello", {"name": "Ada"})
        assert not called.is_error and called.content[0].text == "Hello, Ada!", called
        refused = await client.call_tool("items.create_user", {"name": 1})
        assert refused.is_error and "validation_error" in refused.content[0].text, refused
        print("python", mode, client.protocol_version, names)


async def main():
    url, plugbay, data_dir = sys.argv[1:]
    command = StdioServerParameters(command=plugbay, args=["mcp", "--data-dir", data_dir, "--expose", "*"])
    for mode in ["legacy", "auto"]:
        await use(f"{url}/mcp", mode)
        await use(command, mode)


asyncio.run(main())
