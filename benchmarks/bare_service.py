"""What `benchmarks.service` holds Amber's service against: a route of FastAPI that returns the same bytes, and a file.

python -m benchmarks.bare_service PORT BODY FILE
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from starlette.responses import FileResponse, Response

app = FastAPI()
body = Path(sys.argv[2]).read_bytes()


@app.get("/v1/assets/{asset}/features/{algorithm}")
async def feature(asset: str, algorithm: str) -> Response:
    """The same bytes, whatever is asked."""
    return Response(body, media_type="application/json")


@app.get("/file")
async def file() -> Response:
    """The file."""
    return FileResponse(sys.argv[3])


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="warning")
