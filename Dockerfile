FROM python:3.13-slim-bookworm

RUN useradd --create-home --uid 1000 orchestrator && mkdir /data && chown orchestrator /data
WORKDIR /app
COPY requirements/run.txt requirements/run.txt
RUN pip install --no-cache-dir --require-hashes -r requirements/run.txt
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && chown -R orchestrator /app
USER orchestrator
ENTRYPOINT ["orchestrator"]
