"""A server of the native protocol that takes every freedom docs/protocol.md gives it.

It gathers requests until the client sends no more, and does them in a random order. It refuses some
for now. Now and then it breaks the connection: then it does a part of the requests at once, and the
others at any time until the same client says hello on its next connection. It has one collection, of
one dimension; the points are in `points`.
"""

import random
import selectors
import socket
import threading
from typing import Dict, List, Optional, Sequence, Tuple

from kith import wire

UNAVAILABLE, RESOURCE_EXHAUSTED = 7, 6


class ScriptedServer:
    def __init__(self, seed: int, refuse: float = 0.0, break_off: float = 0.0, codes: Sequence[int] = (UNAVAILABLE, RESOURCE_EXHAUSTED), refuse_first: int = 0, points_most: int = 1 << 20):
        self.random = random.Random(seed)
        self.codes = codes  # of refusals
        self.refuse, self.break_off = refuse, break_off
        self.refuse_first = refuse_first  # upserts
        self.points_most = points_most  # of an upsert; a larger one is refused for good
        self.too_large = 0  # upserts that were
        self.points: Dict[int, Tuple[float, bytes]] = {}
        self.in_flight_most = self.connections = 0
        self.left: Dict[bytes, List[Tuple[wire.Message, memoryview]]] = {}  # by client_id: upserts of broken connections
        self.older: List[Tuple[int, float]] = []  # rows that replaced a later one (rows are numbered by their vector)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with client:
                _Session(self, client).run()

    def apply(self, upsert: wire.Message, block: memoryview) -> int:
        ids = wire.Message(upsert.raw(2)).column(1, "<u8").tolist()
        sizes = upsert.varints(4) or [0] * len(ids)
        payloads, at = bytes(upsert.raw(3)), 0
        batch: Dict[int, Tuple[float, bytes]] = {}
        for i, (point, size) in enumerate(zip(ids, sizes)):
            batch[point] = (memoryview(block).cast("f")[i], payloads[at : at + size])
            at += size
        self.older += [(point, row) for point, (row, _) in batch.items() if row < self.points.get(point, (row,))[0]]
        self.points.update(batch)
        return len(ids)


    def apply_late(self) -> None:
        for late in self.left.values():
            if late and self.random.random() < 0.2:
                self.apply(*late.pop(self.random.randrange(len(late))))


class _Session:
    def __init__(self, server: ScriptedServer, client: socket.socket):
        self.server, self.client = server, client
        self.bytes = bytearray()
        self.waiting: List[Tuple[int, int, wire.Message, memoryview]] = []
        self.client_id, self.number = b"", 0

    def run(self) -> None:
        try:
            while self._read(0.002 if self.waiting else None):
                pass
        except OSError:
            pass

    def _read(self, timeout: Optional[float]) -> bool:
        """Reads requests; if none arrives, answers one. False: the connection has ended."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.client, selectors.EVENT_READ)
            if not selector.select(timeout):
                return self._answer_one()
        data = self.client.recv(1 << 20)
        self.bytes += data
        while self._take_frame():
            pass
        self.server.in_flight_most = max(self.server.in_flight_most, len(self.waiting))
        return bool(data)

    def _take_frame(self) -> bool:
        if len(self.bytes) < wire.HEADER.size:
            return False
        _, op, _, request, meta_bytes, _, block_bytes = wire.HEADER.unpack_from(self.bytes)
        start = wire.block_offset(meta_bytes) if block_bytes else wire.HEADER.size + meta_bytes
        if len(self.bytes) < start + block_bytes:
            return False
        frame = memoryview(bytes(self.bytes[: start + block_bytes]))
        del self.bytes[: start + block_bytes]
        self.waiting.append((op, request, wire.Message(frame[wire.HEADER.size : wire.HEADER.size + meta_bytes]), frame[start:]))
        return True

    def _answer_one(self) -> bool:
        server = self.server
        if any(op == wire.OP_UPSERT for op, *_ in self.waiting) and server.random.random() < server.break_off:
            for op, _, meta, block in self.waiting:
                if op == wire.OP_UPSERT and server.random.random() < 0.5:
                    server.apply(meta, block)
                elif op == wire.OP_UPSERT:
                    server.left.setdefault(self.client_id, []).append((meta, block))
            return False
        server.apply_late()
        op, request, meta, block = self.waiting.pop(server.random.randrange(len(self.waiting)))
        first = op == wire.OP_UPSERT and server.refuse_first > 0
        server.refuse_first -= first
        if op == wire.OP_UPSERT and len(block) > 4 * server.points_most:
            server.too_large += 1
            self._send(op, request, wire.field_bytes(1, "too large"), RESOURCE_EXHAUSTED)
        elif first or (op == wire.OP_UPSERT and server.random.random() < server.refuse):
            word = server.random.choice(server.codes)
            self._send(op, request, wire.field_bytes(1, "come again") + wire.field_number(2, 1), word)
        else:
            self._send(op, request, self._reply(op, meta, block))
        return True

    def _reply(self, op: int, meta: wire.Message, block: memoryview) -> bytes:
        if op == wire.OP_HELLO:
            self.client_id, self.number = bytes(meta.raw(4)), meta.number(5)
            if self.client_id and self.number > 0:
                self.server.left.pop(self.client_id, None)
            frame, requests = wire.field_number(3, 1 << 28), wire.field_number(4, 256)
            return wire.field_number(1, wire.VERSION) + wire.field_bytes(2, "scripted") + frame + requests + wire.field_number(5, 2)
        if op == wire.OP_INFO:
            return wire.field_bytes(1, wire.field_bytes(1, "a") + wire.field_number(2, 1) + wire.field_number(3, 1))
        return wire.field_number(1, self.server.apply(meta, block)) if op == wire.OP_UPSERT else b""

    def _send(self, op: int, request: int, meta: bytes, word: int = 0) -> None:
        flags = wire.FLAG_REPLY | (wire.FLAG_ERROR if word else 0)
        self.client.sendall(wire.HEADER.pack(wire.MAGIC, op, flags, request, len(meta), word, 0) + meta)
