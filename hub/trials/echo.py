"""A bare Flask application that answers a JSON body with itself: what the accept path is measured against."""

from flask import Flask, Response, jsonify, request


def create_echo() -> Flask:
    """An application with `POST /echo` and nothing else."""
    app = Flask("echo")

    @app.post("/echo")
    def echo() -> Response:
        """Parse the body as JSON and send it back."""
        return jsonify(request.get_json())

    return app


app = create_echo()
