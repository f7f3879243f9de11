"""The original pipeline's Spark Streaming job, written from the description of its wires.

Reads post text, one post a line, from a TCP socket; splits each line on single spaces; keeps the
words that contain `#`; sums them over all batches; puts the totals in a table `hashtags`; selects
the ten largest by SQL; shows them; posts them to a dashboard. Where it differs from the original:
addresses and the batch interval are arguments, and it ends. It ends when its totals add up to
`--until-total` (one more batch is awaited, so that a double count would show), writes its whole
table as a JSON object to `--out`, and leaves no temporary files.

Exit code: 0 done, 1 the deadline passed first (the table is written all the same).
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=9009)
    parser.add_argument("--dashboard", help="whole URL of /updateData; none = do not post")
    parser.add_argument("--batch", type=int, default=2, help="batch interval, seconds")
    parser.add_argument("--until-total", type=int, required=True)
    parser.add_argument("--timeout", type=float, default=240.0, help="deadline, seconds")
    parser.add_argument("--out", required=True, help="where the whole table goes, as JSON")
    return parser.parse_args()


def sum_tags(new_values, total):
    """One key's total over all batches."""
    return sum(new_values) + (total or 0)


# The visible state of the run. The checkpoint pickles the function of `foreachRDD` with everything
# that it refers to, so these are plain values, and the session is looked up instead of stored.
SEEN = {"table": {}, "batches": 0, "posted": 0, "seconds": None, "dashboard": None}


def each_batch(batch_time, rdd):
    """Prints and posts the ten largest, as the original does each batch."""
    from pyspark.sql import Row, SparkSession

    print(f"----------- {batch_time} -----------", flush=True)
    if not rdd.isEmpty():
        SEEN["table"] = dict(rdd.collect())
        session = SparkSession.builder.getOrCreate()
        rows = rdd.map(lambda pair: Row(hashtag=pair[0], hashtag_count=pair[1]))
        session.createDataFrame(rows).registerTempTable("hashtags")
        top = session.sql(
            "select hashtag, hashtag_count from hashtags order by hashtag_count desc limit 10"
        )
        top.show()
        if SEEN["dashboard"]:
            post(top.collect(), SEEN["dashboard"])
    SEEN["batches"] += 1


def post(rows, url):
    """Posts Python list literals in a form, as the original's dashboard expects them."""
    import requests

    form = {
        "label": str([str(row.hashtag) for row in rows]),
        "data": str([row.hashtag_count for row in rows]),
    }
    reply = requests.post(url, data=form, timeout=10)
    print(f"posted {len(rows)} rows: {reply.status_code} {reply.text}", flush=True)
    SEEN["posted"] += 1


def stream(args, context, scratch):
    """Builds the stream, as the original does. Returns it unstarted."""
    from pyspark.streaming import StreamingContext

    streaming = StreamingContext(context, args.batch)
    streaming.checkpoint(os.path.join(scratch, "checkpoint_TwitterApp"))
    lines = streaming.socketTextStream(args.host, args.port)
    words = lines.flatMap(lambda line: line.split(" "))
    tags = words.filter(lambda word: "#" in word).map(lambda word: (word, 1))
    tags.updateStateByKey(sum_tags).foreachRDD(each_batch)
    return streaming


def wait_for_total(streaming, args):
    """True once the totals add up and one more batch went by; false at the deadline."""
    began = time.monotonic()
    deadline = began + args.timeout
    reached_at = None
    while time.monotonic() < deadline:
        streaming.awaitTerminationOrTimeout(0.1)
        if reached_at is None and sum(SEEN["table"].values()) >= args.until_total:
            reached_at = SEEN["batches"]
            SEEN["seconds"] = time.monotonic() - began
        if reached_at is not None and SEEN["batches"] > reached_at:
            return True
    return False


def run(args, scratch):
    """One whole run in a scratch directory; true if it ended by itself."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["SPARK_LOCAL_DIRS"] = scratch
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark import SparkConf, SparkContext
    from pyspark.sql import SparkSession

    conf = SparkConf().setAppName("TwitterStreamApp").setMaster("local[2]")
    conf.set("spark.sql.shuffle.partitions", "2")
    conf.set("spark.default.parallelism", "2")
    conf.set("spark.ui.enabled", "false")
    conf.set("spark.ui.showConsoleProgress", "false")
    conf.set("spark.driver.memory", "1g")
    conf.set("spark.driver.host", "127.0.0.1")
    conf.set("spark.driver.bindAddress", "127.0.0.1")
    conf.set("spark.sql.warehouse.dir", os.path.join(scratch, "warehouse"))
    conf.set("spark.driver.extraJavaOptions", f"-Djava.io.tmpdir={scratch}")
    context = SparkContext(conf=conf)
    context.setLogLevel("ERROR")
    SparkSession(context)
    SEEN["dashboard"] = args.dashboard
    streaming = stream(args, context, scratch)
    streaming.start()
    done = wait_for_total(streaming, args)
    with open(args.out + ".part", "w", encoding="utf-8") as out:
        json.dump({key: SEEN[key] for key in ("table", "batches", "posted", "seconds")}, out)
    os.replace(args.out + ".part", args.out)
    streaming.stop(stopSparkContext=True, stopGraceFully=False)
    return done


def main():
    args = arguments()
    scratch = tempfile.mkdtemp(prefix="original-spark-")
    try:
        done = run(args, scratch)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if not done:
        print(f"deadline of {args.timeout} s passed before the totals added up", flush=True)
    sys.exit(0 if done else 1)


if __name__ == "__main__":
    main()
