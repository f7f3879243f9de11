"""Checks our requests to X, and our stand-in for X, with independent libraries, on loopback.

oauthlib checks the signature of every request that `tagtide run` makes of X API v1.1, over a socket;
tweepy reads the filtered stream of a stand-in server (`--stream URL`, which tests/live/x_process.rs
gives) and prints the ids that it saw.

Run by `cargo xtask test --only interop`; by hand: `python run_x.py --tagtide PATH`.
"""

import argparse
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

OPTIONS = argparse.Namespace(tagtide=None)
DEADLINE = 60.0
POSTS = 30
KEYS = {
    "X_KEY": "consumer-key/+",
    "X_KEY_SECRET": "consumer&secret=%",
    "X_TOKEN": "token-1~._",
    "X_TOKEN_SECRET": "token+secret/=&",
}


def validator():
    """Accepts only our keys, and each nonce once."""
    from oauthlib.oauth1 import RequestValidator

    class Validator(RequestValidator):
        enforce_ssl = False
        client_key_length = (1, 64)
        access_token_length = (1, 64)
        nonce_length = (20, 64)
        nonces = set()

        def check_client_key(self, client_key):
            return client_key == KEYS["X_KEY"]

        def check_access_token(self, request_token):
            return request_token == KEYS["X_TOKEN"]

        def validate_client_key(self, client_key, request):
            return client_key == KEYS["X_KEY"]

        def validate_access_token(self, client_key, token, request):
            return token == KEYS["X_TOKEN"]

        def validate_realms(self, client_key, token, request, uri=None, realms=None):
            return True

        def validate_timestamp_and_nonce(self, client_key, timestamp, nonce, request, **_):
            is_new = nonce not in self.nonces
            self.nonces.add(nonce)
            return is_new and abs(int(timestamp) - time.time()) < 60

        def get_client_secret(self, client_key, request):
            return KEYS["X_KEY_SECRET"]

        def get_access_token_secret(self, client_key, token, request):
            return KEYS["X_TOKEN_SECRET"]

        @property
        def dummy_client(self):
            return "dummy"

        @property
        def dummy_access_token(self):
            return "dummy"

    return Validator()


class Handler(http.server.BaseHTTPRequestHandler):
    """A v1.1 server that answers only requests with a signature that oauthlib accepts."""

    seen = []
    endpoint = None

    def do_GET(self):
        from oauthlib.oauth1 import ResourceEndpoint

        uri = f"http://{self.headers['Host']}{self.path}"
        header = {"Authorization": self.headers["Authorization"] or ""}
        endpoint = ResourceEndpoint(Handler.endpoint)
        valid, _ = endpoint.validate_protected_resource_request(uri, "GET", headers=header)
        Handler.seen.append((self.path, valid))
        if not valid:
            self.send_error(401)
            return
        self.send_response(200)
        self.end_headers()
        # Three streams, so that three requests are checked.
        for number in range((len(Handler.seen) - 1) * 10, len(Handler.seen) * 10):
            post = {
                "id_str": str(number),
                "text": "#a",
                "timestamp_ms": str(int(time.time() * 1000)),
                "user": {"id_str": "1"},
                "entities": {"hashtags": [{"text": "a", "indices": [0, 2]}]},
            }
            line = json.dumps(post).encode() + b"\r\n"
            self.wfile.write(b"%d\n%s" % (len(line), line))
        self.wfile.flush()
        if len(Handler.seen) >= POSTS // 10:
            time.sleep(DEADLINE)

    def log_message(self, *_):
        pass


class Interop(unittest.TestCase):
    def test_oauthlib_takes_our_signature(self):
        Handler.endpoint = validator()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.shutdown)
        with tempfile.TemporaryDirectory(prefix="interop-") as folder:
            for name, secret in KEYS.items():
                Path(folder, name).write_text(secret, encoding="utf-8")
            names = ["consumer_key", "consumer_secret", "token", "token_secret"]
            files = "".join(
                f'{key}_file = "{folder}/{name}"\n' for key, name in zip(names, KEYS)
            )
            job = Path(folder, "job.toml")
            job.write_text(
                'name = "interop"\nbatch = "50ms"\n[[source]]\nkind = "x-v1"\n'
                f'base_url = "http://localhost:{server.server_port}"\n{files}'
                'track = ["#", "a b", "é+&="]\nlocations = [-74, 40, -73, 41]\n',
                encoding="utf-8",
            )
            words = ["run", str(job), "--json", "--listen", "none", "--state-dir", "none"]
            process = subprocess.Popen(
                [OPTIONS.tagtide, *words, "--hurry", "100"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            timer = threading.Timer(DEADLINE, process.kill)
            timer.start()
            try:
                posts = 0
                for line in process.stdout:
                    posts = json.loads(line)["posts"]
                    if posts == POSTS or not all(valid for _, valid in Handler.seen):
                        break
            finally:
                timer.cancel()
                process.kill()
                process.wait()
                process.stdout.close()
        self.assertEqual([valid for _, valid in Handler.seen], [True] * (POSTS // 10))
        self.assertEqual(posts, POSTS)
        self.assertIn("track=%23%2Ca%20b%2C%C3%A9%2B%26%3D", Handler.seen[0][0])


def read_stream(base, count):
    """Adds a rule and reads posts with tweepy, with only its address changed."""
    import requests
    import tweepy

    class Near(requests.Session):
        def request(self, method, url, **words):
            url = url.replace("https://api.twitter.com", base)
            return super().request(method, url, **words)

    class Client(tweepy.StreamingClient):
        seen = []

        def on_tweet(self, tweet):
            self.seen.append(str(tweet.id))
            if len(self.seen) == count:
                self.disconnect()

        def on_errors(self, errors):
            print(f"errors: {errors}", file=sys.stderr)

    client = Client(os.environ["X_BEARER_TOKEN"], max_retries=1)
    client.session = Near()
    client.add_rules(tweepy.StreamRule("#tweepy", tag="theirs"))
    rules = [rule.value for rule in client.get_rules().data]
    client.filter(tweet_fields=["created_at", "entities"])
    print(json.dumps({"rules": rules, "ids": Client.seen}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tagtide", help="the program under test")
    parser.add_argument("--stream", help="read this server with tweepy instead")
    parser.add_argument("--count", type=int, default=100)
    known, rest = parser.parse_known_args()
    if known.stream:
        read_stream(known.stream, known.count)
        return
    OPTIONS.tagtide = str(Path(known.tagtide).resolve())
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
