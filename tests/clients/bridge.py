"""python's websockets for bridge.js: a line of JSON for each thing that happens or is to be done."""
import asyncio
import contextlib
import json
import sys

import websockets


def tell(kind, **detail):
    print(json.dumps([kind, detail]), flush=True)


async def obey(socket):
    lines = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        what, *values = json.loads(line)
        await getattr(socket, what)(*values)


async def main(url):
    async with websockets.connect(url) as socket:
        tell("open", extensions=socket.response_headers.get("Sec-WebSocket-Extensions", ""))
        orders = asyncio.ensure_future(obey(socket))
        with contextlib.suppress(websockets.ConnectionClosedError):  # any code but 1000 and 1001
            async for text in socket:
                tell("message", data=text)
        tell("close", code=socket.close_code, reason=socket.close_reason)
        orders.cancel()


asyncio.run(main(sys.argv[1]))
