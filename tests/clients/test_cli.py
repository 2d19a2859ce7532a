"""Tests the command line with a real server: its output, its exit status, and an import that goes on
after its server was restarted.

KITHD and KITH name the programs. Standard library only."""

import gzip
import json
import os
import re
import struct
import subprocess
import tempfile
import threading
import time
import unittest

from kithd import Server, hold_port


def fvecs(rows) -> bytes:
    return b"".join(struct.pack(f"<I{len(r)}f", len(r), *r) for r in rows)


class CommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory(prefix="kith-test-")
        self.addCleanup(directory.cleanup)
        self.directory = directory.name

    def write(self, name: str, data) -> str:
        path = os.path.join(self.directory, name)
        with open(path, "wb") as f:
            f.write(data.encode() if isinstance(data, str) else data)
        return path

    def kith(self, *arguments: str, status: int = 0, stdin: bytes = b""):
        environment = dict(os.environ, KITH_SERVER=self.server.address)
        done = subprocess.run([os.environ["KITH"], *arguments], capture_output=True, env=environment, input=stdin, timeout=60)
        done.stdout, done.stderr = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, status, f"{arguments}: {done.stdout}{done.stderr}")
        return done

    def test_a_collection_from_beginning_to_end(self) -> None:
        self.kith("create", "life", "--dim", "2", "--metric", "l2", "--durability", "none")
        self.assertIn("life", self.kith("ls").stdout)
        path = self.write("rows.fvecs", fvecs([(i, i) for i in range(50)]))
        self.assertIn("imported 50 rows", self.kith("import", "life", path, "--start-id", "100", "--batch", "7").stdout)
        self.assertEqual(self.kith("count", "life").stdout, "50\n")
        answer = json.loads(self.kith("search", "life", "--vector", "3.1,3.1", "-k", "2", "--json", "--with-vector").stdout)
        self.assertEqual([h["id"] for h in answer["hits"]], [103, 104])
        self.assertEqual(answer["hits"][0]["vector"], [3, 3])
        table = self.kith("search", "life", "--file", path, "--row", "7", "-k", "1", "--exact").stdout.split()
        self.assertEqual(table[3:5], ["1", "107"])
        for fan_out in ("auto", "1", "all"):
            answer = json.loads(self.kith("search", "life", "--vector", "3.1,3.1", "-k", "2", "--json", "--fan-out", fan_out).stdout)
            self.assertEqual([h["id"] for h in answer["hits"]], [103, 104], fan_out)
        self.assertIn("auto, 1 or all, not 'wide'", self.kith("search", "life", "--vector", "1,1", "--fan-out", "wide", status=2).stderr)
        self.assertIn("auto, 1 or all, not '2'", self.kith("bench", "life", "--queries", path, "--fan-out", "2", status=2).stderr)
        self.assertEqual(json.loads(self.kith("info", "life", "--json").stdout)["points"], 50)
        self.assertIn("deleted 2 of 3", self.kith("delete", "life", "100", "101", "7").stdout)
        self.assertIn("no point 100", self.kith("get", "life", "100", "102", status=1).stderr)
        self.kith("drop", "life")
        self.assertIn("life", self.kith("count", "life", status=1).stderr)

    def test_rejected_rows_are_named_and_the_others_go_in(self) -> None:
        lines = ['{"id": %d, "vector": [%d, 1], "payload": {"n": %d}}' % (i, i, i) for i in range(1, 31)]
        lines[4] = '{"id": 5, "vector": [1, 2, 3]}'
        lines[9] = "not json"
        lines[20] = '{"id": "550e8400-e29b-41d4-a716-446655440000", "vector": [7, 7]}'
        path = self.write("rows.jsonl", "\n".join(lines))
        done = self.kith("import", "rejects", path, "--create", "--metric", "l2", "--batch", "4", status=1)
        self.assertIn("rejected row 4 (line 5): its vector has 3 numbers instead of 2", done.stderr)
        self.assertIn("rejected row 9 (line 10): bad JSON", done.stderr)
        self.assertIn("imported 28 rows", done.stdout)
        self.assertIn("rejected 2 of 30 rows", done.stdout)
        self.assertEqual(self.kith("count", "rejects").stdout, "28\n")
        point = json.loads(self.kith("get", "rejects", "8", "--json").stdout)
        self.assertEqual(point, {"id": 8, "payload": {"n": 8}})
        self.assertIn("550e8400", self.kith("get", "rejects", "550e8400-e29b-41d4-a716-446655440000").stdout)

    def test_an_import_outlives_its_server(self) -> None:
        rows = 40000
        path = self.write("many.fvecs", fvecs([(i % 251, i % 241, i % 239, 1) for i in range(rows)]))
        self.kith("create", "outlive", "--dim", "4", "--metric", "l2")
        environment = dict(os.environ, KITH_SERVER=self.server.address)
        command = [os.environ["KITH"], "import", "outlive", path, "--batch", "20", "--in-flight", "4"]
        importer = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        deadline = time.monotonic() + 20
        while int(self.kith("count", "outlive").stdout) < rows // 20 and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertIsNone(importer.poll(), "the import ended before its server could be killed")
        self.server.kill()
        time.sleep(0.2)
        self.server.start()
        out, err = importer.communicate(timeout=60)
        self.assertEqual(importer.returncode, 0, out + err)
        self.assertIn("connecting again", err)
        self.assertEqual(self.kith("count", "outlive").stdout, f"{rows}\n")

    def test_an_import_without_its_server_says_how_long_it_waits(self) -> None:
        server = Server()
        self.addCleanup(server.stop)
        environment = dict(os.environ, KITH_SERVER=server.address)
        command = [os.environ["KITH"], "import", "waits", "-", "--format", "fvecs", "--batch", "1000"]
        self.kith("create", "waits", "--dim", "2", "--metric", "l2", "--server", server.address)
        importer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)
        self.addCleanup(importer.kill)
        importer.stdin.write(fvecs([(1, 1)] * 40000))
        importer.stdin.flush()
        deadline = time.monotonic() + 20
        while self.kith("count", "waits", "--server", server.address).stdout == "0\n" and time.monotonic() < deadline:
            time.sleep(0.01)
        server.kill()
        importer.stdin.write(fvecs([(2, 2)] * 1000))
        importer.stdin.close()
        said = []
        for line in importer.stderr:
            said.append(line.decode())
            if "no progress for" in said[-1]:
                break
        self.assertRegex(said[-1], r"no progress for \d+ s, and the import gives up after 120 s", said)
        self.assertTrue(any("connecting again, for 120 s" in line for line in said), said)
        server.start()
        self.assertIn(b"imported 41 000 rows", importer.stdout.read())
        self.assertEqual(importer.wait(60), 0)
        importer.stdout.close()
        importer.stderr.close()

    def test_payloads_come_back_digit_for_digit(self) -> None:
        payloads = ['{"s":"Scanner 1.3\\u0000"}', '{"b":18446744073709551615, "a":123456789012345678901234567890}',
                    '{"time":1764460800.123456,"price":0.10,"large":1e400}', '[1,"\\ud83d",null]', '"text"', "5"]
        lines = "".join('{"id":%d,"vector":[%d],"payload":%s}\n' % (i, i, p) for i, p in enumerate(payloads))
        self.kith("import", "digits", self.write("rows.jsonl", "\ufeff" + lines.replace("\n", "\r\n")), "--create", "--metric", "l2")
        for i, payload in enumerate(payloads):
            self.assertEqual(self.kith("get", "digits", str(i), "--json").stdout, '{"id":%d,"payload":%s}\n' % (i, payload))
            self.assertIn(payload, self.kith("get", "digits", str(i)).stdout)
            found = self.kith("search", "digits", "--vector", str(i), "-k", "1", "--with-payload", "--json").stdout
            self.assertIn('"payload":%s}' % payload, found)

    def test_ids_at_their_edges_come_back(self) -> None:
        ids = ["0", "9223372036854775807", "9223372036854775808", "18446744073709551615", "550e8400-e29b-41d4-a716-446655440000"]
        for quote in ("", '"'):
            lines = "".join('{"id":%s,"vector":[%d]}\n' % (f'"{i}"' if "-" in i else quote + i + quote, row) for row, i in enumerate(ids))
            name = "edges" + str(len(quote))
            self.kith("import", name, self.write("rows.jsonl", lines), "--create", "--metric", "l2")
            said = [json.loads(line)["id"] for line in self.kith("get", name, *ids, "--json").stdout.splitlines()]
            self.assertEqual(said, [i if "-" in i else int(i) for i in ids])
            for row, i in enumerate(ids):
                hit = self.kith("search", name, "--vector", str(row), "-k", "1", "--json").stdout
                self.assertIn('"id":%s,"score":0.0' % (f'"{i}"' if "-" in i else i), hit)
            self.assertIn("deleted 5 of 5", self.kith("delete", name, *ids).stdout)

    def test_a_number_and_the_uuid_of_the_same_bits_are_two_points(self) -> None:
        uuid = "00000000-0000-0000-0000-00000000002a"
        rows = f'{{"id": 42, "vector": [1, 0]}}\n{{"id": "{uuid}", "vector": [0, 1]}}\n'
        self.kith("import", "twins", self.write("rows.jsonl", rows), "--create", "--metric", "l2")
        self.assertEqual(self.kith("count", "twins").stdout.strip(), "2")
        self.assertIn(uuid, self.kith("get", "twins", uuid).stdout)
        self.assertNotIn(uuid, self.kith("get", "twins", "42").stdout)
        self.assertIn("deleted 1 of", self.kith("delete", "twins", "42", "42").stdout)
        self.assertIn(uuid, self.kith("get", "twins", uuid).stdout)
        self.kith("get", "twins", "4b495448-5555-0000-0000-000000000007", status=2)

    def test_an_import_that_fails_says_how_many_rows_went_in(self) -> None:
        path = self.write("cut.fvecs", fvecs([(i, i % 7) for i in range(20000)])[:-5])
        done = self.kith("import", "cut", path, "--create", "--metric", "l2", "--batch", "500", status=1)
        self.assertIn("cut short", done.stderr)
        said = re.search(r"imported ([0-9 ]+) rows into cut", done.stdout)
        self.assertTrue(said, done.stdout)
        there = int(re.sub(r"\D", "", self.kith("count", "cut").stdout))
        self.assertGreater(there, 0)
        self.assertEqual(int(said[1].replace(" ", "")), there)

    def test_errors_of_an_import_name_rows_and_lines_of_the_file(self) -> None:
        rows = ['{"id": %d, "vector": [1, %d]}' % (i, i) for i in range(2000)]
        rows[977] = '{"id": 977, "vector": [0, 0]}'
        done = self.kith("import", "named", self.write("rows.jsonl", "\n\n \n" + "\n\n".join(rows)), "--create", status=1)
        self.assertRegex(done.stderr, r"^rejected row 977 \(line 1958\): the vector of row 977 \(id 977\) has length zero")
        self.assertIn("rejected 1 of 2 000 rows", done.stdout)
        vectors = [(1, i) for i in range(2000)]
        vectors[977] = (0, 0)
        path = self.write("rows.fvecs", fvecs(vectors))
        self.assertRegex(self.kith("import", "named", path, status=1).stderr, r"^rejected row 977: the vector of row 977 ")
        self.assertIn("query 977 has length zero", self.kith("search", "named", "--file", path, "-k", "1", status=1).stderr)
        self.kith("search", "named", "--file", path, "--row", "1", "--limit", "2", status=2)

    def test_an_import_that_fails_leaves_no_new_collection(self) -> None:
        good = fvecs([(i, i) for i in range(5)])
        for name, data in (("none.jsonl", '{"id": 1, "vector": [1'), ("none.fvecs", b"\x02\0\0\0"), ("none.npy", b"no array"),
                           ("none.jsonl", '{"id": 1, "vector": [1, 2e99]}\n{"vector": [1, 2]}\n'), ("none.fvecs", good[:-3])):
            self.kith("import", "none", self.write(name, data), "--create", status=1)
            self.assertIn("none", self.kith("count", "none", status=1).stderr)
        done = self.kith("import", "none", self.write("one.fvecs", fvecs([(7,)])), "--create", "--metric", "l2")
        self.assertIn("imported 1 row into none", done.stdout)
        self.assertIn("none: 1 dimension, l2", self.kith("info", "none").stdout)
        self.kith("import", "none2", self.write("none.fvecs", b""), "--create", status=1)

    def test_an_import_is_refused_where_it_would_do_something_else(self) -> None:
        path = self.write("two.fvecs", fvecs([(1, 1), (2, 2)]))
        lines = self.write("own.jsonl", '{"id":1,"vector":[3,4]}\n')
        self.kith("create", "refused", "--dim", "2", "--metric", "cosine")
        said = self.kith("import", "refused", path, "--create", "--metric", "l2", status=1).stderr
        self.assertIn("metric cosine, not 2 and l2", said)
        said = self.kith("import", "refused", self.write("three.fvecs", fvecs([(1, 1, 1)])), "--create", status=1).stderr
        self.assertIn("2 dimensions and metric cosine, not 3", said)
        self.kith("import", "refused", path, "--metric", "l2", status=2)
        self.assertIn("--create makes it", self.kith("import", "missing", path, status=1).stderr)
        said = self.kith("import", "refused", path, "--start-id", str(2**64 - 1), status=1).stderr
        self.assertIn(f"use {2**64 - 2} or less", said)
        self.assertIn("ids of its own", self.kith("import", "refused", lines, "--start-id", "5", status=1).stderr)
        self.assertEqual(self.kith("count", "refused").stdout, "0\n")
        self.kith("import", "refused", path, "--start-id", str(2**64 - 2), "--create")
        self.kith("import", "refused", path, "--start-id", str(2**64 - 1), "--limit", "1", "--create", "--metric", "cosine")
        self.assertEqual(self.kith("count", "refused").stdout, "2\n")
        said = self.kith("import", "refused", "-", "--format", "fvecs", "--start-id", str(2**64 - 1), status=1,
                         stdin=fvecs([(1, 1), (2, 2)])).stderr
        self.assertIn("beyond 2^64 - 1", said)
        said = self.kith("import", "new", path, "--create", "--start-id", str(2**64 - 1), status=1).stderr
        self.assertIn("new", self.kith("count", "new", status=1).stderr)

    def test_an_import_reads_standard_input_and_pipes(self) -> None:
        rows = [(i, i) for i in range(3000)]
        lines = "".join('{"id":%d,"vector":[%d,%d]}\n' % (i, *r) for i, r in enumerate(rows)).encode()
        for name, form, data in (("f", "fvecs", fvecs(rows)), ("j", "jsonl", lines), ("jz", "jsonl", gzip.compress(lines)),
                                 ("fz", "fvecs", gzip.compress(fvecs(rows)))):
            self.kith("import", "pipe_" + name, "-", "--create", "--metric", "l2", "--format", form, stdin=data)
            self.assertEqual(self.kith("count", "pipe_" + name).stdout, "3000\n")
        fifo = os.path.join(self.directory, "rows.jsonl")
        os.mkfifo(fifo)
        writer = threading.Thread(target=subprocess.run, args=(["sh", "-c", 'cat >"$0"', fifo],), kwargs={"input": lines})
        writer.start()
        self.kith("import", "pipe_fifo", fifo, "--create", "--metric", "l2")
        writer.join()
        self.assertEqual(self.kith("count", "pipe_fifo").stdout, "3000\n")
        self.assertIn("--format", self.kith("import", "pipe_j", "-", status=1).stderr)
        self.assertIn("'csv'", self.kith("import", "pipe_j", "-", "--format", "csv", status=1).stderr)
        self.assertIn("is a directory", self.kith("import", "pipe_j", self.directory, "--format", "npy", status=1).stderr)
        cut = self.kith("import", "pipe_jz", "-", "--format", "jsonl", status=1, stdin=gzip.compress(lines)[:-20]).stderr
        self.assertIn("cannot be unpacked", cut)

    def test_long_rows_go_in_and_one_that_is_too_long_is_named(self) -> None:
        text = "x" * 70000
        lines = ['{"id":%d,"vector":[%d,1],"payload":{"text":"%s"}}' % (i, i, text) for i in range(1000)]
        lines[500] = '{"id":500,"vector":[1,1],"payload":"%s"}' % ("y" * (16 << 20))  # two quotes too long
        lines[501] = '{"id":501,"vector":[1,1],"payload":"%s"}' % ("y" * ((16 << 20) - 2))
        path = self.write("long.jsonl", "\n".join(lines))
        done = self.kith("import", "long", path, "--create", "--metric", "l2", status=1)
        self.assertIn("rejected row 500 (line 501): the payload of row 500 (id 500) has 16777218 bytes", done.stderr)
        self.assertEqual(done.stderr.count("rejected"), 1, done.stderr[:1000])
        self.assertNotIn("connecting again", done.stderr)
        self.assertEqual(self.kith("count", "long").stdout, "999\n")
        too_long = self.write("line.jsonl", '{"id":1,"vector":[1,1]}\n{"id":2,"vector":[1,1],"payload":"%s"}\n' % ("z" * (65 << 20)))
        self.assertIn("line 2: ", self.kith("import", "long", too_long, status=1).stderr)

    def test_get_and_delete_take_any_number_of_ids(self) -> None:
        self.kith("import", "many", self.write("many.fvecs", fvecs([(i,) for i in range(3000)])), "--create", "--metric", "l2")
        got = self.kith("get", "many", *map(str, range(500))).stdout.splitlines()
        self.assertEqual([line.split()[0] for line in got], ["id"] + [str(i) for i in range(500)])
        self.assertIn("deleted 500 of 500", self.kith("delete", "many", *map(str, range(500))).stdout)
        first = self.write("a.txt", "\ufeff500\r\n\r\n  501  \n502")
        second = self.write("b.txt", "\n".join(map(str, range(503, 1000))))
        self.assertEqual(json.loads(self.kith("delete", "many", "0", "--file", first, "--file", second, "--json").stdout),
                         {"deleted": 500, "ids": 501})
        self.assertIn("deleted 2 of 2", self.kith("delete", "many", "--file", "-", stdin=b"1000\n1001\n").stdout)
        self.assertIn("deleted 0 of 0", self.kith("delete", "many", "--file", self.write("none.txt", "")).stdout)
        said = self.kith("delete", "many", "--file", self.write("bad.txt", "1002\n1003 \n-1\n"), status=1).stderr
        self.assertIn("line 3 of", said)
        self.kith("delete", "many", status=2)
        self.assertEqual(self.kith("count", "many").stdout, "1998\n")

    def test_what_a_terminal_would_obey_is_only_shown(self) -> None:
        rows = self.write("rows.jsonl", '{"id":1,"vector":[1],"payload":"\u009b2J\u007f"}\n')
        self.kith("import", "shown", rows, "--create", "--metric", "l2")
        shown = self.kith("get", "shown", "1").stdout
        self.assertIn("\\xc2\\x9b2J\\x7f", shown)
        for wrong in ("a\x1b[31mb", "caf\u00e9 \u009b", "x" * 255, "two words", ""):
            for command in (("count", wrong), ("create", wrong, "--dim", "2")):
                said = self.kith(*command, status=1).stderr
                self.assertNotIn("\x1b", said)
                self.assertNotIn("\u009b", said)
                self.assertEqual(len(said.splitlines()), 1, said)

    def test_usage_errors_show_control_characters(self) -> None:
        for command in (("fly\x1b[31m",), ("get", "x", "\x1b[31m5"), ("ls", "--\x1b[31m"), ("search", "x", "--vector", "1,\x1b[31m")):
            self.assertNotIn("\x1b", self.kith(*command, status=2).stderr)

    def test_where_no_server_listens_it_says_at_once_what_it_waits_for(self) -> None:
        holder = hold_port()
        self.addCleanup(holder.close)
        address = f"127.0.0.1:{holder.getsockname()[1]}"
        waiting = subprocess.Popen([os.environ["KITH"], "ls", "--server", address], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(waiting.stdout.close)
        self.addCleanup(waiting.stderr.close)
        self.assertIn("is kithd running? (waiting for it)", waiting.stderr.readline())
        self.assertIsNone(waiting.poll())  # it goes on trying
        self.assertEqual(waiting.wait(60), 1)
        self.assertIn("no server listens", waiting.stderr.read())

    def test_an_answer_that_cannot_be_written_is_an_error(self) -> None:
        with open("/dev/full", "w") as full:
            done = subprocess.run([os.environ["KITH"], "ls", "--server", self.server.address], stdout=full, stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot write", done.stderr)

    def test_a_wrong_dimension_is_said_in_numbers(self) -> None:
        self.kith("create", "numbers", "--dim", "3")
        self.assertIn("the query has 6 dimensions; collection 'numbers' has 3",
                      self.kith("search", "numbers", "--vector", "1,2,3,4,5,6", status=1).stderr)
        self.assertIn("query 0 has length zero", self.kith("search", "numbers", "--vector", "0,0,0", status=1).stderr)

    def test_a_client_waits_for_a_server_that_starts(self) -> None:
        server = Server()
        self.addCleanup(server.stop)
        server.end()
        late = threading.Timer(0.5, server.start)
        late.start()
        self.kith("create", "late", "--dim", "2", "--server", server.address)
        late.join()

    def test_how_the_index_is_made_is_said_and_shown(self) -> None:
        self.kith("create", "coded", "--dim", "32", "--code", "rabitq2", "--refine", "bf16", "--refine-k", "3.5", "--links", "packed", "-m", "9")
        shown = json.loads(self.kith("info", "coded", "--json").stdout)
        said = {"code": "rabitq2", "refine": "bf16", "refine_k": 3.5, "links": "packed", "m": 9, "ef_construct": 0}
        self.assertEqual({name: shown[name] for name in said}, said)
        self.assertIn("code rabitq2, refine bf16 x3.5, links packed, m 9, ef_construct auto", self.kith("info", "coded").stdout)
        listed = [json.loads(line) for line in self.kith("ls", "--json").stdout.splitlines()]
        self.assertEqual([c["code"] for c in listed if c["name"] == "coded"], ["rabitq2"])
        self.assertIn("rabitq2", self.kith("ls").stdout)
        refused = self.kith("create", "nonsense", "--dim", "32", "--code", "f16", "--refine", "f16", status=1).stderr
        self.assertIn("refine f16 is not finer than code f16", refused)

    def test_failures_are_a_sentence_and_status_1(self) -> None:
        for arguments in (("drop", "nothing"), ("search", "nothing", "--vector", "1"), ("import", "nothing", "/nonexistent.npy")):
            done = self.kith(*arguments, status=1)
            self.assertTrue(done.stderr.startswith("kith: "), done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1)
            self.assertEqual(done.stdout, "")
        self.assertIn("is kithd running", self.kith("ls", "--server", "127.0.0.1:1", status=1).stderr)

    def test_a_misspelt_word_is_named_and_nothing_far_is_suggested(self) -> None:
        for arguments, meant in ((("serch",), "search"), (("snapshot", "creat"), "create"), (("config", "lst"), "list"),
                                 (("search", "x", "--limt", "3"), "--limit"), (("import", "x", "y", "--in-fligt=3"), "--in-flight")):
            self.assertIn(f"(did you mean '{meant}'?)", self.kith(*arguments, status=2).stderr)
        for arguments in (("frobnicate",), ("config", "zz"), ("search", "x", "--zz"), ("s" * 5000,)):
            self.assertNotIn("did you mean", self.kith(*arguments, status=2).stderr)

    def test_ranges_are_those_of_the_server(self) -> None:
        for arguments, most in ((("search", "x", "--vector", "1", "-k", "0"), 10000), (("search", "x", "--vector", "1", "--ef", "0"), 10000),
                                (("create", "x", "--dim", "0"), 65536), (("bench", "x", "--queries", "y", "--ef", "0"), 10000)):
            self.assertIn(f"takes a number from 1 to {most}, not '0'", self.kith(*arguments, status=2).stderr)

    def test_a_table_that_is_too_wide_is_printed_in_blocks(self) -> None:
        self.kith("create", "wide", "--dim", "2", "--metric", "l2")
        self.kith("import", "wide", self.write("rows.fvecs", fvecs([(i, i) for i in range(50)])))
        self.kith("delete", "wide", "1", "2", "3")
        whole = self.kith("info", "wide", "--segments").stdout
        os.environ["COLUMNS"] = "60"
        self.addCleanup(os.environ.pop, "COLUMNS")
        narrow = self.kith("info", "wide", "--segments").stdout
        self.assertLessEqual(max(map(len, narrow.splitlines())), 60)
        self.assertEqual(sorted(set(whole.split())), sorted(set(narrow.split())))
        for command in (("top", "--once"), ("stats",), ("config",)):
            self.assertLessEqual(max(map(len, self.kith(*command).stdout.splitlines())), 80, command)

    def test_info_and_its_segments_agree(self) -> None:
        self.kith("create", "agree", "--dim", "2", "--metric", "l2")
        self.kith("import", "agree", self.write("rows.fvecs", fvecs([(i, i) for i in range(50)])))
        self.kith("delete", "agree", "1", "2", "3")
        info = json.loads(self.kith("info", "agree", "--segments", "--json").stdout)
        self.assertEqual(info["growing_rows"] + info["growing_dead_rows"], sum(s["rows"] for s in info["segments"]))
        self.assertEqual(info["deleted_rows"], sum(s["deleted_rows"] for s in info["segments"]))
        self.assertEqual(info["growing_dead_rows"], 3)
        table = self.kith("info", "agree").stdout
        self.assertRegex(table, r"in growing segments +50 ")
        self.assertRegex(table, r"of these deleted +3 +6.0 %")

    def test_usage_errors_are_status_2_and_help_is_status_0(self) -> None:
        for arguments in ((), ("fly",), ("create", "x"), ("create", "x", "--dim", "0"), ("search", "x"), ("ls", "--what"),
                          ("get", "x", "y"), ("create", "x", "--dim", "2", "--metric", "l3"), ("count",),
                          ("create", "x", "--dim", "2", "--code", "rabitq9"), ("create", "x", "--dim", "2", "--refine-k", "0"),
                          ("search", "x", "--vector", "1", "--recall", "0"), ("search", "x", "--vector", "1", "--recall", "1.5"),
                          ("search", "x", "--vector", "1", "--recall", "nan"), ("search", "x", "--vector", "1", "--recall", "much"),
                          ("search", "x", "--vector", "1", "--recall", ".9", "--ef", "50"),
                          ("search", "x", "--vector", "1", "--recall", ".9", "--exact"),
                          ("search", "x", "--vector", "1", "--ef", "9", "--exact"),
                          ("create", "x", "--dim", "2", "--links", "short"), ("create", "x", "--dim", "2", "--refine", "sq8")):
            self.assertTrue(self.kith(*arguments, status=2).stderr)
        for command in ("create", "drop", "ls", "info", "count", "import", "get", "delete", "search", "seal", "compact",
                        "verify", "bench", "stats", "top", "config", "ping", "demo"):
            self.assertIn("usage: kith " + command, self.kith(command, "--help").stdout)
            self.assertIn("usage: kith " + command, self.kith("help", command).stdout)
        self.assertIn("import", self.kith("--help").stdout)

    def test_ping_and_bench_measure(self) -> None:
        self.assertEqual(len(self.kith("ping", "--count", "3", "--interval-ms", "1", "--json").stdout.splitlines()), 3)
        path = self.write("rows.fvecs", fvecs([(i % 17, i % 13, i) for i in range(500)]))
        self.kith("import", "bench", path, "--create", "--metric", "l2")
        arguments = ("bench", "bench", "--queries", path, "--seconds", "1", "--connections", "2", "--in-flight", "4", "--fan-out", "auto", "--json")
        result = json.loads(self.kith(*arguments).stdout)
        self.assertGreater(result["recall"], 0.95)
        self.assertGreater(result["queries"], 0)
        self.assertEqual(result["errors"], 0)
        exact = json.loads(self.kith(*arguments, "--recall", "1").stdout)
        self.assertEqual(exact["recall"], 1)
        found = self.kith("search", "bench", "--vector", "3,4,5", "--k", "3", "--recall", "0.99").stdout
        self.assertEqual(found, self.kith("search", "bench", "--vector", "3,4,5", "--k", "3", "--exact").stdout)

    def test_top_counts_what_happens_between_two_readings(self) -> None:
        path = self.write("busy.fvecs", fvecs([(i % 17, i % 13, i) for i in range(500)]))
        self.kith("import", "busy", path, "--create", "--metric", "l2")
        kith, server = os.environ["KITH"], ("--server", self.server.address)
        load = subprocess.Popen([kith, "bench", "busy", "--queries", path, "--seconds", "3", *server], stdout=subprocess.DEVNULL)
        top = subprocess.Popen([kith, "top", "--count", "600", "--interval-ms", "100", "--json", *server], stdout=subprocess.PIPE)
        busy = None
        for line in top.stdout:
            reading = json.loads(line)
            if reading["all"]["searches_per_s"] > 0:
                busy = reading
                break
        top.terminate()
        top.communicate()
        self.assertEqual(load.wait(), 0)
        self.assertIsNotNone(busy)
        self.assertGreaterEqual(busy["all"]["p99_ns"], busy["all"]["p50_ns"])
        self.assertGreater(busy["all"]["p50_ns"], 0)
        self.assertEqual({c["name"]: c["points"] for c in busy["collections"]}["busy"], 500)
        table = self.kith("top", "--once").stdout
        self.assertIn("searches/s", table)
        self.assertEqual(len([line for line in table.splitlines() if re.match(r" *(\d+|all) ", line)]), len(busy["cores"]) + 1)
        self.assertRegex(table, r"(?m)^memory .*: .*; mapped ")
        self.assertGreater(busy["memory"]["kinds"]["rows"], 500 * 3 * 4)
        stats = json.loads(self.kith("stats", "--json").stdout)
        self.assertGreaterEqual(stats["searches"]["graph"]["count"], stats["recent"]["graph"]["count"])
        graph = stats["recent"]["graph"]
        figures = [graph[f] for f in ("min_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")]
        self.assertEqual(figures, sorted(figures))
        self.assertLessEqual(graph["min_ns"], graph["mean_ns"])
        self.assertRegex(self.kith("stats").stdout, r"graph +last minute +[\d ]+ ")

    def test_the_demo_finds_words_and_measures_itself(self) -> None:
        words = ["".join(chr(97 + (i * p) % 26) for p in (1, 3, 5, 7, 11, 17)) + chr(97 + i % 26) + str(i) for i in range(600)]
        path = self.write("words.txt", "\n".join(words + ["receive", "separate"]))
        first = self.kith("demo", "--words", path, "--once").stdout
        self.assertRegex(first.splitlines()[-1],
                         r"^demo: 602 points, recall@10 [01]\.\d+ against exact search, p50 \d+ us, p99 \d+ us, \d+ queries/s$")
        self.assertRegex(first, r"recieve +receive ")
        self.assertRegex(first, r"seperate +separate ")
        table = first[first.index("you write") :].split("\n\n")[0].splitlines()
        self.assertLessEqual(max(map(len, table)), 80)
        self.assertIn("already holds", self.kith("demo", "--words", path, "--once").stdout)


if __name__ == "__main__":
    unittest.main()
