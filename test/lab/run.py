#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the cases of the fault lab, several at a time, and tells how they went; see script/lab.

A case is a process group of its own (case.sh), in namespaces of its own: what is left of one when
it is interrupted is cleaned up by itself, on SIGTERM to its group.
"""
import argparse
import datetime
import fnmatch
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time

CASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "case.sh")
MODES = ("stripe", "duplicate", "converge", "backup")
SLEEPER_S = 300  # a case that takes so long sleeps most of it, and takes nobody's place
CLEAN_UP_S = 20
JOBS_PER_CORE = 4


class Scenario:
    def __init__(self, line):
        self.name, seconds, short, self.expected, self.words = line.split("\t")
        self.seconds = int(seconds)
        self.short_seconds = None if short == "-" else int(short)


def scenarios():
    listed = subprocess.run([CASE, "--list"], check=True, capture_output=True, text=True).stdout
    return [Scenario(line) for line in listed.splitlines()]


class Case:
    def __init__(self, scenario, mode, number, short, reverse):
        self.scenario, self.mode, self.number = scenario, mode, number
        self.short, self.reverse = short, reverse
        self.seconds = scenario.short_seconds if short else scenario.seconds
        self.process = None
        self.begun = None
        self.result = None

    def name(self):
        return f"{self.scenario.name} {self.mode}"

    def patience(self):
        return 3 * self.seconds + 240

    def run(self, logs):
        log = os.path.join(logs, f"{self.scenario.name}-{self.mode}-{self.number}.log")
        command = [CASE, self.scenario.name, self.mode]
        command += ["short"] * self.short + ["reverse"] * self.reverse
        self.begun = time.monotonic()
        with open(log, "w") as errors:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=errors, text=True,
                                            start_new_session=True)
            try:
                said, _ = self.process.communicate(timeout=self.patience())
                late = None
            except subprocess.TimeoutExpired:
                self.end()
                said, late = self.process.communicate()[0], f"not over after {self.patience()} s"
        self.result = self.parse(said, late)
        self.result["seconds"] = round(time.monotonic() - self.begun, 1)
        self.result["log"] = log

    def end(self):
        """Stops it; it removes its namespaces itself while there is time."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(CLEAN_UP_S)
        except ProcessLookupError:
            pass
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)

    def parse(self, said, late):
        result = {"scenario": self.scenario.name, "mode": self.mode, "short": self.short,
                  "bulk": "b" if self.reverse else "a", "result": "fail",
                  "expected": self.scenario.expected}
        for line in said.splitlines():
            word, _, rest = line.partition(" ")
            if word in ("result", "why"):
                result[word] = rest
            elif word == "figure":
                name, _, value = rest.partition(" ")
                result[name] = max(int(value), result.get(name, 0))
            elif word == "report" and rest:
                result.update(json.loads("{" + rest + "}"))
        status = self.process.returncode
        if {"pass": 0, "skipped": 77}.get(result["result"]) != status:
            result.setdefault("why", late or f"the case ended with status {status}")
            result["result"] = "fail"
        return result


# --- Telling ---


def milliseconds(value):
    if value is None:
        return "-"
    if value < 10:
        return f"{value:.1f}"
    return f"{value:.0f}" if value < 10000 else f"{value / 1000:.1f} s"


def duplicate_percent(result):
    written = sum(result[way]["written_bytes"] for way in ("a_to_b", "b_to_a"))
    copies = sum(result[way]["duplicate_bytes"] for way in ("a_to_b", "b_to_a"))
    return 100 * copies / written if written else 0


COLUMNS = """\
gap a>b, p99 (ms)  b's longest wait for the next byte from the fault on; what 99 % of its waits were shorter than
gap b>a, p99 (ms)  the same of a, to whom 1 KB comes every 10 ms (--reverse: to b, and the bulk to a)
copies             bytes sent again, on another path, beside 100 % written
flowing (ms)       from healing until bytes flow both ways
back (ms)          from healing until both networks carry (mode backup: stand by)
reset (ms)         from the fault until the program is told ECONNRESET, where nothing else can come"""
HEADING = (f"{'':7} {'scenario':18} {'mode':10} {'gap a>b ms':>10} {'p99':>7} {'gap b>a ms':>10} "
           f"{'p99':>7} {'copies':>7} {'flowing':>8} {'back':>8} {'reset':>8} {'took s':>7}")


def row(result):
    words = {"pass": "ok", "fail": "FAILED", "skipped": "SKIPPED"}[result["result"]]
    text = f"{words:7} {result['scenario']:18} {result['mode']:10}"
    if "a_to_b" in result:
        text += "".join(f" {milliseconds(result[way]['longest_gap_ms']):>10}"
                        f" {milliseconds(result[way]['p99_gap_ms']):>7}"
                        for way in ("a_to_b", "b_to_a"))
        text += f" {duplicate_percent(result):6.1f}%"
        text += "".join(f" {milliseconds(result.get(name)):>8}"
                        for name in ("flowing_ms", "back_ms", "reset_ms"))
        text += f" {result['seconds']:7.1f}"
    if "why" in result:
        text += f"  {result['why']}"
    if "seed" in result and result["result"] == "fail":
        text += f"  LAB_SEED={result['seed']}"
    return text


def describe_machine():
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1])
    return f"{os.cpu_count()} cores, {memory / 2**20:.0f} GiB, Linux {platform.release()}"


def markdown_cell(results, figure):
    if not results:
        return ""
    if any(result["result"] == "fail" for result in results):
        return "**failed**"
    values = [figure(result) for result in results if result["result"] == "pass"]
    values = [value for value in values if value is not None]
    if not values:
        return "skipped" if all(result["result"] == "skipped" for result in results) else "-"
    return milliseconds(max(values))


def markdown_table(results, title, figure, wanted):
    print(f"\n## {title}\n\n| scenario | " + " | ".join(f"`{mode}`" for mode in MODES) + " |")
    print("|---" * (len(MODES) + 1) + "|")
    for scenario in scenarios():
        cells = [markdown_cell([result for result in results
                                if (result["scenario"], result["mode"]) == (scenario.name, mode)],
                               figure) for mode in MODES]
        if wanted(scenario) and any(cells):
            print(f"| {scenario.name}: {scenario.words} | " + " | ".join(cells) + " |")


def count_results(results):
    return {word: sum(result["result"] == word for result in results)
            for word in ("pass", "fail", "skipped")}


PREFACE = """\
several cases at a time. Host a dials and sends a stream as fast as it goes, host b listens
and sends 1 KB every 10 ms; every byte is checked where it arrives. Two networks of 10 Mb/s
and 10 ms one way where nothing else is said. The times are what this machine showed; only
the content, and that bytes flow again within 30 s of healing, decide whether a case passes.

A table for each time that was taken, a column for each mode; milliseconds, from 10 s on
seconds. "-": nothing to measure, since the streams had ended by then.
"""


def paragraph(text):
    return textwrap.fill(text.rstrip(), 100, break_long_words=False, break_on_hyphens=False)


def markdown(results, note):
    count = count_results(results)
    print("# The fault lab's figures\n")
    print(f"Made by `script/lab --markdown` on {datetime.date.today()}: {describe_machine()},")
    print(PREFACE)
    print(paragraph(f"{count['pass']} passed, {count['fail']} failed, {count['skipped']} skipped. {note}"))
    for result in results:
        if result["result"] != "pass":
            print("\n" + paragraph(f"- {result['scenario']}, `{result['mode']}`: {result['result']}: "
                                   f"{result['why']}"))

    def gap(way, name):
        return lambda result: result[way][name] if way in result else None

    def delivered(scenario):
        return scenario.expected == "delivered"

    markdown_table(results, "Longest wait of b for the next byte, from the fault on, ms",
                   gap("a_to_b", "longest_gap_ms"), delivered)
    markdown_table(results, "Longest wait of a, for a stream of 1 KB every 10 ms, ms",
                   gap("b_to_a", "longest_gap_ms"), delivered)
    markdown_table(results, "99 % of b's waits are shorter than, ms",
                   gap("a_to_b", "p99_gap_ms"), delivered)
    markdown_table(results, "From healing until bytes flow both ways, ms",
                   lambda result: result.get("flowing_ms"), delivered)
    markdown_table(results, "From healing until both networks carry (`backup`: stand by), ms",
                   lambda result: result.get("back_ms"), delivered)
    markdown_table(results, "From the fault until the program is told ECONNRESET, ms",
                   lambda result: result.get("reset_ms"),
                   lambda scenario: not delivered(scenario))


# --- Running ---


class Runner:
    def __init__(self, cases, jobs, logs, tell):
        self.waiting = sorted(cases, key=lambda case: -case.seconds)
        self.jobs, self.logs, self.tell = jobs, logs, tell
        self.running, self.done, self.stopped = [], [], False
        self.total = len(cases)
        self.changed = threading.Condition()
        self.began = time.monotonic()

    def next_case(self):
        busy = sum(case.seconds < SLEEPER_S for case in self.running)
        for case in self.waiting:
            if case.seconds >= SLEEPER_S or busy < self.jobs:
                return case
        return None

    def run_one(self, case):
        try:
            case.run(self.logs)
        finally:
            with self.changed:
                self.running.remove(case)
                if not self.stopped:
                    self.done.append(case)
                    self.tell(case.result)
                self.changed.notify()

    def progress(self):
        if not sys.stderr.isatty():
            return
        names = ", ".join(case.name() for case in self.running[:3])
        print(f"\r\033[K{time.monotonic() - self.began:.0f} s, {len(self.done)} of {self.total}: "
              f"{names} ...", end="", file=sys.stderr, flush=True)

    def run(self):
        with self.changed:
            while self.waiting or self.running:
                while not self.stopped and (case := self.next_case()):
                    self.waiting.remove(case)
                    self.running.append(case)
                    threading.Thread(target=self.run_one, args=(case,),
                                     daemon=True).start()
                self.progress()
                self.changed.wait(1)

    def stop(self):
        self.stopped = True
        self.waiting.clear()
        enders = [threading.Thread(target=case.end) for case in self.running if case.process]
        for ender in enders:
            ender.start()
        for ender in enders:
            ender.join()


def parse_arguments():
    parser = argparse.ArgumentParser(prog="script/lab")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--reverse", action="store_true")
    parser.add_argument("--only", default="*")
    parser.add_argument("--mode", default=",".join(MODES))
    parser.add_argument("--jobs", type=int, default=JOBS_PER_CORE * os.cpu_count())
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--from", dest="earlier")
    parser.add_argument("--note", default="")
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true")
    output.add_argument("--markdown", action="store_true")
    arguments = parser.parse_args()
    for mode in arguments.mode.split(","):
        if mode not in MODES:
            parser.error(f"no mode {mode}")
    if arguments.jobs < 1 or arguments.times < 1:
        parser.error("--jobs and --times are 1 at least")
    return arguments


def choose(arguments):
    patterns = arguments.only.split(",")
    chosen = [scenario for scenario in scenarios()
              if any(fnmatch.fnmatchcase(scenario.name, pattern) for pattern in patterns) and
              not (arguments.short and scenario.short_seconds is None)]
    return [Case(scenario, mode, number, arguments.short, arguments.reverse)
            for number in range(arguments.times)
            for scenario in chosen for mode in arguments.mode.split(",")]


def main():
    arguments = parse_arguments()
    if arguments.list or arguments.earlier:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nothing runs that would want cleaning up
    if arguments.list:
        print(f"{'scenario':18} {'long':>6} {'short':>4} {'expected':10} what happens")
        for scenario in scenarios():
            short = f"{scenario.short_seconds:4}" if scenario.short_seconds else "   -"
            print(f"{scenario.name:18} {scenario.seconds:4} s {short} {scenario.expected:10}",
                  scenario.words)
        return 0
    if arguments.earlier:
        with open(arguments.earlier) as file:
            results = [json.loads(line) for line in file]
        if arguments.markdown:
            markdown(results, arguments.note)
        else:
            print("\n".join([COLUMNS, "", HEADING] + [row(result) for result in results]))
        return 0
    cases = choose(arguments)
    if not cases:
        print("no such case", file=sys.stderr)
        return 2

    people = sys.stderr if arguments.json or arguments.markdown else sys.stdout

    def tell(result):
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr)
        print(row(result), file=people, flush=True)
        if arguments.json:
            print(json.dumps(result), flush=True)

    logs = tempfile.mkdtemp(prefix="hawser-lab-logs.")
    print(f"{len(cases)} cases, {arguments.jobs} at a time\n\n{COLUMNS}\n\n{HEADING}", file=people,
          flush=True)
    runner = Runner(cases, arguments.jobs, logs, tell)

    def interrupted(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    signal.signal(signal.SIGHUP, interrupted)
    try:
        runner.run()
    except KeyboardInterrupt:
        print("\ninterrupted: cleaning up", file=sys.stderr)
        runner.stop()
        shutil.rmtree(logs)
        return 130
    results = [case.result for case in runner.done]
    if arguments.markdown:
        markdown(sorted(results, key=lambda result: result["scenario"]), arguments.note)
    count = count_results(results)
    print(f"{count['pass']} passed, {count['fail']} failed, {count['skipped']} skipped, "
          f"{time.monotonic() - runner.began:.0f} s", file=people)
    if count["fail"] or len(results) != len(cases):
        print(f"logs of the cases: {logs}", file=people)
        return 1
    shutil.rmtree(logs)
    return 77 if count["pass"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
