"""``python -m christmas.demo``: the sample shops alone, until their input is closed or they are stopped by a signal."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading

from christmas.demo.server import DemoServer


def main() -> None:
    """Print the shops' addresses as one JSON line, then serve."""
    parser = argparse.ArgumentParser(prog="python -m christmas.demo", description=__doc__)
    parser.add_argument("--size", type=_count, default=300, help="ornaments per shop")
    parser.add_argument("--seed", type=int, default=1973)
    parser.add_argument("--per-page", type=_count, default=12, help="products on one listing page")
    parser.add_argument("--generation", action="append", default=[], metavar="VENDOR=NAME", help="template generation")
    arguments = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    server = DemoServer(arguments.size, arguments.seed, arguments.per_page)
    for choice in arguments.generation:
        vendor, _, name = choice.partition("=")
        if vendor not in server.shops:
            parser.error(f"--generation: no sample shop is called {vendor!r}: use one of {', '.join(server.shops)}.")
        try:
            server.shops[vendor].set_generation(name)
        except ValueError as error:
            parser.error(f"--generation: {error}")
    with server:
        sys.stdout.write(json.dumps({vendor: shop.base_url for vendor, shop in server.shops.items()}) + "\n")
        sys.stdout.flush()
        threading.Thread(target=_end_with_input, args=[ended], daemon=True).start()
        ended.wait()


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def _end_with_input(ended: threading.Event) -> None:
    # Not through sys.stdin: a thread that waits in it when the interpreter ends is a fatal error.
    while os.read(0, 65_536):
        pass
    ended.set()


if __name__ == "__main__":
    main()
