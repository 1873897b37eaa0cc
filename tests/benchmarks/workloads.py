"""Does work and tells what time it took on a processor:  python workloads.py templates|text|wsgi

Says ``ready``, then answers lines: a number (of turns) with the nanoseconds they took; ``files`` with the globs of the
libraries that work; ``coverage lines|branches`` by measuring these itself from then on, as coverage.py's API does
it, and ``stop`` by ending that.
"""

import json
import json.decoder
import json.encoder
import json.scanner
import os
import re
import sys
import time

ROWS = [{"id": n, "name": f"name <{n}>", "tags": ["a", "b", "c"][: n % 4], "price": n * 1.5} for n in range(20)]


def templates():
    """jinja2 compiles a template, and renders it ten times."""
    import jinja2

    source = """
    {%- macro cell(value, tag='td') -%}<{{ tag }}>{{ value|e }}</{{ tag }}>{%- endmacro -%}
    {% for row in rows if row.id is not divisibleby 7 %}
      <tr class="{{ loop.cycle('odd', 'even') }}">{{ cell(row.id) }}{{ cell(row.name|upper|truncate(20)) }}
      {% for tag in row.tags %}{{ tag }}{% if not loop.last %}, {% endif %}{% else %}none{% endfor %}
      {% set total = row.price * 2 %}{{ '%.2f'|format(total) }}</tr>
    {% endfor %}
    """
    environment = jinja2.Environment(autoescape=True, cache_size=0)

    def turn():
        template = environment.from_string(source)
        for _ in range(10):
            template.render(rows=ROWS)

    return turn, [os.path.join(os.path.dirname(jinja2.__file__), "*")]


def text():
    """The standard library's JSON in Python, and regular expressions: compiling them and splitting with them."""
    scanner = json.scanner
    words = re.compile(r"(?P<word>[a-z]+)|(?P<number>\d+)|(?P<mark>[<>\[\]{},:\"])")

    class Decoder(json.JSONDecoder):
        def __init__(self):
            super().__init__()
            self.parse_string = json.decoder.py_scanstring
            self.scan_once = scanner.py_make_scanner(self)

    def kinds(document):
        counts = {}
        for match in words.finditer(document):
            kind = match.lastgroup
            if kind == "word" and len(match.group()) > 3:
                kind = "long"
            counts[kind] = counts.get(kind, 0) + 1
        return counts

    def turn():
        document = json.dumps(ROWS, indent=1)
        assert Decoder().decode(document) == ROWS
        kinds(document)
        re.purge()
        re.compile(r"^(?:(?P<a>[a-z_]\w*)\s*=\s*)?(\d{1,3}(?:,\d{3})*|\"(?:[^\"\\]|\\.)*\")$", re.I)

    library = os.path.dirname(os.path.dirname(json.__file__))
    return turn, [os.path.join(library, name) for name in ("json/*", "re/*", "re.py", "sre_*.py")]


def wsgi():
    """werkzeug routes requests to an application and builds its answers."""
    import werkzeug
    from werkzeug.exceptions import HTTPException
    from werkzeug.routing import Map, Rule
    from werkzeug.test import EnvironBuilder
    from werkzeug.wrappers import Request, Response

    rules = Map([Rule("/", endpoint="index"), Rule("/item/<int:number>", endpoint="item")])
    rules.update()

    @Request.application
    def application(request):
        adapter = rules.bind_to_environ(request.environ)
        try:
            endpoint, values = adapter.match()
        except HTTPException as error:
            return error
        if endpoint == "index":
            return Response("index of " + request.args.get("q", "nothing"))
        return Response(json.dumps(values), mimetype="application/json", headers={"X-Item": str(values["number"])})

    environments = [EnvironBuilder(path).get_environ() for path in ("/?q=a+b", "/item/7", "/missing", "/item/x")]

    def turn():
        for environ in environments:
            b"".join(application(dict(environ), lambda status, headers: None))

    return turn, [os.path.join(os.path.dirname(werkzeug.__file__), "*")]


def run(turn, turns):
    begin = time.thread_time_ns()
    for _ in range(turns):
        turn()
    return time.thread_time_ns() - begin


def started_coverage(what, files):
    import coverage

    measuring = coverage.Coverage(data_file=None, config_file=False, include=files, branch=what == "branches")
    measuring.start()
    return measuring


def main():
    turn, files = {"templates": templates, "text": text, "wsgi": wsgi}[sys.argv[1]]()
    measuring = None
    print("ready", flush=True)
    while True:
        words = sys.stdin.readline().split()
        if not words:
            return
        if words[0] == "coverage":
            measuring = started_coverage(words[1], files)
        elif words[0] == "stop":
            measuring.stop()
        answer = run(turn, int(words[0])) if words[0].isdigit() else files if words[0] == "files" else None
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
