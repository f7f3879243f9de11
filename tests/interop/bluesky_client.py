"""Reads a Jetstream server's v2 wire with atproto, an independent Python SDK.

Run by the test `atproto_reads_the_same` of tests/live; arguments: address (ws://host:port), number
of events, `zstd` or `plain`. One line of JSON for each event. Every frame goes through the SDK's own
models; every event and every post is checked once more with the formats of its strings.
"""

import json
import sys

from atproto import models
from atproto_client.models.utils import get_or_create
from atproto_jetstream import JetstreamClient
from atproto_jetstream.models import parse_frame

POSTS = "app.bsky.feed.post"


def strictly(data, model):
    return get_or_create(data, model, strict=True, strict_string_format=True)


def tags_of(record):
    """Tags of a post, each of which must be in the text at the place given by its facet."""
    post = strictly(record, models.AppBskyFeedPost.Record)
    text = post.text.encode()
    tags = []
    for facet in post.facets or []:
        for feature in facet.features:
            assert isinstance(feature, models.AppBskyRichtextFacet.Tag), feature
            shown = text[facet.index.byte_start : facet.index.byte_end].decode()
            assert shown == "#" + feature.tag, (shown, feature.tag)
            tags.append(feature.tag)
    return tags


class Client(JetstreamClient):
    """The SDK's client, which also stores each raw frame."""

    def _decode_frame(self, raw_frame):
        packed = isinstance(raw_frame, bytes)
        assert packed == self.compressed, "packed where it was not asked for, or not where it was"
        plain = self._compression.decompress(raw_frame) if packed else raw_frame
        self.payload = getattr(parse_frame(plain), "payload", None)
        return super()._decode_frame(raw_frame)


def main():
    address, left, wire = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    params = {"kinds": ["commit", "account"], "collections": [POSTS], "cursor": 1}
    client = Client(params, f"{address}/xrpc", compress=wire == "zstd")

    def on_message(message):
        nonlocal left
        payload = client.payload
        assert message.seq == payload["seq"]
        if isinstance(message, models.NetworkBskyJetstreamSubscribeEvents.Commit):
            strictly(payload, models.NetworkBskyJetstreamSubscribeEvents.Commit)
            record = payload.get("record")
            assert (record is None) == (message.operation == "delete")
            tags = None if record is None else tags_of(record)
            words = [message.operation, message.seq, message.did, message.rkey, tags]
        else:
            account = strictly(payload, models.NetworkBskyJetstreamSubscribeEvents.Account)
            assert account.account.active is False
            words = ["account", message.seq, message.did, account.account.status]
        print(json.dumps(words), flush=True)
        left -= 1
        if left == 0:
            client.stop()

    client.start(on_message)


if __name__ == "__main__":
    main()
