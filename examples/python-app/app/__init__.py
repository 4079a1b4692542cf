"""A small service: counts the words of the text that it is sent."""

import os
import re
from collections import Counter

from flask import Flask, jsonify, request


def count(text: str) -> dict[str, int]:
    return dict(Counter(re.findall(r"\w+", text.lower())))


def create() -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def about():
        return jsonify(service="python-app", uid=os.getuid())

    @app.post("/words")
    def words():
        return jsonify(count(request.get_data(as_text=True)))

    @app.get("/healthz")
    def health():
        return "ok"

    return app
