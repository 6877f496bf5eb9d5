#!/usr/bin/env python3
"""Many clients of the decision API at once, from one thread: how long news take to reach them.

  clients.py subscribers URL TOKEN KEY COUNT      SSE subscribers; a ban is posted, ten times
  clients.py pollers URL TOKEN SOCKET COUNT       bouncers, each with a key of its own, that poll the
                                                  stream every 10 s for 30 s while bans are posted
"""
import asyncio, http.client, json, socket, sys, time, urllib.parse
from datetime import datetime, timezone

mode, url, token = sys.argv[1:4]
host, port = urllib.parse.urlsplit(url).hostname, urllib.parse.urlsplit(url).port


def ban(number):
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    value = f"203.0.{number >> 8 & 255}.{number & 255}"
    return json.dumps([{
        "capacity": 0, "events": [], "events_count": 1, "leakspeed": "", "message": "", "scenario": "bench",
        "scenario_hash": "", "scenario_version": "", "simulated": False,
        "source": {"scope": "Ip", "value": value}, "start_at": now, "stop_at": now,
        "decisions": [{"duration": "1h", "origin": "cscli", "scenario": "bench", "scope": "Ip",
                       "type": "ban", "value": value}]}])


def post(number):
    connection = http.client.HTTPConnection(host, port)
    connection.request("POST", "/v1/alerts", ban(number), {"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    answer.read()


def request(target, key):
    return f"GET {target} HTTP/1.1\r\nHost: b\r\nX-Api-Key: {key}\r\nUser-Agent: bench/v1\r\n\r\n".encode()


def shown(name, values):
    values.sort()
    at = lambda part: values[min(len(values) - 1, int(len(values) * part))] * 1000
    print(f"  {name:34} p50 {at(.5):8.1f} ms, p99 {at(.99):8.1f} ms, last {values[-1] * 1000:8.1f} ms, {len(values)} of them")


async def subscribers(key, count):
    arrived = []

    async def one(gate):
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(request("/v1/decisions/events", key))
        await reader.readuntil(b": connected\n\n")
        gate.release()
        while True:
            line = await reader.readline()
            if not line:
                return
            if line.startswith(b"data: ") or b"\"new\"" in line:
                arrived.append(time.monotonic())

    gate = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(one(gate)) for _ in range(count)]
    for _ in tasks:
        await gate.acquire()
    all_last = []
    for number in range(10):
        arrived.clear()
        begun = time.monotonic()
        await asyncio.get_running_loop().run_in_executor(None, post, number)
        while len(arrived) < count:
            assert time.monotonic() < begun + 60, f"{len(arrived)} of {count} heard of it"
            await asyncio.sleep(0.002)
        all_last.append(max(arrived) - begun)
    shown(f"a ban to all of {count} subscribers", all_last)


async def pollers(path, count):
    for number in range(count):
        connection = http.client.HTTPConnection("spillway")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(path)
        connection.request("POST", "/v1/admin/bouncers", json.dumps({"name": f"b{number}", "key": f"k{number}"}))
        assert connection.getresponse().status == 201
    took = []

    async def one(number):
        reader, writer = await asyncio.open_connection(host, port)
        await asyncio.sleep(10 * number / count)
        for round in range(4):
            begun = time.monotonic()
            writer.write(request("/v1/decisions/stream" + ("" if round else "?startup=true"), f"k{number}"))
            head = await reader.readuntil(b"\r\n\r\n")
            assert b" 200 " in head, head
            while True:
                size = int(await reader.readline(), 16)
                await reader.readexactly(size + 2)
                if size == 0:
                    break
            if round:
                took.append(time.monotonic() - begun)
            await asyncio.sleep(max(0, begun + 10 - time.monotonic()))

    async def attacks():
        for number in range(40):
            await asyncio.get_running_loop().run_in_executor(None, post, 1000 + number)
            await asyncio.sleep(1)

    attacking = asyncio.create_task(attacks())
    await asyncio.gather(*(one(number) for number in range(count)))
    attacking.cancel()
    shown(f"deltas of {count} bouncers", took)


asyncio.run({"subscribers": subscribers, "pollers": pollers}[mode](sys.argv[4], int(sys.argv[5])))
