# A trained network behind HTTP, without torch's CUDA, as a user without rights:
#   docker build -t photos --build-arg RUN=runs/photos .
#   docker run -p 8000:8000 -e VITREOUS_SERVE_TOKEN=... photos
FROM python:3.12-slim
COPY pyproject.toml README.md LICENSE /build/
COPY src /build/src
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
    "/build[serve]" && rm -r /build
RUN useradd --create-home --uid 10001 vitreous
ARG RUN=runs/model
COPY ${RUN}/model.safetensors /model/model.safetensors
USER 10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --start-period=30s CMD ["python", "-c", \
    "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/health/ready', timeout=3)"]
# Further words are flags: --public instead of a token, --batch 32.
ENTRYPOINT ["vitreous", "serve", "/model/model.safetensors", "--host", "0.0.0.0"]
