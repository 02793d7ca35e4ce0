# Amber with what production needs; docs/how-to/run-in-production.md says how it is run.
FROM python:3.11-slim-bookworm AS build

WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY algorithms algorithms
COPY amber amber
COPY jasper jasper
COPY migrations migrations
ENV PATH=/opt/amber/bin:$PATH
RUN python -m venv /opt/amber \
    && pip install --no-cache-dir --constraint constraints.txt \
        ".[postgres,objects,redis,telemetry,ray]"

FROM python:3.11-slim-bookworm

RUN useradd --uid 10001 --create-home --home-dir /var/lib/amber amber
COPY --from=build /opt/amber /opt/amber

ENV AMBER_HOME=/var/lib/amber \
    PATH=/opt/amber/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/amber
VOLUME /var/lib/amber
EXPOSE 8000
# Nobody answers on the port of a worker; there, compose says otherwise.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4).close()"]
ENTRYPOINT ["amber"]
CMD ["serve"]
