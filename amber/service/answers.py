"""Answers in JSON, and how they are described."""

from typing import Any

from starlette.responses import Response

from amber.engine.texts import json_text


def in_json(document: Any, status: int = 200, **headers: str) -> Response:
    """An answer that is a document."""
    return Response(json_text(document), status, headers=headers, media_type="application/json")


def described(description: str, model: str) -> dict[str, Any]:
    """How a route describes an answer whose body is a model."""
    schema = {"$ref": f"#/components/schemas/{model}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}
