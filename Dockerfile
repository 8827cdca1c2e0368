# shotbuild with all it needs to build, ffmpeg among it; docs/ci.md says how it is used.
FROM python:3.12-slim AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY shotbuild ./shotbuild
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim
# Git: revisions, ledgers, who decides. Nothing else of the system is needed.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/*
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -rf /wheels
RUN useradd --create-home --uid 1000 shotbuild
USER shotbuild
WORKDIR /film
ENTRYPOINT ["shotbuild"]
CMD ["--help"]
