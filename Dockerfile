# One image for every process; docker-compose.yml gives each its command.
# Both stages are the same distribution, so what is built in one runs in the other.

FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt /tmp/
RUN python -m venv /venv \
    && /venv/bin/pip install --require-hashes --only-binary :all: -r /tmp/requirements.txt \
    && /venv/bin/pip uninstall --yes pip setuptools


FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=jaxbroker.settings \
    JAXBROKER_STATE_DIR=/var/lib/jaxbroker
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jaxbroker \
    && install -d -o jaxbroker -g jaxbroker -m 0700 /var/lib/jaxbroker
WORKDIR /app
COPY --from=build /venv /venv
# Owned by root: the process cannot change its own code.
COPY . .
# The key is made up for this one command and ends with it.
RUN DATABASE_URL=sqlite://:memory: SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    python manage.py collectstatic --noinput --verbosity 0 \
    && python -m compileall -q -j 0 /app
USER 10001:10001
EXPOSE 8092
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["python", "scripts/health.py", "web"]
CMD ["python", "manage.py", "run_web", "--host", "0.0.0.0", "--port", "8092"]
