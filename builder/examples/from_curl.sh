#!/bin/sh
# Train a model with curl alone: every request and every answer is JSON.
#
#     sh from_curl.sh [--steps N] [--url http://…]
#
# Without --url it starts `asg serve` on a free port, and stops it at the end. The model, y = x·weight + bias, is to find
# the plane y = 2a - 3b + 1 in eight of its points.
set -eu

steps=60 url='' server='' scratch=''
usage() {
  echo "usage: sh from_curl.sh [--steps N] [--url http://…]" >&2
  exit 2
}
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --steps) steps=$2 ;;
    --url) url=$2 ;;
    *) usage ;;
  esac
  shift 2
done
case $steps in '' | *[!0-9]* | 0) usage ;; esac

stop() {
  if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
  if [ -n "$scratch" ]; then rm -rf "$scratch"; fi
}
trap stop EXIT
trap 'exit 130' INT TERM

if [ -z "$url" ]; then
  # The server says where it listens on one line, as JSON, once it is ready.
  scratch=$(mktemp -d)
  mkfifo "$scratch/ready"
  asg serve --port 0 --announce-json > "$scratch/ready" &
  server=$!
  read -r announced < "$scratch/ready" || { echo "from_curl.sh: asg serve did not start" >&2; exit 1; }
  url=$(printf '%s' "$announced" | sed 's/.*"url": *"\([^"]*\)".*/\1/')
fi

# ask METHOD PATH BODY: the answer to a request. Where that is an error, it is shown, and the script ends.
ask() {
  body=$(curl --silent --show-error --fail-with-body --max-time 60 --request "$1" "$url$2" \
    --header 'Content-Type: application/json' --header 'Accept: application/json' --data "$3") ||
    { echo "from_curl.sh: $1 $url$2 failed: $body" >&2; exit 1; }
  printf '%s' "$body"
}

# text KEY, numbers KEY: the text, and the list of numbers, that stands behind a key of $answer.
text() { printf '%s' "$answer" | sed -n 's/[^"]*"'"$1"'": *"\([^"]*\)".*/\1/p'; }
numbers() { printf '%s' "$answer" | sed -n 's/.*"'"$1"'": *{[^}]*"data": *\[\([^]]*\)\].*/\1/p'; }

# A graph to train with. Its last four nodes are the gradient; `asg grad` writes them for any model.
answer=$(ask POST /v1/graphs '{"asg": 1,
  "name": "plane",
  "inputs":     [{"id": "x", "dtype": "float32", "shape": ["batch", 2]},
                 {"id": "target", "dtype": "float32", "shape": ["batch", 1]}],
  "parameters": [{"id": "weight", "dtype": "float32", "shape": [2, 1], "init": {"kind": "zeros"}},
                 {"id": "bias", "dtype": "float32", "shape": [1], "init": {"kind": "zeros"}}],
  "nodes":      [{"id": "xw", "op": "matmul", "inputs": ["x", "weight"]},
                 {"id": "prediction", "op": "add", "inputs": ["xw", "bias"]},
                 {"id": "error", "op": "subtract", "inputs": ["prediction", "target"]},
                 {"id": "squared", "op": "multiply", "inputs": ["error", "error"]},
                 {"id": "loss", "op": "sum", "inputs": ["squared"]},
                 {"id": "by_error", "op": "add", "inputs": ["error", "error"]},
                 {"id": "transposed", "op": "permute_dims", "inputs": ["x"], "axes": [1, 0]},
                 {"id": "by_weight", "op": "matmul", "inputs": ["transposed", "by_error"]},
                 {"id": "by_bias", "op": "sum", "inputs": ["by_error"], "axis": [0]}],
  "outputs":    [{"name": "prediction", "value": "prediction"},
                 {"name": "loss", "value": "loss"},
                 {"name": "grad.weight", "value": "by_weight", "role": {"kind": "gradient", "of": "loss", "wrt": "weight"}},
                 {"name": "grad.bias", "value": "by_bias", "role": {"kind": "gradient", "of": "loss", "wrt": "bias"}}]}')
graph=$(text digest)

answer=$(ask POST /v1/sessions '{"graphs": {"train": "'"$graph"'"},
  "optimizer": {"kind": "sgd", "learning_rate": 0.03}, "seed": 0}')
session=$(text id)
echo "session $session at $url"

points='[[0, 0], [1, 0], [0, 1], [1, 1], [2, 1], [1, 2], [-1, 1], [1, -1]]'
values='[[1], [3], [-2], [0], [2], [-3], [-4], [6]]'

step=1
while [ "$step" -le "$steps" ]; do
  answer=$(ask PUT "/v1/sessions/$session/steps/$step" \
    '{"inputs": {"x": '"$points"', "target": '"$values"'}, "outputs": ["loss"]}')
  if [ "$step" -eq 1 ] || [ $((step % 10)) -eq 0 ] || [ "$step" -eq "$steps" ]; then echo "step $step: loss $(numbers loss)"; fi
  step=$((step + 1))
done

answer=$(ask GET "/v1/sessions/$session/parameters" '')
echo "weight $(numbers weight), bias $(numbers bias)"

answer=$(ask POST "/v1/sessions/$session/run" \
  '{"graph": "train", "inputs": {"x": [[10, 10]]}, "outputs": ["prediction"]}')
echo "at (10, 10): $(numbers prediction)"

ask DELETE "/v1/sessions/$session" ''
