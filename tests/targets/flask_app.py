"""A Flask application, for gunicorn: `flask_app:app`. A thread of its own has been sweeping since the import.

The lines marked `ran` run when tests/support/servers.py drives it; those marked `asked` for /interior alone.
"""

import threading  # before

import interior  # before
from flask import Flask, jsonify  # before

app = Flask(__name__)  # before
sweeps = 0  # before
meeting = threading.Barrier(2)  # before


def sweep(pause):  # before
    global sweeps
    while True:  # perhaps
        sweeps += 1  # ran
        for age in range(3):  # ran
            if age > 5:  # ran
                sweeps = 0  # not
        pause.wait(0.02)  # ran


def total_of(n):  # before
    total = 0  # ran
    for i in range(n):  # ran
        if i % 2:  # ran
            total += i  # ran
        else:
            total -= 1  # ran
    if total > 1000:  # ran
        total = 1000  # not
    return total  # ran


@app.route("/")  # before
def index():  # before
    return "it works"  # ran


@app.route("/total/<int:n>")  # before
def total(n):  # before
    return str(total_of(n))  # ran


@app.route("/number/<text>")  # before
def number(text):  # before
    try:  # perhaps
        value = int(text)  # ran
    except ValueError:  # ran
        return "not a number", 400  # ran
    return str(value)  # not


@app.route("/report")  # before
def report():  # before
    lines = ["one", "two"]  # not
    return "\n".join(lines)  # not


@app.route("/sweeps")  # before
def show_sweeps():  # before
    return str(sweeps)  # ran


@app.route("/meet")  # before
def meet():  # before
    meeting.wait(timeout=10)  # before
    return "met"  # before


@app.route("/interior")  # before
def show_interior():  # before
    return jsonify(interior.look())  # asked


threading.Thread(target=sweep, args=(threading.Event(),), name="sweeper", daemon=True).start()  # before
