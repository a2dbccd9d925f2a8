#!/usr/bin/env python3
"""A plugin outside of WebAssembly: a process of the host that uses its HTTP interface with a token.

The host gives each of its processes the variables PUP_API_HOSTNAME, PUP_API_PORT, PUP_API_TOKEN and PUP_PROCESS_ID. This
one reports its memory, follows the events of the host over a web socket, and writes a line to the log of the host
whenever another process fails. It needs Python 3.8 or later and nothing else.
"""

import base64
import datetime
import json
import os
import resource
import socket
import struct
import urllib.request

HOST = os.environ["PUP_API_HOSTNAME"]
PORT = int(os.environ["PUP_API_PORT"])
TOKEN = os.environ["PUP_API_TOKEN"]
OWN = os.environ["PUP_PROCESS_ID"]


def post(path, body):
    """Sends JSON, and raises an error unless the host accepts it."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    url = f"http://{HOST}:{PORT}{path}"
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)).close()


def report():
    """Reports the memory of this process, which appears in its status."""
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    memory = {"rss": rss, "heapTotal": rss, "heapUsed": rss, "external": 0}
    sent = datetime.datetime.now(datetime.timezone.utc).isoformat()
    post("/telemetry", {"sender": OWN, "memory": memory, "sent": sent, "cwd": os.getcwd()})


def send_pong(connection, payload):
    """Answers a ping. Frames of a client are masked."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
    connection.sendall(bytes([0x8A, 0x80 | len(payload)]) + mask + masked)


def frames():
    """Yields the frames of /wss, until the host closes the connection."""
    with socket.create_connection((HOST, PORT)) as connection, connection.makefile("rb") as stream:
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall(
            f"GET /wss HTTP/1.1\r\nHost: {HOST}:{PORT}\r\nAuthorization: Bearer {TOKEN}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
        )
        status = stream.readline()
        if b" 101 " not in status:
            raise RuntimeError(f"the host does not open a web socket: {status.decode().strip()}")
        while stream.readline().strip():
            pass
        print("following", flush=True)
        while len(head := stream.read(2)) == 2:
            opcode, length = head[0] & 0x0F, head[1] & 0x7F
            if length == 126:
                (length,) = struct.unpack(">H", stream.read(2))
            elif length == 127:
                (length,) = struct.unpack(">Q", stream.read(8))
            payload = stream.read(length)
            if opcode == 0x1:
                yield json.loads(payload)
            elif opcode == 0x8:
                return
            elif opcode == 0x9:
                send_pong(connection, payload)


def main():
    report()
    # The host ends a web socket after a quarter of an hour.
    while True:
        for frame in frames():
            data = frame["d"]
            if frame["t"] == "process_status_changed" and data["newState"] == "failed":
                code = data["status"].get("code")
                message = f"process {data['processId']} has failed with exit code {code}"
                post("/log", {"severity": "warn", "plugin": OWN, "message": message})


if __name__ == "__main__":
    main()
