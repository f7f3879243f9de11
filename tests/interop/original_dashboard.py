"""The original pipeline's dashboard: a Flask application with three routes.

`GET /` draws the chart and, as the original does, forgets what it held; `GET /refreshData` answers
`{"sData": [...], "sLabel": [...]}`; `POST /updateData` takes a form with two Python list literals.
"""

import argparse
import ast

from flask import Flask, jsonify, render_template_string, request

PAGE = """<!doctype html>
<title>Trending Twitter Hashtags</title>
<h2>Trending Twitter Hashtags</h2>
<ol>{% for label in labels %}<li>{{ label }}: {{ values[loop.index0] }}</li>{% endfor %}</ol>
"""

app = Flask(__name__)
labels = []
values = []


@app.route("/")
def chart():
    global labels, values
    labels = []
    values = []
    return render_template_string(PAGE, labels=labels, values=values)


@app.route("/refreshData")
def refresh_graph_data():
    return jsonify(sLabel=labels, sData=values)


@app.route("/updateData", methods=["POST"])
def update_data():
    global labels, values
    if not request.form or "data" not in request.form:
        return "error", 400
    labels = ast.literal_eval(request.form["label"])
    values = ast.literal_eval(request.form["data"])
    return "success", 201


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=5001)
    args = parser.parse_args()
    app.run(host=args.host, port=args.port)


if __name__ == "__main__":
    main()
