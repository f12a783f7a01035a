"""An embedding server on loopback in the dialect of OpenAI, with models of chosen dimensions."""

import base64
import json
import struct
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from providers.embedding.hashing import HashingEmbedder

__all__ = ["EmbeddingServer", "embedding_server"]


@dataclass(slots=True)
class EmbeddingServer:
    """The server: where it is, the dimension of each model, and whether it refuses all."""

    dimensions: dict[str, int]
    url: str = ""
    is_down: bool = False
    texts: list[str] = field(default_factory=list)

    def answer(self, model: str, texts: Sequence[str]) -> dict[str, object]:
        """Give the first numbers of what hashing gives: equal texts are near, others are not."""
        self.texts += texts
        size = self.dimensions[model]
        vectors = [vector[:size] for vector in HashingEmbedder().embed(texts)]
        packed = [base64.b64encode(struct.pack(f"<{size}f", *each)).decode() for each in vectors]
        return {"data": [{"index": n, "embedding": each} for n, each in enumerate(packed)]}


@contextmanager
def embedding_server(**dimensions: int) -> Iterator[EmbeddingServer]:
    """Serve models of these names until the block ends."""
    own = EmbeddingServer(dict(dimensions))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = b"" if own.is_down else json.dumps(own.answer(asked["model"], asked["input"]))
            raw = body if isinstance(body, bytes) else body.encode()
            self.send_response(503 if own.is_down else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    own.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield own
    finally:
        server.shutdown()
        serving.join()
        server.server_close()
