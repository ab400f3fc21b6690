# Latchkey as one container: see docs/how-to/deploy/container.md. `make image` builds it, `make image-gate` checks it.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
# pip's configuration and certificates may be given as secrets: they leave nothing in the image.
COPY requirements.txt /build/
RUN --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    python3 -m venv /opt/latchkey/venv \
    && /opt/latchkey/venv/bin/python -m pip install --no-cache-dir --disable-pip-version-check --no-compile \
       --require-hashes --requirement /build/requirements.txt \
    && /opt/latchkey/venv/bin/python -m pip uninstall --quiet --yes pip
COPY . /opt/latchkey/app/
# Python cannot write bytecode on a read-only file system, so it is here; by content, so that two builds are the same.
# Translations are for pages in other languages; Latchkey has none.
RUN find /opt/latchkey/venv/lib -path '*/locale/*' -name '*.[mp]o' ! -path '*/locale/en/*' -delete \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/latchkey/app /opt/latchkey/venv/lib

FROM ${PYTHON_IMAGE} AS runtime
# No installer, no program that gives rights, no directory that all may write but /tmp.
RUN rm -rf /usr/local/lib/python3.*/site-packages/pip* /usr/local/lib/python3.*/site-packages/setuptools* \
       /usr/local/lib/python3.*/ensurepip /usr/local/bin/pip* \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} + \
    && find / -xdev -type d -perm -o+w ! -path /tmp -exec chmod o-w {} + \
    && install -d -m 0700 -o 10001 -g 10001 /data \
    && python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash \
       -x '/(test|idlelib|tkinter|turtledemo|pydoc_data|site-packages)/' /usr/local/lib/python3.*/
COPY --from=build /opt/latchkey /opt/latchkey
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Latchkey" \
      org.opencontainers.image.description="A self-hosted control plane for API keys" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/latchkey/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DATA_DIR=/data \
    SQLITE_TMPDIR=/data \
    HEALTH_CHECK_FILE=/dev/shm/latchkey/health-check \
    LATCHKEY_REVISION=${REVISION}
WORKDIR /opt/latchkey/app
USER 10001:10001
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-m", "health.self_check"]
ENTRYPOINT ["python", "-m", "controlplane.bootstrap", "--serve", "--first-start-file", "/data/first-start.txt", \
            "--bind", "0.0.0.0:8000"]
