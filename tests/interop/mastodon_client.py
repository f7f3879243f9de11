"""Reads an instance with Mastodon.py: every event of its public stream, then the timeline.

Run by the test `mastodon_py_reads_the_same` of tests/live; arguments: address, token, events. One
line of JSON for each event, then one for the timeline.
"""

import json
import sys

from mastodon import Mastodon, StreamListener


class Done(Exception):
    """All events have arrived."""


class Listener(StreamListener):
    def __init__(self, events):
        super().__init__()
        self.left = events
        self.beats = 0

    def tell(self, *words):
        print(json.dumps(words), flush=True)
        self.left -= 1
        if self.left == 0:
            raise Done

    def on_update(self, status):
        self.tell("update", str(status.id), status.uri, [tag.name for tag in status.tags])

    def on_status_update(self, status):
        assert status.edited_at is not None
        self.tell("status.update", str(status.id), status.uri, [tag.name for tag in status.tags])

    def on_delete(self, status_id):
        self.tell("delete", str(status_id))

    def handle_heartbeat(self):
        self.beats += 1


def main():
    address, token, events = sys.argv[1], sys.argv[2], int(sys.argv[3])
    api = Mastodon(api_base_url=address, access_token=token, version_check_mode="none")
    assert api.account_verify_credentials().acct == "me"
    listener = Listener(events)
    try:
        api.stream_public(listener)
    except Done:
        pass
    assert listener.beats > 0, "no heartbeat came"
    ids, last = [], "0"
    while page := api.timeline_public(min_id=last, limit=40):
        ids += [str(status.id) for status in reversed(page)]
        last = ids[-1]
    print(json.dumps(ids), flush=True)


if __name__ == "__main__":
    main()
