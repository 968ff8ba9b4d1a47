"""What the pages load, all of it from here. Knows files beside the templates."""

from importlib.resources import files

from flask import Flask

from hub.gateway.door import Door
from hub.gateway.replies import Reply

_CACHED = "public, max-age=300"


class AssetRoutes:
    """`/oauth/style.css`, `/oauth/passkey.js`."""

    def __init__(self, _door: Door) -> None:
        folder = files("hub.gateway.pages") / "assets"
        self._style = (folder / "style.css").read_bytes()
        self._script = (folder / "passkey.js").read_bytes()

    def register(self, app: Flask) -> None:
        """Add the routes."""
        for path, view in (("/oauth/style.css", self.style), ("/oauth/passkey.js", self.script)):
            app.add_url_rule(path, f"assets.{view.__name__}", view, methods=["GET"], provide_automatic_options=False)

    def style(self) -> Reply:
        """How the pages look."""
        return _kept(self._style, "text/css")

    def script(self) -> Reply:
        """How a page asks a browser for a passkey."""
        return _kept(self._script, "text/javascript")


def _kept(content: bytes, kind: str) -> Reply:
    reply = Reply(content, 200, f"{kind}; charset=utf-8")
    reply.add("Cache-Control", _CACHED)
    return reply
