"""What `benchmarks.pages` holds the library against: a route of FastAPI that fills a template with as many films, values of each, and bytes; the values are ready.

python -m benchmarks.bare_page PORT FILMS BYTES
"""

import sys

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import Environment

app = FastAPI()
count, size = int(sys.argv[2]), int(sys.argv[3])
template = Environment(autoescape=True).from_string(
    """<!doctype html><ul>{% for film in films %}<li class="film" data-said="{{ film.title }} {{ film.asset }}">
<a href="/films/{{ film.asset }}"><span><img src="/v1/media/{{ film.asset }}/frames/{{ film.poster }}.jpg" alt="">
<span>{{ film.length }}</span></span><span>{{ film.title }}</span></a>
<p>{{ film.state }} <span>{{ film.width }}×{{ film.height }} · {{ film.rate }}</span></p><!-- {{ film.rest }} --></li>
{% endfor %}</ul>"""
)
films = [
    {
        "asset": f"{number:064x}",
        "title": f"Film {number:04}",
        "length": "01:30:00:00",
        "poster": 43_200,
        "state": "ready",
        "width": 1920,
        "height": 1080,
        "rate": "24 fps",
        "rest": "",
    }
    for number in range(count)
]
missing = "x" * max(0, (size - len(template.render(films=films).encode())) // count)
films = [{**film, "rest": missing} for film in films]


@app.get("/")
def library() -> HTMLResponse:
    """The films."""
    return HTMLResponse(template.render(films=films))


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
