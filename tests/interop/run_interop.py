"""Runs parts of tagtide with the other parts of the original pipeline, on loopback.

Four checks: our relay feeds the original Spark job, whose posts our dashboard shows; the original's
sender feeds our run; our run posts to the original's dashboard; the same posts through the Spark
job and through our replay give equal counts for every key.

Run by `cargo xtask test --only interop`; by hand: `python run_interop.py --tagtide PATH`. Every
wait has a deadline, and every process that was started is ended with its check.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from collections import Counter
from pathlib import Path

import requests

HERE = Path(__file__).resolve().parent
POSTS = 20_000
SEED = 7
DEADLINE = 60.0
SPARK_DEADLINE = 240.0
OPTIONS = argparse.Namespace(tagtide=None)


def free_port():
    """A free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def count_words(path):
    """The original's counts of a file of posts: every word with `#`, every time."""
    lines = path.read_text(encoding="utf-8").split("\n")
    return Counter(word for line in lines for word in line.split(" ") if "#" in word)


def wait_for(what, probe, deadline=DEADLINE):
    """The first true result of `probe`; fails at the deadline with the last one."""
    end = time.monotonic() + deadline
    while True:
        try:
            answer = probe()
        except (requests.RequestException, OSError) as error:
            answer, problem = None, error
        else:
            problem = answer
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s for {what}; last: {problem!r}")
        time.sleep(0.05)


def get(url):
    """JSON of a URL."""
    reply = requests.get(url, timeout=5)
    reply.raise_for_status()
    return reply.json()


class Interop(unittest.TestCase):
    """One check per test, each with a directory and processes of its own."""

    maxDiff = 2_000

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="interop-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.posts = Path(cls.folder.name) / "posts.txt"
        words = ["generate", "--posts", str(POSTS), "--seed", str(SEED), "--format", "text"]
        with open(cls.posts, "wb") as out:
            subprocess.run([OPTIONS.tagtide, *words], stdout=out, check=True, timeout=DEADLINE)
        cls.expected = count_words(cls.posts)
        assert len(cls.posts.read_bytes().splitlines()) == POSTS
        assert len(cls.expected) > 100, "the generated posts hold too few tags to show anything"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="interop-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    # --- processes

    def start(self, name, *words):
        """Starts a process whose output goes to a log, shown if its check fails."""
        log = self.folder / f"{name}.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.addCleanup(self.end, process, name, log)
        return process, log

    def end(self, process, name, log):
        """Kills the process with its descendants; prints its log if the check failed."""
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait(timeout=10)
        outcome = self._outcome.result
        if any(test is self for test, _ in outcome.failures + outcome.errors):
            text = log.read_text(encoding="utf-8", errors="replace")
            print(f"--- {name}\n{text[-4000:]}", flush=True)

    def tagtide(self, name, *words):
        return self.start(name, OPTIONS.tagtide, *words)

    def sender(self):
        """Starts the original's sender on a free port. Returns the port."""
        script = HERE / "original_sender.py"
        hold = ["--port", 0, "--hold", SPARK_DEADLINE]
        _, log = self.start("sender", sys.executable, "-u", script, self.posts, *hold)
        line = wait_for("the sender", lambda: log.read_text() if "\n" in log.read_text() else None)
        return int(line.split()[1])

    def flask(self):
        """Starts the original's dashboard. Returns its address."""
        port = free_port()
        script = HERE / "original_dashboard.py"
        self.start("flask", sys.executable, script, "--host", "127.0.0.1", "--port", port)
        base = f"http://127.0.0.1:{port}"
        wait_for("the Flask dashboard", lambda: get(f"{base}/refreshData"))
        return base

    def spark(self, port, *words):
        """Runs the original Spark job to its end. Returns its output."""
        out = self.folder / "table.json"
        total = sum(self.expected.values())
        script = HERE / "original_spark.py"
        address = ["--host", "127.0.0.1", "--port", port, "--batch", 1]
        ends = ["--until-total", total, "--timeout", SPARK_DEADLINE, "--out", out]
        process, _ = self.start("spark", sys.executable, script, *address, *ends, *words)
        self.assertEqual(process.wait(timeout=SPARK_DEADLINE + 60), 0, "the Spark job failed")
        return json.loads(out.read_text(encoding="utf-8"))

    def job(self, source, *sinks):
        """Writes a job file with the original's rule. Returns its path."""
        sinks = "".join(f'[[sink]]\nkind = "dashboard"\nurl = "{url}"\n' for url in sinks)
        path = self.folder / "interop.toml"
        path.write_text(
            'name = "interop"\nrule = "words"\noccurrences = "all"\nbatch = "200ms"\n'
            '[count]\nmodes = ["total"]\nmode = "total"\ntop = 10\n'
            f"[[source]]\n{source}\n{sinks}",
            encoding="utf-8",
        )
        return path

    # --- expectations

    def assert_top_ten(self, labels, values):
        """Ten rows with the ten largest counts; ties can be in any order."""
        largest = sorted(self.expected.values(), reverse=True)[:10]
        self.assertEqual(sorted(values, reverse=True), largest)
        self.assertEqual(list(values), [self.expected[label] for label in labels])
        self.assertEqual(len(set(labels)), 10)

    def shown(self, base):
        """The chart of a dashboard once it shows all posts, ours or the original's."""
        largest = sorted(self.expected.values(), reverse=True)[:10]

        def probe():
            chart = get(f"{base}/refreshData")
            return chart if sorted(chart["sData"], reverse=True) == largest else None

        return wait_for("a chart of all posts", probe)

    # --- the checks

    def test_a_our_relay_feeds_the_original_job_and_our_dashboard_shows_it(self):
        relay, dashboard = free_port(), free_port()
        base = f"http://127.0.0.1:{dashboard}"
        self.tagtide("dashboard", "dashboard", "--listen", f"127.0.0.1:{dashboard}")
        wait_for("our dashboard", lambda: get(f"{base}/refreshData"))
        self.tagtide("relay", "relay", self.posts, "--listen", f"127.0.0.1:{relay}")
        result = self.spark(relay, "--dashboard", f"{base}/updateData")
        self.assertGreater(result["posted"], 0, "the Spark job posted nothing")
        chart = self.shown(base)
        self.assert_top_ten(chart["sLabel"], chart["sData"])
        self.assertEqual(result["table"], dict(self.expected))

    def test_b_the_original_sender_feeds_our_run(self):
        address = f"127.0.0.1:{self.sender()}"
        port = free_port()
        job = self.job(f'kind = "tcp"\naddr = "{address}"\nformat = "text"')
        state = ["--state-dir", self.folder / "state"]
        self.tagtide("run", "run", job, "--quiet", "--listen", f"127.0.0.1:{port}", *state)
        base = f"http://127.0.0.1:{port}"

        def probe():
            return get(f"{base}/api/v1/status")["counters"]["posts"] == POSTS

        wait_for("all posts", probe)
        chart = self.shown(base)
        self.assert_top_ten(chart["sLabel"], chart["sData"])
        trends = get(f"{base}/api/v1/trends?mode=total&top=10")["trends"]
        counts = [row["count"] for row in trends]
        self.assert_top_ten([row["tag"] for row in trends], counts)

    def test_c_our_run_posts_to_the_original_dashboard(self):
        base = self.flask()
        job = self.job(
            f'kind = "file"\npaths = ["{self.posts}"]\nformat = "text"\npace = {POSTS // 2}',
            f"{base}/updateData",
        )
        listen = ["--listen", f"127.0.0.1:{free_port()}"]
        state = ["--state-dir", self.folder / "state"]
        process, _ = self.tagtide("run", "run", job, "--quiet", *listen, *state)
        chart = self.shown(base)
        self.assert_top_ten(chart["sLabel"], chart["sData"])
        self.assertEqual(process.wait(timeout=DEADLINE), 0)

    def test_d_both_give_equal_counts_for_every_key(self):
        result = self.spark(self.sender())
        words = ["--rule", "words", "--mode", "total", "--top", "10000000", "--json"]
        replay = subprocess.run(
            [OPTIONS.tagtide, "replay", str(self.posts), *words],
            capture_output=True,
            check=True,
            timeout=DEADLINE,
        )
        ours = json.loads(replay.stdout)
        counts = {row["tag"]: row["count"] for row in ours["trends"]}
        self.assertEqual(ours["posts"], POSTS)
        self.assertEqual(counts, result["table"])
        self.assertEqual(counts, dict(self.expected))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tagtide", required=True, help="the program under test")
    known, rest = parser.parse_known_args()
    OPTIONS.tagtide = str(Path(known.tagtide).resolve())
    unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
