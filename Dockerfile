# An image that sharpens:  docker build -t dione .
#   docker run --rm -u "$(id -u):$(id -g)" -v "$PWD:/data" -v dione:/tmp/dione dione predict my-series/ -o sharper/
#
# The volume `dione` keeps from run to run what was read from archives and what was compiled; it is as trusted as the image.
#
# TORCH_INDEX says which build of PyTorch is installed: the CPU's, or e.g. https://download.pytorch.org/whl/cu128
# EXTRAS adds what sources need:  --build-arg EXTRAS=s3,safe
ARG PYTHON=3.12
FROM python:${PYTHON}-slim AS wheel
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG EXTRAS=s3
COPY locks/torch.txt /wheels/torch.txt
RUN pip install --no-cache-dir --extra-index-url "${TORCH_INDEX}" -r /wheels/torch.txt
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir "$(ls /wheels/dione-*.whl)[${EXTRAS}]"

RUN useradd --create-home --uid 1000 dione
RUN mkdir -m 1777 /tmp/dione
USER 1000
ENV DIONE_CACHE=/tmp/dione NUMBA_CACHE_DIR=/tmp/dione/compiled
WORKDIR /data
ENTRYPOINT ["dione"]
CMD ["--help"]
