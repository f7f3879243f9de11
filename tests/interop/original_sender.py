"""The original pipeline's Twitter client, with a file of posts in place of Twitter.

Listens on a port, accepts ONE connection, and only then sends: the text of each post, one a line,
always ended by a newline. Prints `listening PORT` once it can be connected to (port 0 = any free
one) and `sent N` at the end.
"""

import argparse
import socket
import time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="one post a line")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=9009)
    parser.add_argument("--rate", type=float, default=0.0, help="posts a second; 0 = no limit")
    parser.add_argument("--hold", type=float, default=0.0,
                        help="seconds to keep the connection open at the end (at most)")
    return parser.parse_args()


def send_posts(connection, path, rate):
    """Sends every line of the file. Returns how many."""
    sent = 0
    began = time.monotonic()
    with open(path, "rb") as posts:
        for line in posts:
            connection.sendall(line.rstrip(b"\n") + b"\n")
            sent += 1
            if rate > 0:
                ahead = began + sent / rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
    return sent


def hold(connection, seconds):
    """Keeps the connection until the peer closes it or the time is up.

    A Spark receiver whose peer has closed connects again and again, and logs it.
    """
    connection.settimeout(max(seconds, 0.001))
    try:
        connection.recv(1)
    except OSError:
        pass


def main():
    args = arguments()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((args.host, args.port))
        listener.listen(1)
        print(f"listening {listener.getsockname()[1]}", flush=True)
        connection, _ = listener.accept()
        with connection:
            sent = send_posts(connection, args.file, args.rate)
            print(f"sent {sent}", flush=True)
            if args.hold > 0:
                hold(connection, args.hold)


if __name__ == "__main__":
    main()
