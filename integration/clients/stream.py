"""A stream bouncer on pycrowdsec: prints when an address is banned and when it is free again."""

import sys
import time

from pycrowdsec.client import StreamClient

url, key, address = sys.argv[1:]
client = StreamClient(lapi_url=url, api_key=key, interval=1)
client.run()
told = None
for _ in range(600):
    state = "banned" if client.get_action_for(address) == "ban" else "free"
    if state == "banned" or told == "banned":
        if state != told:
            print(state, address, flush=True)
            if state == "free":
                break
            told = state
    time.sleep(0.1)
