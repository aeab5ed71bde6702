#!/bin/sh
# Says what a fresh Debian 12 still needs before the first install; silent when nothing is missing.
python=${1:-python3.11}
missing=""
command -v "$python" >/dev/null 2>&1 || { echo "nexttouch needs Python 3.11: apt-get install python3.11 (or set PYTHON=...)" >&2; exit 1; }
"$python" -c 'import ensurepip' 2>/dev/null || missing="$missing python3-venv"
"$python" -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null || missing="$missing libgomp1"
[ -z "$missing" ] || { echo "missing system packages, install them with: apt-get install$missing" >&2; exit 1; }
