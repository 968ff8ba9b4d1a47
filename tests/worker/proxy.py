"""A TCP proxy on loopback between a worker and its broker or database, so that a test can cut or freeze the line."""

import contextlib
import socket
import threading


class Proxy:
    """Forwards every connection to `target`; ends with `close`."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._server = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._refusing = False
        self._mute = threading.Event()
        self.connections = 0
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Close every connection there is, as a network that fails."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def refuse(self) -> None:
        """Cut, and take no connection until `allow`."""
        self._refusing = True
        self.cut()

    def allow(self) -> None:
        """Take connections again."""
        self._refusing = False

    def mute(self) -> None:
        """Lose every answer of the target from now on: what was sent to it arrives, its confirms do not."""
        self._mute.set()

    def unmute(self) -> None:
        """Cut what lost answers, and let later connections hear again."""
        self._mute.clear()
        self.cut()

    def close(self) -> None:
        """Stop listening and cut."""
        self._server.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            self.connections += 1
            upstream = socket.create_connection(self._target)
            with self._lock:
                self._pairs.append((client, upstream))
            threading.Thread(target=self._forward, args=(client, upstream, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(upstream, client, True), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if not (answers and self._mute.is_set()):
                    sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
